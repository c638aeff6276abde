//! `connection-error`: a connection that one side declared broken, or whose bytes are no HTTP/2.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, too_many_pings};
use crate::capture::Stamp;
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::connection::record::{ConnectionRecord, Finished};
use crate::units::counted;

pub(super) const RULE: Rule = Rule {
    name: "connection-error",
    meaning: "a side ended the connection with GOAWAY and an error code, or sent bytes that are not \
              valid HTTP/2",
    evidence: "The GOAWAY with its code and debug data, or the first bytes that are no HTTP/2.",
    fixes: &["Read the debug data; the code names the rule that was broken (RFC 9113, section 7)"],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

/// What was wrong with a connection.
#[derive(Clone, Copy, Debug)]
enum Error<'a> {
    Declared(&'a GoAway),
    Nonsense(Direction, Stamp),
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected: Vec<_> = view
        .connections()
        .filter_map(|finished| Some((finished, error(&finished.record)?)))
        .collect();
    if affected.is_empty() {
        return None;
    }
    let declared = affected
        .iter()
        .all(|(_, error)| matches!(error, Error::Declared(_)));
    let mut kinds: Vec<_> = affected.iter().map(|(_, error)| kind(*error)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let rpcs = affected.iter().flat_map(|(finished, _)| &finished.rpcs);
    let rpcs: Vec<_> = rpcs
        .filter(|rpc| rpc.verdict.is_death())
        .map(|rpc| rpc.id)
        .collect();
    Some(Finding {
        confidence: if declared {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
        title: format!(
            "{} to {} broken: {}",
            counted(affected.len(), "connection"),
            view.server,
            kinds.join(", "),
        ),
        connections: affected
            .iter()
            .map(|(finished, _)| finished.record.number)
            .collect(),
        evidence: evidence(&affected),
        explanation: explanation(&affected, rpcs.len()),
        rpcs,
        advice: advice(&affected),
        ..Finding::of_rule(RULE.name)
    })
}

fn error(record: &ConnectionRecord) -> Option<Error<'_>> {
    let pings = too_many_pings::goaway_for_pings(record).is_some();
    let mut goaways = record.goaways.iter();
    let declared = goaways.find(|goaway| {
        let for_pings =
            pings && !goaway.from_client() && goaway.error == ErrorCode::ENHANCE_YOUR_CALM;
        goaway.error != ErrorCode::NO_ERROR && !for_pings
    });
    if let Some(goaway) = declared {
        return Some(Error::Declared(goaway));
    }
    // Where the capture has holes, or begins late, nonsense may be the decoder's own.
    let whole = record.preface_seen && record.missing.bytes == 0;
    let (by, stamp) = record.nonsense.filter(|_| whole)?;
    Some(Error::Nonsense(by, stamp))
}

/// What sort of error it is, in a few words.
fn kind(error: Error<'_>) -> String {
    match error {
        Error::Declared(goaway) if goaway.debug_data.is_empty() => {
            format!("GOAWAY {} of the {}", goaway.error, goaway.from.sender())
        }
        Error::Declared(goaway) => {
            let debug_data = String::from_utf8_lossy(&goaway.debug_data);
            let sender = goaway.from.sender();
            format!("GOAWAY {} {debug_data:?} of the {sender}", goaway.error)
        }
        Error::Nonsense(by, _) => format!("bytes of the {} that are not HTTP/2", by.sender()),
    }
}

fn evidence(affected: &[(&Finished, Error<'_>)]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (finished, error) in affected {
        let number = finished.record.number;
        let (stamp, last) = match error {
            Error::Declared(goaway) => (
                goaway.stamp,
                format!(", last_stream_id={}", goaway.last_stream_id),
            ),
            Error::Nonsense(_, stamp) => (*stamp, String::new()),
        };
        evidence.cite(
            Some(stamp),
            format!("conn {number}: {}{last}", kind(*error)),
        );
    }
    evidence.into_vec()
}

fn explanation(affected: &[(&Finished, Error<'_>)], dead: usize) -> String {
    let mut meanings: Vec<_> = affected
        .iter()
        .map(|(_, error)| match error {
            Error::Declared(goaway) => meaning(goaway.error, &goaway.debug_data),
            Error::Nonsense(..) => {
                "Nothing is missing from the capture there, and still the bytes cannot be read as \
                 frames: a bug of the sender, or something between the two that changes bytes."
            }
        })
        .collect();
    meanings.sort_unstable();
    meanings.dedup();
    let mut text = meanings.join(" ");
    text.push_str(&match dead {
        0 => " No RPC died of it.".to_owned(),
        some => format!(" {} died with it.", counted(some, "RPC")),
    });
    if affected.iter().any(|(_, error)| {
        matches!(error, Error::Declared(goaway) if !goaway.from_client() && goaway.last_stream_id.0 == 0)
    }) {
        text.push_str(
            " Where the last stream id is 0 the server vouches that it processed nothing: whatever it \
             did not answer is safe to retry.",
        );
    }
    text
}

fn meaning(code: ErrorCode, debug_data: &[u8]) -> &'static str {
    match (code, debug_data) {
        (ErrorCode::ENHANCE_YOUR_CALM, b"too_many_resets" | b"too_many_rststreams") => {
            "ENHANCE_YOUR_CALM: the client took back more streams than the server puts up with (a \
             guard against rapid reset, CVE-2023-44487)."
        }
        (ErrorCode::ENHANCE_YOUR_CALM, _) => {
            "ENHANCE_YOUR_CALM: the sender found that the other behaves so as to overload it."
        }
        (ErrorCode::PROTOCOL_ERROR, _) => {
            "PROTOCOL_ERROR: the sender found what the other had sent illegal."
        }
        (ErrorCode(0x2), _) => {
            "INTERNAL_ERROR: something failed inside the sender; its debug data, if any, is its own \
             word for it."
        }
        (ErrorCode(0x3), _) => "FLOW_CONTROL_ERROR: the sender found its window overrun.",
        (ErrorCode(0x4), _) => {
            "SETTINGS_TIMEOUT: the sender's SETTINGS were not acknowledged in time."
        }
        (ErrorCode(0x5), _) => "STREAM_CLOSED: a frame came on a stream that was closed already.",
        (ErrorCode(0x6), _) => "FRAME_SIZE_ERROR: a frame had a size that is not allowed.",
        (ErrorCode(0x9), _) => {
            "COMPRESSION_ERROR: header compression went out of step; no header could be read any more."
        }
        (ErrorCode(0xc), _) => "INADEQUATE_SECURITY: the TLS in use is below the sender's minimum.",
        (ErrorCode(0xd), _) => "HTTP_1_1_REQUIRED: the server wants HTTP/1.1.",
        _ => "The sender ended the connection with an error code.",
    }
}

fn advice(affected: &[(&Finished, Error<'_>)]) -> Vec<String> {
    let mut advice: Vec<String> = Vec::new();
    for (_, error) in affected {
        let text = match error {
            Error::Declared(goaway) => {
                let sender = goaway.from.sender();
                match goaway.error {
                    ErrorCode(0x2) => format!(
                        "Look in the {sender}'s log at that time: the code says that it failed itself, \
                         not what it was sent"
                    ),
                    ErrorCode::ENHANCE_YOUR_CALM => format!(
                        "Find out which limit of the {sender} was reached, and slow the other side \
                         down or raise it"
                    ),
                    _ => format!(
                        "Upgrade both libraries, and look in the {sender}'s log for what it objected \
                         to; a proxy between the two is a suspect too"
                    ),
                }
            }
            Error::Nonsense(by, _) => format!(
                "Find out what the {} is, and whether something between rewrites its bytes",
                by.sender(),
            ),
        };
        if !advice.contains(&text) {
            advice.push(text);
        }
    }
    advice
}
