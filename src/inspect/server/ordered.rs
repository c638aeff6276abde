//! Values in order, so that what lies around each of them is found without a look at all others.

use std::collections::VecDeque;

/// Values in ascending order.
#[derive(Debug)]
pub(super) struct Ordered<T>(Vec<T>);

impl<T: PartialOrd> Ordered<T> {
    /// Those of an iterator; numbers that are none come in any order.
    pub(super) fn of(values: impl Iterator<Item = T>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
        Self(values)
    }

    /// How many come before the first that is not `below`, which must be true of a beginning of them only.
    pub(super) fn count(&self, below: impl Fn(&T) -> bool) -> usize {
        self.0.partition_point(below)
    }

    /// How many neither are `below` nor `above`.
    pub(super) fn between(&self, below: impl Fn(&T) -> bool, above: impl Fn(&T) -> bool) -> usize {
        let not_above = self.count(|value| !above(value));
        not_above.saturating_sub(self.count(below))
    }
}

/// The least and the most of what is seen through a window that only moves on.
#[derive(Debug, Default)]
pub(super) struct Extremes {
    /// Candidates with their places: each less than all behind it.
    least: VecDeque<(usize, f64)>,
    /// Each more than all behind it.
    most: VecDeque<(usize, f64)>,
}

impl Extremes {
    /// The window comes to the value at `place`.
    pub(super) fn enter(&mut self, place: usize, value: f64) {
        while self.least.back().is_some_and(|(_, last)| *last >= value) {
            self.least.pop_back();
        }
        self.least.push_back((place, value));
        while self.most.back().is_some_and(|(_, last)| *last <= value) {
            self.most.pop_back();
        }
        self.most.push_back((place, value));
    }

    /// The window has left what is before `place`.
    pub(super) fn leave(&mut self, place: usize) {
        for candidates in [&mut self.least, &mut self.most] {
            while candidates.front().is_some_and(|(at, _)| *at < place) {
                candidates.pop_front();
            }
        }
    }

    /// The least and the most, unless the window is empty.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        Some((self.least.front()?.1, self.most.front()?.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_lies_between_is_what_a_look_at_all_finds(
            values in prop::collection::vec(0_u8..40, 0..60),
            low in 0_u8..40,
            reach in 0_u8..10,
        ) {
            let high = low + reach;
            let expected = values.iter().filter(|value| (low..=high).contains(value)).count();
            let ordered = Ordered::of(values.into_iter());
            prop_assert_eq!(ordered.between(|value| *value < low, |value| *value > high), expected);
        }

        #[test]
        fn a_window_knows_its_extremes(
            values in prop::collection::vec(0.0_f64..9.0, 1..60),
            width in 1_usize..9,
        ) {
            let mut extremes = Extremes::default();
            for (place, value) in values.iter().enumerate() {
                let from = (place + 1).saturating_sub(width);
                extremes.enter(place, *value);
                extremes.leave(from);
                let seen = &values[from..=place];
                let least = seen.iter().copied().fold(f64::MAX, f64::min);
                let most = seen.iter().copied().fold(0.0, f64::max);
                prop_assert_eq!(extremes.range(), Some((least, most)));
            }
        }
    }
}
