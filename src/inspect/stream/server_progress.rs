//! How far a server was seen to have come with what its client sent, of late.
//!
//! In: what it acknowledges, and the streams on which it answers. Out: when it had come to a place.

use std::collections::VecDeque;

use crate::capture::{Stamp, TimeDelta, Timestamp};

/// How far the server was seen to have come with what the client sent, of late. A gap is known only when the capture
/// shows no more of what fills it; by then the server may have gone on.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerProgress {
    /// How much it had acknowledged.
    acknowledged: Milestones,
    /// The highest stream on which it had answered.
    answered: Milestones,
}

impl ServerProgress {
    /// Nothing that the client sent is missing, as far as it was captured.
    pub(crate) fn is_caught_up(&mut self) {
        self.acknowledged.keep(SOME_MILESTONES);
        self.answered.keep(SOME_MILESTONES);
    }

    /// It acknowledged the client's bytes up to here.
    pub(crate) fn acknowledge(&mut self, upto: u64, stamp: Stamp) {
        self.acknowledged.reach(upto, stamp);
    }

    /// It answered on a stream; whether on one above all before.
    pub(crate) fn answer(&mut self, id: u32, stamp: Stamp) -> bool {
        let above = self.highest_answered() < id;
        if above {
            self.answered.reach(id.into(), stamp);
        }
        above
    }

    /// When it had acknowledged the client's bytes up to here.
    pub(crate) fn acknowledged_at(&self, upto: u64) -> Option<Stamp> {
        self.acknowledged.first(upto)
    }

    /// When it had answered on a stream, or on one above.
    pub(super) fn answered_at(&self, id: u32) -> Option<Stamp> {
        self.answered.first(id.into())
    }

    /// The highest stream on which it was seen to answer.
    pub(crate) fn highest_answered(&self) -> u32 {
        let highest = self.answered.latest();
        highest.map_or(0, |highest| u32::try_from(highest).unwrap_or(u32::MAX))
    }
}

/// Values that only grow, and when they were reached: the latest, and never too early.
#[derive(Clone, Debug, Default)]
struct Milestones {
    reached: VecDeque<(u64, Stamp)>,
    /// When the last of them was begun.
    begun: Timestamp,
}

/// Milestones within this time are one, reached by its end.
const STEP: TimeDelta = TimeDelta::from_millis(1);

/// How many milestones are kept at least and at most while nothing that the client sent is missing.
const SOME_MILESTONES: (usize, usize) = (16, 32);

/// How many are kept while something is: what fills it is waited for.
const MAX_MILESTONES: usize = 512;

impl Milestones {
    /// Keeps the latest, if there are too many.
    fn keep(&mut self, (least, most): (usize, usize)) {
        if self.reached.len() > most {
            self.reached.drain(..self.reached.len() - least);
            self.reached.shrink_to(most);
        }
    }

    fn reach(&mut self, value: u64, stamp: Stamp) {
        if let Some(last) = self.reached.back_mut()
            && stamp.time - self.begun < STEP
        {
            *last = (value.max(last.0), stamp.max(last.1));
            return;
        }
        if self.reached.len() >= MAX_MILESTONES {
            self.reached.pop_front();
        }
        self.begun = stamp.time;
        self.reached.push_back((value, stamp));
    }

    fn latest(&self) -> Option<u64> {
        self.reached.back().map(|(value, _)| *value)
    }

    /// When this much, or more, had been reached.
    fn first(&self, value: u64) -> Option<Stamp> {
        let at = self
            .reached
            .partition_point(|(reached, _)| *reached < value);
        self.reached.get(at).map(|(_, stamp)| *stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Stamp {
        Stamp {
            time: Timestamp::from_nanos(milliseconds * 1_000_000),
            packet: milliseconds as u64,
            file: 0,
        }
    }

    #[test]
    fn milestones_are_never_too_early() {
        let mut milestones = Milestones::default();
        for step in 0..200_u64 {
            milestones.reach(step * 10, at(step as i64));
        }
        assert_eq!(milestones.first(1_990), Some(at(199)));
        assert_eq!(milestones.first(1_981), Some(at(199)));
        assert_eq!(milestones.first(10), Some(at(1)));
        assert_eq!(milestones.first(2_000), None);
        milestones.keep(SOME_MILESTONES);
        let kept = SOME_MILESTONES.0 as i64;
        assert_eq!(milestones.first(10), Some(at(200 - kept)));
    }
}
