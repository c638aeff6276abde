//! `deadline-exceeded`: calls whose time ran out, and where it went.

use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, flow_control_stall};
use crate::capture::TimeDelta;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::{Processed, Rpc, Verdict};
use crate::units::{count, counted, duration, exact_duration, spread};

pub(super) const RULE: Rule = Rule {
    name: "deadline-exceeded",
    meaning: "RPCs were given up at their deadline, or it passed without an answer",
    evidence: "The HEADERS with grpc-timeout, and the RST_STREAM at its end or the silence until then.",
    fixes: &[
        "Find where the time went: the report tells windows, the way, the server and the transfer apart",
        "Raise the deadline only if the server's time is well spent",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

/// Where a call's time went, as far as the wire shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spent {
    /// Its sender waited before a window of flow control with no room.
    Window,
    /// The server's end had not acknowledged the whole request.
    OnTheWay,
    /// What either side sent was no longer acknowledged.
    Silence,
    /// The server's end had the request, and had not begun to answer.
    Server,
    /// No answer had begun, and whether the request had arrived was not captured.
    NotSeen,
    /// The answer had begun.
    Transfer,
    /// The answer was complete, and came too late or not at all.
    Delivery,
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|_, rpc| rpc.verdict == Verdict::DeadlineExceeded);
    if affected.is_empty() {
        return None;
    }
    let cancelled = calls(&affected)
        .filter(|(_, rpc)| rpc.error.is_some())
        .count();
    let total = server_view::count(&affected);
    Some(Finding {
        confidence: if cancelled == total {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
        title: format!(
            "{} to {} ran out of time: {}",
            counted(total, "RPC"),
            view.server,
            match (cancelled, total - cancelled) {
                (_, 0) => "given up by the client at the deadline".to_owned(),
                (0, _) => "the deadline passed without an answer".to_owned(),
                (some, rest) => format!(
                    "{} given up at the deadline, {} without an answer",
                    count(some),
                    count(rest)
                ),
            },
        ),
        evidence: evidence(&affected),
        explanation: explanation(&affected),
        advice: advice(&affected),
        ..server_view::finding(RULE.name, &affected)
    })
}

fn calls<'a>(affected: &Affected<'a>) -> impl Iterator<Item = (&'a ConnectionRecord, &'a Rpc)> {
    affected
        .iter()
        .flat_map(|(record, rpcs)| rpcs.iter().map(|rpc| (*record, *rpc)))
}

fn spent(record: &ConnectionRecord, rpc: &Rpc) -> Spent {
    let deadline = rpc.opened.zip(rpc.timeout);
    let deadline = deadline.map(|(opened, timeout)| opened.time + timeout.into());
    // A stall that had begun before the deadline and was not over by then.
    let silent = [record.ack_stalls.client, record.ack_stalls.server]
        .into_iter()
        .flatten()
        .any(|stall| {
            deadline
                .is_some_and(|deadline| stall.from.time < deadline && deadline <= stall.until.time)
        });
    match rpc.progress.request_received {
        _ if flow_control_stall::ended_in(record, rpc) => Spent::Window,
        Some(false) if !rpc.answer_begun => Spent::OnTheWay,
        _ if silent => Spent::Silence,
        _ if rpc.processed == Processed::Yes => Spent::Delivery,
        _ if rpc.answer_begun => Spent::Transfer,
        Some(_) => Spent::Server,
        None => Spent::NotSeen,
    }
}

fn evidence(affected: &Affected<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, rpc) in calls(affected) {
        let (number, stream) = (record.number, rpc.id.stream);
        let timeout = rpc
            .timeout
            .map_or_else(|| "?".to_owned(), |timeout| exact_duration(timeout.into()));
        let text = format!("stream {number}:{stream}: HEADERS with a timeout of {timeout}");
        evidence.cite(rpc.opened, text);
        if rpc.error.is_some() {
            let after = duration(rpc.duration().unwrap_or_default());
            let text =
                format!("stream {number}:{stream}: RST_STREAM CANCEL of the client {after} later");
            evidence.cite(rpc.ended, text);
        }
    }
    evidence.into_vec()
}

fn spent_so(affected: &Affected<'_>, of: Spent) -> usize {
    calls(affected)
        .filter(|(record, rpc)| spent(record, rpc) == of)
        .count()
}

fn explanation(affected: &Affected<'_>) -> String {
    let timeouts = calls(affected)
        .filter_map(|(_, rpc)| rpc.timeout)
        .map(TimeDelta::from);
    let mut text = format!(
        "When they were sent these calls had {} left. Where it went:",
        spread(timeouts).unwrap_or_default(),
    );
    for (of, meaning) in [
        (
            Spent::Window,
            "before a window of flow control with no room: DATA was due and could not be sent (see the \
             flow-control stall)",
        ),
        (
            Spent::OnTheWay,
            "on the way to the server: its end never acknowledged the whole of the request, so that nobody \
             can have answered it",
        ),
        (
            Spent::Silence,
            "on a connection that had fallen silent: what was sent was no longer acknowledged, so the \
             network, or a host that was gone, took the time; nobody could answer in it",
        ),
        (
            Spent::Server,
            "in the server, or behind it: its end had acknowledged the request, and no answer had begun",
        ),
        (
            Spent::NotSeen,
            "before any answer; whether the request had arrived was not captured",
        ),
        (
            Spent::Transfer,
            "in the midst of the answer: it had begun and was not complete",
        ),
        (
            Spent::Delivery,
            "the server answered to the end, but too late: it did the work",
        ),
    ] {
        let calls = spent_so(affected, of);
        if calls > 0 {
            text.push_str(&format!(" {} {meaning}.", count(calls)));
        }
    }
    text.push_str(
        " How long a call had waited in the client before it was sent is not on the wire.",
    );
    text
}

fn advice(affected: &Affected<'_>) -> Vec<String> {
    let advice = [
        (
            Spent::Window,
            "Flow control: find out who holds the window; the deadline is not to blame",
        ),
        (
            Spent::OnTheWay,
            "Network: find out why the requests did not arrive; the server is not to blame for these",
        ),
        (
            Spent::Silence,
            "Network: look for what blocked the way at that time; a keepalive shorter than the \
             deadline lets calls fail over sooner",
        ),
        (
            Spent::Server,
            "Server: look at what these methods wait for, or make the deadline longer than they take",
        ),
        (
            Spent::Transfer,
            "Transfer: look at the size of the answers, at flow control and at the rate at which the \
             client reads",
        ),
        (
            Spent::NotSeen,
            "Capture both directions to learn whether the requests arrived",
        ),
        (
            Spent::Delivery,
            "Client: do not retry these blindly; the server has done the work",
        ),
    ];
    let advice = advice.iter().filter(|(of, _)| spent_so(affected, *of) > 0);
    advice.map(|(_, advice)| (*advice).to_owned()).collect()
}
