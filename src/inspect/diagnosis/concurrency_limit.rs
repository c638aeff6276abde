//! `concurrency-limit`: the client sat at the peer's MAX_CONCURRENT_STREAMS.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, Severity};
use crate::capture::TimeDelta;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::peer::server::ServerStack;
use crate::inspect::peer::settings::{self, ServerSetting};
use crate::inspect::stream::rpc::{TakenBack, Verdict};
use crate::inspect::traffic::concurrency::AtLimit;
use crate::units::{count, counted, duration};

/// A connection that is at its limit for less than this in all, only touched it: a
/// burst of calls may do so.
const LONG_AT_LIMIT: TimeDelta = TimeDelta::from_secs(1);

/// From so many slots on that were taken again at once, calls must have waited for them.
const MIN_REFILLS: u64 = 10;

pub(super) const RULE: Rule = Rule {
    name: "concurrency-limit",
    meaning: "the client sat at the peer's MAX_CONCURRENT_STREAMS for a second or more in all",
    evidence: "The server's SETTINGS, when the client reached the limit, and how long it stayed there.",
    fixes: &[
        "Raise the server's MAX_CONCURRENT_STREAMS, or spread the calls over more connections",
        "Calls that wait in the client never reach the wire: watch their deadlines there",
        "By stack: grpc-go: MaxConcurrentStreams; grpc-java: maxConcurrentCallsPerConnection; C-core, grpc-js: grpc.max_concurrent_streams; tonic: max_concurrent_streams; nginx: http2_max_concurrent_streams; Envoy: max_concurrent_streams; HAProxy: tune.h2.fe.max-concurrent-streams",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let records = view.connections().map(|connection| &connection.record);
    let affected: Vec<_> = records
        .filter_map(|record| {
            let at_limit = record.traffic.at_limit.as_deref().copied()?;
            // What a browser asks for and takes back is no load that a higher limit helps.
            let left = record.verdicts.were_taken_back(TakenBack::Browser);
            let in_earnest = left * 2 < record.streams_opened;
            (in_earnest && at_limit.total >= LONG_AT_LIMIT).then_some((record, at_limit))
        })
        .collect();
    let (_, longest) = affected
        .iter()
        .max_by_key(|(_, at_limit)| at_limit.longest)?;
    let refills: u64 = affected.iter().map(|(_, at_limit)| at_limit.refills).sum();
    let mut evidence = EvidenceList::default();
    for (record, at_limit) in &affected {
        cite(&mut evidence, record, at_limit);
    }
    Some(Finding {
        severity: Severity::Warning,
        confidence: if refills >= MIN_REFILLS {
            Confidence::Likely
        } else {
            Confidence::Possible
        },
        title: format!(
            "{} sat at the limit of {} concurrent streams of {}, up to {} at a time",
            counted(affected.len(), "connection"),
            longest.limit,
            view.server,
            duration(longest.longest),
        ),
        connections: affected.iter().map(|(record, _)| record.number).collect(),
        evidence: evidence.into_vec(),
        explanation: explanation(&affected, refills),
        advice: vec![
            server_advice(view.inferred.server_stack()),
            "Client: spread the calls over several connections, or limit them itself so that they \
             fail early rather than wait"
                .into(),
        ],
        ..Finding::of_rule(RULE.name)
    })
}

fn server_advice(stack: ServerStack) -> String {
    match settings::name(stack, ServerSetting::Concurrency) {
        Some(setting) => format!("Server: raise {setting}, or make its answers faster"),
        None => "Server: its limit is not to be set; make its answers faster".into(),
    }
}

fn cite(evidence: &mut EvidenceList, record: &ConnectionRecord, at_limit: &AtLimit) {
    let (number, limit) = (record.number, at_limit.limit);
    let text = format!("conn {number}: these HEADERS take the last of {limit} slots");
    evidence.cite(Some(at_limit.longest_since), text);
    if at_limit.longest_until.packet > 0 {
        let after = duration(at_limit.longest);
        let text = format!("conn {number}: a slot is free and stays free, {after} later");
        evidence.cite(Some(at_limit.longest_until), text);
    }
}

fn explanation(affected: &[(&ConnectionRecord, AtLimit)], refills: u64) -> String {
    let mut sentences: Vec<_> = affected
        .iter()
        .take(3)
        .map(|(record, at_limit)| {
            format!(
                "On conn {} the client had all {} streams open that the server allows, {} in all \
                 and {} at a time.",
                record.number,
                at_limit.limit,
                duration(at_limit.total),
                duration(at_limit.longest),
            )
        })
        .collect();
    sentences.push(match refills {
        0 => {
            "Whether more calls waited does not show: no slot that became free was taken again at \
              once."
                .to_owned()
        }
        1 => "A slot that became free was taken again at once.".to_owned(),
        many => format!(
            "{} a slot that became free was taken again at once: calls were \
             waiting for it.",
            counted(many, "time"),
        ),
    });
    let cancelled: u64 = affected
        .iter()
        .map(|(record, _)| {
            let verdicts = &record.verdicts;
            verdicts.of(Verdict::DeadlineExceeded) + verdicts.of(Verdict::ResetByClient)
        })
        .sum();
    if cancelled > 0 {
        sentences.push(format!(
            "The client gave up {} of the calls that it had sent; their deadlines may have begun to run \
             before they had a slot.",
            count(cancelled),
        ));
    }
    sentences.push(
        "Calls that ran out of time while they waited never reached the wire: the capture cannot \
         count them."
            .into(),
    );
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use crate::testing::scenario::outcome;

    #[test]
    fn a_client_that_only_touches_the_limit_is_not_told() {
        let reported = outcome(
            "S 0.000 SETTINGS MAX_CONCURRENT_STREAMS=2
             C 0.010 HEADERS 1
             C 0.020 HEADERS 3
             S 0.500 ANSWER 1 + RST 1 NO_ERROR
             C 0.900 HEADERS 5
             S 0.950 ANSWER 3 + RST 3 NO_ERROR
             S 0.960 ANSWER 5 + RST 5 NO_ERROR
             C 0.970 ACK",
        );
        assert!(!reported.contains("concurrency-limit"), "{reported}");
    }

    #[test]
    fn a_client_that_sits_there_is() {
        let reported = outcome(
            "S 0.000 SETTINGS MAX_CONCURRENT_STREAMS=2
             C 0.010 HEADERS 1
             C 0.020 HEADERS 3
             S 0.800 ANSWER 1 + RST 1 NO_ERROR
             C 0.801 HEADERS 5
             S 1.500 ANSWER 3 + RST 3 NO_ERROR
             C 1.501 ACK
             S 1.600 ANSWER 5 + RST 5 NO_ERROR
             C 1.601 ACK",
        );
        assert!(
            reported.contains("warning concurrency-limit conns=0"),
            "{reported}"
        );
    }
}
