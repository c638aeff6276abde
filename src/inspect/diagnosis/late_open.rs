//! `late-open`: streams opened long after the client's kernel had the GOAWAY.

use super::server_view::{self, EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::capture::TimeDelta;
use crate::units::{counted, duration, exact_duration};

/// Beyond this a client is late by itself. Honest clients under load open streams up
/// to 44 ms after the GOAWAY reached their kernel, with bytes held back in the socket.
const LATE: TimeDelta = TimeDelta::from_millis(100);

pub(super) const RULE: Rule = Rule {
    name: "late-open",
    meaning: "RPCs were opened over 100 ms after the client's kernel had received the GOAWAY",
    evidence: "The first client segment that acknowledges the whole GOAWAY, and the HEADERS that left over 100 ms later.",
    fixes: &[
        "Upgrade the client library",
        "Look for stalls of the client: garbage collection, CPU limits",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|_, rpc| rpc.late_by.is_some_and(|late_by| late_by > LATE));
    if affected.is_empty() {
        return None;
    }
    let rpcs = || server_view::rpcs(&affected);
    let latest = rpcs()
        .filter_map(|rpc| rpc.late_by)
        .max()
        .unwrap_or_default();
    let mut evidence = EvidenceList::default();
    for (record, rpcs) in &affected {
        if let Some(received) = record.final_goaway().and_then(|goaway| goaway.received) {
            let text = format!(
                "conn {}: the client acknowledges the whole GOAWAY",
                record.number
            );
            evidence.cite(Some(received), text);
        }
        if let Some(rpc) = rpcs.iter().max_by_key(|rpc| rpc.late_by) {
            let late = duration(rpc.late_by.unwrap_or_default());
            let text = format!(
                "stream {}:{} opened {late} later",
                record.number, rpc.id.stream
            );
            evidence.cite(rpc.opened, text);
        }
    }
    let count = server_view::count(&affected);
    Some(Finding {
        severity: Severity::Warning,
        title: format!(
            "clients of {} opened {} up to {} after they had received the GOAWAY",
            view.server,
            counted(count, "stream"),
            duration(latest),
        ),
        evidence: evidence.into_vec(),
        explanation: format!(
            "A client that has received GOAWAY must not open streams (RFC 9113, section 6.8). The \
             segments that carried these HEADERS acknowledge the whole GOAWAY, which their kernel \
             had had for {} or more: longer than a busy client takes to read it.",
            exact_duration(LATE),
        ),
        advice: vec![
            "Client: look for a library that ignores GOAWAY, or a process that stalls (garbage \
             collection, CPU limits) before it reads its sockets"
                .into(),
        ],
        ..server_view::finding(RULE.name, &affected)
    })
}
