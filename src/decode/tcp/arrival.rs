//! Where a segment stands among all segments of a capture.
//!
//! In: segments in capture order. Out: what of that order decides about a connection, so that it can be
//! followed apart from the others.

use crate::capture::Timestamp;
use crate::decode::link::Segment;

/// Where a segment stands among all of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// How many packets came before the one that carried it.
    pub packets_before: u64,
    /// The latest time of the segments up to this one.
    pub latest: Timestamp,
}

/// Counts what arrives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrivals {
    packets: u64,
    latest: Option<Timestamp>,
}

impl Arrivals {
    /// The next packet came.
    pub const fn count_packet(&mut self) {
        self.packets += 1;
    }

    /// How many packets came so far.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// The packet that came last carried a segment.
    pub fn next(&mut self, segment: &Segment<'_>) -> Arrival {
        let time = segment.stamp.time;
        let latest = self.latest.map_or(time, |latest| latest.max(time));
        self.latest = Some(latest);
        Arrival {
            packets_before: self.packets.saturating_sub(1),
            latest,
        }
    }
}
