//! `single-goaway`: a server that names its last stream id without a round trip's warning.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::decode::http2::ErrorCode;
use crate::inspect::peer::settings;
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
        let answers = goaway.after_end || record.goaway_answers_client();
        if goaway.error != ErrorCode::NO_ERROR || answers {
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
        advice: vec![settings::warn_first(view.inferred.server_stack())],
        ..Finding::of_rule(RULE.name)
    })
}
