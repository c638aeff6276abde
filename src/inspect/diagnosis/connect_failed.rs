//! `connect-failed`: connects to a server of HTTP/2 that came to nothing.

use super::outage;
use super::server_view::{EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::{Direction, Transport};
use crate::inspect::connection::record::ConnectionRecord;
use crate::units::{count, counted, duration};

/// How long a SYN must have gone unanswered: the time after which it is first
/// repeated (RFC 6298, section 2.1). A younger one may still be answered after the capture ends.
const UNANSWERED_AFTER: TimeDelta = TimeDelta::from_secs(1);

/// A refusal this long after a server closed a connection is reported together with it.
const AFTER_CLOSE: TimeDelta = TimeDelta::from_secs(60);

pub(super) const RULE: Rule = Rule {
    name: "connect-failed",
    meaning: "connects to a server known to speak HTTP/2 were refused or never answered",
    evidence: "The SYN, and the RST that refused it or the SYNs that nobody answered.",
    fixes: &[
        "Check that the server listens: rollout, readiness, port, firewall",
        "grpc: WaitForReady and backoff for calls that may wait",
        "By stack: grpc-java: withWaitForReady; C-core, Python: wait_for_ready; grpc-js: waitForReady; tonic: connect_lazy with retries above it",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

/// How a connect came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The server's kernel answered with RST.
    Refused(Stamp),
    /// Nothing came back.
    Unanswered,
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let lost = outage::lost(view);
    let records = || view.connections().map(|finished| &finished.record);
    // Where what the server sends is not captured, a SYN may have been answered.
    let one_way = records().any(|record| record.uncaptured() == Some(Direction::ServerToClient));
    let affected: Vec<_> = records()
        .filter_map(|record| Some((record, failure(record, view.capture_end)?)))
        .filter(|(record, failure)| {
            let explained = || one_way || lost.explain(record);
            *failure != Failure::Unanswered || !explained()
        })
        .collect();
    if affected.is_empty() {
        return None;
    }
    let refused = affected
        .iter()
        .filter(|(_, failure)| *failure != Failure::Unanswered)
        .count();
    let what = match (refused, affected.len() - refused) {
        (_, 0) => "refused".to_owned(),
        (0, _) => "never answered".to_owned(),
        (refused, unanswered) => {
            format!(
                "came to nothing, {} refused, {} not answered",
                count(refused),
                count(unanswered)
            )
        }
    };
    let verb = match (refused, affected.len()) {
        (refused, count) if refused > 0 && refused < count => "",
        (_, 1) => "was ",
        _ => "were ",
    };
    Some(Finding {
        title: format!(
            "{} to {} {verb}{what}",
            counted(affected.len(), "connect"),
            view.server
        ),
        connections: affected.iter().map(|(record, _)| record.number).collect(),
        evidence: evidence(&affected),
        explanation: explanation(view, &affected, refused),
        advice: advice(refused, affected.len() - refused),
        ..Finding::of_rule(RULE.name)
    })
}

fn failure(record: &ConnectionRecord, capture_end: Option<Timestamp>) -> Option<Failure> {
    if record.transport != Transport::None {
        return None;
    }
    if let Some(stamp) = record.refused() {
        return Some(Failure::Refused(stamp));
    }
    let end = record.close.map(|close| close.stamp.time).or(capture_end)?;
    let waited = end - record.opened?.time;
    (waited >= UNANSWERED_AFTER).then_some(Failure::Unanswered)
}

fn evidence(affected: &[(&ConnectionRecord, Failure)]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, failure) in affected {
        let number = record.number;
        match failure {
            Failure::Refused(stamp) => {
                let text = format!("conn {number}: RST of the server in answer to the SYN");
                evidence.cite(Some(*stamp), text);
            }
            Failure::Unanswered => {
                let repeated = match record.network.retransmissions() {
                    0 => String::new(),
                    times => format!(" (repeated {})", counted(times, "time")),
                };
                let text = format!("conn {number}: SYN{repeated}, no answer");
                evidence.cite(record.opened, text);
            }
        }
    }
    evidence.into_vec()
}

fn explanation(
    view: &ServerView<'_>,
    affected: &[(&ConnectionRecord, Failure)],
    refused: usize,
) -> String {
    let mut text = String::new();
    if refused > 0 {
        text.push_str(
            "A refusal comes from a host on which nothing listens at that port: the server was not \
             running then, or something before it rejects. ",
        );
    }
    if refused < affected.len() {
        text.push_str(
            "No answer at all means that the host is gone, or that something on the way drops packets. ",
        );
    }
    let opened = || affected.iter().filter_map(|(record, _)| record.opened);
    if let (Some(first), Some(last)) = (opened().min(), opened().max()) {
        if affected.len() > 1 {
            text.push_str(&format!(
                "The first and the last were {} apart. ",
                duration(last.time - first.time),
            ));
        }
        if let Some((number, close)) = closed_before(view, first) {
            let after = duration(first.time - close.time);
            text.push_str(&format!(
                "The first came {after} after the server's end had closed conn {number}: the server \
                 had stopped. ",
            ));
        }
        if let Some(next) = accepted_after(view, last) {
            let after = duration(next.time - first.time);
            text.push_str(&format!(
                "A connect {after} after the first was accepted again. "
            ));
        }
    }
    text.push_str(
        "Calls that failed because of this never reached the wire: the capture shows none of them, and \
         none of them ran.",
    );
    text
}

/// The connection that the server's end closed last before a moment.
fn closed_before(view: &ServerView<'_>, moment: Stamp) -> Option<(u32, Stamp)> {
    let records = view.connections().map(|finished| &finished.record);
    let closes = records.filter_map(|record| {
        let close = record.close?;
        let ended = record.transport != Transport::None && close.by == Direction::ServerToClient;
        ended.then_some((record.number, close.stamp))
    });
    let before = closes.filter(|(_, close)| {
        let after = moment.time - close.time;
        (TimeDelta::ZERO..=AFTER_CLOSE).contains(&after)
    });
    before.max_by_key(|(_, close)| *close)
}

/// The first connect after a moment that was not in vain.
fn accepted_after(view: &ServerView<'_>, moment: Stamp) -> Option<Stamp> {
    let records = view.connections().map(|finished| &finished.record);
    let accepted = records.filter(|record| record.transport != Transport::None);
    let opened = accepted.filter_map(|record| record.opened);
    opened.filter(|opened| *opened > moment).min()
}

fn advice(refused: usize, unanswered: usize) -> Vec<String> {
    let mut advice = Vec::new();
    if refused > 0 {
        advice.push(
            "Server: keep another instance serving while one restarts (rolling update with readiness \
             checks; Kubernetes: take the pod out of its service before it stops listening)"
                .into(),
        );
    }
    if unanswered > 0 {
        advice.push(
            "Network: check routes, firewalls and security groups between the two, and whether the \
             host was up"
                .into(),
        );
    }
    advice.push(
        "Client: let calls wait for a connection (grpc: wait-for-ready) and give them a deadline; \
         these failures are safe to retry"
            .into(),
    );
    advice
}
