//! `stream-reset`: calls that one side took back with RST_STREAM.

use std::collections::BTreeMap;

use super::super::peer::client::Client;
use super::server_view::{self, EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, flow_control_stall};
use crate::capture::TimeDelta;
use crate::decode::Direction;
use crate::decode::http2::{ErrorCode, SettingId};
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::peer::settings;
use crate::inspect::server::goaway_cause::Cause;
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::units::{count, counted, spread};

/// A reset this long before the close belongs to the end of the connection.
const AT_THE_END: TimeDelta = TimeDelta::from_millis(250);

/// What is no grace where the round trip is not known.
const AT_ONCE: TimeDelta = TimeDelta::from_millis(20);

/// How many of a group are cited.
const CITED_OF_GROUP: usize = 3;

pub(super) const RULE: Rule = Rule {
    name: "stream-reset",
    meaning: "RPCs were ended by RST_STREAM, by one side or the other, with a code that says why",
    evidence: "The RST_STREAM, who sent it and its code.",
    fixes: &[
        "By code: CANCEL is a caller that gave up; INTERNAL_ERROR and PROTOCOL_ERROR are bugs; ENHANCE_YOUR_CALM is a limit",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

/// Resets by the same side with the same code.
type Groups<'a> = BTreeMap<(&'static str, ErrorCode), Vec<(&'a ConnectionRecord, &'a Rpc)>>;

fn check(view: &ServerView<'_>) -> Option<Finding> {
    // What a client takes back by design is no call that died.
    let affected = view.affected(|record, rpc| {
        who(rpc).is_some() && rpc.taken_back.is_none() && !answers_error(record, rpc)
    });
    let mut groups = Groups::new();
    for (record, rpcs) in &affected {
        for rpc in rpcs {
            let (Some(by), Some(error)) = (who(rpc), rpc.error) else {
                continue;
            };
            groups
                .entry((by.sender(), error))
                .or_default()
                .push((record, rpc));
        }
    }
    if groups.is_empty() {
        return None;
    }
    let by_code = groups
        .iter()
        .map(|((by, code), of)| format!("{} by the {by} with {code}", count(of.len())));
    Some(Finding {
        title: format!(
            "{} to {} reset: {}",
            counted(server_view::count(&affected), "RPC"),
            view.server,
            by_code.collect::<Vec<_>>().join(", "),
        ),
        evidence: evidence(&groups),
        explanation: explanation(view, &groups),
        advice: groups
            .iter()
            .map(|((by, code), of)| match of_the_end(by, of) {
                Some(_) => end_advice(view, *code, of),
                None => advice(by, *code, of),
            })
            .collect(),
        ..server_view::finding(RULE.name, &affected)
    })
}

/// Whether a client reset a call because its server had just declared the connection broken, with the code that it
/// had been given.
fn answers_error(record: &ConnectionRecord, rpc: &Rpc) -> bool {
    let broken = record
        .declared_broken()
        .filter(|goaway| !goaway.from_client());
    let same = broken.filter(|goaway| rpc.error == Some(goaway.error));
    rpc.verdict == Verdict::ResetByClient
        && same.is_some_and(|goaway| {
            rpc.ended.is_some_and(|ended| {
                (TimeDelta::ZERO..=AT_THE_END).contains(&(ended.time - goaway.stamp.time))
            })
        })
}

const fn who(rpc: &Rpc) -> Option<Direction> {
    match rpc.verdict {
        Verdict::ResetByServer => Some(Direction::ServerToClient),
        Verdict::ResetByClient => Some(Direction::ClientToServer),
        _ => None,
    }
}

fn evidence(groups: &Groups<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for ((by, code), of) in groups {
        for (record, rpc) in of.iter().take(CITED_OF_GROUP) {
            let text = format!(
                "stream {}:{}: RST_STREAM {code} of the {by}",
                record.number, rpc.id.stream,
            );
            evidence.cite(rpc.ended, text);
        }
    }
    evidence.into_vec()
}

fn explanation(view: &ServerView<'_>, groups: &Groups<'_>) -> String {
    let sentences = groups.iter().map(|((by, code), of)| {
        let begun = of.iter().filter(|(_, rpc)| rpc.answer_begun).count();
        let waited = of.iter().filter_map(|(_, rpc)| rpc.duration());
        let mut text = format!(
            "{} by the {by} with {code}, {} after the call was opened{}: {}.",
            count(of.len()),
            spread(waited).unwrap_or_default(),
            match begun {
                0 => " and before any answer".to_owned(),
                all if all == of.len() => " and in the midst of the answer".to_owned(),
                some => format!(" ({} in the midst of the answer)", count(some)),
            },
            meaning(by, *code),
        );
        if let Some(grace) = of_the_end(by, of) {
            let cause = of.first().and_then(|(record, _)| view.inferred.cause(record.number));
            text.push_str(match (grace, cause) {
                (Grace::None, _) => {
                    " All came together with GOAWAY, just before the server closed: it gave them no time \
                     to end."
                }
                (Grace::Given, Some(Cause::Age)) => {
                    " All came at the end of the grace after GOAWAY, just before the server closed: \
                     these calls were cut because the connection had reached its age."
                }
                (Grace::Given, _) => {
                    " All came after GOAWAY, just before the server closed: its grace ran out."
                }
            });
        }
        if *by == "client" && *code == ErrorCode::CANCEL {
            text.push_str(&cancelled(of));
        }
        text
    });
    sentences.collect::<Vec<_>>().join(" ")
}

/// Whether calls had time to end after GOAWAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grace {
    Given,
    None,
}

/// Whether all resets of a group came with the end of their connections, and then whether after a grace.
fn of_the_end(by: &str, of: &[(&ConnectionRecord, &Rpc)]) -> Option<Grace> {
    let at_end = by == "server" && of.iter().all(|(record, _)| ends_with(record, of));
    let none = of.iter().all(|(record, rpc)| {
        let ended = rpc.ended.zip(record.first_goaway());
        let waited = ended.map(|(ended, goaway)| ended.time - goaway.stamp.time);
        waited.is_some_and(|waited| waited <= record.round_trip().unwrap_or(AT_ONCE))
    });
    at_end.then_some(if none { Grace::None } else { Grace::Given })
}

/// What to do about a server that ends with calls open.
fn end_advice(view: &ServerView<'_>, code: ErrorCode, of: &[(&ConnectionRecord, &Rpc)]) -> String {
    let stack = view.inferred.server_stack();
    let cause = |record: &ConnectionRecord| view.inferred.cause(record.number);
    let stopped = of
        .iter()
        .any(|(record, _)| cause(record) != Some(Cause::Age));
    format!(
        "{code} by the server: it ended connections with these calls open; give them time: {}, and make \
         {} longer than the slowest call",
        settings::graceful_stop(stack),
        settings::grace(stack, stopped),
    )
}

/// Whether the resets of a group on a connection came just before its server closed it with GOAWAY.
fn ends_with(record: &ConnectionRecord, of: &[(&ConnectionRecord, &Rpc)]) -> bool {
    let (Some(close), Some(first_goaway)) = (record.close, record.first_goaway()) else {
        return false;
    };
    let mut of_this = of.iter().filter(|(other, _)| other.number == record.number);
    close.by == Direction::ServerToClient
        && of_this.all(|(_, rpc)| {
            rpc.ended.is_some_and(|ended| {
                let before_goaway = first_goaway.stamp.time - ended.time;
                before_goaway <= AT_THE_END && close.stamp.time - ended.time <= AT_THE_END
            })
        })
}

/// What a client's cancellations have to do with deadlines.
fn cancelled(of: &[(&ConnectionRecord, &Rpc)]) -> String {
    let with_deadline = of.iter().filter(|(_, rpc)| rpc.timeout.is_some()).count();
    if with_deadline == 0 {
        return " None of them carried a deadline.".into();
    }
    let mut text = format!(
        " {} carried a deadline (grpc-timeout), which had not come yet.",
        count(with_deadline)
    );
    if let Some(limit) = limit_reached(of) {
        text.push_str(&format!(
            " But the client had as many streams open as the server's MAX_CONCURRENT_STREAMS ({limit}) \
             allows: a call that waits in the client for a free stream has its grpc-timeout computed \
             before it waits (grpc-go), so that these may have been given up at their deadlines all \
             the same."
        ));
    }
    text
}

/// The server's MAX_CONCURRENT_STREAMS, where its client had reached it.
fn limit_reached(of: &[(&ConnectionRecord, &Rpc)]) -> Option<u32> {
    of.iter().find_map(|(record, _)| {
        let limit = record.setting(Direction::ServerToClient, SettingId::MAX_CONCURRENT_STREAMS)?;
        (record.most_open >= u64::from(limit)).then_some(limit)
    })
}

fn meaning(by: &str, code: ErrorCode) -> &'static str {
    match (by, code) {
        ("client", ErrorCode::CANCEL) => "the client took its calls back",
        ("client", _) if code == ErrorCode::NO_ERROR => "the client no longer wanted the answer",
        (_, ErrorCode::NO_ERROR) => "the server ended calls without an answer and without an error",
        (_, ErrorCode::CANCEL) => {
            "the server, or a proxy in its name, took the calls back; gRPC servers do so when a \
             handler's deadline passes or a proxy's upstream fails"
        }
        (_, ErrorCode::PROTOCOL_ERROR) => "one side found what the other had sent illegal",
        (_, ErrorCode::ENHANCE_YOUR_CALM) => "the sender found itself overloaded by the other",
        (_, ErrorCode(0x2)) => "something failed inside the sender",
        (_, ErrorCode(0x3)) => "the sender found its flow-control window overrun",
        (_, ErrorCode(0x5)) => "a frame came on a stream that was closed already",
        (_, ErrorCode(0x6)) => "a frame had a size that is not allowed",
        (_, ErrorCode(0x9)) => "header compression went out of step",
        (_, ErrorCode(0xa)) => "a connection behind a CONNECT request was reset",
        (_, ErrorCode(0xc)) => "the TLS in use does not meet the sender's minimum",
        (_, ErrorCode(0xd)) => "the server wants HTTP/1.1 for this request",
        _ => "a code this analysis does not know",
    }
}

/// What a gRPC client makes of a reset (grpc-go; the others agree but for details).
const fn status(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::CANCEL => "CANCELLED",
        ErrorCode::ENHANCE_YOUR_CALM | ErrorCode(0x3) => "RESOURCE_EXHAUSTED",
        ErrorCode(0xc) => "PERMISSION_DENIED",
        _ => "INTERNAL",
    }
}

fn advice(by: &str, code: ErrorCode, of: &[(&ConnectionRecord, &Rpc)]) -> String {
    let what = match (by, code) {
        ("client", ErrorCode::CANCEL) if limit_reached(of).is_some() => {
            return format!(
                "{code} by the client: look for calls that wait in the client for a free stream, and \
                 raise the server's MAX_CONCURRENT_STREAMS or use more connections; else for cancelled \
                 contexts"
            );
        }
        ("client", ErrorCode::CANCEL | ErrorCode::NO_ERROR)
            if of
                .iter()
                .any(|(record, rpc)| flow_control_stall::ended_in(record, rpc)) =>
        {
            return format!(
                "{code} by the client: calls among these had waited before a window with no room: see the \
                 flow-control stall"
            );
        }
        ("client", ErrorCode::CANCEL | ErrorCode::NO_ERROR) => {
            return format!(
                "{code} by the client: nothing to mend on the wire; look in the client for cancelled \
                 contexts, and callers of its own that went away"
            );
        }
        (_, ErrorCode::NO_ERROR) => {
            "the handler or its framework ended the stream without trailers; where it comes at the \
             end of a connection, give calls a longer grace"
        }
        (_, ErrorCode::CANCEL) => "look for timeouts and cancellations in the server and any proxy",
        (_, ErrorCode::ENHANCE_YOUR_CALM) => "slow the client down, or raise the limit it ran into",
        (_, ErrorCode::HTTP_1_1_REQUIRED) => {
            "repeat the request over HTTP/1.1; over HTTP/2 it is refused each time"
        }
        (_, ErrorCode(0x2)) => "look in the sender's log for a crash or panic at that time",
        (_, ErrorCode(0x3)) => "a bug in one of the two libraries: upgrade both",
        _ => "a bug in one of the two, or in a proxy between: look in both logs, upgrade both",
    };
    let grpc = of
        .iter()
        .any(|(record, _)| Client::of(record).stack.is_grpc());
    if grpc && by == "server" {
        return format!(
            "{code} by the server (the application sees {}): {what}",
            status(code)
        );
    }
    format!("{code} by the {by}: {what}")
}
