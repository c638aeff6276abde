//! What the packets of a capture are, before their connections are known.
//!
//! In: packets, or segments of some. Out: their segments, each with its place among all; counts of what else they are.

use super::Tally;
use super::incoming::Incoming;
use crate::decode::anomaly::{Anomalies, Layer};
use crate::decode::capture_quality::CaptureQuality;
use crate::decode::link::{self, Segment, Stop};
use crate::decode::tcp::{Arrival, Arrivals};

/// Takes packets in.
#[derive(Debug, Default)]
pub(super) struct Intake {
    links: link::Decoder,
    arrivals: Arrivals,
    pub(super) anomalies: Anomalies,
    pub(super) quality: CaptureQuality,
    pub(super) tally: Tally,
}

impl Intake {
    /// The segment in the next packet, and where it stands among all.
    pub(super) fn segment<'a>(
        &'a mut self,
        incoming: Incoming<'_, 'a>,
    ) -> Option<(Segment<'a>, Arrival)> {
        let stamp = incoming.stamp();
        self.quality.saw(stamp);
        self.arrivals.count_packet();
        let segment = match incoming {
            Incoming::Packet(packet) => self.links.decode(packet),
            Incoming::Segment(segment) => Ok(segment),
        };
        match segment {
            Ok(segment) => {
                let arrival = self.arrivals.next(&segment);
                return Some((segment, arrival));
            }
            Err(Stop::Fragment) => {}
            Err(Stop::Other(other)) => self.tally.count(other, 1),
            Err(Stop::Damaged(fault)) => {
                self.tally.damaged += 1;
                let text = format!("{}: such packets are left out", fault.name());
                self.anomalies.note(Layer::Link, text, Some(stamp), None);
            }
        }
        None
    }

    /// How many packets came so far.
    pub(super) const fn packets(&self) -> u64 {
        self.arrivals.packets()
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self) {
        self.tally
            .count(link::Other::Fragment, self.links.unused_fragments());
    }
}
