//! `network-loss`: a path that loses packets, goes silent, or resets connections by itself.

use super::network::Sum;
use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, Severity};
use crate::capture::{Stamp, TimeDelta};
use crate::decode::NetworkPath;
use crate::decode::tcp::AckSilence;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::units::{count, counted, duration, share};

/// From so many in a hundred segments sent again on, calls get noticeably slower: each costs a round
/// trip at least, and 200 ms (Linux) where nothing follows it. Clean paths show none, paths of the
/// internet a few in a thousand.
const LOSSY_PER_CENT: u64 = 1;

/// Beyond this the same packets were captured more than once: no TCP connection gets on with it.
const DOUBLED_PER_CENT: u64 = 30;

/// Fewer retransmissions are chance.
const MIN_RETRANSMISSIONS: u64 = 10;

/// A silence this long is an outage: by then a sender has tried again three times.
const OUTAGE: TimeDelta = TimeDelta::from_secs(1);

pub(super) const RULE: Rule = Rule {
    name: "network-loss",
    meaning: "packets were lost, nothing got through for a while, or something on the path reset \
              connections, enough to explain failures",
    evidence: "Segments sent again, times in which nothing got through, and resets that neither peer sent (their hop limit differs).",
    fixes: &[
        "Find where packets are lost: capture at both ends and compare",
        "Resets from the path: look for firewalls and balancers with idle timeouts",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let networks = || {
        view.connections()
            .map(|connection| &connection.record.network)
    };
    let sum = Sum::of(networks());
    let lossy = sum.retransmissions >= MIN_RETRANSMISSIONS
        && sum.retransmissions * 100 >= sum.segments * LOSSY_PER_CENT
        && sum.retransmissions * 100 < sum.segments * DOUBLED_PER_CENT;
    let affected = view.affected(|record, rpc| is_explained(record, rpc, lossy));
    if !lossy && affected.is_empty() {
        return None;
    }
    let connections = view.connections().map(|connection| &connection.record);
    let ill: Vec<_> = connections
        .filter(|record| is_ill(&record.network, lossy))
        .collect();
    Some(Finding {
        severity: Severity::Warning,
        confidence: if lossy {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
        title: title(view, &sum, &ill, lossy),
        connections: ill.iter().map(|record| record.number).collect(),
        rpcs: server_view::calls(&affected),
        evidence: evidence(&ill),
        explanation: explanation(&sum, &ill, &affected, lossy),
        advice: advice(&ill, &affected, lossy),
        ..Finding::of_rule(RULE.name)
    })
}

fn is_ill(network: &NetworkPath, lossy: bool) -> bool {
    (lossy && network.retransmissions() > 0) || outage(network).is_some() || is_cut(network)
}

/// The longest silence, if it is an outage: data was sent again in it, and nothing came back.
fn outage(network: &NetworkPath) -> Option<AckSilence> {
    let (_, silence) = network.longest_silence()?;
    (silence.lasted >= OUTAGE && network.retransmissions() > 0).then_some(silence)
}

/// Whether something on the path reset the connection in an end's name.
fn is_cut(network: &NetworkPath) -> bool {
    network.reset().is_some_and(|(_, reset)| reset.is_foreign())
}

/// Whether what the network did explains what became of a call: it waited through a silence for
/// which the network is to blame, or was cut by something on the path.
fn is_explained(record: &ConnectionRecord, rpc: &Rpc, lossy: bool) -> bool {
    let network = &record.network;
    match rpc.verdict {
        Verdict::CutByClose if is_cut(network) => return true,
        Verdict::CutByClose
        | Verdict::DeadlineExceeded
        | Verdict::ResetByClient
        | Verdict::Unanswered => {}
        _ => return false,
    }
    let retried = network.retransmissions() > 0;
    let mut silences = network.silences().map(|(_, silence)| silence);
    let blamed = |silence: &AckSilence| retried && (lossy || silence.lasted >= OUTAGE);
    silences.any(|silence| blamed(&silence) && overlaps(&silence, rpc, network.last_seen))
}

fn overlaps(silence: &AckSilence, rpc: &Rpc, last_seen: Stamp) -> bool {
    let Some(opened) = rpc.opened else {
        return false;
    };
    let ended = rpc.ended.unwrap_or(last_seen);
    let silent_until = silence.since.time + silence.lasted;
    silence.since < ended && opened.time <= silent_until
}

fn title(view: &ServerView<'_>, sum: &Sum, ill: &[&ConnectionRecord], lossy: bool) -> String {
    let server = view.server;
    if lossy {
        return format!(
            "the network to {server} loses packets: {} of {} segments with data were sent again ({})",
            count(sum.retransmissions),
            count(sum.segments),
            lost(sum),
        );
    }
    match ill
        .iter()
        .filter_map(|record| outage(&record.network))
        .map(|silence| silence.lasted)
        .max()
    {
        Some(longest) => format!(
            "nothing got through to or from {server} for {}",
            duration(longest)
        ),
        None => format!(
            "something between the ends reset {} to {server}",
            counted(ill.len(), "connection"),
        ),
    }
}

fn lost(sum: &Sum) -> String {
    share(sum.retransmissions, sum.segments)
}

fn evidence(ill: &[&ConnectionRecord]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for record in ill {
        let (number, network) = (record.number, &record.network);
        for (of, vitals) in [
            ("client", &network.sides.client),
            ("server", &network.sides.server),
        ] {
            if let Some(first) = vitals.first_retransmission {
                let count = counted(vitals.retransmissions, "retransmission");
                let text = format!(
                    "conn {number}: the first of {count} of the {of}, in {} with data",
                    counted(vitals.segments, "segment"),
                );
                evidence.cite(Some(first), text);
            }
        }
        if let Some((of, silence)) = network.longest_silence() {
            let (of, lasted) = (of.sender(), duration(silence.lasted));
            let text = format!(
                "conn {number}: from here on nothing that the {of} sent is acknowledged for {lasted}"
            );
            evidence.cite(Some(silence.since), text);
        }
        if let Some((by, reset)) = network.reset().filter(|_| is_cut(network)) {
            let usual = reset.usual_hop_limits.map_or(0, |(_, most)| most);
            let (by, hop_limit) = (by.sender(), reset.hop_limit);
            let text = format!(
                "conn {number}: RST in the {by}'s name with hop limit {hop_limit}; its own segments have {usual}"
            );
            evidence.cite(Some(reset.stamp), text);
        }
    }
    evidence.into_vec()
}

fn explanation(
    sum: &Sum,
    ill: &[&ConnectionRecord],
    affected: &Affected<'_>,
    lossy: bool,
) -> String {
    let mut sentences = Vec::new();
    if lossy {
        sentences.push(format!(
            "{} of {} segments with data had to be sent again ({}): packets were lost on the way.",
            count(sum.retransmissions),
            count(sum.segments),
            lost(sum),
        ));
    }
    if let Some(round_trip) = sum.round_trip {
        sentences.push(format!(
            "A round trip takes {}; {} was the longest.",
            duration(round_trip.least),
            duration(round_trip.most),
        ));
    }
    let silence = ill
        .iter()
        .filter_map(|record| record.network.longest_silence());
    if let Some((of, silence)) = silence.max_by_key(|(_, silence)| silence.lasted) {
        let outage = silence.lasted >= OUTAGE;
        sentences.push(format!(
            "The longest time in which nothing that the {} had sent was acknowledged is {}{}.",
            of.sender(),
            duration(silence.lasted),
            if outage {
                ": the path, or the whole machine at its other end, was gone"
            } else {
                ""
            },
        ));
    }
    let cut = ill.iter().filter(|record| is_cut(&record.network)).count();
    if cut > 0 {
        sentences.push(format!(
            "The RST of {} has another hop limit than its supposed sender's segments: something \
             between the ends sent it, such as a firewall or a load balancer.",
            counted(cut, "connection"),
        ));
    }
    sentences.push(match server_view::count(affected) {
        0 => "No RPC failed of it, as far as seen; those whose packets were lost only took longer."
            .to_owned(),
        1 => "1 RPC failed while it waited for that.".to_owned(),
        failed => format!(
            "{} failed while they waited for that.",
            counted(failed, "RPC")
        ),
    });
    sentences.join(" ")
}

fn advice(ill: &[&ConnectionRecord], affected: &Affected<'_>, lossy: bool) -> Vec<String> {
    let mut advice = Vec::new();
    if lossy {
        advice.push(
            "Network: look for drops on the path (ip -s link, ethtool -S, switches, conntrack and \
             firewall counters); a capture at the other end at the same time shows which side loses"
                .into(),
        );
    }
    if ill.iter().any(|record| outage(&record.network).is_some()) {
        advice.push(
            "Network: find out what was down at that time. Client: a keepalive finds a dead path \
             sooner (grpc-go: keepalive.ClientParameters), and other connections take over"
                .into(),
        );
    }
    if ill.iter().any(|record| is_cut(&record.network)) {
        advice.push(
            "Network: find the device on the path that resets connections: idle limits, state tables, \
             policies"
                .into(),
        );
    }
    let timed_out = |rpc: &&&Rpc| {
        matches!(
            rpc.verdict,
            Verdict::DeadlineExceeded | Verdict::ResetByClient
        )
    };
    if lossy
        && affected
            .iter()
            .flat_map(|(_, rpcs)| rpcs)
            .filter(timed_out)
            .count()
            > 0
    {
        advice.push(
            "Client: a deadline should leave room for one packet sent again, a round trip and 200 ms \
             at least"
                .into(),
        );
    }
    advice
}
