//! One side of a connection: what it sent, and what it acknowledged.

use super::assembler::Assembler;
use super::path_stats::PathStats;
use super::reorder::Awaited;
use super::sequence::{ORIGIN, SequenceSpace};
use super::side::{PerEnd, Side};
use crate::decode::link::{Segment, TcpFlags};

/// What one side did.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) sequence_space: Option<SequenceSpace>,
    pub(super) assembler: Assembler,
    pub(super) path_stats: PathStats,
    pub(super) initial_sequence: Option<u32>,
    /// The most of the peer's stream that this side acknowledged.
    pub(super) acknowledged: Option<u64>,
    pub(super) fin: Option<u64>,
    pub(super) reset: bool,
    /// Where its segments stand at the furthest, with data or without: each is sent at its sender's next number, if it
    /// is not sent again (RFC 9293, section 3.10.4). A reset that acknowledges nothing is not.
    pub(super) stands_at: u64,
    pub(super) spoke: bool,
}

impl Half {
    /// Whether all bytes of a segment of this side have been passed on.
    pub(super) fn has_passed(&self, segment: &Segment<'_>) -> bool {
        self.end_of(segment)
            .is_some_and(|end| end <= self.assembler.next())
    }

    /// Whether a segment of this side raises anything that its copy would have raised before.
    pub(super) fn brings_news(&self, peer: &Self, segment: &Segment<'_>) -> bool {
        if segment.flags.contains(TcpFlags::SYN) {
            return self.initial_sequence.is_none();
        }
        let bytes = segment.payload_length > 0
            && self
                .end_of(segment)
                .is_none_or(|end| end > self.assembler.highest());
        let ends = segment.flags.contains(TcpFlags::FIN) && self.fin.is_none()
            || segment.flags.contains(TcpFlags::RST) && !self.reset;
        let acknowledges = |number| {
            let upto = |space: SequenceSpace| space.position(number, peer.assembler.highest());
            peer.sequence_space
                .is_none_or(|space| self.acknowledged < Some(upto(space)))
        };
        bytes || ends || segment.acknowledgement.is_some_and(acknowledges)
    }

    /// Whether nothing is missing that this side sent before a segment at a place. What is sent again may come behind more
    /// than was seen.
    pub(super) fn is_whole_before(&self, place: u64) -> bool {
        place >= self.assembler.highest() && self.assembler.is_whole_to(place)
    }

    /// Whether a segment of this side that acknowledges nothing shows by its place what its peer had acknowledged: a reset
    /// answers a segment, and its number is what that one acknowledged (RFC 9293, section 3.5.2).
    pub(super) fn may_answer(&self, flags: TcpFlags, place: u64) -> bool {
        let highest = self.assembler.highest();
        // A FIN takes a number of its own.
        let end = self
            .fin
            .map_or(highest, |fin| highest.max(fin.saturating_add(1)));
        flags.contains(TcpFlags::RST) && !flags.contains(TcpFlags::SYN) && place <= end
    }

    /// Whether segments of this side were seen to stand behind this one, which has data; remembers its place.
    pub(super) fn stood_behind(&mut self, segment: &Segment<'_>, place: Option<u64>) -> bool {
        let Some(place) = place.filter(|_| segment.acknowledgement.is_some()) else {
            return false;
        };
        let before = self.stands_at;
        self.stands_at = before.max(place);
        segment.payload_length > 0 && place < before
    }

    /// The first byte of this side that is seen stands at a sequence number; gives its position.
    pub(super) fn begin_at(&mut self, sequence: u32) -> u64 {
        self.sequence_space = Some(SequenceSpace::beginning_at(sequence));
        ORIGIN
    }

    /// Where a segment of this side stands in its stream, if the position of any byte is known.
    pub(super) fn place_of(&self, segment: &Segment<'_>) -> Option<u64> {
        let space = self.sequence_space?;
        Some(space.position(segment.sequence, self.assembler.highest()))
    }

    /// The position after a segment of this side, if that of any byte is known.
    fn end_of(&self, segment: &Segment<'_>) -> Option<u64> {
        let begins = self.place_of(segment)?;
        Some(begins.saturating_add(u64::from(segment.payload_length)))
    }

    /// The first byte before `sequence` that has not passed.
    #[inline]
    fn lack(&self, sequence: u32) -> Option<u64> {
        let assembler = &self.assembler;
        if !assembler.has_begun() {
            // Not even its SYN.
            return Some(ORIGIN);
        }
        let position = self.sequence_space?.position(sequence, assembler.highest());
        // A FIN takes a sequence number of its own (RFC 9293, section 3.4).
        let sent = position.saturating_sub(u64::from(self.fin.is_some()));
        (sent > assembler.next()).then_some(assembler.next())
    }
}

/// What should have come before a segment and did not.
pub(super) fn awaited(halves: &PerEnd<Half>, from: Side, segment: &Segment<'_>) -> Awaited {
    let (half, peer) = (&halves[from], &halves[from.peer()]);
    let opens = segment.flags.contains(TcpFlags::SYN);
    let own = match opens {
        true => None,
        false => half.lack(segment.sequence),
    };
    let peers = segment.acknowledgement.and_then(|number| peer.lack(number));
    Awaited {
        own: own.map(|position| (from, position)),
        peers: peers.map(|position| (from.peer(), position)),
    }
}
