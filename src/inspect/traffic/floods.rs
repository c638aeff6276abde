//! Frames that cost their sender little and their receiver much, counted by the second.
//!
//! In: one call for each such frame. Out: a [`Burst`] of each kind that reached its threshold, the
//! densest second of it. What never happens here: a verdict on intent; a broken client looks the same.

use crate::capture::{Stamp, Timestamp};
use crate::decode::Direction;

/// Counts begin anew this often, in nanoseconds.
const WINDOW_NANOS: i64 = 1_000_000_000;

/// A kind of frame that can be abused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Abuse {
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
}

impl Abuse {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::RapidReset,
        Self::Continuation,
        Self::Settings,
        Self::Ping,
        Self::EmptyData,
    ];

    /// How many in a second (of CONTINUATION: in one header block) are too many for honest peers.
    #[must_use]
    pub const fn threshold(self) -> u32 {
        match self {
            // A client that cancels calls does so when they take long, not within RAPID_NANOS of
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
        }
    }
}

/// The densest second of a kind of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// The kind.
    pub abuse: Abuse,
    /// Who sent them.
    pub by: Direction,
    /// How many in that second (of CONTINUATION: in that header block).
    pub most: u32,
    /// The first of them.
    pub since: Stamp,
    /// How many in all.
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
        if self.count == 0 || stamp.time.nanos_since(self.since.time) >= WINDOW_NANOS {
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

/// A stream reset by its client sooner than this, in nanoseconds, after it was opened was not meant
/// to be answered.
const RAPID_NANOS: i64 = 10_000_000;

/// Counts what a connection's sides send.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bursts {
    client: [Counter; Abuse::ALL.len()],
    server: [Counter; Abuse::ALL.len()],
    /// PINGs of client and server that are unanswered.
    unanswered: [u64; 2],
}

impl Bursts {
    /// One more.
    pub(crate) fn add(&mut self, abuse: Abuse, by: Direction, stamp: Stamp) {
        let counters = match by {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        };
        if let Some(counter) = counters.get_mut(abuse as usize) {
            counter.add(stamp);
        }
    }

    /// A client reset a stream.
    pub(crate) fn reset(&mut self, opened: Timestamp, stamp: Stamp) {
        if stamp.time.nanos_since(opened) < RAPID_NANOS {
            self.add(Abuse::RapidReset, Direction::ClientToServer, stamp);
        }
    }

    /// A header block begins: its CONTINUATION frames are counted anew.
    pub(crate) const fn block_begins(&mut self, by: Direction, stamp: Stamp) {
        let [_, counter, ..] = match by {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        };
        counter.begin(stamp);
    }

    /// A PING was sent.
    pub(crate) fn ping(&mut self, by: Direction, stamp: Stamp) {
        let unanswered = self.unanswered_mut(by);
        *unanswered += 1;
        if *unanswered > 1 {
            self.add(Abuse::Ping, by, stamp);
        }
    }

    /// `by`'s peer answered a PING.
    pub(crate) const fn pong(&mut self, by: Direction) {
        let unanswered = self.unanswered_mut(by);
        *unanswered = unanswered.saturating_sub(1);
    }

    /// Those kinds that reached their threshold.
    pub(crate) fn notable(&self) -> Vec<Burst> {
        let of = |by, counters: &[Counter]| {
            let pairs = Abuse::ALL.iter().zip(counters);
            let bursts = pairs.filter_map(|(abuse, counter)| {
                let (most, since) = counter.most?;
                let total = counter.total;
                let burst = Burst {
                    abuse: *abuse,
                    by,
                    most,
                    since,
                    total,
                };
                (most >= abuse.threshold()).then_some(burst)
            });
            bursts.collect::<Vec<_>>()
        };
        let mut notable = of(Direction::ClientToServer, &self.client);
        notable.extend(of(Direction::ServerToClient, &self.server));
        notable
    }

    const fn unanswered_mut(&mut self, by: Direction) -> &mut u64 {
        let [client, server] = &mut self.unanswered;
        match by {
            Direction::ClientToServer => client,
            Direction::ServerToClient => server,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Direction = Direction::ClientToServer;

    fn at(millis: i64) -> Stamp {
        Stamp {
            time: Timestamp::from_nanos(millis * 1_000_000),
            packet: 1,
            file: 0,
        }
    }

    #[test]
    fn pings_that_wait_for_their_answer_are_no_flood_however_many() {
        let mut bursts = Bursts::default();
        for millis in 0..1_000 {
            bursts.ping(CLIENT, at(millis));
            bursts.pong(CLIENT);
        }
        assert_eq!(bursts.notable(), []);
        for _ in 0..=Abuse::Ping.threshold() {
            bursts.ping(CLIENT, at(2_000));
        }
        let [burst] = bursts.notable()[..] else {
            panic!("{:?}", bursts.notable())
        };
        assert_eq!(
            (burst.abuse, burst.most, burst.since),
            (Abuse::Ping, 100, at(2_000))
        );
    }

    #[test]
    fn streams_reset_at_once_are_counted_by_the_second() {
        let mut bursts = Bursts::default();
        for millis in 0..5_000 {
            // Reset after 20 ms: a caller with little patience.
            bursts.reset(at(millis).time, at(millis + 20));
        }
        for step in 0..500 {
            // 50 a second: below the threshold.
            bursts.reset(at(step * 20).time, at(step * 20));
        }
        assert_eq!(bursts.notable(), []);
        for step in 0..300 {
            bursts.reset(at(20_000 + step).time, at(20_000 + step));
        }
        let [burst] = bursts.notable()[..] else {
            panic!("{:?}", bursts.notable())
        };
        assert_eq!(
            (burst.abuse, burst.most, burst.total),
            (Abuse::RapidReset, 300, 800)
        );
    }

    #[test]
    fn continuations_are_counted_by_the_header_block() {
        let mut bursts = Bursts::default();
        for millis in 0..100 {
            bursts.block_begins(CLIENT, at(millis));
            bursts.add(Abuse::Continuation, CLIENT, at(millis));
        }
        assert_eq!(bursts.notable(), []);
        bursts.block_begins(CLIENT, at(500));
        for _ in 0..Abuse::Continuation.threshold() {
            bursts.add(Abuse::Continuation, CLIENT, at(500));
        }
        assert_eq!(bursts.notable().len(), 1);
    }
}
