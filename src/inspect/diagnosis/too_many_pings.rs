//! `too-many-pings`: a server that ended connections because their clients pinged too often.

use super::super::peer::client::Client;
use super::connection_error::calm::{self, Burden};
use super::server_view::{self, EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says};
use crate::capture::TimeDelta;
use crate::decode::http2::ErrorCode;
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::connection::record::{ConnectionRecord, Finished};
use crate::inspect::peer::settings::{self, ServerSetting};
use crate::inspect::stream::rpc::CallId;
use crate::inspect::traffic::ping::keepalive::Ping;
use crate::inspect::traffic::ping::kind::Purpose;
use crate::units::{counted, duration, exact_seconds, spread};

/// A gRPC server ends a connection when its client has this many strikes (gRFC A8).
const STRIKES: usize = 3;

/// How many of a connection's PINGs are cited at most: the strikes, and what went before.
const MAX_CITED: usize = 6;

pub(super) const RULE: Rule = Rule {
    name: "too-many-pings",
    meaning: "a server ended connections with GOAWAY ENHANCE_YOUR_CALM because their clients sent \
              more PINGs than it allows",
    evidence: "The PINGs that were strikes, one by one, and the GOAWAY ENHANCE_YOUR_CALM.",
    fixes: &[
        "Client: keepalive Time at or above the server's MinTime (5 min unless set); PermitWithoutStream on both sides or neither",
        "By stack, the server's: grpc-go: keepalive.EnforcementPolicy; grpc-java: permitKeepAliveTime; C-core: grpc.http2.min_ping_interval_without_data_ms; the client's: grpc-go: keepalive.ClientParameters; grpc-java: keepAliveTime; C-core, grpc-js: grpc.keepalive_time_ms",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected: Vec<_> = view
        .connections()
        .filter_map(|finished| Some((finished, goaway_for_pings(&finished.record)?)))
        .collect();
    let said = affected.iter().all(|(_, goaway)| is_said(goaway));
    let records = || affected.iter().map(|(finished, _)| &finished.record);
    let rpcs = dead_calls(&affected);
    let first = records().next()?;
    Some(Finding {
        confidence: if said {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
        title: format!(
            "server {} ended {} because of too many PINGs, and with {} {}",
            view.server,
            counted(affected.len(), "connection"),
            if affected.len() == 1 { "it" } else { "them" },
            counted(rpcs.len(), "RPC"),
        ),
        connections: records().map(|record| record.number).collect(),
        evidence: evidence(&affected),
        explanation: explanation(view, &affected, rpcs.len()),
        rpcs,
        advice: advice(first, view),
        ..Finding::of_rule(RULE.name)
    })
}

/// The GOAWAY that ended a connection because of PINGs. Without a text that says so, as many strikes
/// as it takes must have been seen.
pub(super) fn goaway_for_pings(record: &ConnectionRecord) -> Option<&GoAway> {
    let mut goaways = record.server_goaways();
    let calm = goaways.find(|goaway| goaway.error == ErrorCode::ENHANCE_YOUR_CALM)?;
    let counted = strikes(record) >= STRIKES;
    let others = || {
        calm::heavy(record, calm)
            .iter()
            .any(|load| *load != Burden::Pings)
    };
    (is_said(calm) || (calm.debug_data.is_empty() && counted && !others())).then_some(calm)
}

fn is_said(goaway: &GoAway) -> bool {
    calm::said(goaway) == Some(Burden::Pings)
}

/// How many strikes the client had at the end, if each PING was too early.
fn strikes(record: &ConnectionRecord) -> usize {
    let pings = record.keepalive.before_calm.iter().rev();
    pings.take_while(|ping| is_strike(ping)).count()
}

const fn is_strike(ping: &Ping) -> bool {
    ping.since_previous.is_some() && !ping.forgiven
}

fn dead_calls(affected: &[(&Finished, &GoAway)]) -> Vec<CallId> {
    let dead = affected.iter().flat_map(|(finished, goaway)| {
        let rpcs = finished.rpcs.iter();
        rpcs.filter(|rpc| server_view::died_with(rpc, goaway.stamp))
    });
    dead.map(|rpc| rpc.id).collect()
}

fn evidence(affected: &[(&Finished, &GoAway)]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (finished, goaway) in affected {
        let record = &finished.record;
        let pings = &record.keepalive.before_calm;
        let mut count = 0;
        let described: Vec<_> = pings
            .iter()
            .map(|ping| (ping.stamp, describe(ping, &mut count)))
            .collect();
        for (stamp, text) in described
            .iter()
            .skip(described.len().saturating_sub(MAX_CITED))
        {
            evidence.cite(Some(*stamp), format!("conn {}: {text}", record.number));
        }
        let debug_data = String::from_utf8_lossy(&goaway.debug_data);
        let text = format!(
            "conn {}: GOAWAY {} {debug_data:?}",
            record.number, goaway.error
        );
        evidence.cite(Some(goaway.stamp), text);
    }
    evidence.into_vec()
}

/// What a PING did to the strikes before it.
fn describe(ping: &Ping, strikes: &mut usize) -> String {
    let what = ping.kind.name();
    let Some(since) = ping.since_previous else {
        return format!("first {what}: the next is measured from it");
    };
    let since = duration(since);
    if ping.forgiven {
        *strikes = 0;
        return format!(
            "{what} {since} after the one before; the server had sent HEADERS or DATA between: \
             strikes back to 0"
        );
    }
    *strikes += 1;
    format!("{what} {since} after the one before: strike {strikes}")
}

/// How far apart the PINGs were that were strikes.
fn intervals(record: &ConnectionRecord) -> Vec<TimeDelta> {
    let pings = record.keepalive.before_calm.iter();
    let strikes = pings.filter(|ping| is_strike(ping));
    strikes.filter_map(|ping| ping.since_previous).collect()
}

fn explanation(view: &ServerView<'_>, affected: &[(&Finished, &GoAway)], dead: usize) -> String {
    let mut text = "A gRPC server takes a PING that comes sooner after the one before than its policy \
                    allows for a strike, forgives the strikes when it has sent HEADERS or DATA, and \
                    ends the connection at the third (gRFC A8)."
        .to_owned();
    let intervals: Vec<_> = affected
        .iter()
        .flat_map(|(finished, _)| intervals(&finished.record))
        .collect();
    if let Some(longest) = intervals.iter().max() {
        text.push_str(&format!(
            " The PINGs that were strikes came {} after the one before, so that the server's minimum \
             must be above {} (grpc-go's default is 5 minutes).",
            spread(intervals.iter().copied()).unwrap_or_default(),
            duration(*longest),
        ));
    }
    if let Some(keepalive) = view.inferred.client_keepalive_time {
        text.push_str(&format!(
            " The client pinged when it had heard nothing for {}: that is its keepalive time.",
            exact_seconds(keepalive.min),
        ));
    }
    let pings = || {
        affected
            .iter()
            .flat_map(|(finished, _)| &finished.record.keepalive.before_calm)
    };
    let probes = pings().filter(|ping| is_strike(ping) && ping.kind.purpose() == Purpose::Probe);
    match probes.count() {
        0 => {}
        count => text.push_str(&format!(
            " {} measured the way and were no keepalive; a server counts them all the same.",
            counted(count, "PING"),
        )),
    }
    if dead > 0 {
        text.push_str(&format!(
            " {} died with it, though nothing was wrong with the server or the network.",
            counted(dead, "RPC"),
        ));
    }
    text
}

fn advice(record: &ConnectionRecord, view: &ServerView<'_>) -> Vec<String> {
    let client = Client::of(record).stack;
    let stack = view.inferred.server_stack();
    let observed = intervals(record).into_iter().min();
    let observed = observed.map_or_else(|| "what the client uses".to_owned(), duration);
    let mut advice = vec![
        format!(
            "Client: raise {} (seen: a PING every {observed}) to at least the minimum the server \
             allows, 5 minutes if it was not changed",
            client.keepalive_time(),
        ),
        format!(
            "Server: or allow it: {} below {observed}",
            settings::name_or_term(stack, ServerSetting::PingMinimum),
        ),
    ];
    let idle = record
        .first_goaway()
        .is_some_and(|first_goaway| first_goaway.open == 0);
    if idle {
        advice.push(format!(
            "No call was open: switch {} off in the client, or permit it in the server: {}",
            client.without_calls(),
            settings::name_or_term(stack, ServerSetting::PingWithoutCalls),
        ));
    }
    advice
}
