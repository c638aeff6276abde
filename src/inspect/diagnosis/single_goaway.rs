//! `single-goaway`: a server that names its last stream id without a round trip's warning.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::decode::http2::ErrorCode;
use crate::inspect::peer::server::ServerStack;
use crate::inspect::peer::settings::{self, ServerSetting};
use crate::units::counted;

pub(super) const RULE: Rule = Rule {
    name: "single-goaway",
    meaning: "a server announced its final last stream id with NO_ERROR, without a GOAWAY 2^31-1 at \
              least a round trip before",
    evidence: "The GOAWAY with the real last stream id, and that no 2^31-1 came a round trip before.",
    fixes: &[
        "Drain with two GOAWAYs a round trip apart where the server can",
        "nginx and Go net/http cannot: end connections less often",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let mut evidence = EvidenceList::default();
    let mut connections = Vec::new();
    let mut announced = false;
    for connection in view.connections() {
        let record = &connection.record;
        let unwarned = record.warned == Some(false);
        let Some(goaway) = record.final_goaway().filter(|_| unwarned) else {
            continue;
        };
        if goaway.error != ErrorCode::NO_ERROR || record.goaway_answers_client() {
            continue;
        }
        announced |= record
            .server_goaways()
            .any(|goaway| goaway.is_announcement());
        connections.push(record.number);
        let (number, last) = (record.number, goaway.last_stream_id);
        let text = format!("conn {number}: GOAWAY last_stream_id={last}, not announced before");
        evidence.cite(Some(goaway.stamp), text);
    }
    if connections.is_empty() {
        return None;
    }
    let how = if announced {
        "sent GOAWAY 2^31-1 and the real last stream id without a round trip between them"
    } else {
        "sent the real last stream id at once, without GOAWAY 2^31-1 before"
    };
    Some(Finding {
        severity: Severity::Warning,
        title: format!(
            "server {} gave no warning before GOAWAY on {}",
            view.server,
            counted(connections.len(), "connection"),
        ),
        connections,
        evidence: evidence.into_vec(),
        explanation: format!(
            "The server {how}. Whatever the client sends within that round trip is above the last \
             stream id and thrown away. RFC 9113, section 6.8 asks for the warning first."
        ),
        advice: vec![advice(view.inferred.server_stack())],
        ..Finding::of_rule(RULE.name)
    })
}

/// Which servers can announce the end, and what else there is to set in those that cannot.
fn advice(stack: ServerStack) -> String {
    let settings = [
        ServerSetting::Requests,
        ServerSetting::Age,
        ServerSetting::Idle,
    ];
    let names: Vec<_> = settings
        .into_iter()
        .filter_map(|setting| settings::name(stack, setting))
        .collect();
    match stack {
        ServerStack::Nginx
        | ServerStack::NetHttp
        | ServerStack::Caddy
        | ServerStack::HaProxy
        | ServerStack::Httpd
        | ServerStack::Alb => format!(
            "Server: it cannot announce the end; end connections less often ({})",
            names.join(", "),
        ),
        ServerStack::Node => {
            "Server: announce the end: session.goaway(0, 2**31 - 1) first, session.close() a round trip \
             later"
                .into()
        }
        ServerStack::GrpcGo
        | ServerStack::GrpcJava
        | ServerStack::GrpcJs
        | ServerStack::Core
        | ServerStack::Rust
        | ServerStack::Kestrel
        | ServerStack::Envoy
        | ServerStack::Other => {
            "Server: drain with two GOAWAYs a round trip apart; where it cannot, end connections less often"
                .into()
        }
    }
}
