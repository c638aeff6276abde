//! `request-limit`: a server that takes a number of requests on a connection.

use super::server_view::{Case, Proof};
use super::{Check, Finding, Rule, Severity};
use crate::inspect::{Cause, ServerStack};
use crate::units::counted;

pub(super) const RULE: Rule = Rule {
    name: "request-limit",
    meaning: "a server ended connections because they had carried as many requests as it allows",
    evidence: "Last stream ids that are the same on every connection.",
    fixes: &[
        "nginx: keepalive_requests; each end of a connection costs the calls on their way a retry",
    ],
    check: Check::Server(check),
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let limit = case.inferred.requests_per_connection?;
    let mut proof = Proof::default();
    let mut connections = Vec::new();
    for finished in case.connections() {
        let record = &finished.record;
        let Some(goaway) = record.final_goaway() else {
            continue;
        };
        if case.inferred.cause(record.number) != Some(Cause::Requests) {
            continue;
        }
        connections.push(record.number);
        let last = goaway.last_stream_id;
        let text = format!(
            "conn {}: GOAWAY last_stream_id={last} NO_ERROR",
            record.number
        );
        proof.cite(Some(goaway.stamp), text);
    }
    let last = limit.value.mul_add(2.0, -1.0);
    Some(Finding {
        rule: RULE.name,
        severity: Severity::Info,
        confidence: limit.confidence,
        title: format!(
            "server {} takes {} requests on a connection: {} ended by that",
            case.server,
            limit.value,
            counted(connections.len(), "connection"),
        ),
        connections,
        rpcs: Vec::new(),
        evidence: proof.into_vec(),
        explanation: format!(
            "Each GOAWAY named the same last stream id, {last}, while requests were open. Clients \
             number their streams 1, 3, 5 …, so that this is request {} of the connection.",
            limit.value,
        ),
        advice: vec![if case.inferred.server_stack() == ServerStack::Nginx {
            format!(
                "nginx: raise keepalive_requests (now {}) far above what a connection carries in its \
                 life; each time it is reached, calls on their way are thrown away",
                limit.value,
            )
        } else {
            "Server: raise the number of requests a connection may carry (nginx: keepalive_requests; \
             Envoy: max_requests_per_connection)"
                .into()
        }],
        ruled_out: Vec::new(),
    })
}
