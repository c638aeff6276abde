//! `protocol-violation`: a frame or field that the RFCs forbid, and the error that answered it.

mod words;

use rustc_hash::FxHashSet;

use super::server_view::{self, EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::decode::PerSide;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::{CallId, Rpc, Verdict};
use crate::inspect::traffic::conformance::{Complaint, Violation};
use crate::units::{count, counted};

/// How many kinds of violation a title names.
const IN_TITLE: usize = 3;

pub(super) const RULE: Rule = Rule {
    name: "protocol-violation",
    meaning: "a side sent a frame or field that HTTP/2 forbids, whether or not an error answered it",
    evidence: "The frame, with the section of the RFC that forbids it, and the RST_STREAM or GOAWAY that answered it.",
    fixes: &["Mend or upgrade the side that sent it; a retry sends it again"],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

/// A violation and the connection it was seen on.
type SeenViolation<'a> = (&'a ConnectionRecord, &'a Violation);

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let records = view.connections().map(|finished| &finished.record);
    let seen = records.flat_map(|record| {
        let violations = record.conformance.violations.iter();
        violations.map(move |violation| (record, violation))
    });
    let mut seen: Vec<SeenViolation<'_>> = seen.collect();
    // What was answered first, then what was not.
    seen.sort_by_key(|(_, violation)| violation.answer.is_none());
    let (_, worst) = seen.first()?;
    let answered = worst.answer.is_some();
    let mut connections: Vec<_> = seen.iter().map(|(record, _)| record.number).collect();
    connections.sort_unstable();
    connections.dedup();
    let rpcs = ended(view);
    Some(Finding {
        severity: if answered {
            Severity::Error
        } else {
            Severity::Warning
        },
        title: format!(
            "on {} to {} {}, which HTTP/2 forbids",
            counted(connections.len(), "connection"),
            view.server,
            kinds(&seen),
        ),
        connections,
        evidence: evidence(&seen),
        explanation: explanation(&seen, rpcs.len()),
        rpcs,
        advice: advice(&seen),
        ..Finding::of_rule(RULE.name)
    })
}

/// Who sent what.
fn kinds(seen: &[SeenViolation<'_>]) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for (_, violation) in seen {
        let kind = format!(
            "the {} sent {}",
            violation.by.sender(),
            words::name(violation)
        );
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let left = kinds.len().saturating_sub(IN_TITLE);
    kinds.truncate(IN_TITLE);
    let mut text = kinds.join(", ");
    if left > 0 {
        text.push_str(&format!(", and {} more", count(left)));
    }
    text
}

/// The calls that an answer to a violation ended.
fn ended(view: &ServerView<'_>) -> Vec<CallId> {
    let mut ended = Vec::new();
    for finished in view.connections() {
        let violations = &finished.record.conformance.violations;
        let mut reset = PerSide::<FxHashSet<u32>>::default();
        for violation in violations {
            reset[violation.by.reverse()].extend(&violation.reset);
        }
        let goaways: Vec<_> = violations.iter().filter_map(Violation::goaway).collect();
        let died = |rpc: &&Rpc| {
            let by_goaway = |goaway: &Complaint| server_view::died_with(rpc, goaway.stamp);
            let by_reset = match rpc.verdict {
                Verdict::ResetByServer | Verdict::Refused => Some(&reset.server),
                Verdict::ResetByClient => Some(&reset.client),
                _ => None,
            };
            by_reset.is_some_and(|reset| reset.contains(&rpc.id.stream))
                || goaways.iter().any(by_goaway)
        };
        ended.extend(finished.rpcs.iter().filter(died).map(|rpc| rpc.id));
    }
    ended
}

fn evidence(seen: &[SeenViolation<'_>]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, violation) in seen {
        let number = record.number;
        let what = format!(
            "conn {number}: the {}'s {}",
            violation.by.sender(),
            words::clause(violation),
        );
        evidence.cite(Some(violation.seen.stamp), what);
        if let Some(complaint) = violation.answer {
            evidence.cite(Some(complaint.stamp), answer(number, violation, complaint));
        }
    }
    evidence.into_vec()
}

/// The error that answered a violation, in words.
pub(super) fn answer(number: u32, violation: &Violation, complaint: Complaint) -> String {
    let by = violation.by.reverse().sender();
    let error = complaint.error;
    match complaint.stream.0 {
        0 => format!("conn {number}: GOAWAY {error} of the {by} answers it"),
        stream => format!("stream {number}:{stream}: RST_STREAM {error} of the {by} answers it"),
    }
}

/// What a violation was, in a clause that begins with its frame, and the section that forbids it.
pub(super) fn clause(violation: &Violation) -> String {
    words::clause(violation)
}

fn explanation(seen: &[SeenViolation<'_>], dead: usize) -> String {
    let mut sentences: Vec<String> = Vec::new();
    for (_, violation) in seen {
        let sentence = words::meaning(violation);
        if !sentences.contains(&sentence) && sentences.len() < IN_TITLE {
            sentences.push(sentence);
        }
    }
    let answered = seen
        .iter()
        .filter(|(_, violation)| violation.answer.is_some())
        .count();
    sentences.push(match (answered, dead) {
        (0, _) => "Nobody complained.".to_owned(),
        (_, 0) => "No RPC died of the error that answered it.".to_owned(),
        (_, dead) => format!(
            "{} died of the error that answered it. A retry sends the same again.",
            counted(dead, "RPC"),
        ),
    });
    sentences.join(" ")
}

fn advice(seen: &[SeenViolation<'_>]) -> Vec<String> {
    let mut advice: Vec<String> = Vec::new();
    for (record, violation) in seen {
        let text = words::advice(record, violation);
        if !advice.contains(&text) && advice.len() < IN_TITLE {
            advice.push(text);
        }
    }
    advice
}

#[cfg(test)]
mod tests;
