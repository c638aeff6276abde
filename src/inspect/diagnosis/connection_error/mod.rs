//! `connection-error`: a connection that one side declared broken, or whose bytes are no HTTP/2.

pub(super) mod calm;
mod words;

use super::server_view::{self, EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, protocol_violation, too_many_pings};
use crate::capture::Stamp;
use crate::decode::Direction;
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::connection::record::{ConnectionRecord, Finished};
use crate::inspect::stream::rpc::{CallId, Rpc};
use crate::inspect::traffic::conformance::{LargeList, Violation, ViolationKind};
use crate::units::counted;

pub(super) const RULE: Rule = Rule {
    name: "connection-error",
    meaning: "a side ended the connection with GOAWAY and an error code, or sent bytes that are not \
              valid HTTP/2",
    evidence: "The GOAWAY with its code and debug data, and what it answers where that was seen; or the first bytes that are no HTTP/2.",
    fixes: &["Read the debug data; the code names the rule that was broken (RFC 9113, section 7)"],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

/// What was wrong with a connection.
#[derive(Clone, Copy, Debug)]
enum Broken<'a> {
    Declared(&'a GoAway),
    Nonsense(Direction, Stamp),
}

impl Broken<'_> {
    const fn stamp(self) -> Stamp {
        match self {
            Self::Declared(goaway) => goaway.stamp,
            Self::Nonsense(_, stamp) => stamp,
        }
    }
}

/// Broken connections, each with what was wrong with it.
type BrokenOnes<'a> = [(&'a Finished, Broken<'a>)];

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected: Vec<_> = view
        .connections()
        .filter_map(|finished| Some((finished, broken(&finished.record)?)))
        .collect();
    if affected.is_empty() {
        return None;
    }
    let declared = affected
        .iter()
        .all(|(_, error)| matches!(error, Broken::Declared(_)));
    let mut kinds: Vec<_> = affected
        .iter()
        .map(|(_, error)| words::kind(*error))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let dead = dead(&affected);
    let (rpcs, elsewhere): (Vec<&Rpc>, Vec<&Rpc>) = dead.iter().partition(|rpc| view.shows(rpc));
    let rpcs: Vec<CallId> = rpcs.iter().map(|rpc| rpc.id).collect();
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
        explanation: explanation(&affected, rpcs.len(), elsewhere.len()),
        rpcs,
        advice: advice(&affected),
        ..Finding::of_rule(RULE.name)
    })
}

/// The calls that were open when their connections broke, and died then.
fn dead<'a>(affected: &BrokenOnes<'a>) -> Vec<&'a Rpc> {
    let of_connection = |(finished, error): &(&'a Finished, Broken<'a>)| {
        let stamp = error.stamp();
        let rpcs = finished.rpcs.iter();
        rpcs.filter(move |rpc| server_view::died_with(rpc, stamp))
    };
    affected.iter().flat_map(of_connection).collect()
}

fn broken(record: &ConnectionRecord) -> Option<Broken<'_>> {
    let for_pings = too_many_pings::goaway_for_pings(record);
    let declared = record.declared_broken();
    if let Some(goaway) = declared
        && for_pings.is_none_or(|for_pings| for_pings.stamp > goaway.stamp)
    {
        return Some(Broken::Declared(goaway));
    }
    // Where the capture has holes, or begins late, nonsense may be the decoder's own.
    let whole = record.beginning_seen && record.missing.bytes == 0;
    let (by, stamp) = *record.nonsense.as_deref().filter(|_| whole)?;
    Some(Broken::Nonsense(by, stamp))
}

/// What of the other side a GOAWAY answers, if that was seen.
fn offending<'a>(record: &'a ConnectionRecord, goaway: &GoAway) -> Option<&'a Violation> {
    let mut violations = record.conformance.violations.iter();
    violations.find(|violation| {
        let answer = violation.goaway();
        violation.by != goaway.from && answer.is_some_and(|answer| answer.stamp == goaway.stamp)
    })
}

/// The header list of the other side that a GOAWAY answers, if one was above the limit.
fn large_list<'a>(record: &'a ConnectionRecord, goaway: &GoAway) -> Option<&'a LargeList> {
    let mut lists = record.conformance.large_lists.iter();
    lists.find(|list| {
        let answer = list.answer;
        list.by != goaway.from && answer.is_some_and(|answer| answer.stamp == goaway.stamp)
    })
}

fn evidence(affected: &BrokenOnes<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (finished, error) in affected {
        let number = finished.record.number;
        let last = match error {
            Broken::Declared(goaway) => {
                if let Some(violation) = offending(&finished.record, goaway) {
                    let text = format!(
                        "conn {number}: the {}'s {}",
                        violation.by.sender(),
                        protocol_violation::clause(violation),
                    );
                    evidence.cite(Some(violation.seen.stamp), text);
                }
                let before = before(&finished.record, goaway);
                format!(", last_stream_id={}{before}", goaway.last_stream_id)
            }
            Broken::Nonsense(..) => String::new(),
        };
        evidence.cite(
            Some(error.stamp()),
            format!("conn {number}: {}{last}", words::kind(*error)),
        );
    }
    evidence.into_vec()
}

/// The frames that a GOAWAY may answer, where neither it says what it does nor a rule knows.
fn before(record: &ConnectionRecord, goaway: &GoAway) -> String {
    let known = offending(record, goaway).is_some() || !goaway.debug_data.is_empty();
    let frames = goaway.answers.iter().filter(|_| !known).map(|frame| {
        let packet = frame.packet;
        format!(
            "{} on stream {} (packet {packet})",
            frame.kind, frame.stream
        )
    });
    let frames: Vec<_> = frames.collect();
    if frames.is_empty() {
        return String::new();
    }
    let other = goaway.from.reverse().sender();
    format!(
        "; the last that it had of the {other}: {}",
        frames.join(", ")
    )
}

fn explanation(affected: &BrokenOnes<'_>, dead: usize, elsewhere: usize) -> String {
    let mut meanings: Vec<_> = affected
        .iter()
        .map(|(finished, error)| words::meaning(&finished.record, *error))
        .collect();
    meanings.sort_unstable();
    meanings.dedup();
    let mut text = meanings.join(" ");
    text.push_str(&match (dead, elsewhere) {
        (0, 0) => " No RPC died of it.".to_owned(),
        (some, 0) => format!(" {} died with it.", counted(some, "RPC")),
        (0, others) => format!(
            " {} died with it, of which another finding says more.",
            counted(others, "RPC")
        ),
        (some, others) => format!(
            " {} died with it, and {} of which another finding says more.",
            counted(some, "RPC"),
            counted(others, "RPC"),
        ),
    });
    let vouches = |record: &ConnectionRecord, goaway: &GoAway| {
        let mut violations = record.conformance.violations.iter();
        !goaway.from_client()
            && goaway.last_stream_id.0 == 0
            && !violations.any(|violation| violation.kind == ViolationKind::AboveLastStream)
    };
    if affected.iter().any(|(finished, error)| {
        matches!(error, Broken::Declared(goaway) if vouches(&finished.record, goaway))
    }) {
        text.push_str(
            " Where the last stream id is 0 the server vouches that it processed nothing: whatever it \
             did not answer is safe to retry.",
        );
    }
    text
}

fn advice(affected: &BrokenOnes<'_>) -> Vec<String> {
    let mut advice: Vec<String> = Vec::new();
    for (finished, error) in affected {
        for text in words::advice(&finished.record, *error) {
            if !advice.contains(&text) {
                advice.push(text);
            }
        }
    }
    advice
}
