//! What a connection shows of the network below it.
//!
//! In: the [`PathStats`] of both sides. Out: figures of the whole path. What never happens here: blame.

use super::Direction;
use super::tcp::{AckSilence, PathStats, Reset};
use crate::capture::Stamp;

/// How well both sides' bytes got across.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkPath {
    /// What the client sent.
    pub client: PathStats,
    /// What the server sent.
    pub server: PathStats,
    /// The connection's last segment.
    pub last_seen: Stamp,
}

/// A round trip over the whole path, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// The shortest.
    pub least: i64,
    /// About the middle one.
    pub median: i64,
    /// The longest, the receiver's delay of its acknowledgement included.
    pub most: i64,
}

impl NetworkPath {
    /// Segments with data, both ways.
    #[must_use]
    pub const fn segments(&self) -> u64 {
        self.client.segments + self.server.segments
    }

    /// Those of them that carried nothing new.
    #[must_use]
    pub const fn retransmissions(&self) -> u64 {
        self.client.retransmissions + self.server.retransmissions
    }

    /// How often a side's receive window closed.
    #[must_use]
    pub const fn zero_windows(&self) -> u64 {
        self.client.zero_windows + self.server.zero_windows
    }

    /// The round trip over the whole path. Each side's times cover the part of the path beyond the
    /// point of capture, as its data saw it; the longer part varies, and the other adds its least.
    #[must_use]
    pub fn round_trip(&self) -> Option<RoundTrip> {
        let [client, server] = [self.client.round_trips, self.server.round_trips];
        let (near, far) = if client.least()? > server.least()? {
            (server.least()?, client)
        } else {
            (client.least()?, server)
        };
        Some(RoundTrip {
            least: near.saturating_add(far.least()?),
            median: near.saturating_add(far.median()?),
            most: near.saturating_add(far.most()?),
        })
    }

    /// The longest time in which a side's data went unacknowledged, and whose data that was.
    #[must_use]
    pub fn longest_silence(&self) -> Option<(Direction, AckSilence)> {
        self.silences().max_by_key(|(_, silence)| silence.nanos)
    }

    /// The longest such times of both sides.
    pub fn silences(&self) -> impl Iterator<Item = (Direction, AckSilence)> {
        let of = |direction, stats: &PathStats| {
            let silences = stats.silences.clone().into_iter();
            silences.map(move |silence| (direction, silence))
        };
        of(Direction::ClientToServer, &self.client)
            .chain(of(Direction::ServerToClient, &self.server))
    }

    /// The first RST, and in whose name it was sent.
    #[must_use]
    pub fn reset(&self) -> Option<(Direction, Reset)> {
        let client = self
            .client
            .reset
            .map(|reset| (Direction::ClientToServer, reset));
        let server = self
            .server
            .reset
            .map(|reset| (Direction::ServerToClient, reset));
        [client, server]
            .into_iter()
            .flatten()
            .min_by_key(|(_, reset)| reset.stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_of_centuries_is_the_longest_there_is() {
        let mut network = NetworkPath {
            client: PathStats::default(),
            server: PathStats::default(),
            last_seen: Stamp::default(),
        };
        network.client.round_trips.push(50_000);
        network.client.round_trips.push(i64::MAX);
        network.server.round_trips.push(20_000);
        let round_trip = network.round_trip().unwrap();
        assert_eq!((round_trip.least, round_trip.most), (70_000, i64::MAX));
    }
}
