//! `idle-close`: a server that ends connections on which nothing has been open for a while.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::inspect::peer::settings::{self, ServerSetting};
use crate::inspect::server::goaway_cause::Cause;
use crate::units::{counted, duration, exact_seconds};

pub(super) const RULE: Rule = Rule {
    name: "idle-close",
    meaning: "a server ended connections because no stream had been open on them for a while",
    evidence: "GOAWAYs that came the same time after the last stream had ended.",
    fixes: &[
        "Nothing, if clients reconnect in time; else raise the server's idle timeout (grpc-go: MaxConnectionIdle; nginx: keepalive_timeout)",
        "By stack: grpc-java: maxConnectionIdle; C-core, grpc-js: grpc.max_connection_idle_ms; net/http: IdleTimeout; Envoy: idle_timeout; HAProxy: timeout http-keep-alive",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let idle = view.inferred.max_connection_idle?;
    let mut evidence = EvidenceList::default();
    let mut connections = Vec::new();
    for finished in view.connections() {
        let record = &finished.record;
        let Some(first_goaway) = record.first_goaway() else {
            continue;
        };
        if view.inferred.cause(record.number) != Some(Cause::Idle) {
            continue;
        }
        connections.push(record.number);
        let text = match first_goaway.idle {
            Some(idle) => format!(
                "conn {}: GOAWAY {} after the last stream had ended",
                record.number,
                duration(idle),
            ),
            None => format!(
                "conn {}: GOAWAY, its debug data says max_idle",
                record.number
            ),
        };
        evidence.cite(Some(first_goaway.stamp), text);
    }
    let setting = settings::name_or_term(view.inferred.server_stack(), ServerSetting::Idle);
    Some(Finding {
        severity: Severity::Info,
        confidence: idle.confidence,
        title: format!(
            "server {} ends connections that are idle for {}: {} so far",
            view.server,
            exact_seconds(idle.value),
            counted(connections.len(), "connection"),
        ),
        connections,
        evidence: evidence.into_vec(),
        explanation: format!(
            "Each GOAWAY came the same time after the last stream had ended, {} to {}, with none \
             open: that is {setting} at work.",
            exact_seconds(idle.min),
            exact_seconds(idle.max),
        ),
        advice: vec![format!(
            "Nothing to do, unless calls that come just then matter: then make {setting} longer than the \
             pauses between calls"
        )],
        ..Finding::of_rule(RULE.name)
    })
}
