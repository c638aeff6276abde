//! `max-age`: a server that ends connections at an age.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::inspect::peer::server::ServerStack;
use crate::inspect::peer::settings::{self, ServerSetting};
use crate::inspect::server::goaway_cause::Cause;
use crate::units::{counted, duration, exact_seconds};

pub(super) const RULE: Rule = Rule {
    name: "max-age",
    meaning: "a server ended connections because they had reached an age",
    evidence: "GOAWAYs at the same age of their connections, within ten per cent, or that say so.",
    fixes: &[
        "Nothing, if the grace is longer than the slowest call",
        "By stack: grpc-go: MaxConnectionAge; grpc-java: maxConnectionAge; C-core, grpc-js: grpc.max_connection_age_ms; tonic: max_connection_age; nginx: keepalive_time; Envoy: max_connection_duration",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let age = view.inferred.max_connection_age?;
    let mut evidence = EvidenceList::default();
    let mut connections = Vec::new();
    for finished in view.connections() {
        let record = &finished.record;
        let Some(first_goaway) = record.first_goaway() else {
            continue;
        };
        if view.inferred.cause(record.number) != Some(Cause::Age) {
            continue;
        }
        connections.push(record.number);
        let number = record.number;
        let old = record
            .opened
            .map(|opened| first_goaway.stamp.time - opened.time);
        let said = record
            .server_goaways()
            .any(|goaway| *goaway.debug_data == *b"max_age");
        let mut text = match old {
            Some(age) => format!("conn {number}: GOAWAY at an age of {}", duration(age)),
            None => format!("conn {number}: GOAWAY"),
        };
        if said {
            text.push_str(", its debug data says max_age");
        }
        evidence.cite(Some(first_goaway.stamp), text);
    }
    let stack = view.inferred.server_stack();
    let jitter = if stack.spreads_ages() || stack == ServerStack::Other {
        " with its jitter of 10 % (gRFC A9)"
    } else {
        ""
    };
    let mut explanation = format!(
        "The GOAWAYs came at ages that one setting explains{jitter}: {} = {}; anything from {} to {} fits.",
        settings::name_or_term(stack, ServerSetting::Age),
        exact_seconds(age.value),
        exact_seconds(age.min),
        exact_seconds(age.max),
    );
    if let Some(grace) = view.inferred.max_connection_age_grace {
        explanation.push_str(&format!(
            " Calls still open {} later were cut: {}.",
            exact_seconds(grace.value),
            settings::grace(stack, false),
        ));
    }
    Some(Finding {
        severity: Severity::Info,
        confidence: age.confidence,
        title: format!(
            "server {} ends connections at an age of {}: {} so far",
            view.server,
            exact_seconds(age.value),
            counted(connections.len(), "connection"),
        ),
        connections,
        evidence: evidence.into_vec(),
        explanation,
        advice: vec![
            "Nothing to do, if connections are meant to be spread anew from time to time; else make \
             the age longer, and the grace longer than the slowest call"
                .into(),
        ],
        ..Finding::of_rule(RULE.name)
    })
}
