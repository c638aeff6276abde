//! `network-loss`: a path that loses packets, goes silent, or resets connections by itself.

use super::network::{self, ForeignReset, Sum};
use super::outage::{self, OUTAGE, Outage};
use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, Severity};
use crate::capture::Timestamp;
use crate::decode::PerSide;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::units::{count, counted, duration, share, was};

/// From so many in a hundred segments sent again on, calls get noticeably slower: each costs a round
/// trip at least, and 200 ms (Linux) where nothing follows it. Clean paths show none, paths of the
/// internet a few in a thousand.
const LOSSY_PER_CENT: u64 = 1;

/// Beyond this the same packets were captured more than once: no TCP connection gets on with it.
const DOUBLED_PER_CENT: u64 = 30;

/// Fewer retransmissions are chance.
const MIN_RETRANSMISSIONS: u64 = 10;

/// How many connections are cited.
const CITED: usize = 20;

/// How many connections are told of one by one.
const TOLD: usize = 3;

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
    let end = view.capture_end;
    let sum = Sum::of(networks());
    let records = || view.connections().map(|connection| &connection.record);
    let proved = network::lost_between(records());
    let lossy = proved.is_none_or(|lost| lost.client + lost.server > 0)
        && sum.retransmissions >= MIN_RETRANSMISSIONS
        && sum.retransmissions * 100 >= sum.segments * LOSSY_PER_CENT
        && sum.retransmissions * 100 < sum.segments * DOUBLED_PER_CENT;
    let affected = view.affected(|record, rpc| is_explained(record, rpc, lossy, end));
    if !lossy && affected.is_empty() {
        return None;
    }
    // Both ends were captured, and nothing was lost between them: whatever went wrong did so at an end.
    let nothing_lost = proved.is_some_and(|lost| lost.client + lost.server == 0);
    if nothing_lost && !records().any(is_cut) {
        return None;
    }
    let connections = view.connections().map(|connection| &connection.record);
    let ill: Vec<_> = connections
        .map(|record| Ill {
            record,
            outage: outage::longest(record, end),
        })
        .filter(|ill| ill.is_ill(lossy))
        .collect();
    Some(Finding {
        severity: Severity::Warning,
        confidence: if lossy || proved.is_some() {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
        title: title(view, &sum, &ill, lossy),
        connections: ill.iter().map(|ill| ill.record.number).collect(),
        rpcs: server_view::calls(&affected),
        evidence: evidence(view, &ill),
        explanation: explanation(view, &sum, &ill, &affected, lossy) + &in_both_captures(proved),
        advice: advice(view, &ill, &affected, lossy),
        ..Finding::of_rule(RULE.name)
    })
}

/// A connection on which something was wrong with the network.
struct Ill<'a> {
    record: &'a ConnectionRecord,
    outage: Option<Outage>,
}

impl Ill<'_> {
    fn is_ill(&self, lossy: bool) -> bool {
        let network = &self.record.network;
        (lossy && network.retransmissions() > 0) || self.outage.is_some() || is_cut(self.record)
    }

    /// Whether its end gave up without a word: it did not try again for long, and did not close.
    fn is_mute(&self, capture_end: Option<Timestamp>) -> bool {
        let mute = capture_end.map(|end| end - self.record.network.last_seen.time);
        self.outage.is_some_and(|outage| outage.open) && mute.is_some_and(|mute| mute >= OUTAGE)
    }

    /// What did not get through for its size: how large it was, and how large the largest was that did.
    fn too_large(&self) -> Option<(u32, u32)> {
        self.outage?.too_large(&self.record.network)
    }
}

/// Whether something on the path reset the connection in an end's name.
fn is_cut(record: &ConnectionRecord) -> bool {
    network::foreign_reset(record).is_some()
}

/// Whether what the network did explains what became of a call: it ended in a silence for
/// which the network is to blame, or was cut by something on the path.
fn is_explained(
    record: &ConnectionRecord,
    rpc: &Rpc,
    lossy: bool,
    capture_end: Option<Timestamp>,
) -> bool {
    let network = &record.network;
    let ended = rpc.ended.map(|ended| ended.time);
    let ended = match rpc.verdict {
        Verdict::CutByClose if is_cut(record) => return true,
        Verdict::CutByClose | Verdict::ResetByClient => ended,
        Verdict::DeadlineExceeded => {
            let deadline = rpc.opened.zip(rpc.timeout);
            ended.or(deadline.map(|(opened, timeout)| opened.time + timeout.into()))
        }
        Verdict::Unanswered => capture_end,
        _ => return false,
    };
    let (Some(ended), Some(opened)) = (ended, rpc.opened) else {
        return false;
    };
    let retried = network.retransmissions() > 0;
    let blamed = |silence: &Outage| retried && (lossy || silence.is_long());
    outage::all(record, capture_end)
        .filter(blamed)
        .any(|silence| {
            let until = silence.until();
            silence.since.time < ended && ended <= until && opened.time <= until
        })
}

fn title(view: &ServerView<'_>, sum: &Sum, ill: &[Ill<'_>], lossy: bool) -> String {
    let server = view.server;
    if let Some((size, _)) = ill.iter().find_map(Ill::too_large) {
        return format!(
            "segments of {} do not get through to or from {server}; smaller ones do",
            counted(size, "byte"),
        );
    }
    if lossy {
        return format!(
            "the network to {server} loses packets: {} of {} segments with data were sent again ({})",
            count(sum.retransmissions),
            count(sum.segments),
            lost(sum),
        );
    }
    let longest = ill.iter().filter_map(|ill| ill.outage);
    match longest.max_by_key(|outage| outage.lasted) {
        Some(outage) if outage.is_heard() => format!(
            "nothing that the {} sent was acknowledged for {} on the way to or from {server}",
            outage.of.sender(),
            duration(outage.lasted)
        ),
        Some(outage) => format!(
            "nothing got through to or from {server} for {}",
            duration(outage.lasted)
        ),
        None => format!(
            "something between the ends reset {} to {server}",
            counted(ill.len(), "connection"),
        ),
    }
}

/// What captures at both ends prove.
fn in_both_captures(lost: Option<PerSide<u64>>) -> String {
    lost.map_or_else(String::new, |lost| {
        format!(
            " Captured at both ends: {} of clients and {} of the server left one end and never came to the other.",
            counted(lost.client, "segment"),
            counted(lost.server, "segment"),
        )
    })
}

fn lost(sum: &Sum) -> String {
    share(sum.retransmissions, sum.segments)
}

fn evidence(view: &ServerView<'_>, ill: &[Ill<'_>]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for Ill { record, outage } in ill.iter().take(CITED) {
        let (number, network) = (record.number, &record.network);
        for (of, vitals) in [
            ("client", &network.sides.client),
            ("server", &network.sides.server),
        ] {
            if let Some(first) = vitals.first_retransmission.as_deref() {
                let count = counted(vitals.retransmissions, "retransmission");
                let text = format!(
                    "conn {number}: the first of {count} of the {of}, in {} with data",
                    counted(vitals.segments, "segment"),
                );
                evidence.cite(Some(*first), text);
            }
        }
        let longest = outage.or_else(|| outage::all(record, None).max_by_key(|one| one.lasted));
        if let Some(silence) = longest {
            let (of, lasted) = (silence.of.sender(), duration(silence.lasted));
            let text = format!(
                "conn {number}: from here on nothing that the {of} sent is acknowledged for {lasted}"
            );
            evidence.cite(Some(silence.since), text);
        }
        if let Some((by, pings)) = outage.and_then(|outage| outage.pings(record)) {
            let text = format!(
                "conn {number}: the first of {} of the {} that nothing answered",
                counted(pings.count, "PING"),
                by.sender(),
            );
            evidence.cite(Some(pings.first), text);
        }
        for (other, opened) in outage
            .iter()
            .flat_map(|outage| outage.connects(view, record))
        {
            let text = format!("conn {other}: a SYN of the same client, not answered either");
            evidence.cite(Some(opened), text);
        }
        if let Some((by, reset, shown)) = network::foreign_reset(record) {
            let usual = reset.usual_hop_limits.map_or(0, |(_, most)| most);
            let (by, hop_limit) = (by.sender(), reset.hop_limit);
            let text = match shown {
                ForeignReset::HopLimit => format!(
                    "conn {number}: RST in the {by}'s name with hop limit {hop_limit}; its own segments have {usual}"
                ),
                ForeignReset::Unsent => format!(
                    "conn {number}: RST in the {by}'s name, which the capture at its end does not have: there one came \
                     in the other's name"
                ),
            };
            evidence.cite(Some(reset.stamp), text);
        }
    }
    evidence.into_vec()
}

fn explanation(
    view: &ServerView<'_>,
    sum: &Sum,
    ill: &[Ill<'_>],
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
    if let Some((size, arrived)) = ill.iter().find_map(Ill::too_large) {
        sentences.push(format!(
            "Segments of {} were sent again and never acknowledged, while the other end answered smaller \
             ones at that time, and none above {} is known to have arrived: something on \
             the way drops what is too large for it, and the ICMP message that would say so does not come \
             back (RFC 8899, section 1: a black hole of path MTU discovery).",
            counted(size, "byte"),
            counted(arrived, "byte"),
        ));
    }
    let silences = ill
        .iter()
        .flat_map(|ill| outage::all(ill.record, view.capture_end));
    if let Some(silence) = silences.max_by_key(|silence| silence.lasted) {
        let gone = silence.is_long() && !silence.is_heard();
        sentences.push(format!(
            "The longest time in which nothing that the {} had sent was acknowledged is {}{}.",
            silence.of.sender(),
            duration(silence.lasted),
            if gone {
                ": the path, or the whole machine at its other end, was gone"
            } else {
                ""
            },
        ));
    }
    let told = ill.iter().filter_map(|ill| given_up(view, ill));
    sentences.extend(told.take(TOLD));
    for (shown, how) in [
        (
            ForeignReset::HopLimit,
            "has another hop limit than its supposed sender's segments",
        ),
        (
            ForeignReset::Unsent,
            "was sent by neither end, as the captures of both show",
        ),
    ] {
        let resets = ill
            .iter()
            .filter_map(|ill| network::foreign_reset(ill.record));
        let cut = resets.filter(|(_, _, by)| *by == shown).count();
        if cut > 0 {
            sentences.push(format!(
                "The RST of {} {how}: something between the ends sent it, such as a firewall or a load balancer.",
                counted(cut, "connection"),
            ));
        }
    }
    let open = server_view::rpcs(affected).filter(|rpc| rpc.verdict == Verdict::Unanswered);
    let open = open.count();
    let failed = server_view::count(affected) - open;
    match (failed, open) {
        (0, 0) => sentences.push(
            "No RPC failed of it, as far as seen; those whose packets were lost only took longer."
                .to_owned(),
        ),
        (0, _) => {}
        (1, _) => sentences.push("1 RPC failed while it waited for that.".to_owned()),
        (failed, _) => sentences.push(format!(
            "{} failed while they waited for that.",
            counted(failed, "RPC")
        )),
    }
    if open > 0 {
        sentences.push(format!(
            "{} {} still waiting when the capture ends, and nobody will answer.",
            counted(open, "RPC"),
            was(open),
        ));
    }
    sentences.join(" ")
}

/// What is said of a connection that was given up in silence, or was not given up though its PINGs showed
/// that it was gone.
fn given_up(view: &ServerView<'_>, ill: &Ill<'_>) -> Option<String> {
    let outage = ill.outage?;
    let record = ill.record;
    let mut text = String::new();
    if let Some((by, pings)) = outage.pings(record) {
        text = format!(
            "{} of the {} went unanswered in that time",
            counted(pings.count, "PING"),
            by.sender(),
        );
        text.push_str(match outage.open {
            true => ", and it did not close the connection.",
            false => ".",
        });
    }
    let mute = view.capture_end? - record.network.last_seen.time;
    if ill.is_mute(view.capture_end) {
        let connects = outage.connects(view, record).count();
        let separator = if text.is_empty() { "" } else { " " };
        text.push_str(&format!(
            "{separator}After its last try nothing more came on conn {}, not even a close, for {} until the \
             capture ended{}: a socket that dies of the kernel's TCP_USER_TIMEOUT, which gRPC libraries set \
             to their keepalive timeout, says nothing.",
            record.number,
            duration(mute),
            match connects {
                0 => String::new(),
                connects => format!(
                    ", and {} of the same client got no answer at first either",
                    counted(connects, "connect")
                ),
            },
        ));
    }
    (!text.is_empty()).then_some(text)
}

fn advice(
    view: &ServerView<'_>,
    ill: &[Ill<'_>],
    affected: &Affected<'_>,
    lossy: bool,
) -> Vec<String> {
    let mut advice = Vec::new();
    let too_large = ill.iter().any(|ill| ill.too_large().is_some());
    if too_large {
        advice.push(
            "Network: find the hop with the smaller MTU (a VPN, a tunnel, an overlay network): let ICMP \
             \"fragmentation needed\" and \"packet too big\" pass, set the MTU of the interfaces to the \
             path's, or clamp the MSS (Linux hosts: net.ipv4.tcp_mtu_probing=1)"
                .into(),
        );
    } else if lossy {
        advice.push(
            "Network: look for drops on the path (ip -s link, ethtool -S, switches, conntrack and \
             firewall counters); a capture at the other end at the same time shows which side loses"
                .into(),
        );
    }
    let outages = || {
        let outages = ill.iter().filter(|ill| ill.too_large().is_none());
        outages.filter(|ill| ill.outage.is_some())
    };
    let pinging = |ill: &Ill<'_>| {
        let outage = ill.outage.filter(|outage| outage.open);
        outage.is_some_and(|outage| outage.pings(ill.record).is_some())
    };
    if outages().any(pinging) {
        advice.push(
            "Network: find out what was down at that time. Client: it sends PINGs, and must close when \
             they go unanswered: set how long it waits for them (grpc-go: \
             keepalive.ClientParameters.Timeout; Go net/http: http2.Transport.PingTimeout), so that other \
             connections take over"
                .into(),
        );
    } else if outages().any(|ill| ill.is_mute(view.capture_end)) {
        advice.push(
            "Network: find out what was down at that time. Client: it gave up by itself and let other \
             connections take over; retry the calls only if they are idempotent"
                .into(),
        );
    } else if outages().next().is_some() {
        advice.push(
            "Network: find out what was down at that time. Client: a keepalive finds a dead path \
             sooner (grpc-go: keepalive.ClientParameters), and other connections take over"
                .into(),
        );
    }
    if ill.iter().any(|ill| is_cut(ill.record)) {
        advice.push(network::FIND_DEVICE.into());
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
