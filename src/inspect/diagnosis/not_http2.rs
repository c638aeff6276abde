//! `not-http2`: two sides that do not speak the same protocol.

use std::collections::BTreeMap;

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says};
use crate::capture::Stamp;
use crate::decode::{Transport, UnexpectedProtocol};
use crate::inspect::connection::record::ConnectionRecord;
use crate::units::counted;

pub(super) const RULE: Rule = Rule {
    name: "not-http2",
    meaning: "a client and a server did not speak the same protocol: TLS against plaintext, HTTP/1 \
              against HTTP/2, or a handshake that failed",
    evidence: "What the client began with and what the server answered.",
    fixes: &["Make both sides agree on TLS (grpc: credentials), port and ALPN"],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

/// What a client's HTTP/2 met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Met {
    /// Another protocol.
    Spoken(UnexpectedProtocol),
    /// A close without a byte.
    Nothing,
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let records = view.connections().map(|finished| &finished.record);
    let affected: Vec<_> = records
        .filter_map(|record| Some((record, met(record)?)))
        .collect();
    let mut kinds: BTreeMap<Met, usize> = BTreeMap::new();
    for (_, (met, _)) in &affected {
        *kinds.entry(*met).or_default() += 1;
    }
    let (main, _) = kinds.iter().max_by_key(|(_, count)| **count)?;
    let spoken = kinds.keys().all(|met| matches!(met, Met::Spoken(_)));
    let spoke_http2 = view
        .connections()
        .filter(|finished| finished.record.transport.is_http2())
        .count();
    Some(Finding {
        confidence: match (spoken, spoke_http2) {
            (true, _) => Confidence::Certain,
            (false, 0) => Confidence::Likely,
            // A server that speaks HTTP/2 to others can close for other reasons.
            (false, _) => Confidence::Possible,
        },
        title: title(view, affected.len(), *main, spoke_http2),
        connections: affected.iter().map(|(record, _)| record.number).collect(),
        evidence: evidence(&affected),
        explanation: explanation(&kinds, spoke_http2),
        advice: advice(&kinds),
        ..Finding::of_rule(RULE.name)
    })
}

fn met(record: &ConnectionRecord) -> Option<(Met, Stamp)> {
    if record.transport != Transport::NotHttp2 {
        return None;
    }
    if let Some((instead, stamp)) = record.instead {
        return Some((Met::Spoken(instead), stamp));
    }
    Some((Met::Nothing, record.close?.stamp))
}

fn title(view: &ServerView<'_>, count: usize, met: Met, spoke_http2: usize) -> String {
    let server = view.server;
    let clients = counted(count, "connection");
    match met {
        Met::Spoken(UnexpectedProtocol::Alert(alert)) => {
            format!(
                "TLS handshakes with server {server} failed on {clients}: {}",
                alert.in_words()
            )
        }
        Met::Spoken(UnexpectedProtocol::CleartextHttp2) => {
            format!("server {server} answered TLS with cleartext HTTP/2 on {clients}")
        }
        Met::Spoken(instead) => {
            format!(
                "server {server} answered plaintext HTTP/2 with {} on {clients}",
                instead.name()
            )
        }
        Met::Nothing => {
            let expects = match spoke_http2 {
                0 => ": it expects TLS or another protocol",
                _ => "",
            };
            format!(
                "server {server} closed {clients} on the HTTP/2 preface without a byte{expects}"
            )
        }
    }
}

fn evidence(affected: &[(&ConnectionRecord, (Met, Stamp))]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, (met, stamp)) in affected {
        let number = record.number;
        let text = match met {
            Met::Spoken(instead) => format!("conn {number}: {} of the server", instead.name()),
            Met::Nothing => {
                evidence.cite(
                    Some(record.recognised),
                    format!("conn {number}: the client's HTTP/2 preface, in plaintext"),
                );
                format!("conn {number}: the server closes, having sent nothing")
            }
        };
        evidence.cite(Some(*stamp), text);
    }
    evidence.into_vec()
}

fn explanation(kinds: &BTreeMap<Met, usize>, spoke_http2: usize) -> String {
    let sentences = kinds.keys().map(|met| match met {
        Met::Spoken(UnexpectedProtocol::Tls) => {
            "The client spoke plaintext, the server answered with a TLS record: the port speaks TLS."
        }
        Met::Spoken(UnexpectedProtocol::Http1) => {
            "The server answered the HTTP/2 preface in HTTP/1: it, or a proxy before it, does not speak \
             HTTP/2 without TLS here."
        }
        Met::Spoken(UnexpectedProtocol::Alert(_)) => {
            "The TLS handshake failed: one side ended it with an alert before any HTTP/2."
        }
        Met::Spoken(UnexpectedProtocol::CleartextHttp2) => {
            "The client spoke TLS, the server answered HTTP/2 in cleartext: the port speaks no TLS."
        }
        Met::Spoken(UnexpectedProtocol::Other) => {
            "The server's first bytes are neither HTTP/2 nor TLS nor HTTP/1: another service listens \
             there."
        }
        Met::Nothing => {
            "The client's preface arrived, and the server closed without a single byte. An HTTP/2 \
             server sends SETTINGS first (RFC 9113, section 3.4). Go's TLS servers close like that when \
             what comes is no TLS handshake; so may any server of another protocol."
        }
    });
    let mut text = sentences.collect::<Vec<_>>().join(" ");
    text.push_str(
        " No request was ever sent on these connections, so that no call of them can have run.",
    );
    if spoke_http2 > 0 {
        text.push_str(&format!(
            " {} to the same address did speak HTTP/2: where the server closed without a byte it may \
             have been about to stop, full, or a proxy without a backend.",
            counted(spoke_http2, "other connection"),
        ));
    }
    text
}

fn advice(kinds: &BTreeMap<Met, usize>) -> Vec<String> {
    let mut advice = Vec::new();
    let has = |met: Met| kinds.contains_key(&met);
    if has(Met::Spoken(UnexpectedProtocol::Tls)) || has(Met::Nothing) {
        advice.push(
            "Client: use TLS credentials for this target (grpc-go: credentials.NewTLS instead of \
             insecure.NewCredentials; grpc-java: useTransportSecurity instead of usePlaintext)"
                .into(),
        );
        advice.push("Server: or serve plaintext on this port; check which port is which".into());
    }
    if has(Met::Spoken(UnexpectedProtocol::Http1)) {
        advice.push(
            "Server: switch HTTP/2 on at this port (nginx: http2 on; a proxy before it: HTTP/2 towards \
             the backend)"
                .into(),
        );
    }
    if has(Met::Spoken(UnexpectedProtocol::Other)) || has(Met::Nothing) {
        advice.push("Client: check host and port".into());
    }
    advice
}
