//! Whether times of two captures can be compared: by calls that can be nothing but one before and behind a proxy.
//!
//! In: all calls that are remembered. Out: which captures' clocks agree well enough to say which call lies within which,
//! and which agree so well that the times between them mean something.

use rustc_hash::FxHashMap;

use super::super::stream::attempt::Attempt;
use super::super::stream::rpc::Verdict;
use super::links::SharedIds;
use super::places::{Places, may_lead_on};
use crate::capture::TimeDelta;

/// Of so many calls whose partner is beyond doubt, one may lie outside of it.
const ONE_OUTSIDE_OF: u64 = 100;

/// Two clocks that are shown to be no further apart than this are taken for one.
const ONE_CLOCK: TimeDelta = TimeDelta::from_millis(1);

/// What the calls of two captures show of their clocks.
#[derive(Clone, Copy, Debug, Default)]
struct ClockPair {
    within: u64,
    outside: u64,
    /// The least time from the beginning of the outer call to that of the inner one, of calls that succeeded, and from the
    /// end of the inner one to that of the outer one. The clocks are apart by no more than both together.
    least: Option<(TimeDelta, TimeDelta)>,
}

/// What is known of the clocks of captures, by the two captures' numbers, the smaller first.
#[derive(Debug, Default)]
pub(super) struct Clocks(FxHashMap<(u32, u32), ClockPair>);

impl Clocks {
    pub(super) fn of(attempts: &[Attempt], of_calls: &SharedIds, places: &Places) -> Self {
        let mut clocks = Self::default();
        for group in of_calls.values() {
            if let [one, other] = group.as_slice()
                && let (Some(one), Some(other)) = (attempts.get(*one), attempts.get(*other))
            {
                clocks.learn(one, other, places);
            }
        }
        clocks
    }

    fn learn(&mut self, one: &Attempt, other: &Attempt, places: &Places) {
        let Some((there, here)) = places.of_call(one).zip(places.of_call(other)) else {
            return;
        };
        let leads_on = may_lead_on(there, here) || may_lead_on(here, there);
        if there.file == here.file || !leads_on {
            return;
        }
        let pair = self.0.entry(files(there.file, here.file)).or_default();
        let nested = [(one, other), (other, one)]
            .into_iter()
            .find(|(outer, inner)| lies_within(outer, inner));
        let Some((outer, inner)) = nested else {
            pair.outside += 1;
            return;
        };
        pair.within += 1;
        let succeeded = (outer.verdict, inner.verdict) == (Verdict::Ok, Verdict::Ok);
        if let Some((outer_end, inner_end)) = outer.ended.zip(inner.ended).filter(|_| succeeded) {
            let (held, returned) = (inner.opened - outer.opened, outer_end - inner_end);
            let (least_held, least_returned) = pair.least.get_or_insert((held, returned));
            *least_held = held.min(*least_held);
            *least_returned = returned.min(*least_returned);
        }
    }

    /// Whether it can be said which of two captures' calls lies within which.
    pub(super) fn agree(&self, one: u32, other: u32) -> bool {
        one == other
            || self
                .0
                .get(&files(one, other))
                .is_some_and(|pair| pair.within > 0 && pair.outside * ONE_OUTSIDE_OF <= pair.within)
    }

    /// Whether times between calls of two captures mean something.
    pub(super) fn are_one(&self, one: u32, other: u32) -> bool {
        let least = || self.0.get(&files(one, other))?.least;
        one == other
            || self.agree(one, other)
                && least().is_some_and(|(held, returned)| {
                    returned >= TimeDelta::ZERO && held + returned <= ONE_CLOCK
                })
    }
}

/// Whether the second call begins within the first.
pub(super) fn lies_within(outer: &Attempt, inner: &Attempt) -> bool {
    outer.opened <= inner.opened && outer.ended.is_none_or(|ended| inner.opened <= ended)
}

const fn files(one: u32, other: u32) -> (u32, u32) {
    if one < other {
        (one, other)
    } else {
        (other, one)
    }
}
