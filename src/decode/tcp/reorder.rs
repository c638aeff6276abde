//! Segments that were captured before what must have come before them.
//!
//! In: segments in capture order. Out: each once what its sender had sent before it, and what it
//! acknowledges, has passed, or patience is spent. The clock of the capture does not decide which of two
//! segments was first: captures of several queues or interfaces show
//! packets in an order that is off by milliseconds, with stamps that are off as well; sequence and
//! acknowledgement numbers are never off.
//!
//! ```text
//!   captured:  S ack 80      C 40..80     C FIN 120     C 80..120
//!              │ waits for    │            │ waits for   │
//!              └──────────────┘            └─────────────┘
//! ```

use super::side::{PerEnd, Side};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::link::Segment;

/// How long a segment waits for an earlier one. Queues are emptied every few
/// milliseconds; a sender that tries again takes longer but for the fastest paths.
pub(super) const PATIENCE: TimeDelta = TimeDelta::from_millis(10);

/// How many segments of a connection wait at most: what a busy one sends in a few milliseconds.
const MAX_WAITING: usize = 256;

/// How many bytes wait at most, so that a capture full of holes costs no memory.
const MAX_WAITING_BYTES: usize = 256 << 10;

/// How many bytes of a connection can have overtaken its SYN: more is another connection between the
/// same addresses.
const MAX_OVERTAKING_BYTES: u32 = 1 << 20;

/// Segments that wait, in the order of their capture.
#[derive(Debug, Default)]
pub(super) struct ReorderQueue {
    waiting: Vec<WaitingSegment>,
    bytes: usize,
    /// Where waiting for the next byte of a side was in vain: it is waited for no more.
    missing: PerEnd<Option<u64>>,
}

/// The first bytes that should have passed before a segment and did not: whose, and at which
/// position.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Awaited {
    /// What its sender sent before it.
    pub(super) own: Option<(Side, u64)>,
    /// What it acknowledges.
    pub(super) peers: Option<(Side, u64)>,
}

/// A segment that waits, and its payload.
#[derive(Debug)]
pub(super) struct WaitingSegment {
    segment: Segment<'static>,
    payload: Box<[u8]>,
    pub(super) from: Side,
    pub(super) overtaken: Overtaken,
}

/// Whether a segment was captured behind a later one of its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Overtaken {
    /// No, or it was sent before that one for sure.
    #[default]
    No,
    /// Yes, and it may have been sent again since.
    Perhaps,
    /// Yes, and so much later that it was sent again.
    SentAgain,
}

impl WaitingSegment {
    pub(super) fn segment(&self) -> Segment<'_> {
        Segment {
            payload: &self.payload,
            ..self.segment
        }
    }
}

impl ReorderQueue {
    /// Whether nothing waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many bytes of memory what waits takes.
    pub(super) const fn held(&self) -> usize {
        self.bytes + self.waiting.capacity() * size_of::<WaitingSegment>()
    }

    /// When the capture showed what has waited longest.
    pub(super) fn waits_since(&self) -> Option<Timestamp> {
        self.waiting.first().map(|first| first.segment.stamp.time)
    }

    /// Whether there is still reason to wait.
    pub(super) fn is_patient(&self, now: Timestamp) -> bool {
        self.waiting.len() <= MAX_WAITING
            && self.bytes <= MAX_WAITING_BYTES
            && self
                .waits_since()
                .is_none_or(|since| now - since <= PATIENCE)
    }

    /// Lets a segment wait.
    pub(super) fn hold(&mut self, from: Side, segment: &Segment<'_>, overtaken: Overtaken) {
        self.bytes += segment.payload.len();
        self.waiting.push(WaitingSegment {
            segment: segment.without_payload(),
            payload: segment.payload.into(),
            from,
            overtaken,
        });
    }

    /// Whether a segment that lacks these bytes is to wait for them.
    pub(super) fn awaits(&self, awaited: Awaited) -> bool {
        let Awaited { own, peers } = awaited;
        [own, peers]
            .into_iter()
            .flatten()
            .any(|(side, position)| !self.is_missing(side, position))
    }

    /// Takes out the first segment that waits for nothing more.
    pub(super) fn take(
        &mut self,
        awaited: impl Fn(Side, &Segment<'_>) -> Awaited,
    ) -> Option<WaitingSegment> {
        let is_ready =
            |waiting: &WaitingSegment| !self.awaits(awaited(waiting.from, &waiting.segment));
        let ready = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, one)| is_ready(one));
        // Of its sender's, that with which its bytes go on, or begin.
        let place = ready.reduce(|first, other| {
            let ahead = first
                .1
                .segment
                .sequence
                .wrapping_sub(other.1.segment.sequence);
            let before = first.1.from == other.1.from && ahead.cast_signed() > 0;
            if before { other } else { first }
        });
        let (place, _) = place?;
        Some(self.take_at(place))
    }

    /// Takes out the segment of a side that has waited longest.
    pub(super) fn take_of(&mut self, from: Side) -> Option<WaitingSegment> {
        let mut waiting = self.waiting.iter();
        let place = waiting.position(|waiting| waiting.from == from)?;
        Some(self.take_at(place))
    }

    /// Whether `segment` carries bytes that one which waits carries too. Of two that differ the one
    /// captured first counts, so that they must not change places.
    pub(super) fn overlaps(&self, from: Side, segment: &Segment<'_>) -> bool {
        self.waiting.iter().any(
            |WaitingSegment {
                 segment: other,
                 from: side,
                 ..
             }| {
                let ahead = other.sequence.wrapping_sub(segment.sequence);
                let behind = segment.sequence.wrapping_sub(other.sequence);
                *side == from && (ahead < segment.payload_length || behind < other.payload_length)
            },
        )
    }

    /// Waits no more for what the segment that waited longest lacks.
    pub(super) fn stop_awaiting(&mut self, awaited: impl Fn(Side, &Segment<'_>) -> Awaited) {
        let Some(first) = self.waiting.first() else {
            return;
        };
        let Awaited { own, peers } = awaited(first.from, &first.segment);
        for (side, position) in [own, peers].into_iter().flatten() {
            self.miss(side, position);
        }
    }

    /// What comes next of a side is not waited for any more.
    pub(super) fn miss(&mut self, side: Side, position: u64) {
        self.missing[side] = Some(position);
    }

    /// Whether what waits can belong to the connection that a SYN of `from` opens.
    pub(super) fn follows(&self, from: Side, initial_sequence: u32) -> bool {
        let first = initial_sequence.wrapping_add(1);
        !self.waiting.is_empty()
            && self.waiting.iter().all(|waiting| {
                let segment = &waiting.segment;
                let shown = match waiting.from == from {
                    true => Some(segment.sequence),
                    false => segment.acknowledgement,
                };
                shown.is_none_or(|shown| shown.wrapping_sub(first) < MAX_OVERTAKING_BYTES)
            })
    }

    /// Whether `segment` was overtaken by one that waits. What its sender numbered or stamped lower,
    /// or the capture itself, was first.
    pub(super) fn overtaken(
        &self,
        from: Side,
        segment: &Segment<'_>,
        reordered: TimeDelta,
    ) -> Overtaken {
        let later = self.waiting.iter().find(|waiting| {
            let ahead = waiting.segment.sequence.wrapping_sub(segment.sequence);
            waiting.from == from && ahead.cast_signed() > 0
        });
        let Some(WaitingSegment { segment: later, .. }) = later else {
            return Overtaken::No;
        };
        let stamped = segment.timestamp.zip(later.timestamp);
        let since = segment.stamp.time - later.stamp.time;
        let first = since.is_negative()
            || stamped.is_some_and(|(own, later)| later.wrapping_sub(own).cast_signed() > 0)
            || segment.identification != 0
                && later.identification != 0
                && later
                    .identification
                    .wrapping_sub(segment.identification)
                    .cast_signed()
                    > 0;
        match first {
            true => Overtaken::No,
            false if since > reordered => Overtaken::SentAgain,
            false => Overtaken::Perhaps,
        }
    }

    fn take_at(&mut self, place: usize) -> WaitingSegment {
        let taken = self.waiting.remove(place);
        self.bytes = self.bytes.saturating_sub(taken.payload.len());
        // Disorder passes; of many connections few have any at a time.
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
        taken
    }

    fn is_missing(&self, side: Side, position: u64) -> bool {
        self.missing[side] == Some(position)
    }
}
