//! `goaway-race`: calls opened beyond the last stream id (RFC 9113, section 6.8).

use super::server_view::{self, Affected, EvidenceList, RETRIED_ONCE, ServerView};
use super::{Check, Finding, Rule, Says};
use crate::decode::http2::ErrorCode;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::peer::settings;
use crate::inspect::stream::rpc::{Outcome, Processed, Race, Rpc, Verdict};
use crate::units::{count, counted, was};

pub(super) const RULE: Rule = Rule {
    name: "goaway-race",
    meaning: "RPCs were opened beyond the last stream id of the server's final GOAWAY, and so \
              thrown away unprocessed",
    evidence: "The GOAWAY with its last stream id, and the acknowledgement number of the segment that first carried each HEADERS above it: if it does not cover the GOAWAY, the two crossed in flight.",
    fixes: &[
        "Retry on a new connection; nothing above the last stream id was processed (RFC 9113, section 6.8)",
        "Let the server announce the end a round trip before, or end connections less often (nginx: keepalive_requests)",
        "By stack: grpc-go, grpc-java, C-core and Envoy announce by themselves; Node: session.goaway(0, 2**31 - 1) first; nginx, net/http, Caddy, httpd and HAProxy cannot: raise what ends connections (keepalive_requests, keepalive_time, IdleTimeout)",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view
        .affected(|record, rpc| rpc.verdict == Verdict::BeyondLastStreamId && is_race(record, rpc));
    if affected.is_empty() {
        return None;
    }
    let total = server_view::count(&affected);
    Some(Finding {
        title: format!(
            "{} {} opened beyond the last stream id of server {}, and thrown away",
            counted(total, "RPC"),
            was(total),
            view.server,
        ),
        evidence: evidence(&affected),
        explanation: explanation(&affected),
        advice: advice(view, &affected),
        ..server_view::finding_of_unprocessed(RULE.name, &affected)
    })
}

/// Whether the id alone condemned a call. A GOAWAY with an error code condemns, for that error, whatever it
/// does not name; only what left within a round trip before it came, and cannot be what it objects to, just
/// crossed it.
fn is_race(record: &ConnectionRecord, rpc: &Rpc) -> bool {
    let Some(last) = record.final_goaway() else {
        return false;
    };
    if record.is_graceful(last) {
        return true;
    }
    let (Some(opened), Some(round_trip)) = (rpc.opened, record.round_trip()) else {
        return false;
    };
    !objects_to_frames(last.error) && last.stamp.time - opened.time <= round_trip + round_trip / 4
}

/// Whether a code says that something of the other side's was wrong.
const fn objects_to_frames(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::PROTOCOL_ERROR
            | ErrorCode::FLOW_CONTROL_ERROR
            | ErrorCode::STREAM_CLOSED
            | ErrorCode::FRAME_SIZE_ERROR
            | ErrorCode::COMPRESSION_ERROR
            | ErrorCode::HTTP_1_1_REQUIRED
            | ErrorCode(0xa | 0xc)
    )
}

/// One connection's whole evidence first, then the GOAWAYs of the others.
fn evidence(affected: &Affected<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (index, (record, rpcs)) in affected.iter().enumerate() {
        let number = record.number;
        if let Some(goaway) = record.final_goaway() {
            let beyond = counted(rpcs.len(), "unanswered stream");
            let (last, error) = (goaway.last_stream_id, goaway.error);
            evidence.cite(
                Some(goaway.stamp),
                format!("conn {number}: GOAWAY last_stream_id={last} {error}, {beyond} beyond"),
            );
        }
        if index > 0 {
            continue;
        }
        for race in [Race::InFlight, Race::AfterReceipt, Race::Unknown] {
            let Some(rpc) = rpcs.iter().find(|rpc| rpc.race == Some(race)) else {
                continue;
            };
            let shows = match race {
                Race::InFlight => "does not acknowledge the whole GOAWAY: it left before",
                Race::AfterReceipt => "acknowledges the whole GOAWAY: it left after",
                Race::Unknown => "carries no acknowledgement to judge by",
            };
            let stream = rpc.id.stream;
            evidence.cite(
                rpc.opened,
                format!("HEADERS of stream {number}:{stream} {shows}"),
            );
        }
    }
    evidence.into_vec()
}

fn explanation(affected: &Affected<'_>) -> String {
    let rpcs = || server_view::rpcs(affected);
    let with = |race| rpcs().filter(|rpc| rpc.race == Some(race)).count();
    let total = rpcs().count();
    let mut text = format!(
        "The server's final GOAWAY named the last stream it would process; {} {} above it. A server \
         drops such streams in silence.",
        counted(total, "RPC"),
        was(total),
    );
    for (race, meaning) in [
        (
            Race::InFlight,
            "crossed the GOAWAY in flight: the TCP acknowledgements on their HEADERS do not cover it",
        ),
        (
            Race::AfterReceipt,
            "left when the client's kernel had the GOAWAY already (its application may not have \
             read it yet)",
        ),
        (
            Race::Unknown,
            "cannot be placed: no acknowledgement to judge by",
        ),
    ] {
        match with(race) {
            0 => {}
            all if all == total => text.push_str(&format!(" All {meaning}.")),
            some => text.push_str(&format!(" {} {meaning}.", count(some))),
        }
    }
    let unprocessed = rpcs().filter(|rpc| rpc.processed == Processed::No).count();
    let recovered = rpcs()
        .filter(|rpc| rpc.outcome == Outcome::Recovered)
        .count();
    match recovered {
        0 => {}
        all if all == total => text.push_str(" Every one was recovered by a retry."),
        some => text.push_str(&format!(
            " {} {} recovered by a retry.",
            count(some),
            was(some)
        )),
    }
    if let Some(contradictions) = server_view::contradictions(affected) {
        text.push_str(&format!(" {contradictions}"));
    }
    if unprocessed == total {
        text.push_str(
            " None of them was processed: streams above the last stream id are safe to retry \
             (RFC 9113, section 6.8).",
        );
    }
    text
}

fn ends_in_order(record: &ConnectionRecord) -> bool {
    let last = record.final_goaway();
    last.is_some_and(|last| record.is_graceful(last))
}

fn advice(view: &ServerView<'_>, affected: &Affected<'_>) -> Vec<String> {
    let rpcs = || server_view::rpcs(affected);
    let mut advice = Vec::new();
    let unprocessed = rpcs().filter(|rpc| rpc.processed == Processed::No).count();
    let answered = rpcs().filter(|rpc| rpc.processed == Processed::Yes).count();
    if unprocessed > 0 {
        let these = if unprocessed == rpcs().count() {
            "these calls".to_owned()
        } else {
            format!(
                "the {} that {} not processed",
                count(unprocessed),
                was(unprocessed)
            )
        };
        advice.push(format!(
            "Client: retry {these} on a new connection, even non-idempotent ones; {RETRIED_ONCE}",
        ));
    }
    let doubtful = rpcs().count() - unprocessed - answered;
    if doubtful > 0 {
        advice.push(format!(
            "Client: retry the {} that may have run only if idempotent",
            count(doubtful),
        ));
    }
    if answered > 0 {
        advice.push(format!(
            "Client: do not retry the {} that the server answered all the same; it did the work",
            count(answered),
        ));
    }
    if affected
        .iter()
        .any(|(record, _)| ends_in_order(record) && record.warned != Some(true))
    {
        advice.push(settings::warn_first(view.inferred.server_stack()));
    }
    if rpcs().any(|rpc| rpc.race == Some(Race::AfterReceipt)) {
        advice.push(
            "Client: upgrade a library that opens streams after it has received GOAWAY".into(),
        );
    }
    advice
}
