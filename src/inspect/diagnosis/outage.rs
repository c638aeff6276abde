//! Times in which nothing that a side of a connection sent was acknowledged: what `network-loss` tells, and what
//! other rules leave to it.
//!
//! In: a connection's record, and when the capture ended. Out: its silences, the one that was not over when the
//! connection was last seen as long as the capture shows it: a socket that dies of TCP_USER_TIMEOUT falls silent
//! without a close.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use super::server_view::ServerView;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::tcp::{AckSilence, Resent};
use crate::decode::{Direction, NetworkPath};
use crate::inspect::connection::record::{ConnectionRecord, Finished};
use crate::inspect::traffic::ping::keepalive::OutstandingPings;

/// A silence this long is an outage: by then a sender has tried again three times.
pub(super) const OUTAGE: TimeDelta = TimeDelta::from_secs(1);

/// So often the same data was sent again, and it is not chance that it was lost.
const MIN_RESENT: u32 = 2;

/// No path drops smaller segments than this for their size (RFC 9293, section 3.7.1: what every host takes).
const MIN_TOO_LARGE: u32 = 536;

/// A connect that failed so long after a connection fell silent is owed to the same.
const CONNECT_AFTER: TimeDelta = TimeDelta::from_secs(60);

/// A connect that took this long had to send its SYN again (RFC 6298, section 2.1).
const SLOW_CONNECT: TimeDelta = TimeDelta::from_secs(1);

/// A time in which nothing that a side sent was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// Whose data it was.
    pub(super) of: Direction,
    /// What was sent, or acknowledged, last before it.
    pub(super) since: Stamp,
    pub(super) lasted: TimeDelta,
    resent: Option<Resent>,
    /// Whether it was not over when the connection was last seen, nor was the connection.
    pub(super) open: bool,
}

impl Outage {
    fn new(of: Direction, silence: AckSilence) -> Self {
        Self {
            of,
            since: silence.since,
            lasted: silence.lasted,
            resent: silence.resent,
            open: false,
        }
    }

    pub(super) fn is_long(&self) -> bool {
        self.lasted >= OUTAGE
    }

    pub(super) fn until(&self) -> Timestamp {
        self.since.time + self.lasted
    }

    /// Whether the other side was heard while data was sent again, and not only when it was over.
    pub(super) fn is_heard(&self) -> bool {
        let midway = |heard: Timestamp| self.until() - heard >= OUTAGE;
        self.resent
            .is_some_and(|resent| resent.answered || resent.heard.is_some_and(midway))
    }

    /// Where only large segments did not get through: how large, and how large the largest was that did.
    pub(super) fn too_large(&self, network: &NetworkPath) -> Option<(u32, u32)> {
        let resent = self.resent.filter(|resent| resent.answered)?;
        let arrived = network.sides[self.of].largest_arrived;
        let too_large =
            resent.times >= MIN_RESENT && resent.size >= MIN_TOO_LARGE && resent.size > arrived;
        too_large.then_some((resent.size, arrived))
    }

    /// The PINGs that nothing answered any more in its time, and whose they were.
    pub(super) fn pings(&self, record: &ConnectionRecord) -> Option<(Direction, OutstandingPings)> {
        let pings = record.keepalive.outstanding[self.of]?;
        (pings.last >= self.since).then_some((self.of, pings))
    }

    /// Connects of the same client to the same server that were not answered at once in its time.
    pub(super) fn connects<'a>(
        &self,
        view: &ServerView<'a>,
        record: &ConnectionRecord,
    ) -> impl Iterator<Item = (u32, Stamp)> + use<'a> {
        let (since, until) = (self.since, self.until());
        let (number, client) = (record.number, record.client.ip());
        let others: Vec<_> = view
            .connections()
            .map(|finished| &finished.record)
            .filter(|other| other.number != number && other.client.ip() == client)
            .filter_map(|other| {
                let slow = other
                    .handshake
                    .is_none_or(|handshake| handshake.round_trip >= SLOW_CONNECT);
                let opened = other.opened.filter(|_| slow)?;
                (opened > since && opened.time <= until).then_some((other.number, opened))
            })
            .collect();
        others.into_iter()
    }
}

/// All silences of a connection.
pub(super) fn all(
    record: &ConnectionRecord,
    capture_end: Option<Timestamp>,
) -> impl Iterator<Item = Outage> {
    let network = &record.network;
    let open = network.sides.iter().filter_map(move |(of, stats)| {
        let left = stats.unacknowledged.as_deref().copied();
        let left = left.filter(|_| record.close.is_none())?;
        // What answers is not silent, and what was not sent again may have been on its way.
        let silent = left.resent.is_some_and(|resent| resent.heard.is_none());
        let end = capture_end.filter(|_| silent)?;
        Some(Outage {
            lasted: end - left.since.time,
            open: true,
            ..Outage::new(of, left)
        })
    });
    let is_open = move |of: Direction, silence: &AckSilence| {
        let left = network.sides[of].unacknowledged.as_deref();
        record.close.is_none() && left.is_some_and(|left| left.since == silence.since)
    };
    let over = network
        .silences()
        .filter(move |(of, silence)| {
            let silent = silence.resent.is_some_and(|resent| resent.heard.is_none());
            !(is_open(*of, silence) && silent && capture_end.is_some())
        })
        .map(|(of, silence)| Outage::new(of, silence));
    open.chain(over)
}

/// The longest silence, if it is an outage: data was sent again in it, and nothing of it was acknowledged.
pub(super) fn longest(record: &ConnectionRecord, capture_end: Option<Timestamp>) -> Option<Outage> {
    let retried = record.network.retransmissions() > 0;
    let outages = all(record, capture_end).filter(|outage| retried && outage.is_long());
    outages.max_by_key(|outage| outage.lasted)
}

/// Connections that were lost with their calls in an outage, and never recovered: of each client since when, in
/// that order, and until when the longest of those so far lasted.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost(FxHashMap<IpAddr, Vec<(Stamp, Timestamp)>>);

/// The connections that were lost so.
pub(super) fn lost(view: &ServerView<'_>) -> Lost {
    let lost = view.connections().filter_map(|Finished { record, rpcs }| {
        let outage = longest(record, view.capture_end)?;
        let over = record
            .close
            .map_or(record.network.last_seen, |close| close.stamp);
        let died = rpcs.iter().any(|rpc| rpc.verdict.is_death());
        let answered = outage.resent.is_some_and(|resent| resent.answered);
        let lost = died && !answered && outage.until() >= over.time - OUTAGE;
        lost.then(|| (record.client.ip(), (outage.since, outage.until())))
    });
    let mut by_client: FxHashMap<_, Vec<_>> = FxHashMap::default();
    for (client, span) in lost {
        by_client.entry(client).or_default().push(span);
    }
    for spans in by_client.values_mut() {
        spans.sort_unstable();
        let mut latest = None;
        for (_, until) in spans {
            latest = latest.max(Some(*until));
            *until = latest.unwrap_or(*until);
        }
    }
    Lost(by_client)
}

impl Lost {
    /// Whether one explains a connect that was not answered: then one cause is told once, with its calls.
    pub(super) fn explain(&self, connect: &ConnectionRecord) -> bool {
        let explained = || {
            let (opened, spans) = (connect.opened?, self.0.get(&connect.client.ip())?);
            let begun = spans.partition_point(|(since, _)| *since < opened);
            let (_, until) = spans.get(begun.checked_sub(1)?)?;
            Some(opened.time <= *until + CONNECT_AFTER)
        };
        explained() == Some(true)
    }
}
