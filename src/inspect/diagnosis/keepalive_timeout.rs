//! `keepalive-timeout`: a side that closed because it no longer received anything from the other.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says};
use crate::capture::TimeDelta;
use crate::decode::Direction;
use crate::inspect::connection::record::{Close, ConnectionRecord, Finished};
use crate::inspect::traffic::ack_stall::AckStall;
use crate::inspect::traffic::ping::keepalive::Unanswered;
use crate::inspect::traffic::ping::kind::Purpose;
use crate::units::{counted, duration, was};

/// No keepalive timeout is shorter than this; a PING that is younger when its sender
/// closes is on its way, not unanswered.
const MIN_TIMEOUT: TimeDelta = TimeDelta::from_millis(500);

/// A PING unanswered for fewer round trips than this may be on its way still.
const MIN_ROUND_TRIPS: i64 = 3;

/// A stall that ended this long before the close has nothing to do with it.
const CLOSE_AFTER_STALL: TimeDelta = TimeDelta::from_secs(1);

pub(super) const RULE: Rule = Rule {
    name: "keepalive-timeout",
    meaning: "a PING went unanswered until its sender closed, or data went unacknowledged until its \
              sender gave up",
    evidence: "The PING, or the data, that was never acknowledged, and the close that followed.",
    fixes: &[
        "Look for what cuts idle or silent connections on the path (NAT, load balancer: AWS NLB 350 s)",
        "Shorten keepalive Time below that, within the server's MinTime",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

/// Why a side gave the other up.
#[derive(Clone, Copy, Debug)]
enum LostContact {
    Ping(Unanswered),
    Data(Direction, AckStall),
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected: Vec<_> = view
        .connections()
        .filter_map(|finished| {
            let close = finished.record.close?;
            Some((finished, close, silence(finished, close)?))
        })
        .collect();
    if affected.is_empty() {
        return None;
    }
    let rpcs = affected.iter().flat_map(|(finished, ..)| &finished.rpcs);
    let rpcs: Vec<_> = rpcs
        .filter(|rpc| rpc.verdict.is_death())
        .map(|rpc| rpc.id)
        .collect();
    let confidence = affected
        .iter()
        .map(|(finished, _, silence)| confidence(&finished.record, silence));
    Some(Finding {
        confidence: confidence.max()?,
        title: format!(
            "{} to {} fell silent and {} given up, with {} in flight",
            counted(affected.len(), "connection"),
            view.server,
            was(affected.len()),
            counted(rpcs.len(), "RPC"),
        ),
        connections: affected
            .iter()
            .map(|(finished, ..)| finished.record.number)
            .collect(),
        rpcs,
        evidence: evidence(view, &affected),
        explanation: explanation(&affected),
        advice: advice(&affected),
        ..Finding::of_rule(RULE.name)
    })
}

/// Whether a connection was closed because a PING was not answered, or nothing was received.
fn silence(finished: &Finished, close: Close) -> Option<LostContact> {
    let record = &finished.record;
    if let Some(unanswered) = timed_out(record) {
        return Some(LostContact::Ping(unanswered));
    }
    let died = finished.rpcs.iter().any(|rpc| rpc.verdict.is_death());
    if !died || record.missing.bytes > 0 || !record.goaways.is_empty() {
        return None;
    }
    let stalls = [
        (Direction::ClientToServer, record.ack_stalls.client),
        (Direction::ServerToClient, record.ack_stalls.server),
    ];
    let stall = stalls
        .into_iter()
        .filter_map(|(of, stall)| Some((of, stall?)));
    let mut stall = stall.filter(|(of, stall)| {
        // A side that acknowledges what the other sent has received it.
        let received = *of != close.by && stall.acknowledged;
        !received && close.stamp.time - stall.until.time <= CLOSE_AFTER_STALL
    });
    stall.next().map(|(of, stall)| LostContact::Data(of, stall))
}

/// The PING whose sender waited in vain and closed.
pub(super) fn timed_out(record: &ConnectionRecord) -> Option<Unanswered> {
    let round_trips = record.round_trip().unwrap_or_default() * MIN_ROUND_TRIPS;
    let patient = MIN_TIMEOUT.max(round_trips);
    let unanswered = record.keepalive.unanswered?;
    (unanswered.waited >= patient).then_some(unanswered)
}

fn confidence(record: &ConnectionRecord, silence: &LostContact) -> Confidence {
    match silence {
        LostContact::Ping(_) if record.missing.bytes > 0 => Confidence::Possible,
        LostContact::Ping(unanswered) => match unanswered.ping.kind.purpose() {
            Purpose::Keepalive => Confidence::Certain,
            _ => Confidence::Likely,
        },
        LostContact::Data(..) => Confidence::Possible,
    }
}

fn evidence(
    view: &ServerView<'_>,
    affected: &[(&Finished, Close, LostContact)],
) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (finished, close, silence) in affected {
        let record = &finished.record;
        let number = record.number;
        match silence {
            LostContact::Ping(unanswered) => {
                let text = format!(
                    "conn {number}: {} of the {}, never answered",
                    unanswered.ping.kind.name(),
                    unanswered.by.sender(),
                );
                evidence.cite(Some(unanswered.ping.stamp), text);
                let waited = duration(unanswered.waited);
                let text = format!(
                    "conn {number}: the {} closes {waited} later",
                    close.by.sender()
                );
                evidence.cite(Some(close.stamp), text);
            }
            LostContact::Data(of, stall) => {
                let text = format!(
                    "conn {number}: from here on nothing the {} sends is acknowledged for {}",
                    of.sender(),
                    duration(stall.duration()),
                );
                evidence.cite(Some(stall.from), text);
                if let Some((other, opened)) = successor(view, record, stall) {
                    let after = duration(opened.time - stall.from.time);
                    let text = format!("conn {other}: the client connects anew {after} after that");
                    evidence.cite(Some(opened), text);
                }
                let text = format!("conn {number}: the {}'s end closes", close.by.sender());
                evidence.cite(Some(close.stamp), text);
            }
        }
    }
    evidence.into_vec()
}

/// The connection that the same client opened during a stall: by then it had given this one up.
fn successor(
    view: &ServerView<'_>,
    record: &ConnectionRecord,
    stall: &AckStall,
) -> Option<(u32, crate::capture::Stamp)> {
    let others = view.connections().map(|finished| &finished.record);
    let others = others.filter(|other| other.client.ip() == record.client.ip());
    let opened = others.filter_map(|other| Some((other.number, other.opened?)));
    opened
        .filter(|(_, opened)| (stall.from..=stall.until).contains(opened))
        .min_by_key(|(_, opened)| *opened)
}

fn explanation(affected: &[(&Finished, Close, LostContact)]) -> String {
    let pings = || {
        affected.iter().filter_map(|(_, _, silence)| match silence {
            LostContact::Ping(unanswered) => Some(unanswered),
            LostContact::Data(..) => None,
        })
    };
    let mut text = String::new();
    let count = pings().count();
    if count > 0 {
        let received = pings().filter(|unanswered| unanswered.received).count();
        text.push_str(&format!(
            "{} went unanswered, and nothing else was heard, until its sender closed. ",
            counted(count, "PING"),
        ));
        text.push_str(match received {
            0 => {
                "No kernel acknowledged it: the other host or the way to it was gone. "
            }
            all if all == count => {
                "The other kernel acknowledged it: the way was open, and the process behind it stood \
                 still. "
            }
            _ => "Some were acknowledged by the other kernel, some were not. ",
        });
    }
    let stalls = affected
        .iter()
        .filter(|(_, _, silence)| matches!(silence, LostContact::Data(..)));
    if stalls.count() > 0 {
        text.push_str(
            "What was sent was no longer acknowledged, not even by the other kernel: the way was \
             blocked, or the host gone. No PING was on the wire; but gRPC libraries set the kernel's \
             TCP_USER_TIMEOUT to their keepalive timeout, and a socket that dies of it says nothing. \
             Its end answers later packets with RST, or with nothing. ",
        );
    }
    text.push_str("Calls in flight may have run.");
    text
}

fn advice(affected: &[(&Finished, Close, LostContact)]) -> Vec<String> {
    let stood_still = affected.iter().any(
        |(_, _, silence)| matches!(silence, LostContact::Ping(unanswered) if unanswered.received),
    );
    let mut advice = Vec::new();
    if stood_still {
        advice.push(
            "Look at the side that did not answer: a process stopped, starved of CPU, or in a long \
             garbage collection"
                .into(),
        );
    }
    advice.push(
        "Network: look for what drops packets between the two at that time: a failed node, a firewall \
         or NAT that forgot the connection (cloud load balancers do after 350 s to 600 s of silence), \
         a changed route"
            .into(),
    );
    advice.push(
        "If the way was only busy, make the keepalive timeout longer (grpc-go: \
         keepalive.ClientParameters.Timeout, which is the kernel's TCP_USER_TIMEOUT too)"
            .into(),
    );
    advice.push("Client: retry the calls in flight only if they are idempotent".into());
    advice
}
