//! Segments that were lost between two captures: sent at one, never seen at the other, and needed again.
//!
//! A segment that the other capture lacks may be one that its network card joined to another, or one that the capture
//! lost. What proves a loss is a later copy: it came, its bytes were new, and nobody had acknowledged them, all in the
//! receiver's own order. Or no copy came, and the bytes were never acknowledged.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::clock::ClockBounds;
use super::file_survey::{FileSurvey, FlowId, Mark};
use crate::capture::{TimeDelta, Timestamp};

/// What has not come this long after it was sent is not under way any more: retransmissions come within it on any path
/// that still works (RFC 6298, section 2.4).
pub const UNDER_WAY: TimeDelta = TimeDelta::from_secs(1);

/// A segment is no longer than this, joined ones included (RFC 9293, section 3.7.1; IPv4's total length).
const LONGEST_SEGMENT: u64 = 1 << 16;

/// Bytes that were sent again, in segments of whatever length.
struct SentCopy {
    bytes: Range<u64>,
    time: Timestamp,
    /// Whether they came, and were the first that did.
    needed: bool,
}

/// Where a flow of the sender's capture is in the receiver's, and which way round.
pub(super) type FlowTwins = FxHashMap<FlowId, (FlowId, bool)>;

/// Both captures, seen from who sent.
pub(super) struct Path<'a> {
    pub(super) sender: &'a FileSurvey,
    pub(super) receiver: &'a FileSurvey,
    pub(super) twins: FlowTwins,
    /// Whether the client is who sent.
    pub(super) from_client: bool,
    pub(super) clock: &'a ClockBounds,
    /// The last moment of the receiver's capture, by its clock.
    pub(super) last_moment: Timestamp,
}

impl Path<'_> {
    /// How many segments of one direction were lost, by the sender's flows; `None` where there are too many segments to
    /// remember each.
    pub(super) fn lost(&self) -> Option<FxHashMap<FlowId, u64>> {
        if !(self.sender.remembers_all() && self.receiver.remembers_all()) {
            return None;
        }
        let mut copies: FxHashMap<FlowId, Vec<SentCopy>> = FxHashMap::default();
        for (key, mark) in self.sent().filter(|(_, mark)| mark.again) {
            let needed = self.receiver.mark(key).is_some_and(|came| came.needed);
            copies
                .entry(mark.flow)
                .or_default()
                .extend(self.copy(&mark, needed));
        }
        for copies in copies.values_mut() {
            copies.sort_unstable_by_key(|copy| copy.bytes.start);
        }
        let missing = self
            .sent()
            .filter(|(key, _)| self.receiver.mark(*key).is_none());
        let mut lost = FxHashMap::default();
        for (_, mark) in missing {
            let copies = copies.get(&mark.flow).map_or(&[][..], Vec::as_slice);
            if self.was_needed_again(&mark, copies) || self.never_came(&mark) {
                *lost.entry(mark.flow).or_default() += 1;
            }
        }
        Some(lost)
    }

    /// The segments of this direction.
    fn sent(&self) -> impl Iterator<Item = (u64, Mark)> + '_ {
        let marks = self.sender.marks();
        marks.filter(|(_, mark)| {
            self.sender.is_from_client(mark.flow, mark.from_lower) == self.from_client
        })
    }

    fn copy(&self, mark: &Mark, needed: bool) -> Option<SentCopy> {
        let sent = self.sender.coverage(mark.flow, mark.from_lower)?;
        Some(SentCopy {
            bytes: sent.range(mark.sequence, mark.length),
            time: mark.time,
            needed,
        })
    }

    /// Whether a later copy of a segment's bytes came, and was the first that did.
    fn was_needed_again(&self, mark: &Mark, copies: &[SentCopy]) -> bool {
        let Some(lost) = self.copy(mark, false) else {
            return false;
        };
        let from =
            copies.partition_point(|copy| copy.bytes.start + LONGEST_SEGMENT < lost.bytes.start);
        let near = copies.get(from..).unwrap_or_default().iter();
        let mut near = near.take_while(|copy| copy.bytes.start < lost.bytes.end);
        near.any(|copy| copy.needed && copy.time > lost.time && copy.bytes.end > lost.bytes.start)
    }

    /// Whether no byte of a segment came, nobody acknowledged it, and none can be under way.
    fn never_came(&self, mark: &Mark) -> bool {
        let Some((flow, turned)) = self.twins.get(&mark.flow) else {
            return false;
        };
        let Some(sent) = self.sender.coverage(mark.flow, mark.from_lower) else {
            return false;
        };
        let Some(came) = self.receiver.coverage(*flow, mark.from_lower != *turned) else {
            return false;
        };
        let (here, there) = (
            sent.range(mark.sequence, mark.length),
            came.range(mark.sequence, mark.length),
        );
        let last = self.clock.at_client(self.last_moment, true);
        let over = match self.from_client {
            true => last - mark.time >= UNDER_WAY,
            false => self.last_moment - self.clock.at_client(mark.time, false) >= UNDER_WAY,
        };
        over && came.has_begun_before(&there)
            && !came.has(&there)
            && sent.acknowledged() < here.end
            && came.acknowledged() < there.end
    }
}
