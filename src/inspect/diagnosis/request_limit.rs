//! `request-limit`: a server that takes a number of requests on a connection.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::inspect::peer::settings::{self, ServerSetting};
use crate::inspect::server::goaway_cause::Cause;
use crate::units::counted;

pub(super) const RULE: Rule = Rule {
    name: "request-limit",
    meaning: "a server ended connections because they had carried as many requests as it allows",
    evidence: "Last stream ids, or numbers of requests before GOAWAY 2^31-1, that are the same on every connection.",
    fixes: &[
        "nginx: keepalive_requests, Envoy: max_requests_per_connection; each end of a connection costs the calls on their way a retry",
        "By stack: nginx: keepalive_requests; Envoy: max_requests_per_connection",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let limit = view.inferred.requests_per_connection?;
    let mut evidence = EvidenceList::default();
    let mut connections = Vec::new();
    for finished in view.connections() {
        let record = &finished.record;
        let Some(goaway) = record.final_goaway() else {
            continue;
        };
        if view.inferred.cause(record.number) != Some(Cause::Requests) {
            continue;
        }
        connections.push(record.number);
        let last = goaway.last_stream_id;
        let text = format!(
            "conn {}: GOAWAY last_stream_id={last} NO_ERROR",
            record.number
        );
        evidence.cite(Some(goaway.stamp), text);
    }
    let named = limit.min.to_bits() == limit.max.to_bits();
    let last = limit.value.mul_add(2.0, -1.0);
    Some(Finding {
        severity: Severity::Info,
        confidence: limit.confidence,
        title: format!(
            "server {} takes {} requests on a connection: {} ended by that",
            view.server,
            limit.value,
            counted(connections.len(), "connection"),
        ),
        connections,
        evidence: evidence.into_vec(),
        explanation: if named {
            format!(
                "Each GOAWAY named the same last stream id, {last}, while requests were open. Clients \
                 number their streams 1, 3, 5 …, so that this is request {} of the connection.",
                limit.value,
            )
        } else {
            format!(
                "Each GOAWAY came when the server had received the same number of requests on its \
                 connection, {} to {}, at ages that differ more than that.",
                limit.min, limit.max,
            )
        },
        advice: vec![format!(
            "Server: raise {} (now {}) far above what a connection carries in its life; each time it is \
             reached, calls on their way may have to be repeated",
            settings::name_or_term(view.inferred.server_stack(), ServerSetting::Requests),
            limit.value,
        )],
        ..Finding::of_rule(RULE.name)
    })
}
