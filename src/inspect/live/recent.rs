//! A map that keeps its latest entries, up to a bound, and counts those that were evicted.

use std::collections::VecDeque;
use std::hash::Hash;

use rustc_hash::FxHashMap;

/// How many ended connections, and how many lost calls, are kept: enough for any report that a person
/// reads, and some ten megabytes.
pub const MAX_RECENT: usize = 10_000;

/// The latest [`MAX_RECENT`] things, found by key; what came before is counted.
#[derive(Debug)]
pub(in crate::inspect) struct RecentMap<K, T> {
    /// In order of arrival; a hole where one was taken out.
    all: VecDeque<Option<(K, T)>>,
    /// How many have left at the front, so that a place is an arrival's number less this.
    left: u64,
    arrivals: FxHashMap<K, u64>,
    evicted: u64,
}

impl<K, T> Default for RecentMap<K, T> {
    fn default() -> Self {
        Self {
            all: VecDeque::new(),
            left: 0,
            arrivals: FxHashMap::default(),
            evicted: 0,
        }
    }
}

impl<K: Copy + Eq + Hash, T> RecentMap<K, T> {
    /// Adds one; gives the oldest, if that was evicted.
    pub(in crate::inspect) fn push(&mut self, key: K, thing: T) -> Option<T> {
        let arrival = self.left + self.all.len() as u64;
        self.arrivals.insert(key, arrival);
        self.all.push_back(Some((key, thing)));
        if self.all.len() <= MAX_RECENT {
            return None;
        }
        self.left += 1;
        let (key, oldest) = self.all.pop_front()??;
        self.arrivals.remove(&key);
        self.evicted += 1;
        Some(oldest)
    }

    pub(in crate::inspect) fn get(&self, key: &K) -> Option<&T> {
        let arrival = *self.arrivals.get(key)?;
        let place = usize::try_from(arrival.checked_sub(self.left)?).ok()?;
        self.all.get(place)?.as_ref().map(|(_, thing)| thing)
    }

    pub(in crate::inspect) fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        let arrival = *self.arrivals.get(key)?;
        let place = usize::try_from(arrival.checked_sub(self.left)?).ok()?;
        self.all.get_mut(place)?.as_mut().map(|(_, thing)| thing)
    }

    pub(in crate::inspect) fn remove(&mut self, key: &K) {
        let Some(arrival) = self.arrivals.remove(key) else {
            return;
        };
        let place = arrival
            .checked_sub(self.left)
            .and_then(|place| usize::try_from(place).ok());
        if let Some(hole) = place.and_then(|place| self.all.get_mut(place)) {
            *hole = None;
        }
    }

    pub(in crate::inspect) fn iter(&self) -> impl Iterator<Item = &T> {
        self.all.iter().flatten().map(|(_, thing)| thing)
    }

    /// How many were evicted.
    pub(in crate::inspect) const fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_and_is_counted_and_the_others_are_still_found() {
        let mut map = RecentMap::default();
        for number in 0..MAX_RECENT {
            assert_eq!(map.push(number, number * 2), None);
        }
        map.remove(&1);
        assert_eq!(map.push(MAX_RECENT, 7), Some(0));
        assert_eq!(map.get_mut(&0), None);
        assert_eq!(map.get_mut(&1), None);
        assert_eq!(map.get_mut(&2), Some(&mut 4));
        assert_eq!(map.get_mut(&MAX_RECENT), Some(&mut 7));
        assert_eq!(map.push(MAX_RECENT + 1, 9), None, "the hole made room");
        assert_eq!(map.evicted(), 1);
        assert_eq!(map.iter().count(), MAX_RECENT);
    }
}
