//! `late-open`: streams opened long after the client's kernel had a GOAWAY.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::inspect::connection::late_opens::LATE;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::CallId;
use crate::units::{counted, duration, exact_duration};

pub(super) const RULE: Rule = Rule {
    name: "late-open",
    meaning: "RPCs were opened over 100 ms after the client's kernel had received a GOAWAY, be it the \
              first that only announces the end",
    evidence: "The first client segment that acknowledges the whole GOAWAY, and the HEADERS that left over 100 ms later.",
    fixes: &[
        "Upgrade the client library",
        "Look for stalls of the client: garbage collection, CPU limits",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let records = view.connections().map(|finished| &finished.record);
    let affected: Vec<_> = records
        .filter(|record| record.late_opens.count > 0)
        .collect();
    let late = || affected.iter().map(|record| &record.late_opens);
    let latest = late().filter_map(|late| late.latest).map(|one| one.late_by);
    let latest = latest.max()?;
    let count: u64 = late().map(|late| late.count).sum();
    let mut advice = vec![
        "Client: look for a library that ignores GOAWAY, or a process that stalls (garbage \
         collection, CPU limits) before it reads its sockets"
            .to_owned(),
    ];
    if affected.iter().any(|record| only_announced(record)) {
        advice.push(
            "Client: the first GOAWAY, 2^31-1, already says that the connection ends: open what is new \
             on another connection from then on, and let only what is open end on this one"
                .into(),
        );
    }
    Some(Finding {
        severity: Severity::Warning,
        title: format!(
            "clients of {} opened {} up to {} after they had received the GOAWAY",
            view.server,
            counted(count, "stream"),
            duration(latest),
        ),
        connections: affected.iter().map(|record| record.number).collect(),
        rpcs: affected.iter().flat_map(|record| calls(record)).collect(),
        evidence: evidence(&affected),
        explanation: explanation(&affected),
        advice,
        ..Finding::of_rule(RULE.name)
    })
}

fn calls(record: &ConnectionRecord) -> impl Iterator<Item = CallId> {
    let connection = record.number;
    let streams = record.late_opens.streams.iter();
    streams.map(move |stream| CallId {
        connection,
        stream: *stream,
    })
}

/// Whether the GOAWAY that the client had was the one that only announces another.
fn only_announced(record: &ConnectionRecord) -> bool {
    let mut goaways = record.server_goaways();
    goaways.next().is_some_and(|first| first.is_announcement())
}

fn evidence(affected: &[&ConnectionRecord]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for record in affected {
        let (number, late) = (record.number, &record.late_opens);
        let what = if only_announced(record) {
            "the whole GOAWAY 2^31-1"
        } else {
            "the whole GOAWAY"
        };
        let text = format!("conn {number}: the client acknowledges {what}");
        evidence.cite(Some(late.received), text);
        if let Some(latest) = late.latest {
            let text = format!(
                "stream {number}:{} opened {} later",
                latest.stream,
                duration(latest.late_by),
            );
            evidence.cite(Some(latest.opened), text);
        }
    }
    evidence.into_vec()
}

fn explanation(affected: &[&ConnectionRecord]) -> String {
    let mut text = format!(
        "A client that has received GOAWAY must not open streams (RFC 9113, section 6.8). The \
         segments that carried these HEADERS acknowledge the whole GOAWAY, which their kernel \
         had had for {} or more: longer than a busy client takes to read it.",
        exact_duration(LATE),
    );
    if affected.iter().any(|record| only_announced(record)) {
        text.push_str(
            " That holds for GOAWAY 2^31-1 too: what is opened after it is served only until the final \
             GOAWAY, which does not wait for a client that goes on.",
        );
    }
    text
}
