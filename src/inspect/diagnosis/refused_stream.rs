//! `refused-stream`: calls that the server refused to begin.

use super::server_view::{self, Affected, EvidenceList, RETRIED_ONCE, ServerView};
use super::{Check, Finding, Rule, Says, no_backoff};
use crate::decode::Direction;
use crate::decode::http2::SettingId;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::{Processed, Verdict};
use crate::units::{count, counted};

pub(super) const RULE: Rule = Rule {
    name: "refused-stream",
    meaning: "the server refused RPCs with RST_STREAM REFUSED_STREAM, as servers do before they process anything",
    evidence: "The RST_STREAM with REFUSED_STREAM: a guarantee that nothing was processed, unless the answer had \
               begun, the body was taken, or it came late.",
    fixes: &[
        "Retry; the client library does so once by itself",
        "Server: raise the stream limit, or find what it sheds load for",
        "The limit by stack: grpc-go: MaxConcurrentStreams; grpc-java: maxConcurrentCallsPerConnection; C-core, grpc-js: grpc.max_concurrent_streams; nginx: http2_max_concurrent_streams; Envoy: max_concurrent_streams",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|_, rpc| rpc.verdict == Verdict::Refused);
    if affected.is_empty() {
        return None;
    }
    let finding = Finding {
        title: format!(
            "server {} refused {} on {}",
            view.server,
            counted(server_view::count(&affected), "RPC"),
            counted(affected.len(), "connection"),
        ),
        evidence: evidence(&affected),
        explanation: explanation(&affected),
        advice: advice(&affected),
        ..server_view::finding_of_unprocessed(RULE.name, &affected)
    };
    Some(no_backoff::told(finding, &affected))
}

fn evidence(affected: &Affected<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, rpcs) in affected {
        for rpc in rpcs {
            let text = format!(
                "stream {}:{}: RST_STREAM REFUSED_STREAM of the server",
                record.number, rpc.id.stream,
            );
            evidence.cite(rpc.ended, text);
        }
    }
    evidence.into_vec()
}

/// The server's MAX_CONCURRENT_STREAMS, where its client exceeded it.
fn exceeded(record: &ConnectionRecord) -> Option<u32> {
    let limit = record.setting(Direction::ServerToClient, SettingId::MAX_CONCURRENT_STREAMS)?;
    (record.most_open > u64::from(limit)).then_some(limit)
}

/// Whether its client exceeded another limit that the server had announced.
fn is_beyond_limits(record: &ConnectionRecord) -> bool {
    let conformance = &record.conformance;
    let mut lists = conformance.large_lists.iter();
    let by_client = |by| by == Direction::ClientToServer;
    lists.any(|list| by_client(list.by))
        || conformance
            .violations
            .iter()
            .any(|violation| by_client(violation.by))
}

fn explanation(affected: &Affected<'_>) -> String {
    let limit = affected
        .iter()
        .find_map(|(record, _)| Some((record, exceeded(record)?)));
    let why = match limit {
        Some((record, limit)) => format!(
            "The client had {} open at the same time, more than the server's \
             MAX_CONCURRENT_STREAMS of {limit} allows.",
            counted(record.most_open, "stream"),
        ),
        // A header list above the limit, say: its own finding has those that it ended.
        None if affected.iter().any(|(record, _)| is_beyond_limits(record)) => {
            "The server refused them by its own choice.".to_owned()
        }
        None => {
            let most = affected.iter().map(|(record, _)| record.most_open).max();
            format!(
                "No limit that the server had announced was exceeded ({} open at the same time at \
                 most): the server refused by its own choice, because it sheds load, is full, or is \
                 about to stop.",
                counted(most.unwrap_or_default(), "stream"),
            )
        }
    };
    let word = match server_view::contradictions(affected) {
        None => {
            "REFUSED_STREAM guarantees that nothing of the call was processed (RFC 9113, section \
                 8.7)."
                .to_owned()
        }
        Some(contradictions) => format!(
            "REFUSED_STREAM says that nothing of the call was processed (RFC 9113, section 8.7). \
             {contradictions} Those may have run, behind a proxy above all."
        ),
    };
    format!("{why} {word}")
}

fn advice(affected: &Affected<'_>) -> Vec<String> {
    let exceeded = affected
        .iter()
        .any(|(record, _)| exceeded(record).is_some());
    let server = if exceeded {
        "Client: it opened streams before it had read the server's SETTINGS, or ignores them; spread \
         the calls over more connections, or raise MAX_CONCURRENT_STREAMS"
    } else {
        "Server: find out what it refuses streams for: admission control, a full worker queue, a drain \
         that has begun"
    };
    let safe = server_view::rpcs(affected).filter(|rpc| rpc.processed == Processed::No);
    let client = match safe.count() {
        0 => format!(
            "Client: retry these only if they are idempotent, and mind that libraries do not ask: \
             {RETRIED_ONCE}, whatever the server has done"
        ),
        all if all == server_view::count(affected) => format!(
            "Client: these are safe to retry, even if not idempotent; {RETRIED_ONCE}, and report the \
             second refusal as UNAVAILABLE"
        ),
        some => format!(
            "Client: {} of these are safe to retry, the others only if they are idempotent; \
             {RETRIED_ONCE}, whatever the server has done",
            count(some),
        ),
    };
    vec![client, server.into()]
}
