//! Many durations in little memory: the least, the most, and about the middle one.

use std::array;

use crate::capture::TimeDelta;

/// How many are kept to find the middle one among. It is a figure for a sentence, not a statistic.
const KEPT: usize = 16;

/// Durations seen one after the other.
///
/// Of long rows only every second, fourth, eighth … one is kept, so that what is kept always covers
/// the whole row evenly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    count: u64,
    least: TimeDelta,
    most: TimeDelta,
    /// Microseconds; the first `filled` count.
    kept: [u32; KEPT],
    filled: usize,
    /// One in 2^`thinned` is kept.
    thinned: u32,
}

impl Durations {
    /// Adds one; where packets are captured out of order it may be negative, which says nothing.
    pub fn push(&mut self, duration: TimeDelta) {
        if duration.is_negative() {
            return;
        }
        if self.filled == KEPT {
            let before = self.kept;
            let mut every_second = before.iter().step_by(2).copied();
            self.kept = array::from_fn(|_| every_second.next().unwrap_or_default());
            self.filled = KEPT / 2;
            self.thinned = (self.thinned + 1).min(u64::BITS - 1);
        }
        if self.count.trailing_zeros() >= self.thinned
            && let Some(place) = self.kept.get_mut(self.filled)
        {
            *place = u32::try_from(duration.as_nanos() / 1_000).unwrap_or(u32::MAX);
            self.filled += 1;
        }
        self.least = if self.count == 0 {
            duration
        } else {
            self.least.min(duration)
        };
        self.most = self.most.max(duration);
        self.count += 1;
    }

    /// How many there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The shortest; `None` of none.
    #[must_use]
    pub fn least(&self) -> Option<TimeDelta> {
        (self.count > 0).then_some(self.least)
    }

    /// About the middle one, to the microsecond; `None` of none.
    #[must_use]
    pub fn median(&self) -> Option<TimeDelta> {
        let mut kept = self.kept;
        let kept = kept.get_mut(..self.filled)?;
        kept.sort_unstable();
        let middle = kept
            .get(kept.len() / 2)
            .map(|micros| TimeDelta::from_micros((*micros).into()))?;
        Some(middle.clamp(self.least, self.most))
    }

    /// The longest; `None` of none.
    #[must_use]
    pub fn most(&self) -> Option<TimeDelta> {
        (self.count > 0).then_some(self.most)
    }
}

/// Adds `new` to `kept`, which holds the `most` longest of those so far, unless it is full and `new` is
/// no longer than any of them. The others stay in their order.
pub(crate) fn keep_longest<T>(
    kept: &mut Vec<T>,
    most: usize,
    new: T,
    length: impl Fn(&T) -> TimeDelta,
) {
    if kept.len() >= most {
        let lengths = kept.iter().map(&length).enumerate();
        match lengths.min_by_key(|(_, length)| *length) {
            Some((place, shortest)) if shortest < length(&new) => kept.remove(place),
            _ => return,
        };
    }
    kept.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_row_is_near_its_true_middle() {
        let mut durations = Durations::default();
        for millis in 1..=10_000 {
            durations.push(TimeDelta::from_millis(millis));
        }
        let figures = (durations.count(), durations.least(), durations.most());
        assert_eq!(
            figures,
            (
                10_000,
                Some(TimeDelta::from_millis(1)),
                Some(TimeDelta::from_secs(10))
            )
        );
        let median = durations.median().unwrap();
        assert!(
            (3_500..=6_500).contains(&(median.as_nanos() / 1_000_000)),
            "{median:?}"
        );
    }

    #[test]
    fn of_a_few_the_middle_is_exact_and_of_none_there_is_none() {
        let mut durations = Durations::default();
        assert_eq!(
            (durations.least(), durations.median(), durations.most()),
            (None, None, None)
        );
        for nanos in [5_000, -1, 1_000, 900_000] {
            durations.push(TimeDelta::from_nanos(nanos));
        }
        assert_eq!(durations.median(), Some(TimeDelta::from_micros(5)));
        assert_eq!(durations.count(), 3);
    }
}
