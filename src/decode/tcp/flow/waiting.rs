//! What a flow holds back: segments that wait for earlier ones, and bytes behind holes.

use super::{Flow, NEVER, REORDERED, awaited};
use crate::capture::{Stamp, Timestamp};
use crate::decode::link::Segment;
use crate::decode::tcp::{PerEnd, Side, Signal};

impl Flow {
    /// Takes a segment while others wait.
    pub(super) fn push_among_others(
        &mut self,
        from: Side,
        segment: &Segment<'_>,
        sink: &mut impl FnMut(Signal<'_>),
    ) {
        let now = segment.stamp.time;
        self.release(now, None, sink);
        if self.reorder.overlaps(from, segment) {
            while let Some(waiting) = self.reorder.take_of(from) {
                self.apply(from, &waiting.segment(), waiting.overtaken, None, sink);
            }
            self.reorder.miss(from, self.halves[from].assembler.next());
        }
        let overtaken = self.reorder.overtaken(from, segment, REORDERED);
        if self.reorder.awaits(awaited(&self.halves, from, segment)) {
            self.reorder.hold(from, segment, overtaken);
        } else {
            self.apply(from, segment, overtaken, None, sink);
        }
        self.release(now, Some((from, segment.stamp)), sink);
    }

    /// Since when segments wait for earlier ones.
    pub(in crate::decode::tcp) fn waits_since(&self) -> Option<Timestamp> {
        self.reorder.waits_since()
    }

    /// Takes the segments that wait for nothing more by now; `filler` is what its sender's others may have waited for.
    pub(in crate::decode::tcp) fn release(
        &mut self,
        now: Timestamp,
        filler: Option<(Side, Stamp)>,
        sink: &mut impl FnMut(Signal<'_>),
    ) {
        while !self.reorder.is_empty() {
            let halves = &self.halves;
            let awaited = |from, segment: &Segment<'_>| awaited(halves, from, segment);
            if let Some(waiting) = self.reorder.take(awaited) {
                let filler = filler.filter(|(from, _)| *from == waiting.from);
                let filler = filler.map(|(_, stamp)| stamp);
                self.apply(
                    waiting.from,
                    &waiting.segment(),
                    waiting.overtaken,
                    filler,
                    sink,
                );
            } else if self.reorder.is_patient(now) {
                return;
            } else {
                self.reorder.stop_awaiting(awaited);
            }
        }
    }

    /// How many bytes are held behind holes and out of order, both ways.
    #[must_use]
    pub const fn held(&self) -> usize {
        let PerEnd { first, second } = &self.halves;
        first.assembler.held() + second.assembler.held() + self.reorder.held()
    }

    /// Waits no longer for what is missing: every hole is a gap.
    pub fn give_up_holes(&mut self, sink: &mut impl FnMut(Signal<'_>)) {
        self.release(NEVER, None, sink);
        for from in [Side::First, Side::Second] {
            let assembler = &mut self.halves[from].assembler;
            assembler.skip_all_holes(&mut |chunk| sink(Signal::Chunk { from, chunk }));
        }
    }
}
