//! `grace-expired`: accepted calls cut by the close that followed a graceful GOAWAY.

use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says};
use crate::decode::tcp::Ending;
use crate::inspect::peer::server::ServerStack;
use crate::inspect::server::goaway_cause::Cause;
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::units::{counted, duration, exact_seconds, spread, was};

pub(super) const RULE: Rule = Rule {
    name: "grace-expired",
    meaning: "accepted RPCs were cut by the close that followed a graceful GOAWAY",
    evidence: "The graceful GOAWAY, and the server's close while accepted RPCs were unanswered.",
    fixes: &[
        "grpc-go: MaxConnectionAgeGrace above the slowest call",
        "Retry only what is idempotent: these calls may have run",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|record, rpc| {
        rpc.verdict == Verdict::CutByClose && record.closed_after_grace().is_some()
    });
    if affected.is_empty() {
        return None;
    }
    let count = server_view::count(&affected);
    Some(Finding {
        title: format!(
            "server {} closed {} on {} it had accepted",
            view.server,
            counted(affected.len(), "connection"),
            counted(count, "RPC"),
        ),
        evidence: evidence(&affected),
        explanation: explanation(&affected),
        advice: advice(view, &affected),
        ..server_view::finding(RULE.name, &affected)
    })
}

fn evidence(affected: &Affected<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, rpcs) in affected {
        let Some((goaway, closed)) = record.closed_after_grace() else {
            continue;
        };
        let number = record.number;
        let last = goaway.last_stream_id;
        evidence.cite(
            Some(goaway.stamp),
            format!("conn {number}: GOAWAY last_stream_id={last} NO_ERROR"),
        );
        let how = match record.close.map(|close| close.ending) {
            Some(Ending::Rst) => "RST",
            _ => "FIN",
        };
        let waited = duration(closed.time - goaway.stamp.time);
        let cut = counted(rpcs.len(), "RPC");
        let text = format!("conn {number}: {how} of the server {waited} later, {cut} unanswered");
        evidence.cite(Some(closed), text);
    }
    evidence.into_vec()
}

fn explanation(affected: &Affected<'_>) -> String {
    let graces: Vec<_> = affected
        .iter()
        .filter_map(|(record, _)| record.closed_after_grace())
        .map(|(goaway, closed)| closed.time - goaway.stamp.time)
        .collect();
    let ages: Vec<_> = affected
        .iter()
        .filter_map(|(record, _)| {
            let (goaway, _) = record.closed_after_grace()?;
            Some(goaway.stamp.time - record.opened?.time)
        })
        .collect();
    let mut text = String::new();
    let who = match affected.len() {
        1 => "The connection".to_owned(),
        2 => "Both connections".to_owned(),
        many => format!("All {}", counted(many, "connection")),
    };
    text.push_str(&format!("{who} got GOAWAY"));
    if ages.len() == affected.len()
        && let Some(ages) = spread(ages)
    {
        text.push_str(&format!(" at an age of {ages}"));
    }
    text.push_str(&format!(
        " and {} closed {} later, while calls that the server had accepted were still \
         unanswered: the grace period ran out. These calls may have run, in part or to the end.",
        was(affected.len()),
        spread(graces).unwrap_or_default(),
    ));
    text
}

fn advice(view: &ServerView<'_>, affected: &Affected<'_>) -> Vec<String> {
    let slowest = server_view::rpcs(affected).filter_map(Rpc::duration);
    let slowest = slowest.max().unwrap_or_default();
    let stopped = affected
        .iter()
        .all(|(record, _)| view.inferred.cause(record.number) == Some(Cause::Stop));
    let grace = match view.inferred.max_connection_age_grace {
        Some(grace) => format!(", {} now,", exact_seconds(grace.value)),
        None => String::new(),
    };
    let setting = if stopped {
        "the time between its graceful stop and its end (Kubernetes: terminationGracePeriodSeconds)"
    } else {
        match view.inferred.server_stack() {
            ServerStack::GrpcGo => "keepalive.ServerParameters.MaxConnectionAgeGrace",
            ServerStack::GrpcJava => "maxConnectionAgeGrace",
            ServerStack::GrpcJs => "grpc.max_connection_age_grace_ms",
            _ => "the grace (grpc-go: MaxConnectionAgeGrace)",
        }
    };
    vec![
        format!(
            "Server: make {setting}{grace} longer than the slowest call (these had waited up to {} \
             unanswered), or let connections live longer",
            duration(slowest),
        ),
        "Client: do not retry these blindly; the server may have done the work".into(),
    ]
}
