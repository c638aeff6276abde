//! `not-http2`: two sides that do not speak the same protocol.

use std::collections::BTreeMap;

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, Severity};
use crate::capture::Stamp;
use crate::decode::tls::{Alert, Facts, Reached};
use crate::decode::{Direction, Transport, UnexpectedProtocol};
use crate::inspect::connection::record::ConnectionRecord;
use crate::units::counted;

pub(super) const RULE: Rule = Rule {
    name: "not-http2",
    meaning: "a client and a server did not speak the same protocol: TLS against plaintext, HTTP/1 \
              against HTTP/2, ALPN without h2, or a handshake that failed",
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
    /// The same of a server that speaks HTTP/2 in cleartext to others.
    NothingThisTime,
    /// Its own client, which offered nothing but `h2` and left as soon as the handshake was over. What the server
    /// chose stands under protection in TLS 1.3.
    Left,
}

/// A connection on which no HTTP/2 was spoken, and the packet that shows it.
struct Mismatch<'a> {
    record: &'a ConnectionRecord,
    met: Met,
    by: Direction,
    stamp: Stamp,
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let records = view.connections().map(|finished| &finished.record);
    let mut affected: Vec<_> = records.filter_map(mismatch).collect();
    let speaks_cleartext = view
        .connections()
        .any(|finished| finished.record.transport == Transport::H2c);
    for one in affected.iter_mut().filter(|_| speaks_cleartext) {
        if one.met == Met::Nothing {
            one.met = Met::NothingThisTime;
        }
    }
    let mut kinds: BTreeMap<Met, usize> = BTreeMap::new();
    for affected in &affected {
        *kinds.entry(affected.met).or_default() += 1;
    }
    let (main, count) = kinds.iter().max_by_key(|(_, count)| **count)?;
    let spoken = kinds.keys().all(|met| matches!(met, Met::Spoken(_)));
    let over_tls = view
        .connections()
        .filter(|finished| finished.record.transport == Transport::H2)
        .count();
    let went_on = affected.iter().all(Mismatch::can_go_on);
    let this_time = kinds.keys().all(|met| *met == Met::NothingThisTime);
    Some(Finding {
        severity: match (went_on, this_time) {
            (true, _) => Severity::Info,
            (_, true) => Severity::Warning,
            _ => Severity::Error,
        },
        confidence: if spoken || this_time {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
        title: title(view, &affected, (*main, *count), over_tls),
        connections: affected.iter().map(|one| one.record.number).collect(),
        evidence: evidence(&affected),
        explanation: explanation(&kinds, over_tls, went_on),
        advice: advice(&kinds),
        ..Finding::of_rule(RULE.name)
    })
}

fn mismatch(record: &ConnectionRecord) -> Option<Mismatch<'_>> {
    let of = |met, by, stamp| Mismatch {
        record,
        met,
        by,
        stamp,
    };
    match (record.transport, record.instead(), record.close) {
        (Transport::NotHttp2, Some(instead), _) => {
            Some(of(Met::Spoken(instead.protocol), instead.by, instead.stamp))
        }
        (Transport::NotHttp2, None, Some(close)) => Some(of(Met::Nothing, close.by, close.stamp)),
        (Transport::Tls, None, Some(close)) if close.by == Direction::ClientToServer => {
            let facts = record.tls.as_deref()?;
            let left = facts.offers_h2
                && !facts.offers_others
                && facts.alpn.is_none()
                && facts.reached == Reached::Unused;
            left.then(|| of(Met::Left, close.by, close.stamp))
        }
        _ => None,
    }
}

impl Mismatch<'_> {
    /// Whether its client had offered another protocol, and can go on with that.
    fn can_go_on(&self) -> bool {
        let others = self
            .record
            .tls
            .as_ref()
            .is_some_and(|facts| facts.offers_others);
        let agreed = Met::Spoken(UnexpectedProtocol::OtherAlpn);
        let unanswered = Met::Spoken(UnexpectedProtocol::NoAlpn);
        others && (self.met == agreed || self.met == unanswered)
    }

    /// What the server chose by ALPN.
    fn alpn(&self) -> Option<String> {
        let chosen = self
            .record
            .tls
            .as_deref()
            .and_then(|facts: &Facts| facts.alpn.as_deref())?;
        Some(String::from_utf8_lossy(chosen).into_owned())
    }
}

fn title(
    view: &ServerView<'_>,
    affected: &[Mismatch<'_>],
    (met, count): (Met, usize),
    over_tls: usize,
) -> String {
    let server = view.server;
    let clients = counted(count, "connection");
    match met {
        Met::Spoken(UnexpectedProtocol::Alert(alert)) => {
            format!(
                "TLS handshakes with server {server} failed on {clients}: {}",
                alert.in_words()
            )
        }
        Met::Spoken(UnexpectedProtocol::ProtectedAlert) => {
            format!(
                "TLS handshakes with server {server} failed on {clients}: the client gave them up \
                 with an alert under protection"
            )
        }
        Met::Spoken(UnexpectedProtocol::CleartextHttp2) => {
            format!("server {server} answered TLS with cleartext HTTP/2 on {clients}")
        }
        Met::Spoken(UnexpectedProtocol::OtherAlpn) => {
            let chosen = affected.iter().find_map(Mismatch::alpn).unwrap_or_default();
            format!("server {server} chose {chosen} by ALPN, not h2, on {clients}")
        }
        Met::Spoken(UnexpectedProtocol::NoAlpn) => {
            format!("server {server} agreed on no protocol by ALPN on {clients}")
        }
        Met::Spoken(instead) => {
            format!(
                "server {server} answered plaintext HTTP/2 with {} on {clients}",
                instead.name()
            )
        }
        Met::Nothing => {
            let expects = match over_tls {
                0 => ": it expects TLS or another protocol",
                _ => ": it expects TLS",
            };
            format!(
                "server {server} closed {clients} on the HTTP/2 preface without a byte{expects}"
            )
        }
        Met::NothingThisTime => format!(
            "server {server}, which speaks HTTP/2, closed {clients} on the preface without a byte"
        ),
        Met::Left => format!(
            "{clients} to {server}: the client left as soon as the TLS handshake was over, without \
             a byte of HTTP/2"
        ),
    }
}

fn evidence(affected: &[Mismatch<'_>]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for one in affected {
        let number = one.record.number;
        let text = match one.met {
            Met::Spoken(UnexpectedProtocol::OtherAlpn) => format!(
                "conn {number}: ALPN {} of the server",
                one.alpn().unwrap_or_default()
            ),
            Met::Spoken(instead) => {
                format!(
                    "conn {number}: {} of the {}",
                    instead.name(),
                    one.by.sender()
                )
            }
            Met::Nothing | Met::NothingThisTime => {
                evidence.cite(
                    Some(one.record.recognised),
                    format!("conn {number}: the client's HTTP/2 preface, in plaintext"),
                );
                format!("conn {number}: the server closes, having sent nothing")
            }
            Met::Left => {
                format!("conn {number}: the client closes, having sent nothing but its handshake")
            }
        };
        evidence.cite(Some(one.stamp), text);
    }
    evidence.into_vec()
}

fn explanation(kinds: &BTreeMap<Met, usize>, over_tls: usize, went_on: bool) -> String {
    let sentences = kinds.keys().map(|met| match met {
        Met::Spoken(UnexpectedProtocol::Tls) => {
            "The client spoke plaintext, the server answered with a TLS record: the port speaks TLS."
        }
        Met::Spoken(UnexpectedProtocol::Http1) => {
            "The server answered the HTTP/2 preface in HTTP/1: it, or a proxy before it, does not speak \
             HTTP/2 without TLS here."
        }
        Met::Spoken(UnexpectedProtocol::Alert(Alert::NO_APPLICATION_PROTOCOL)) => {
            "The server ended the TLS handshake since none of the protocols that the client offered by ALPN is \
             one of its own (RFC 7301, section 3.2): it does not offer h2 on this port."
        }
        Met::Spoken(UnexpectedProtocol::Alert(_)) => {
            "The TLS handshake failed: one side ended it with an alert before any HTTP/2."
        }
        Met::Spoken(UnexpectedProtocol::ProtectedAlert) => {
            "The client ended the TLS handshake with an alert in the place of its Finished. What the alert says is \
             encrypted; most often the client does not trust the server's certificate, or its name is another."
        }
        Met::Spoken(UnexpectedProtocol::OtherAlpn) => {
            "The client offered h2 by ALPN, and the server chose another protocol (RFC 9113, section 3.2): HTTP/2 is \
             not switched on at this port, or not at the proxy before it that ends TLS."
        }
        Met::Spoken(UnexpectedProtocol::NoAlpn) => {
            "The client wanted HTTP/2, and the server's handshake names no protocol by ALPN (RFC 7301): without h2 \
             there, clients do not speak HTTP/2. gRPC clients end such a connection; others go on with HTTP/1.1."
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
        Met::NothingThisTime => {
            "The client's preface arrived, and the server closed without a single byte, though it speaks HTTP/2 at this \
             port: it was about to stop or had just begun, is full, or is a proxy without a backend."
        }
        Met::Left => {
            "The client offered nothing but h2 by ALPN, ended the TLS handshake and closed, without its preface. That \
             is what gRPC clients do where the server does not choose h2 by ALPN, or where the certificate is not one \
             that they accept; in TLS 1.3 what the server chose can be read with the secrets only."
        }
    });
    let mut text = sentences.collect::<Vec<_>>().join(" ");
    text.push_str(match went_on {
        false => " No HTTP/2 request was ever sent on these connections, so that no call of them can have run.",
        true => {
            " The client offered other protocols too, and can go on with one of them: its requests then are none of \
             HTTP/2."
        }
    });
    if over_tls > 0 && kinds.contains_key(&Met::Nothing) {
        text.push_str(&format!(
            " {} to the same address used TLS.",
            counted(over_tls, "other connection"),
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
    if has(Met::NothingThisTime) {
        advice.push(
            "Server: while it stops, have it taken out of its balancer or service first, so that no new connection \
             reaches it; else look for a limit on connections"
                .into(),
        );
        advice.push(
            "Client: let calls wait for a connection (grpc: wait-for-ready): the server saw none of these"
                .into(),
        );
    }
    if has(Met::Spoken(UnexpectedProtocol::Http1)) {
        advice.push(
            "Server: switch HTTP/2 on at this port (nginx: http2 on; a proxy before it: HTTP/2 towards \
             the backend)"
                .into(),
        );
    }
    let alpn = [
        Met::Spoken(UnexpectedProtocol::OtherAlpn),
        Met::Spoken(UnexpectedProtocol::NoAlpn),
        Met::Spoken(UnexpectedProtocol::Alert(Alert::NO_APPLICATION_PROTOCOL)),
        Met::Left,
    ];
    if alpn.into_iter().any(has) {
        advice.push(
            "Server: let its ALPN have h2 on this port (nginx: http2 on; HAProxy: alpn h2,http/1.1 on the bind \
             line; Envoy: alpn_protocols; Go: h2 in NextProtos; a load balancer that ends TLS: its ALPN policy)"
                .into(),
        );
    }
    if has(Met::Spoken(UnexpectedProtocol::ProtectedAlert)) || has(Met::Left) {
        advice.push(
            "Client: its own log says why it gave up: check that it trusts the server's certificate, and the name \
             it expects there"
                .into(),
        );
    }
    if has(Met::Spoken(UnexpectedProtocol::Other)) || has(Met::Nothing) {
        advice.push("Client: check host and port".into());
    }
    advice
}
