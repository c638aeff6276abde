//! What a connection shows of the network path below it.
//!
//! In: the [`PathStats`] of both sides. Out: figures of the whole path.

use super::direction::{Direction, PerSide};
use super::tcp::{AckSilence, PathStats, Reset};
use crate::capture::{Stamp, TimeDelta};

/// How well both sides' bytes got across.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkPath {
    /// How well each side's bytes did.
    pub sides: PerSide<PathStats>,
    /// Where the connection's last segment was seen.
    pub last_seen: Stamp,
}

/// A round trip over the whole path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// The shortest that was seen.
    pub least: TimeDelta,
    /// About the middle one.
    pub median: TimeDelta,
    /// The longest, the receiver's delay of its acknowledgement included.
    pub most: TimeDelta,
}

impl NetworkPath {
    /// Segments with data, both ways.
    #[must_use]
    pub const fn segments(&self) -> u64 {
        self.sides.client.segments + self.sides.server.segments
    }

    /// Those of them that carried nothing new.
    #[must_use]
    pub const fn retransmissions(&self) -> u64 {
        self.sides.client.retransmissions + self.sides.server.retransmissions
    }

    /// How often a side's receive window closed.
    #[must_use]
    pub const fn zero_windows(&self) -> u64 {
        self.sides.client.zero_windows + self.sides.server.zero_windows
    }

    /// The round trip over the whole path. Each side's times cover the part of the path beyond the
    /// point of capture, as its data saw it; the longer part varies, and the other adds its least.
    #[must_use]
    pub fn round_trip(&self) -> Option<RoundTrip> {
        let [client, server] = [self.sides.client.round_trips, self.sides.server.round_trips];
        let (near, far) = if client.least()? > server.least()? {
            (server.least()?, client)
        } else {
            (client.least()?, server)
        };
        Some(RoundTrip {
            least: near + far.least()?,
            median: near + far.median()?,
            most: near + far.most()?,
        })
    }

    /// The longest time in which a side's data went unacknowledged, and whose data that was.
    #[must_use]
    pub fn longest_silence(&self) -> Option<(Direction, AckSilence)> {
        self.silences().max_by_key(|(_, silence)| silence.lasted)
    }

    /// The longest such times of both sides.
    pub fn silences(&self) -> impl Iterator<Item = (Direction, AckSilence)> {
        self.sides.iter().flat_map(|(direction, stats)| {
            let silences = stats.silences.iter();
            silences.map(move |silence| (direction, *silence))
        })
    }

    /// The first RST, and in whose name it was sent.
    #[must_use]
    pub fn reset(&self) -> Option<(Direction, Reset)> {
        self.sides
            .iter()
            .filter_map(|(by, stats)| Some((by, **stats.reset.as_ref()?)))
            .min_by_key(|(_, reset)| reset.stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_of_centuries_is_the_longest_there_is() {
        let mut network = NetworkPath::default();
        network
            .sides
            .client
            .round_trips
            .push(TimeDelta::from_nanos(50_000));
        network.sides.client.round_trips.push(TimeDelta::MAX);
        network
            .sides
            .server
            .round_trips
            .push(TimeDelta::from_nanos(20_000));
        let round_trip = network.round_trip().unwrap();
        assert_eq!(
            (round_trip.least, round_trip.most),
            (TimeDelta::from_nanos(70_000), TimeDelta::MAX)
        );
    }
}
