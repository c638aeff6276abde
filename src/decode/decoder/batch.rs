//! Packets collected to be decoded later, by whoever has time.
//!
//! In: packets as they come. Out: the segments of each part of the connections, and when packets came among
//! them.

use std::ops::Range;

use crate::capture::Timestamp;
use crate::decode::link::Segment;
use crate::decode::tcp::{Arrival, FlowKey, FlowSlot, PARTS, part_of};

/// Segments collected to be decoded later, and when packets came among them.
#[derive(Debug, Default)]
pub struct PacketBatch {
    payloads: Vec<u8>,
    segments: Vec<KeptSegment>,
    /// Which of the segments belong to each part.
    of_part: Vec<Vec<usize>>,
    /// When each packet came, whatever it held.
    times: Vec<Timestamp>,
    latest: Option<Timestamp>,
    /// How many packets came before the batch.
    pub(super) packets_before: u64,
    /// Connections to finish after the packets, each with its part.
    to_finish: Vec<PlaceInPart>,
}

/// Where a connection lives: its part, and its slot there.
pub(super) type PlaceInPart = (usize, FlowSlot);

/// A segment whose payload is kept in its batch.
#[derive(Debug)]
struct KeptSegment {
    segment: Segment<'static>,
    payload: Range<usize>,
    arrival: Arrival,
}

impl PacketBatch {
    /// How many packets it has.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.times.len()
    }

    /// How many bytes of payload it keeps.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.payloads.len()
    }

    /// Forgets all, and keeps the room for more.
    pub fn clear(&mut self) {
        self.payloads.clear();
        self.segments.clear();
        self.of_part.iter_mut().for_each(Vec::clear);
        self.times.clear();
        self.latest = None;
        self.to_finish.clear();
    }

    /// A packet came at this moment, after so many others.
    pub(super) fn count_packet(&mut self, time: Timestamp, packets_before: u64) {
        if self.times.is_empty() {
            self.packets_before = packets_before;
        }
        self.times.push(time);
        self.latest = self.latest.max(Some(time));
    }

    /// The packet that came last carried a segment.
    pub(super) fn keep(&mut self, segment: &Segment<'_>, arrival: Arrival) {
        self.of_part.resize_with(PARTS, Vec::new);
        let begin = self.payloads.len();
        self.payloads.extend_from_slice(segment.payload);
        let part = part_of(segment, &FlowKey::of(segment));
        if let Some(of_part) = self.of_part.get_mut(part) {
            of_part.push(self.segments.len());
        }
        self.segments.push(KeptSegment {
            segment: segment.without_payload(),
            payload: begin..self.payloads.len(),
            arrival,
        });
    }

    /// Connections are to be finished after the packets.
    pub fn finish(&mut self, connections: &[PlaceInPart]) {
        self.to_finish.extend_from_slice(connections);
    }

    /// Those of a part that are to be finished, in order.
    pub(super) fn to_finish(&self, part: usize) -> impl Iterator<Item = FlowSlot> {
        let of_part = self.to_finish.iter().filter(move |(of, _)| *of == part);
        of_part.map(|(_, slot)| *slot)
    }

    /// How much there is to do in a part: segments, and connections to finish.
    pub(super) fn amount_of_part(&self, part: usize) -> usize {
        let segments = self.of_part.get(part).map_or(0, Vec::len);
        segments + self.to_finish(part).count()
    }

    /// The segments of a part, in order.
    pub(super) fn of_part(&self, part: usize) -> impl Iterator<Item = (Segment<'_>, Arrival)> {
        let of_part = self.of_part.get(part).into_iter().flatten();
        of_part.filter_map(|index| {
            let kept = self.segments.get(*index)?;
            let segment = Segment {
                payload: self.payloads.get(kept.payload.clone())?,
                ..kept.segment
            };
            Some((segment, kept.arrival))
        })
    }

    /// The first packet from the `from`-th on that came at `due` or later, before the `until`-th.
    pub(super) fn first_at(
        &self,
        due: Timestamp,
        from: usize,
        until: usize,
    ) -> Option<(usize, Timestamp)> {
        if self.latest < Some(due) {
            return None;
        }
        let times = self.times.get(from..until)?;
        let ahead = times.iter().position(|time| *time >= due)?;
        Some((from + ahead, *times.get(ahead)?))
    }
}
