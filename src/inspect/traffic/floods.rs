//! Frames that cost their sender little and their receiver much, counted by the second.
//!
//! In: one call for each such frame. Out: a [`Burst`] of each kind that reached its threshold, the
//! densest second of it. It says nothing of intent; a broken client looks the same.

use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::{Direction, PerSide};

/// Counts begin anew this often.
const COUNTED_TOGETHER: TimeDelta = TimeDelta::from_secs(1);

/// A kind of frame that can be abused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FloodKind {
    /// Streams opened and reset at once (CVE-2023-44487).
    RapidReset,
    /// CONTINUATION frames of one header block (CVE-2024-27316).
    Continuation,
    /// SETTINGS (CVE-2019-9515).
    Settings,
    /// PINGs sent while an earlier one is unanswered (CVE-2019-9512).
    Ping,
    /// DATA without a byte of data that does not end its stream (CVE-2019-9518).
    EmptyData,
    /// Streams that the server reset because of what the client sent on them (CVE-2025-8671).
    ProvokedReset,
}

impl FloodKind {
    /// All kinds, in the order in which reports name them.
    pub const ALL: [Self; 6] = [
        Self::RapidReset,
        Self::Continuation,
        Self::Settings,
        Self::Ping,
        Self::EmptyData,
        Self::ProvokedReset,
    ];

    /// How many in a second (of CONTINUATION: in one header block) are too many for honest peers.
    #[must_use]
    pub const fn threshold(self) -> u32 {
        match self {
            // A client that cancels calls does so when they take long, not within RAPID of
            // opening them. Servers that defend themselves begin to count at 20 to 200 (h2, nghttp2).
            Self::RapidReset => 100,
            // At the frame size that every peer accepts, 16,384 bytes, this is 1 MiB of compressed
            // headers; servers refuse header lists beyond 8 KiB to 16 MiB.
            Self::Continuation => 64,
            // Honest peers send one or two; those that follow the bandwidth (grpc-go, hyper) one for
            // each growth of the window, some ten in the life of a connection.
            Self::Settings => 50,
            // Probes of bandwidth and round trips come as fast as once a round trip, but each waits
            // for the answer to the one before; keepalives come every second at most.
            Self::Ping => 100,
            // An honest sender has no use for them but to end a stream.
            Self::EmptyData => 100,
            // An honest client does none of it; a broken one stops at its first errors.
            Self::ProvokedReset => 20,
        }
    }
}

/// The densest second of a kind of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// The kind of frame that there were too many of.
    pub kind: FloodKind,
    /// The side that sent them.
    pub by: Direction,
    /// How many in that second (of CONTINUATION: in that header block).
    pub most: u32,
    /// The packet that completed the first of them.
    pub since: Stamp,
    /// How many there were on the connection in all.
    pub total: u64,
}

/// Counts one kind of frame of one side.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    since: Stamp,
    count: u32,
    most: Option<(u32, Stamp)>,
    total: u64,
}

impl Counter {
    fn add(&mut self, stamp: Stamp) {
        if self.count == 0 || stamp.time - self.since.time >= COUNTED_TOGETHER {
            self.begin(stamp);
        }
        self.count += 1;
        self.total += 1;
        if self.most.is_none_or(|(most, _)| most < self.count) {
            self.most = Some((self.count, self.since));
        }
    }

    const fn begin(&mut self, stamp: Stamp) {
        self.since = stamp;
        self.count = 0;
    }
}

/// A stream reset by its client sooner than this after it was opened was not meant to be answered.
const RAPID: TimeDelta = TimeDelta::from_millis(10);

/// Counts what a connection's sides send.
#[derive(Clone, Debug, Default)]
pub(crate) struct Floods {
    /// Of each kind that was seen; most connections have one or two.
    counters: PerSide<Vec<(FloodKind, Counter)>>,
}

impl Floods {
    /// One more frame of this kind.
    pub(crate) fn add(&mut self, kind: FloodKind, by: Direction, stamp: Stamp) {
        let counters = &mut self.counters[by];
        if let Some(counter) = counter(counters, kind) {
            counter.add(stamp);
            return;
        }
        let mut counter = Counter::default();
        counter.add(stamp);
        counters.push((kind, counter));
    }

    /// A client reset a stream.
    pub(crate) fn reset(&mut self, opened: Timestamp, stamp: Stamp) {
        if stamp.time - opened < RAPID {
            self.add(FloodKind::RapidReset, Direction::ClientToServer, stamp);
        }
    }

    /// A header block begins: its CONTINUATION frames are counted anew.
    pub(crate) fn block_begins(&mut self, by: Direction, stamp: Stamp) {
        if let Some(counter) = counter(&mut self.counters[by], FloodKind::Continuation) {
            counter.begin(stamp);
        }
    }

    /// Those kinds that reached their threshold.
    pub(crate) fn notable(&self) -> Vec<Burst> {
        let counters = self.counters.iter().flat_map(|(by, counters)| {
            counters
                .iter()
                .map(move |(kind, counter)| (by, *kind, counter))
        });
        let bursts = counters.filter_map(|(by, kind, counter)| {
            let (most, since) = counter.most?;
            (most >= kind.threshold()).then_some(Burst {
                kind,
                by,
                most,
                since,
                total: counter.total,
            })
        });
        let mut bursts: Vec<_> = bursts.collect();
        bursts.sort_by_key(|burst| (burst.by, burst.kind as usize));
        bursts
    }
}

fn counter(counters: &mut [(FloodKind, Counter)], kind: FloodKind) -> Option<&mut Counter> {
    let mut counters = counters.iter_mut();
    counters
        .find(|(other, _)| *other == kind)
        .map(|(_, counter)| counter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    const CLIENT: Direction = Direction::ClientToServer;

    #[test]
    fn a_flood_begins_at_its_threshold() {
        let mut floods = Floods::default();
        for _ in 1..FloodKind::Ping.threshold() {
            floods.add(FloodKind::Ping, CLIENT, at(2_000));
        }
        assert_eq!(floods.notable(), []);
        floods.add(FloodKind::Ping, CLIENT, at(2_000));
        let [burst] = floods.notable()[..] else {
            panic!("{:?}", floods.notable())
        };
        assert_eq!(
            (burst.kind, burst.most, burst.since),
            (FloodKind::Ping, 100, at(2_000))
        );
    }

    #[test]
    fn streams_reset_at_once_are_counted_by_the_second() {
        let mut floods = Floods::default();
        for millis in 0..5_000 {
            // Reset after 20 ms: a caller with little patience.
            floods.reset(at(millis).time, at(millis + 20));
        }
        for step in 0..500 {
            // 50 a second: below the threshold.
            floods.reset(at(step * 20).time, at(step * 20));
        }
        assert_eq!(floods.notable(), []);
        for step in 0..300 {
            floods.reset(at(20_000 + step).time, at(20_000 + step));
        }
        let [burst] = floods.notable()[..] else {
            panic!("{:?}", floods.notable())
        };
        assert_eq!(
            (burst.kind, burst.most, burst.total),
            (FloodKind::RapidReset, 300, 800)
        );
    }

    #[test]
    fn continuations_are_counted_by_the_header_block() {
        let mut floods = Floods::default();
        for millis in 0..100 {
            floods.block_begins(CLIENT, at(millis));
            floods.add(FloodKind::Continuation, CLIENT, at(millis));
        }
        assert_eq!(floods.notable(), []);
        floods.block_begins(CLIENT, at(500));
        for _ in 0..FloodKind::Continuation.threshold() {
            floods.add(FloodKind::Continuation, CLIENT, at(500));
        }
        assert_eq!(floods.notable().len(), 1);
    }
}
