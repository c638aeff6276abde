//! Whether the network is to blame: what `network-loss` judges by, and the words that rule it out.

use crate::decode::tcp::Reset;
use crate::decode::{Direction, NetworkPath, PerSide, RoundTrip};
use crate::inspect::connection::record::ConnectionRecord;
use crate::units::{count, counted, duration};

/// With fewer segments that carry data, nothing is said of the network.
const MIN_SEGMENTS: u64 = 10;

/// Of a thousand segments with data, so many may be sent again on a path that serves its users well.
const TOLERABLE_PER_MILLE: u64 = 1;

/// What connections show of the network together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) segments: u64,
    pub(super) retransmissions: u64,
    pub(super) zero_windows: u64,
    pub(super) round_trip: Option<RoundTrip>,
}

impl Sum {
    pub(super) fn of<'a>(networks: impl Iterator<Item = &'a NetworkPath>) -> Self {
        networks.fold(Self::default(), |sum, network| Self {
            segments: sum.segments + network.segments(),
            retransmissions: sum.retransmissions + network.retransmissions(),
            zero_windows: sum.zero_windows + network.zero_windows(),
            round_trip: widest(sum.round_trip, network.round_trip()),
        })
    }
}

/// The least and the most of two, and the longer median.
fn widest(one: Option<RoundTrip>, other: Option<RoundTrip>) -> Option<RoundTrip> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    Some(RoundTrip {
        least: one.least.min(other.least),
        median: one.median.max(other.median),
        most: one.most.max(other.most),
    })
}

/// Segments that were lost between a capture at the client and one at the server; `None` unless each of the connections
/// that carried data was captured at both.
pub(super) fn lost_between<'a>(
    records: impl Iterator<Item = &'a ConnectionRecord>,
) -> Option<PerSide<u64>> {
    let mut sum = None;
    for record in records.filter(|record| record.network.segments() > 0) {
        let lost = record.both_ends.as_deref()?.lost_segments?;
        let before = sum.unwrap_or(PerSide::<u64>::default());
        sum = Some(PerSide {
            client: before.client + lost.client,
            server: before.server + lost.server,
        });
    }
    sum
}

/// What to do about a RST that came from something on the way.
pub(super) const FIND_DEVICE: &str = "Network: find the device on the path that resets connections: idle limits, state tables, policies";

/// What shows that a connection's RST came from something on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ForeignReset {
    /// It has another hop limit than its supposed sender's segments.
    HopLimit,
    /// Neither end sent it, as the captures of both show.
    Unsent,
}

/// The RST that something on the way sent in an end's name.
pub(super) fn foreign_reset(record: &ConnectionRecord) -> Option<(Direction, Reset, ForeignReset)> {
    let (by, reset) = record.network.reset()?;
    let unsent = record.both_ends.as_ref().and_then(|both| both.unsent_reset);
    if unsent == Some(by) {
        return Some((by, reset, ForeignReset::Unsent));
    }
    reset
        .is_foreign()
        .then_some((by, reset, ForeignReset::HopLimit))
}

/// The network as a cause that these connections rule out, with the figures that show it; `None` where
/// the capture does not show that.
pub(super) fn cleared(records: &[&ConnectionRecord]) -> Option<String> {
    let networks = || records.iter().map(|record| &record.network);
    let sum = Sum::of(networks());
    let clean = sum.segments >= MIN_SEGMENTS
        && sum.retransmissions * 1_000 <= sum.segments * TOLERABLE_PER_MILLE
        && sum.zero_windows == 0
        && networks().all(|network| network.longest_silence().is_none())
        && networks().all(|network| {
            let mut sides = network.sides.iter();
            sides.all(|(_, stats)| stats.unanswered_probes.is_none())
        })
        && records.iter().all(|record| foreign_reset(record).is_none())
        && records.iter().all(|record| record.missing.bytes == 0);
    let lost = lost_between(records.iter().copied());
    if records.iter().any(|record| foreign_reset(record).is_some()) {
        return None;
    }
    if let Some(PerSide {
        client: 0,
        server: 0,
    }) = lost
        && sum.segments >= MIN_SEGMENTS
    {
        return Some(format!(
            "the network (captured at both ends: none of {} with data was lost between them)",
            counted(sum.segments, "segment"),
        ));
    }
    let round_trip = sum.round_trip.filter(|_| clean)?;
    Some(format!(
        "the network ({} of {} segments with data, round trip {}, at worst {})",
        match sum.retransmissions {
            0 => "no retransmission".to_owned(),
            some => counted(some, "retransmission"),
        },
        count(sum.segments),
        duration(round_trip.median),
        duration(round_trip.most),
    ))
}
