//! What the codes of a GOAWAY mean, and what to do about each (RFC 9113, section 7).

use super::super::protocol_violation;
use super::calm::{self, Burden};
use super::{Broken, large_list, offending};
use crate::decode::http2::ErrorCode;
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::connection::record::ConnectionRecord;
use crate::units::{count, counted};

/// What sort of error it is, in a few words.
pub(super) fn kind(error: Broken<'_>) -> String {
    match error {
        Broken::Declared(goaway) if goaway.debug_data.is_empty() => {
            format!("GOAWAY {} of the {}", goaway.error, goaway.from.sender())
        }
        Broken::Declared(goaway) => {
            let debug_data = String::from_utf8_lossy(&goaway.debug_data);
            let sender = goaway.from.sender();
            format!("GOAWAY {} {debug_data:?} of the {sender}", goaway.error)
        }
        Broken::Nonsense(by, _) => format!("bytes of the {} that are not HTTP/2", by.sender()),
    }
}

/// What happened to a connection, in sentences.
pub(super) fn meaning(record: &ConnectionRecord, error: Broken<'_>) -> String {
    let Broken::Declared(goaway) = error else {
        return "Nothing is missing from the capture there, and still the bytes cannot be read as \
                frames: a bug of the sender, or something between the two that changes bytes."
            .to_owned();
    };
    let mut text = of_code(goaway.error).to_owned();
    if goaway.error == ErrorCode::ENHANCE_YOUR_CALM {
        text.push_str(&load(record, goaway));
    }
    if let Some(resets) = reset_budget_spent(record, goaway) {
        text = format!(
            "INTERNAL_ERROR: the client had reset {} on this connection, for whatever reason. nghttp2 (Node, Apache \
             httpd, nghttpx) ends a connection with this code when its guard against rapid reset (CVE-2023-44487: \
             1,000 at once, and 33 more a second) is used up.",
            counted(resets, "stream"),
        );
    }
    if let Some(violation) = offending(record, goaway) {
        let what = protocol_violation::clause(violation);
        text.push_str(&format!(
            " What it answers is the {}'s frame just before: {what}. A retry that sends it again ends the \
             same way.",
            violation.by.sender(),
        ));
    } else if let Some(list) = large_list(record, goaway) {
        text.push_str(&format!(
            " What it answers is the {}'s header list of {} on stream {}, above the {} that the {} had \
             announced to take.",
            list.by.sender(),
            counted(list.size, "byte"),
            list.stream,
            count(list.limit),
            goaway.from.sender(),
        ));
    }
    text
}

const fn of_code(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::ENHANCE_YOUR_CALM => {
            "ENHANCE_YOUR_CALM: the sender found that the other behaves so as to overload it."
        }
        ErrorCode::PROTOCOL_ERROR => {
            "PROTOCOL_ERROR: the sender found what the other had sent illegal."
        }
        ErrorCode::INTERNAL_ERROR => {
            "INTERNAL_ERROR: something failed inside the sender; its debug data, if any, is its own \
             word for it."
        }
        ErrorCode::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR: the sender found its window overrun.",
        ErrorCode(0x4) => "SETTINGS_TIMEOUT: the sender's SETTINGS were not acknowledged in time.",
        ErrorCode::STREAM_CLOSED => {
            "STREAM_CLOSED: a frame came on a stream that was closed already."
        }
        ErrorCode::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR: a frame had a size that is not allowed.",
        ErrorCode::COMPRESSION_ERROR => {
            "COMPRESSION_ERROR: header compression went out of step; no header could be read any more."
        }
        ErrorCode(0xc) => "INADEQUATE_SECURITY: the TLS in use is below the sender's minimum.",
        ErrorCode::HTTP_1_1_REQUIRED => {
            "HTTP_1_1_REQUIRED: the server wants HTTP/1.1 for what was asked (RFC 9113, section 7); the \
             same request over HTTP/2 ends the same way."
        }
        _ => "The sender ended the connection with an error code.",
    }
}

/// What was too much, in a sentence.
fn load(record: &ConnectionRecord, goaway: &GoAway) -> String {
    let other = goaway.from.reverse();
    let resets = record.conformance.resets[other];
    let other = other.sender();
    match calm::load(record, goaway) {
        Some(Burden::Resets) if resets > 0 => format!(
            " The {other} had reset {} on this connection, for whatever reason: a guard against rapid \
             reset (CVE-2023-44487) counts them all.",
            counted(resets, "stream"),
        ),
        Some(Burden::Resets) => {
            " It counts streams that were reset (a guard against CVE-2023-44487 and CVE-2025-8671), its \
             own resets perhaps among them."
                .to_owned()
        }
        Some(Burden::Pings) => format!(" The {other} had sent too many PINGs."),
        Some(Burden::Settings) => format!(" The {other} had sent too many SETTINGS."),
        Some(Burden::Continuations) => {
            format!(" The {other} had sent a header block in too many CONTINUATION frames.")
        }
        Some(Burden::EmptyData) => {
            format!(" The {other} had sent too many DATA frames with little or nothing in them.")
        }
        Some(Burden::Headers) => format!(" The {other} had sent too large a header list."),
        None => {
            let pings = record.pings.sent[goaway.from.reverse()];
            format!(
                " Of what? It does not say; the {other} had sent {} and {} before.",
                counted(pings, "PING"),
                counted(resets, "RST_STREAM"),
            )
        }
    }
}

/// How many streams the client had reset, where that is what nghttp2 allows at once, and its code for it.
fn reset_budget_spent(record: &ConnectionRecord, goaway: &GoAway) -> Option<u64> {
    const NGHTTP2_BURST: u64 = 1_000;
    let resets = record.conformance.resets.client;
    let told = goaway.error == ErrorCode::INTERNAL_ERROR
        && goaway.debug_data.is_empty()
        && !goaway.from_client();
    (told && resets >= NGHTTP2_BURST).then_some(resets)
}

fn cancel_less(other: &str) -> String {
    format!(
        "In the {other}, cancel less: let short calls end by themselves, find out why it gives up so many, or \
         spread them over connections"
    )
}

/// What to do about it.
pub(super) fn advice(record: &ConnectionRecord, error: Broken<'_>) -> Vec<String> {
    let goaway = match error {
        Broken::Declared(goaway) => goaway,
        Broken::Nonsense(by, _) => {
            return vec![format!(
                "Find out what the {} is, and whether something between rewrites its bytes",
                by.sender(),
            )];
        }
    };
    let sender = goaway.from.sender();
    let other = goaway.from.reverse().sender();
    if let Some(violation) = offending(record, goaway) {
        return vec![format!(
            "Mend or upgrade the {}, which sent what this GOAWAY answers, or the proxy that speaks for it",
            violation.by.sender(),
        )];
    }
    if let Some(list) = large_list(record, goaway) {
        return vec![format!(
            "Let the {} send less in headers and trailers, or raise the {sender}'s limit on them",
            list.by.sender(),
        )];
    }
    match goaway.error {
        ErrorCode::INTERNAL_ERROR if reset_budget_spent(record, goaway).is_some() => vec![
            cancel_less(other),
            "In the server, or raise its limit on resets (Node: streamResetBurst and streamResetRate; nghttp2: \
             nghttp2_option_set_stream_reset_rate_limit)"
                .to_owned(),
        ],
        ErrorCode::INTERNAL_ERROR => vec![format!(
            "Look in the {sender}'s log at that time: the code says that it failed itself, not what it \
             was sent"
        )],
        ErrorCode::ENHANCE_YOUR_CALM => match calm::load(record, goaway) {
            Some(Burden::Resets) => vec![
                cancel_less(other),
                format!(
                    "In the {sender}, or raise its limit on resets (Netty: \
                     decoderEnforceMaxRstFramesPerWindow; grpc-java: maxRstFramesPerWindow; hyper: \
                     max_pending_accept_reset_streams; Tomcat: overheadResetFactor; nghttp2: \
                     nghttp2_option_set_stream_reset_rate_limit)"
                ),
            ],
            _ => vec![format!(
                "Find out which limit of the {sender} was reached, and slow the {other} down or raise it"
            )],
        },
        ErrorCode::HTTP_1_1_REQUIRED => vec![
            "Client: repeat the request over HTTP/1.1; over HTTP/2 it is refused each time".into(),
            "Server: find out what needs HTTP/1.1 there (client certificates asked for late, NTLM, a \
             protocol upgrade), and offer no h2 where everything does"
                .into(),
        ],
        _ => vec![format!(
            "Look in the {sender}'s log for what it objected to, and upgrade the {other}, or the proxy \
             that speaks for it"
        )],
    }
}
