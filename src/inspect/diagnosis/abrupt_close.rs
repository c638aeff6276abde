//! `abrupt-close`: a connection that ended under its calls without any GOAWAY.

use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, keepalive_timeout};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::Direction;
use crate::decode::tcp::Ending;
use crate::inspect::connection::record::{Close, ConnectionRecord};
use crate::inspect::peer::settings;
use crate::inspect::stream::rpc::Verdict;
use crate::units::{count, counted, exact_duration};

/// Closes within this time are one event.
const AT_ONCE: TimeDelta = TimeDelta::from_secs(1);

pub(super) const RULE: Rule = Rule {
    name: "abrupt-close",
    meaning: "a connection with RPCs in flight was closed or reset without any GOAWAY",
    evidence: "The FIN or RST that ended the connection, the RPCs unanswered then, and that no GOAWAY came before.",
    fixes: &[
        "grpc-go: GracefulStop instead of Stop; Kubernetes: handle SIGTERM, preStop and terminationGracePeriodSeconds",
        "Look for crashes, kills and rollouts at that moment",
        "Retry only what is idempotent: without a last stream id any call may have run",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|record, rpc| {
        // A side that no longer received anything from the other is for `keepalive-timeout`.
        rpc.verdict == Verdict::CutByClose
            && record.goaways.is_empty()
            && keepalive_timeout::timed_out(record).is_none()
    });
    if affected.is_empty() {
        return None;
    }
    let complete = affected
        .iter()
        .all(|(record, _)| record.missing.losses == 0);
    Some(Finding {
        confidence: if complete {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
        title: format!(
            "{} to {} ended without GOAWAY, with {} in flight",
            counted(affected.len(), "connection"),
            view.server,
            counted(server_view::count(&affected), "RPC"),
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
        let Some(close) = record.close else { continue };
        let text = format!(
            "conn {}: {} of the {}, {} unanswered, no GOAWAY before",
            record.number,
            how(close),
            close.by.sender(),
            counted(rpcs.len(), "RPC"),
        );
        evidence.cite(Some(close.stamp), text);
    }
    evidence.into_vec()
}

const fn how(close: Close) -> &'static str {
    match close.ending {
        Ending::Fin => "FIN",
        Ending::Rst => "RST",
    }
}

fn closed_by(affected: &Affected<'_>, by: Direction) -> usize {
    let closed = |record: &ConnectionRecord| record.close.is_some_and(|close| close.by == by);
    affected.iter().filter(|(record, _)| closed(record)).count()
}

fn explanation(affected: &Affected<'_>) -> String {
    let by_server = closed_by(affected, Direction::ServerToClient);
    let by_client = closed_by(affected, Direction::ClientToServer);
    let mut text = match (by_server, by_client) {
        (_, 0) => "The server's end closed without a word of HTTP/2: it was stopped, killed or \
                   crashed, or something between the two closed in its name."
            .to_owned(),
        (0, _) => "The client's end closed while its own calls were in flight: it was stopped, or \
                   gave up the connection."
            .to_owned(),
        _ => format!(
            "The server's end closed {}, the client's end {}, without a word of HTTP/2.",
            counted(by_server, "connection"),
            counted(by_client, "connection"),
        ),
    };
    if let Some(together) = at_once(affected) {
        text.push_str(&format!(
            " {} of them were closed within {}: the server as a whole went, as in a rollout or a \
             kill.",
            count(together),
            exact_duration(AT_ONCE),
        ));
    }
    text.push_str(" Without a last stream id every call in flight may have run.");
    text
}

/// How many connections the server's end closed at the same moment, if several.
fn at_once(affected: &Affected<'_>) -> Option<usize> {
    let closes = affected.iter().filter_map(|(record, _)| record.close);
    let by_server = closes.filter(|close| close.by == Direction::ServerToClient);
    let moments: Vec<_> = by_server.map(|close| close.stamp.time).collect();
    let together = |moment: &Timestamp| {
        let near = |other: &&Timestamp| (**other - *moment).abs() <= AT_ONCE;
        moments.iter().filter(near).count()
    };
    let most = moments.iter().map(together).max();
    most.filter(|count| *count > 1)
}

fn advice(view: &ServerView<'_>, affected: &Affected<'_>) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(age) = view.inferred.silent_age {
        advice.push(settings::silent_age(age.value));
    }
    let by_server = |ending| {
        affected.iter().any(|(record, _)| {
            let close = record.close;
            close.is_some_and(|close| {
                close.by == Direction::ServerToClient && close.ending == ending
            })
        })
    };
    let graceful = settings::graceful_stop(view.inferred.server_stack());
    if by_server(Ending::Fin) && view.inferred.silent_age.is_none() {
        advice.push(format!(
            "Server: shut down gracefully: {graceful}; in Kubernetes handle SIGTERM, and give preStop \
             and terminationGracePeriodSeconds time for the slowest call"
        ));
    }
    if by_server(Ending::Rst) {
        advice.push(
            "Server: RST without FIN is how a process goes that crashes or is killed, or a middlebox \
             that forgot the connection: look for crashes, kills (out of memory, SIGKILL after the \
             grace period) and idle timeouts at that time"
                .into(),
        );
    }
    advice.push("Client: retry these only if they are idempotent".into());
    advice
}
