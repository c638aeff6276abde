//! `keepalive-timeout`: a side that closed because it no longer received anything from the other.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says};
use crate::capture::TimeDelta;
use crate::decode::Direction;
use crate::decode::tcp::{Ending, KeepaliveProbes};
use crate::inspect::connection::record::{Close, ConnectionRecord, Finished};
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::inspect::traffic::ack_stall::AckStall;
use crate::inspect::traffic::ping::keepalive::Unanswered;
use crate::inspect::traffic::ping::kind::Purpose;
use crate::units::{counted, duration, was};

/// No keepalive timeout is shorter than this; a PING that is younger when its sender
/// closes is on its way, not unanswered.
const MIN_TIMEOUT: TimeDelta = TimeDelta::from_millis(500);

/// A PING unanswered for fewer round trips than this may be on its way still.
const MIN_ROUND_TRIPS: i64 = 3;

/// A single probe may be lost by chance.
const MIN_PROBES: u32 = 2;

/// A stall that ended this long before the close has nothing to do with it.
const CLOSE_AFTER_STALL: TimeDelta = TimeDelta::from_secs(1);

pub(super) const RULE: Rule = Rule {
    name: "keepalive-timeout",
    meaning: "a PING, or TCP's keepalive probes, went unanswered until their sender closed, or data went \
              unacknowledged until its sender gave up",
    evidence: "The PING, the probes or the data that were never acknowledged, and the close that followed.",
    fixes: &[
        "Look for what cuts idle or silent connections on the path (NAT, load balancer: AWS NLB 350 s)",
        "Shorten keepalive Time below that, within the server's MinTime",
        "By stack: grpc-go: keepalive.ClientParameters; grpc-java: keepAliveTime, keepAliveTimeout; C-core, grpc-js: grpc.keepalive_time_ms, grpc.keepalive_timeout_ms; tonic: http2_keep_alive_interval, keep_alive_timeout",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

/// Why a side gave the other up.
#[derive(Clone, Copy, Debug)]
pub(super) enum LostContact {
    Ping(Unanswered),
    /// Keepalive probes of TCP, by whom.
    Probes(Direction, KeepaliveProbes),
    Data(Direction, AckStall),
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected: Vec<_> = view
        .connections()
        .filter_map(|finished| {
            let close = finished.record.close?;
            Some((finished, close, silence(view, finished)?))
        })
        .collect();
    if affected.is_empty() {
        return None;
    }
    let rpcs: Vec<_> = affected
        .iter()
        .flat_map(|(finished, _, silence)| ended_by(view, finished, silence))
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

/// Whether a connection was closed because the other side was gone, as far as calls or keepalive show it.
fn silence(view: &ServerView<'_>, finished: &Finished) -> Option<LostContact> {
    let silence = lost_contact(&finished.record)?;
    let died = ended_by(view, finished, &silence).next().is_some();
    (died || matches!(silence, LostContact::Ping(_))).then_some(silence)
}

/// The calls that died of it: cut, or given up in the silence without a word before their deadlines. Those that
/// had ended before did not.
fn ended_by<'a>(
    view: &ServerView<'_>,
    finished: &'a Finished,
    silence: &LostContact,
) -> impl Iterator<Item = &'a Rpc> {
    let from = match silence {
        LostContact::Ping(_) | LostContact::Probes(..) => None,
        LostContact::Data(_, stall) => Some(stall.from.time),
    };
    let mute = move |rpc: &&Rpc| {
        let deadline = rpc.opened.zip(rpc.timeout);
        let deadline = deadline.map(|(opened, timeout)| opened.time + timeout.into());
        rpc.verdict == Verdict::DeadlineExceeded
            && rpc.ended.is_none()
            && from
                .zip(deadline)
                .is_some_and(|(from, deadline)| from < deadline)
    };
    let ended = finished.rpcs.iter();
    let ended = ended.filter(move |rpc| rpc.verdict == Verdict::CutByClose || mute(rpc));
    let shown: Vec<_> = ended.filter(|rpc| view.shows(rpc)).collect();
    shown.into_iter()
}

/// Why a connection was closed by a side that no longer received anything.
pub(super) fn lost_contact(record: &ConnectionRecord) -> Option<LostContact> {
    let close = record.close?;
    if let Some(unanswered) = timed_out(record) {
        return Some(LostContact::Ping(unanswered));
    }
    if let Some(probes) = unanswered_probes(record, close) {
        return Some(LostContact::Probes(close.by, probes));
    }
    if record.missing.bytes > 0 || record.server_goaways().next().is_some() {
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
        // A kernel sends again what is not acknowledged; else its acknowledgements were not captured.
        let retried = record.network.sides[*of].retransmissions > 0;
        retried && !received && close.stamp.time - stall.until.time <= CLOSE_AFTER_STALL
    });
    stall.next().map(|(of, stall)| LostContact::Data(of, stall))
}

/// The PING whose sender waited in vain and closed.
fn timed_out(record: &ConnectionRecord) -> Option<Unanswered> {
    let round_trips = record.round_trip().unwrap_or_default() * MIN_ROUND_TRIPS;
    let patient = MIN_TIMEOUT.max(round_trips);
    let unanswered = record.keepalive.unanswered?;
    (unanswered.waited >= patient).then_some(unanswered)
}

/// TCP's keepalive probes that nothing answered until their sender reset the connection.
fn unanswered_probes(record: &ConnectionRecord, close: Close) -> Option<KeepaliveProbes> {
    let probes = record.network.sides[close.by]
        .unanswered_probes
        .as_deref()?;
    let reset = close.ending == Ending::Rst && close.stamp >= probes.last;
    (reset && probes.count >= MIN_PROBES).then_some(*probes)
}

fn confidence(record: &ConnectionRecord, silence: &LostContact) -> Confidence {
    match silence {
        LostContact::Ping(_) if record.missing.bytes > 0 => Confidence::Possible,
        LostContact::Ping(unanswered) => match unanswered.ping.kind.purpose() {
            Purpose::Keepalive => Confidence::Certain,
            _ => Confidence::Likely,
        },
        LostContact::Probes(..) => Confidence::Certain,
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
            LostContact::Probes(by, probes) => {
                let text = format!(
                    "conn {number}: the first of {} of TCP of the {}, one byte before the window and \
                     without data; none answered",
                    counted(probes.count, "keepalive probe"),
                    by.sender(),
                );
                evidence.cite(Some(probes.first), text);
                let text = format!(
                    "conn {number}: RST of the {} {} later",
                    close.by.sender(),
                    duration(close.stamp.time - probes.first.time),
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
            LostContact::Probes(..) | LostContact::Data(..) => None,
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
    for (finished, close, silence) in affected {
        if let LostContact::Probes(by, probes) = silence {
            text.push_str(&probed(&finished.record, *close, *by, *probes));
        }
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

/// What is said of a connection whose end TCP's keepalive probes found.
fn probed(
    record: &ConnectionRecord,
    close: Close,
    by: Direction,
    probes: KeepaliveProbes,
) -> String {
    let other = by.reverse().sender();
    let silent = record
        .quiet_close
        .map(|quiet| probes.first.time - close.stamp.time + quiet.silence)
        .map(|silent| {
            format!(
                " The last frame on conn {} had come {} before the first probe.",
                record.number,
                duration(silent)
            )
        });
    format!(
        "The {}'s kernel sent {} over {} and got no answer, not even a RST: the {other}'s host, or the way \
         to it, was gone. Then it reset the connection; the {}'s program is not to blame.{} ",
        by.sender(),
        counted(probes.count, "TCP keepalive probe"),
        duration(probes.last.time - probes.first.time),
        by.sender(),
        silent.unwrap_or_default(),
    )
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
    if affected
        .iter()
        .any(|(_, _, silence)| matches!(silence, LostContact::Probes(..)))
    {
        advice.push(
            "To learn of it sooner: HTTP/2 keepalive PINGs (gRPC keepalive Time and Timeout), or shorter \
             times for TCP's own (Linux: tcp_keepalive_time 7,200 s, tcp_keepalive_probes 9 and \
             tcp_keepalive_intvl 75 s unless set)"
                .into(),
        );
    }
    advice.push(
        "Network: look for what drops packets between the two at that time: a failed node, a firewall \
         or NAT that forgot the connection (cloud load balancers do after 350 s to 600 s of silence), \
         a changed route"
            .into(),
    );
    if affected
        .iter()
        .any(|(_, _, silence)| !matches!(silence, LostContact::Probes(..)))
    {
        advice.push(
            "If the way was only busy, make the keepalive timeout longer (grpc-go: \
         keepalive.ClientParameters.Timeout, which is the kernel's TCP_USER_TIMEOUT too)"
                .into(),
        );
    }
    advice.push("Client: retry the calls in flight only if they are idempotent".into());
    advice
}
