//! How long a client sat at the limit of streams it may have open (RFC 9113, section 5.1.2).
//!
//! In: how many streams are open to the client after each change, and the server's MAX_CONCURRENT_STREAMS.
//! Out: the time at the limit. Calls that waited inside the client never reached the wire; what shows is that
//! a slot which becomes free is taken again at once.

use crate::capture::{Stamp, TimeDelta};

/// A client that waits for a slot takes it this soon after it has learned that one is free, even where
/// its kernel acknowledged that before its application could write.
const REFILL: TimeDelta = TimeDelta::from_millis(20);

/// The time at the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtLimit {
    /// The server's MAX_CONCURRENT_STREAMS, the latest if it changed.
    pub limit: u32,
    /// How often it was reached from a state below.
    pub stays: u64,
    /// How often a slot that became free was taken again at once.
    pub refills: u64,
    /// How long in all, those moments between included.
    pub total: TimeDelta,
    /// How long the longest stay was.
    pub longest: TimeDelta,
    /// Where that began: the HEADERS that took the last slot.
    pub longest_since: Stamp,
    /// Where that ended: the frame that freed a slot which stayed free, or the last of what was seen.
    pub longest_until: Stamp,
}

/// Follows how many streams are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Concurrency {
    limit: Option<u32>,
    stay: Option<Stay>,
    seen: Option<AtLimit>,
}

#[derive(Clone, Copy, Debug)]
struct Stay {
    since: Stamp,
    /// When the count fell below the limit, if it has not reached it again.
    left: Option<Stamp>,
    refills: u64,
}

impl Concurrency {
    /// The server said how many streams may be open.
    pub(crate) fn limit(&mut self, limit: u32, stamp: Stamp) {
        if self.limit != Some(limit) {
            self.end(stamp);
            self.limit = Some(limit);
        }
    }

    /// A stream was opened; with it so many are open. Whether the limit is reached.
    pub(crate) fn opened(&mut self, open: usize, stamp: Stamp) -> bool {
        let reached = self.is_reached(open);
        if reached {
            self.reach(stamp);
        }
        reached
    }

    fn reach(&mut self, stamp: Stamp) {
        if let Some(stay) = &mut self.stay {
            let Some(left) = stay.left else { return };
            if stamp.time - left.time <= REFILL {
                stay.left = None;
                stay.refills += 1;
                return;
            }
        }
        self.end(stamp);
        self.stay = Some(Stay {
            since: stamp,
            left: None,
            refills: 0,
        });
    }

    /// A stream was closed; so many are left open.
    pub(crate) fn closed(&mut self, open: usize, stamp: Stamp) {
        let below = !self.is_reached(open);
        if let Some(stay) = &mut self.stay
            && below
        {
            stay.left.get_or_insert(stamp);
        }
    }

    /// No stream will be opened from here on.
    pub(crate) fn end(&mut self, stamp: Stamp) {
        let Some((stay, limit)) = self.stay.take().zip(self.limit) else {
            return;
        };
        let until = stay.left.unwrap_or(stamp);
        let stayed = (until.time - stay.since.time).max(TimeDelta::ZERO);
        let seen = self.seen.get_or_insert(AtLimit {
            limit,
            stays: 0,
            refills: 0,
            total: TimeDelta::ZERO,
            longest: TimeDelta::ZERO,
            longest_since: stay.since,
            longest_until: until,
        });
        seen.limit = limit;
        seen.stays += 1;
        seen.refills += stay.refills;
        seen.total += stayed;
        if stayed > seen.longest {
            seen.longest = stayed;
            seen.longest_since = stay.since;
            seen.longest_until = until;
        }
    }

    /// The time at the limit, if it was reached.
    pub(crate) const fn seen(&self) -> Option<AtLimit> {
        self.seen
    }

    fn is_reached(&self, open: usize) -> bool {
        self.limit
            .is_some_and(|limit| u32::try_from(open).is_ok_and(|open| open >= limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn a_slot_taken_again_at_once_does_not_end_a_stay() {
        let mut concurrency = Concurrency::default();
        concurrency.limit(2, at(0));
        concurrency.opened(1, at(10));
        concurrency.opened(2, at(20));
        concurrency.closed(1, at(500));
        concurrency.opened(2, at(515));
        concurrency.closed(1, at(900));
        concurrency.opened(2, at(2_000));
        concurrency.end(at(2_100));
        let seen = concurrency.seen().unwrap();
        assert_eq!((seen.stays, seen.refills), (2, 1));
        assert_eq!(seen.total, TimeDelta::from_millis(880 + 100));
        assert_eq!((seen.longest_since, seen.longest_until), (at(20), at(900)));
    }

    #[test]
    fn below_the_limit_or_without_one_there_is_nothing_to_tell() {
        let mut unlimited = Concurrency::default();
        unlimited.opened(1_000, at(0));
        unlimited.end(at(9_000));
        assert_eq!(unlimited.seen(), None);
        let mut below = Concurrency::default();
        below.limit(100, at(0));
        below.opened(99, at(1));
        below.end(at(9_000));
        assert_eq!(below.seen(), None);
    }
}
