//! Segments that were lost between two captures: sent at one, never seen at the other, and needed again.
//!
//! A segment that the other capture lacks may be one that its network card joined to another, or one that the capture
//! lost. What proves a loss is a later copy: it came, its bytes were new, and nobody had acknowledged them, all in the
//! receiver's own order. Or no copy came, and the receiver's later acknowledgements do not hold the bytes; or nothing came
//! any more.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::clock::ClockBounds;
use super::coverage::Coverage;
use super::file_survey::{FileSurvey, FlowId, Mark};
use super::transits::{Transit, TransitFate};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::Direction;

/// What has not come this long after it was sent is not under way any more: retransmissions come within it on any path
/// that still works (RFC 6298, section 2.4).
pub const UNDER_WAY: TimeDelta = TimeDelta::from_secs(1);

/// A segment is no longer than this, joined ones included (RFC 9293, section 3.7.1; IPv4's total length).
const LONGEST_SEGMENT: u64 = 1 << 16;

/// Bytes that were sent again, in segments of whatever length.
pub(super) struct SentCopy {
    bytes: Range<u64>,
    time: Timestamp,
    /// Whether they came, and were the first that did.
    needed: bool,
}

/// What a direction shows that proves losses, by the sender's flows.
pub(super) struct LossProofs {
    /// All bytes that were sent again, in order.
    copies: FxHashMap<FlowId, Vec<SentCopy>>,
    /// After which moment nothing came any more, of flows whose senders went on.
    cut_off: FxHashMap<FlowId, Timestamp>,
}

/// With so many segments sent over [`UNDER_WAY`] of which none came, the path was cut: no capture lacks just those.
const CUT_OFF: u32 = 3;

/// What became of segments of one direction, by the sender's flows.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// How many were lost.
    pub(super) counts: FxHashMap<FlowId, u64>,
    /// Those that were sent again, or that only their sender's capture has, in no order.
    pub(super) transits: Vec<(FlowId, Transit)>,
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
}

impl Path<'_> {
    /// What became of the segments of one direction; `None` where there are too many segments to remember each.
    pub(super) fn losses(&self) -> Option<Losses> {
        let proofs = self.proofs()?;
        let mut losses = Losses::default();
        for (key, mark) in self.sent() {
            let came = self.receiver.mark(key);
            let fate = match came {
                Some(_) if !mark.again => continue,
                Some(_) => TransitFate::Came,
                None => self.fate(&mark, &proofs),
            };
            if let TransitFate::Lost(_) = fate {
                *losses.counts.entry(mark.flow).or_default() += 1;
            }
            if came.is_some() || matches!(fate, TransitFate::Lost(_) | TransitFate::Uncaptured) {
                let transit = self.transit(&mark, came.map(|came| came.time), fate);
                losses.transits.push((mark.flow, transit));
            }
        }
        Some(losses)
    }

    /// What proves losses; `None` where there are too many segments to remember each.
    pub(super) fn proofs(&self) -> Option<LossProofs> {
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
        Some(LossProofs {
            copies,
            cut_off: self.cut_off(),
        })
    }

    /// Flows of which nothing came any more though their senders went on, and since when.
    fn cut_off(&self) -> FxHashMap<FlowId, Timestamp> {
        let mut last: FxHashMap<FlowId, Timestamp> = FxHashMap::default();
        // As a rule the last segment of each flow came.
        let mut latest: FxHashMap<FlowId, (u64, Timestamp)> = FxHashMap::default();
        for (key, mark) in self.sent() {
            let latest = latest.entry(mark.flow).or_insert((key, mark.time));
            if mark.time >= latest.1 {
                *latest = (key, mark.time);
            }
        }
        let mut latest = latest.values();
        if latest.all(|(key, _)| self.receiver.mark(*key).is_some()) {
            return last;
        }
        let came = |key: &u64, mark: &Mark| {
            let joined = || {
                let came = self.came(mark);
                came.is_some_and(|came| came.has(&came.range(mark.sequence, mark.length)))
            };
            self.receiver.mark(*key).is_some() || joined()
        };
        for (_, mark) in self.sent().filter(|(key, mark)| came(key, mark)) {
            let last = last.entry(mark.flow).or_insert(mark.time);
            *last = (*last).max(mark.time);
        }
        let mut silent: FxHashMap<FlowId, (u32, Timestamp, Timestamp)> = FxHashMap::default();
        let after = |mark: &Mark| last.get(&mark.flow).is_some_and(|last| mark.time > *last);
        for (_, mark) in self.sent().filter(|(_, mark)| after(mark)) {
            let (count, first, latest) =
                silent.entry(mark.flow).or_insert((0, mark.time, mark.time));
            *count += 1;
            *first = (*first).min(mark.time);
            *latest = (*latest).max(mark.time);
        }
        last.retain(|flow, _| {
            silent.get(flow).is_some_and(|(count, first, latest)| {
                *count >= CUT_OFF && *latest - *first >= UNDER_WAY
            })
        });
        last
    }

    /// A segment on its way.
    pub(super) fn transit(
        &self,
        mark: &Mark,
        came: Option<Timestamp>,
        fate: TransitFate,
    ) -> Transit {
        Transit {
            from: match self.from_client {
                true => Direction::ClientToServer,
                false => Direction::ServerToClient,
            },
            sent: Some(mark.time),
            came,
            bytes: mark.length,
            end: mark.sequence.wrapping_add(mark.length),
            again: mark.again,
            fate,
        }
    }

    /// What became of a segment that the receiver's capture does not have as it was sent.
    pub(super) fn fate(&self, mark: &Mark, proofs: &LossProofs) -> TransitFate {
        let copies = proofs.copies.get(&mark.flow).map_or(&[][..], Vec::as_slice);
        let mut later = self.later_copies(mark, copies).peekable();
        let sent_once = !mark.again && later.peek().is_none();
        if let Some(copy) = later.filter(|copy| copy.needed).map(|copy| copy.time).min() {
            return TransitFate::Lost(Some(copy));
        }
        let cut_off = proofs.cut_off.get(&mark.flow);
        if self.never_came(mark, cut_off.is_some_and(|last| mark.time > *last)) {
            return TransitFate::Lost(None);
        }
        let came = self.came(mark).map(|came| {
            let range = came.range(mark.sequence, mark.length);
            (came.has(&range), came.lacks(&range, true))
        });
        match came {
            Some((true, _)) => TransitFate::Came,
            // Of bytes that were sent more than once it is not known which of them came.
            Some((_, true)) if sent_once => TransitFate::Uncaptured,
            _ => TransitFate::Unknown,
        }
    }

    /// What the receiver's capture has of the direction in which a segment was sent.
    fn came(&self, mark: &Mark) -> Option<&Coverage> {
        let (flow, turned) = self.twins.get(&mark.flow)?;
        self.receiver.coverage(*flow, mark.from_lower != *turned)
    }

    /// The segments of this direction.
    pub(super) fn sent(&self) -> impl Iterator<Item = (u64, Mark)> + '_ {
        let marks = self.sender.marks();
        marks.filter(|(_, mark)| {
            self.sender.is_from_client(mark.flow, mark.from_lower) == self.from_client
        })
    }

    /// The same as the receiver's capture has them.
    pub(super) fn received(&self) -> impl Iterator<Item = (u64, Mark)> + '_ {
        let marks = self.receiver.marks();
        marks.filter(|(_, mark)| {
            self.receiver.is_from_client(mark.flow, mark.from_lower) == self.from_client
        })
    }

    /// The sender's flows by the receiver's, and which way round.
    pub(super) fn twins_of_receiver(&self) -> FlowTwins {
        let twins = self.twins.iter();
        twins
            .map(|(here, (there, turned))| (*there, (*here, *turned)))
            .collect()
    }

    /// Whether the sender's capture, with its twin of the flow, lacks bytes of a segment that came in the midst of what it
    /// has.
    pub(super) fn sender_lacks(&self, came: &Mark, (flow, turned): (FlowId, bool)) -> bool {
        let sent = self.sender.coverage(flow, came.from_lower != turned);
        sent.is_some_and(|sent| sent.lacks(&sent.range(came.sequence, came.length), false))
    }

    fn copy(&self, mark: &Mark, needed: bool) -> Option<SentCopy> {
        let sent = self.sender.coverage(mark.flow, mark.from_lower)?;
        Some(SentCopy {
            bytes: sent.range(mark.sequence, mark.length),
            time: mark.time,
            needed,
        })
    }

    /// Later segments that had some of a segment's bytes.
    fn later_copies<'c>(
        &self,
        mark: &Mark,
        copies: &'c [SentCopy],
    ) -> impl Iterator<Item = &'c SentCopy> {
        let first = self.copy(mark, false);
        let bytes = first.map_or(0..0, |first| first.bytes);
        let from = copies.partition_point(|copy| copy.bytes.start + LONGEST_SEGMENT < bytes.start);
        let near = copies.get(from..).unwrap_or_default().iter();
        let (end, time) = (bytes.end, mark.time);
        let near = near.take_while(move |copy| copy.bytes.start < end);
        near.filter(move |copy| copy.time > time && copy.bytes.end > bytes.start)
    }

    /// Whether no byte of a segment came and nobody acknowledged it, though its receiver went on to say what it had when
    /// none could be under way, or nothing came any more. Without either nothing is proved: who closes a connection
    /// acknowledges nothing any more.
    fn never_came(&self, mark: &Mark, is_cut_off: bool) -> bool {
        let Some(sent) = self.sender.coverage(mark.flow, mark.from_lower) else {
            return false;
        };
        let Some(came) = self.came(mark) else {
            return false;
        };
        let (here, there) = (
            sent.range(mark.sequence, mark.length),
            came.range(mark.sequence, mark.length),
        );
        let told = self.last_acknowledgement(mark).is_some_and(|last| {
            let over = match self.from_client {
                true => self.clock.at_client(last, true) - mark.time,
                false => last - self.clock.at_client(mark.time, false),
            };
            over >= UNDER_WAY
        });
        (told || is_cut_off)
            && came.has_begun_before(&there)
            && !came.has(&there)
            && sent.acknowledged() < here.end
            && came.acknowledged() < there.end
    }

    /// When the receiver last said what it had, by the clock of the capture beside it.
    fn last_acknowledgement(&self, mark: &Mark) -> Option<Timestamp> {
        let (flow, turned) = self.twins.get(&mark.flow)?;
        self.receiver
            .last_acknowledgement(*flow, mark.from_lower != *turned)
    }
}
