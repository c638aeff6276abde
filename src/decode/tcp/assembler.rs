//! One direction of a connection: segments in any order to bytes in order, gaps explicit.
//!
//! In: pieces of the byte stream at their positions. Out: [`Chunk`]s, each byte once and in order,
//! with what first carried it. In-order bytes are passed on where they lie; only what came too
//! early is copied.
//!
//! Where two copies of a byte differ the one captured first counts, as it is the one its receiver
//! most likely kept.

use std::collections::BTreeMap;

use super::sequence::ORIGIN;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::carrier::Carrier;
use crate::decode::stream_part::StreamPart;

/// Bytes held behind a hole before the hole is skipped. Above the 3 MiB that a fast path with
/// default Linux buffers keeps in flight, so that a retransmission still finds its hole.
pub const MAX_HELD_BYTES: usize = 4 << 20;

/// What one held piece costs beside its bytes: its place in the tree, half of whose nodes are empty, and
/// its allocation. It keeps one-byte pieces within the same bound.
const HELD_OVERHEAD: usize = 192;

/// What the first node of the tree takes, however few pieces it has.
const FIRST_NODE: usize = 1_024;

/// How many pieces may follow an acknowledged hole before it is skipped. The receiver has the
/// bytes, so only a capture that shows packets out of order can still bring them; such disorder
/// spans a few packets.
const PATIENCE_PIECES: u32 = 64;

/// How long an acknowledged hole is kept open for the same reason.
const PATIENCE: TimeDelta = TimeDelta::from_millis(200);

/// How long a hole is kept open that nobody acknowledged: its sender may try again
/// for as long as this after an outage, and where only one direction was captured nothing else
/// would ever end the wait.
const RETRANSMISSION: TimeDelta = TimeDelta::from_secs(30);

/// A piece that fills a hole sooner than this was reordered on the way rather
/// than sent again: the threshold that Wireshark uses too.
pub(super) const REORDERED: TimeDelta = TimeDelta::from_millis(3);

/// What comes next in the byte stream of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// Bytes, and the segment that first carried them.
    Bytes {
        /// Position of the first one.
        position: u64,
        /// The bytes; never empty.
        data: &'a [u8],
        /// The segment that first carried them.
        carrier: Carrier,
        /// The packet with which the stream was whole up to them: that one, or the one that filled the hole behind
        /// which they had waited.
        whole: Stamp,
    },
    /// Bytes that the capture does not hold.
    Gap {
        /// Position of the first one.
        position: u64,
        /// How many; at least one.
        length: u64,
        /// What showed that they are missing.
        carrier: Carrier,
    },
}

impl<'a> From<Chunk<'a>> for StreamPart<'a> {
    #[inline]
    fn from(chunk: Chunk<'a>) -> Self {
        match chunk {
            Chunk::Bytes {
                position,
                data,
                carrier,
                whole,
            } => Self::Bytes {
                position,
                data,
                carrier,
                whole,
                record: None,
            },
            Chunk::Gap {
                position,
                length,
                carrier,
            } => Self::Gap {
                position,
                length,
                carrier,
            },
        }
    }
}

/// A part of the byte stream as one segment carried it.
#[derive(Clone, Copy, Debug)]
pub struct SegmentData<'a> {
    /// Position of its first byte.
    pub position: u64,
    /// The bytes of it that were captured.
    pub data: &'a [u8],
    /// How many bytes were on the wire: more than `data` holds where the snap length cut them.
    pub length: u64,
    /// The segment that carried it.
    pub carrier: Carrier,
    /// That packet, or one of the same side for which it had waited.
    pub whole: Stamp,
    /// Whether it is known to have been sent again, although it comes in order.
    pub sent_again: bool,
}

/// Reassembly of one direction.
#[derive(Debug)]
pub struct Assembler {
    /// Position of the next byte to pass on; everything before has been passed on.
    next: u64,
    /// Position after the highest byte seen.
    highest: u64,
    /// Pieces above `next`, by position; they never overlap.
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    /// The hole below `held`, while there is one.
    hole: Option<Hole>,
    begun: bool,
    retransmissions: u64,
    missing: u64,
}

#[derive(Debug)]
struct Held {
    data: Box<[u8]>,
    length: u64,
    carrier: Carrier,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    since: Timestamp,
    acknowledged: Option<Patience>,
}

#[derive(Clone, Copy, Debug)]
struct Patience {
    since: Timestamp,
    /// Up to where the receiver had acknowledged then.
    upto: u64,
    pieces: u32,
}

impl Default for Assembler {
    fn default() -> Self {
        Self {
            next: ORIGIN,
            highest: ORIGIN,
            held: BTreeMap::new(),
            held_bytes: 0,
            hole: None,
            begun: false,
            retransmissions: 0,
            missing: 0,
        }
    }
}

impl Assembler {
    /// Position of the next byte to pass on.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Position after the highest byte seen, passed on or not.
    #[must_use]
    pub const fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether the position of its first byte is known.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether nothing is missing below `position`.
    #[must_use]
    pub fn is_whole_to(&self, position: u64) -> bool {
        position <= self.next || !self.begun
    }

    /// Segments whose bytes had all been seen before.
    #[must_use]
    pub const fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// Bytes that were never captured.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// The stream was seen from its first byte: what lies between there and the first piece is a
    /// gap. Without this the first piece is where the stream begins.
    pub const fn begin(&mut self) {
        self.begun = true;
    }

    /// Takes a piece and passes on what is in order by now.
    pub fn push(&mut self, piece: SegmentData<'_>, sink: &mut impl FnMut(Chunk<'_>)) {
        let end = piece.position.saturating_add(piece.length);
        if piece.length == 0 || self.is_keepalive_probe(&piece) {
            return;
        }
        if !self.begun {
            self.begun = true;
            self.next = piece.position;
            self.highest = piece.position;
        }
        let late = piece.position < self.highest;
        if piece.sent_again || late && self.is_sent_again(&piece, end) {
            self.retransmissions += 1;
        }
        let piece = SegmentData {
            carrier: Carrier {
                original: piece.carrier.original && !late,
                ..piece.carrier
            },
            ..piece
        };
        self.highest = self.highest.max(end);
        if end <= self.next {
            return;
        }
        if piece.position <= self.next && self.held.is_empty() {
            self.pass_on(piece, sink);
            return;
        }
        self.hold(piece, end);
        self.drain(Some(piece.whole), sink);
        let outlived = self
            .hole
            .is_some_and(|hole| piece.carrier.stamp.time - hole.since > RETRANSMISSION);
        if outlived || self.held_bytes > MAX_HELD_BYTES {
            self.skip_hole(sink);
        }
    }

    /// Learns that the receiver has everything before `position`. A hole below that will not be
    /// sent again: once patience with the order of the capture is spent, it is a gap.
    pub fn acknowledged(
        &mut self,
        position: u64,
        now: Timestamp,
        sink: &mut impl FnMut(Chunk<'_>),
    ) {
        let Some(first_held) = self.held.keys().next().copied() else {
            return;
        };
        if position < first_held {
            return;
        }
        let Some(hole) = &mut self.hole else { return };
        let patience = hole.acknowledged.get_or_insert(Patience {
            since: now,
            upto: position,
            pieces: 0,
        });
        patience.pieces += 1;
        if patience.pieces <= PATIENCE_PIECES && now - patience.since <= PATIENCE {
            return;
        }
        // Those behind it that were acknowledged with it have waited for as long.
        let upto = patience.upto;
        self.skip_hole(sink);
        while self.held.keys().next().is_some_and(|first| *first <= upto) {
            self.skip_hole(sink);
        }
    }

    /// Nothing more will come: every hole is a gap, and so is what is missing up to `end`, where
    /// `shown_by` tells that the stream reached that far.
    pub fn finish(
        &mut self,
        end: Option<u64>,
        shown_by: Carrier,
        sink: &mut impl FnMut(Chunk<'_>),
    ) {
        self.skip_all_holes(sink);
        if let Some(end) = end.filter(|end| self.begun && *end > self.next) {
            self.skip_to(end, shown_by, sink);
        }
    }

    /// How many bytes are held behind holes, with what it takes to hold them.
    #[must_use]
    pub const fn held(&self) -> usize {
        match self.held_bytes {
            0 => 0,
            bytes => bytes + FIRST_NODE,
        }
    }

    /// Declares every hole a gap.
    pub fn skip_all_holes(&mut self, sink: &mut impl FnMut(Chunk<'_>)) {
        while !self.held.is_empty() {
            self.skip_hole(sink);
        }
    }

    /// A TCP keep-alive: at most one byte, just before the next one, sent to provoke an answer
    /// (RFC 9293, section 3.8.4).
    const fn is_keepalive_probe(&self, piece: &SegmentData<'_>) -> bool {
        piece.length == 1 && self.begun && piece.position.saturating_add(1) == self.highest
    }

    /// Whether a piece that begins below the highest byte seen was sent before, rather than
    /// overtaken on its way.
    fn is_sent_again(&self, piece: &SegmentData<'_>, end: u64) -> bool {
        let fills_hole = end > self.next
            && self
                .held
                .range(..=piece.position)
                .next_back()
                .is_none_or(|(position, held)| position + held.length <= piece.position);
        match self.hole {
            Some(hole) if fills_hole => piece.carrier.stamp.time - hole.since > REORDERED,
            _ => true,
        }
    }

    /// Passes on an in-order piece without copying it.
    fn pass_on(&mut self, piece: SegmentData<'_>, sink: &mut impl FnMut(Chunk<'_>)) {
        let seen = self.next - piece.position;
        let carrier = piece.carrier;
        let fresh = usize::try_from(seen)
            .ok()
            .and_then(|seen| piece.data.get(seen..));
        if let Some(data) = fresh.filter(|data| !data.is_empty()) {
            sink(Chunk::Bytes {
                position: self.next,
                data,
                carrier,
                whole: piece.whole,
            });
            self.next += data.len() as u64;
        }
        let end = piece.position + piece.length;
        if end > self.next {
            self.skip_to(end, carrier, sink);
        }
    }

    /// Keeps those parts of a piece that no held piece covers.
    fn hold(&mut self, piece: SegmentData<'_>, end: u64) {
        let mut cursor = piece.position.max(self.next);
        while cursor < end {
            let below = self.held.range(..=cursor).next_back();
            if let Some(covered) = below
                .map(|(at, held)| at + held.length)
                .filter(|to| *to > cursor)
            {
                cursor = covered;
                continue;
            }
            let above = self.held.range(cursor..).next().map_or(end, |(at, _)| *at);
            let until = above.min(end);
            let data = captured(&piece, cursor, until);
            self.held_bytes += data.len() + HELD_OVERHEAD;
            self.held.insert(
                cursor,
                Held {
                    data: data.into(),
                    length: until - cursor,
                    carrier: piece.carrier,
                },
            );
            cursor = until;
        }
        if self.hole.is_none() {
            self.hole = Some(Hole {
                since: piece.carrier.stamp.time,
                acknowledged: None,
            });
        }
    }

    /// Passes on held pieces as long as they are in order; `filler` is what filled the hole before them, if anything.
    fn drain(&mut self, filler: Option<Stamp>, sink: &mut impl FnMut(Chunk<'_>)) {
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() > self.next {
                return;
            }
            let (position, held) = entry.remove_entry();
            self.held_bytes = self
                .held_bytes
                .saturating_sub(held.data.len() + HELD_OVERHEAD);
            let Held {
                data,
                length,
                carrier,
            } = held;
            self.pass_on(
                SegmentData {
                    position,
                    data: &data,
                    length,
                    carrier,
                    whole: filler.unwrap_or(carrier.stamp),
                    sent_again: false,
                },
                sink,
            );
            if let Some(hole) = &mut self.hole {
                *hole = Hole {
                    since: carrier.stamp.time,
                    acknowledged: None,
                };
            }
        }
        self.hole = None;
    }

    /// Declares the lowest hole a gap.
    fn skip_hole(&mut self, sink: &mut impl FnMut(Chunk<'_>)) {
        if let Some((position, held)) = self.held.first_key_value() {
            let (position, carrier) = (*position, held.carrier);
            self.skip_to(position, carrier, sink);
            self.drain(None, sink);
        }
    }

    fn skip_to(&mut self, position: u64, carrier: Carrier, sink: &mut impl FnMut(Chunk<'_>)) {
        let length = position - self.next;
        if length > 0 {
            self.missing += length;
            sink(Chunk::Gap {
                position: self.next,
                length,
                carrier,
            });
            self.next = position;
        }
    }
}

/// The captured bytes of `piece` between two positions.
fn captured<'a>(piece: &SegmentData<'a>, from: u64, until: u64) -> &'a [u8] {
    let index = |position: u64| {
        usize::try_from(position - piece.position)
            .unwrap_or(usize::MAX)
            .min(piece.data.len())
    };
    piece
        .data
        .get(index(from)..index(until))
        .unwrap_or_default()
}
