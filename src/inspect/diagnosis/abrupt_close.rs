//! `abrupt-close`: a connection that ended under its calls, and no other rule says why.

use super::network::{self, ForeignReset};
use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, flow_control_stall};
use crate::capture::TimeDelta;
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::decode::tcp::Ending;
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::peer::server::ServerStack;
use crate::inspect::peer::settings;
use crate::inspect::server::silent_age;
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::units::{count, counted, duration, exact_duration, spread, was};

/// Closes within this time are one event.
const AT_ONCE: TimeDelta = TimeDelta::from_secs(1);

pub(super) const RULE: Rule = Rule {
    name: "abrupt-close",
    meaning: "a connection with RPCs in flight was closed or reset without any GOAWAY",
    evidence: "The FIN or RST that ended the connection, the RPCs unanswered then, and that no GOAWAY came before.",
    fixes: &[
        "grpc-go: GracefulStop instead of Stop; Kubernetes: handle SIGTERM, preStop and terminationGracePeriodSeconds",
        "Look for crashes, kills and rollouts at that moment",
        "tonic: leave max_connection_age_grace unset; with it, connections end without GOAWAY",
        "Retry only what is idempotent: without a last stream id any call may have run",
        "By stack: grpc-java: shutdown before shutdownNow; C-core: stop with a grace; grpc-js: tryShutdown; tonic: serve_with_shutdown; net/http: Shutdown instead of Close; Node: session.close()",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|_, rpc| rpc.verdict == Verdict::CutByClose);
    if affected.is_empty() {
        return None;
    }
    let complete = affected
        .iter()
        .all(|(record, _)| record.missing.losses == 0);
    let unannounced = affected
        .iter()
        .all(|(record, _)| goaway_before(record).is_none());
    let calls = counted(server_view::count(&affected), "RPC");
    let connections = counted(affected.len(), "connection");
    Some(Finding {
        confidence: if complete {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
        title: match unannounced {
            true => format!(
                "{connections} to {} ended without GOAWAY, with {calls} in flight",
                view.server
            ),
            false => format!(
                "{connections} to {} {} closed with {calls} in flight",
                view.server,
                was(affected.len()),
            ),
        },
        evidence: evidence(&affected),
        explanation: explanation(view, &affected),
        advice: advice(view, &affected),
        ..server_view::finding(RULE.name, &affected)
    })
}

/// The first GOAWAY that came before the close, whoever sent it. One that answers the close, or comes after it,
/// announced nothing.
pub(super) fn goaway_before(record: &ConnectionRecord) -> Option<&GoAway> {
    let close = record.close?;
    let mut goaways = record.goaways.iter();
    goaways.find(|goaway| goaway.stamp <= close.stamp)
}

fn evidence(affected: &Affected<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, rpcs) in affected {
        let Some(close) = record.close else { continue };
        let number = record.number;
        let goaway = goaway_before(record);
        if let Some(goaway) = goaway {
            let text = format!(
                "conn {number}: GOAWAY last_stream_id={} {} of the {}",
                goaway.last_stream_id,
                goaway.error,
                goaway.from.sender(),
            );
            evidence.cite(Some(goaway.stamp), text);
        }
        let before = match goaway {
            Some(goaway) => format!(
                "{} after that",
                duration(close.stamp.time - goaway.stamp.time)
            ),
            None => "no GOAWAY before".to_owned(),
        };
        let text = format!(
            "conn {number}: {} of the {}, {} unanswered, {before}",
            close.ending.name(),
            close.by.sender(),
            counted(rpcs.len(), "RPC"),
        );
        evidence.cite(Some(close.stamp), text);
    }
    evidence.into_vec()
}

/// How many connections a side closed, with a GOAWAY before or without.
fn closed_by(affected: &Affected<'_>, by: Direction, announced: bool) -> usize {
    let closed = |record: &ConnectionRecord| {
        record.close.is_some_and(|close| close.by == by)
            && goaway_before(record).is_some() == announced
    };
    affected.iter().filter(|(record, _)| closed(record)).count()
}

fn explanation(view: &ServerView<'_>, affected: &Affected<'_>) -> String {
    let mut sentences = Vec::new();
    let (server, client) = (Direction::ServerToClient, Direction::ClientToServer);
    let (by_server, by_client) = (
        closed_by(affected, server, false),
        closed_by(affected, client, false),
    );
    let age = equal_age(affected);
    match (by_server, by_client) {
        (0, 0) => {}
        (_, 0) if is_unsent(affected) => sentences.push(
            "Something between the two closed in the server's name: neither end sent the RST, as the captures of both \
             show."
                .to_owned(),
        ),
        (_, 0) if age.is_some() => {}
        (_, 0) => sentences.push(
            "The server's end closed without a word of HTTP/2: it was stopped, killed or crashed, or \
             something between the two closed in its name."
                .to_owned(),
        ),
        (0, _) => sentences.push(
            "The client's end closed while its own calls were in flight: it was stopped, or gave up \
             the connection."
                .to_owned(),
        ),
        _ => sentences.push(format!(
            "The server's end closed {}, the client's end {}, without a word of HTTP/2.",
            counted(by_server, "connection"),
            counted(by_client, "connection"),
        )),
    }
    if let Some(age) = &age {
        sentences.push(format!(
            "The server's end closed these connections at the same age ({age}), at different moments and \
             without a word of HTTP/2: that is a maximum age, of the server or of a load balancer or proxy that \
             closes in its name, not a stop."
        ));
        if may_be_tonic(view) {
            sentences.push(
                "tonic does so where max_connection_age_grace is set beside max_connection_age: it closes at the \
                 sum of both, and never sends GOAWAY."
                    .to_owned(),
            );
        }
    } else if let Some(together) = at_once(affected) {
        sentences.push(format!(
            "{} of them were closed within {}: the server as a whole went, as in a rollout or a kill.",
            count(together),
            exact_duration(AT_ONCE),
        ));
    }
    let stalled = affected.iter().flat_map(|(record, rpcs)| {
        let stalled = |rpc: &&&Rpc| flow_control_stall::ended_in(record, rpc);
        rpcs.iter().filter(stalled)
    });
    let stalled = stalled.count();
    if stalled > 0 {
        sentences.push(format!(
            "{} of these calls had waited before a window with no room (see the flow-control stall).",
            count(stalled)
        ));
    }
    sentences.extend(announced(affected));
    if by_server + by_client > 0 {
        sentences.push("Without a last stream id every call in flight may have run.".to_owned());
    }
    sentences.join(" ")
}

/// What is said of closes that came after a GOAWAY.
fn announced(affected: &Affected<'_>) -> Vec<String> {
    let (server, client) = (Direction::ServerToClient, Direction::ClientToServer);
    let kinds = [
        (
            server,
            server,
            "with calls unanswered that it had not refused",
        ),
        (server, client, "with calls of that client unanswered"),
        (
            client,
            server,
            "and did not wait for its own calls, which were not refused",
        ),
        (client, client, "and did not wait for its own calls"),
    ];
    let told = kinds.into_iter().filter_map(|(by, from, how)| {
        let after = affected.iter().filter_map(|(record, _)| {
            let close = record.close.filter(|close| close.by == by)?;
            let goaway = goaway_before(record).filter(|goaway| goaway.from == from)?;
            Some((close.stamp.time - goaway.stamp.time, goaway.error))
        });
        let after: Vec<_> = after.collect();
        let error = after
            .iter()
            .find(|(_, error)| *error != ErrorCode::NO_ERROR);
        let error = error.map(|(_, error)| format!(" {error}"));
        let spans = spread(after.iter().map(|(span, _)| *span))?;
        Some(format!(
            "The {}'s end closed {spans} after a GOAWAY{} of the {}, {how}: they may have run.",
            by.sender(),
            error.unwrap_or_default(),
            from.sender(),
        ))
    });
    told.collect()
}

/// Whether each of them was reset by something on the way, as the captures of both ends show.
fn is_unsent(affected: &Affected<'_>) -> bool {
    let mut records = affected.iter().map(|(record, _)| *record);
    records.all(|record| {
        network::foreign_reset(record).is_some_and(|(_, _, shown)| shown == ForeignReset::Unsent)
    })
}

/// Whether the server's software may be tonic, as far as known.
fn may_be_tonic(view: &ServerView<'_>) -> bool {
    matches!(
        view.inferred.server_stack(),
        ServerStack::Rust | ServerStack::Other
    )
}

/// The age at which the server's end closed connections, if it is the same each time: of two at
/// least, closed at different moments.
fn equal_age(affected: &Affected<'_>) -> Option<String> {
    let silent = affected
        .iter()
        .filter(|(record, _)| goaway_before(record).is_none());
    let closes = silent.filter_map(|(record, _)| {
        let (moment, age) = silent_age::aged_close(record)?;
        Some((moment, age, moment - record.opened?.time))
    });
    let (closes, ages): (Vec<_>, Vec<_>) = closes
        .map(|(moment, age, seen)| ((moment, age), seen))
        .unzip();
    let (youngest, _) = silent_age::same(&closes)?;
    let (first, last) = (
        closes.iter().map(|(moment, _)| *moment).min()?,
        closes.iter().map(|(moment, _)| *moment).max()?,
    );
    let apart = last - first > AT_ONCE && youngest >= AT_ONCE.as_secs_f64();
    spread(ages).filter(|_| apart)
}

/// How many connections the server's end closed at the same moment, if several.
fn at_once(affected: &Affected<'_>) -> Option<usize> {
    let closes = affected.iter().filter_map(|(record, _)| record.close);
    let by_server = closes.filter(|close| close.by == Direction::ServerToClient);
    let mut moments: Vec<_> = by_server.map(|close| close.stamp.time).collect();
    moments.sort_unstable();
    let mut early = moments.iter().copied().peekable();
    let mut passed = 0;
    let mut most = 0;
    for (place, moment) in moments.iter().enumerate() {
        while early.next_if(|early| *moment - *early > AT_ONCE).is_some() {
            passed += 1;
        }
        most = most.max(place + 1 - passed);
    }
    Some(most).filter(|count| *count > 1)
}

fn advice(view: &ServerView<'_>, affected: &Affected<'_>) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(age) = view.inferred.silent_age {
        advice.push(settings::silent_age(age.value));
    }
    let by_server = |is_asked_for: fn(Ending) -> bool| {
        affected.iter().any(|(record, _)| {
            let close = record.close;
            close.is_some_and(|close| {
                close.by == Direction::ServerToClient && is_asked_for(close.ending)
            })
        })
    };
    let graceful = settings::graceful_stop(view.inferred.server_stack());
    let at_an_age = view.inferred.silent_age.is_some() || equal_age(affected).is_some();
    if at_an_age && advice.is_empty() {
        advice.push(
            match may_be_tonic(view) {
                true => {
                    "Server: tonic: leave max_connection_age_grace unset, then max_connection_age alone drains \
                     with GOAWAY; else look for what limits the age of connections (Envoy: \
                     max_connection_duration; load balancers: maximum connection duration)"
                }
                false => {
                    "Server, or what stands before it: look for what limits the age of connections (Envoy: \
                     max_connection_duration; load balancers: maximum connection duration), and prefer one that \
                     announces the end with GOAWAY"
                }
            }
            .into(),
        );
    }
    if !at_an_age && by_server(Ending::is_orderly) {
        advice.push(format!(
            "Server: shut down gracefully: {graceful}; in Kubernetes handle SIGTERM, and give preStop \
             and terminationGracePeriodSeconds time for the slowest call"
        ));
    }
    if is_unsent(affected) {
        advice.push(network::FIND_DEVICE.into());
    } else if !at_an_age && by_server(|ending| ending == Ending::Rst) {
        advice.push(
            "Server: RST without FIN is how a process goes that crashes or is killed, or a middlebox \
             that forgot the connection: look for crashes, kills (out of memory, SIGKILL after the \
             grace period) and idle timeouts at that time"
                .into(),
        );
    }
    if closed_by(affected, Direction::ClientToServer, true) > 0 {
        advice.push(
            "Client: after GOAWAY, let open calls end before the connection is closed".into(),
        );
    }
    advice.push("Client: retry these only if they are idempotent".into());
    advice
}
