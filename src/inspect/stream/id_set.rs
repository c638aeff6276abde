//! Which streams one side ids.

/// How many runs are kept. An honest peer counts up without holes and makes one; bytes lost from the
/// capture make a few more.
const MAX_RUNS: usize = 4_096;

/// A set of stream ids of one parity, kept as runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamIdSet {
    /// First and last id of each run, ascending, without overlap.
    runs: Vec<(u32, u32)>,
    count: u64,
}

impl StreamIdSet {
    /// Adds an id; whether it was new. New ids nearly always follow on the highest.
    #[inline]
    pub(crate) fn insert(&mut self, id: u32) -> bool {
        if let Some((_, last)) = self.runs.last_mut()
            && id.checked_sub(*last) == Some(2)
        {
            *last = id;
            self.count += 1;
            return true;
        }
        self.insert_anywhere(id)
    }

    fn insert_anywhere(&mut self, id: u32) -> bool {
        let place = self.runs.partition_point(|(first, _)| *first <= id);
        let before = place.checked_sub(1);
        if let Some((_, last)) = before.and_then(|before| self.runs.get_mut(before)) {
            if id <= *last {
                return false;
            }
            if id.checked_sub(*last) == Some(2) {
                *last = id;
                self.count += 1;
                self.join(place);
                return true;
            }
        }
        if let Some((first, _)) = self.runs.get_mut(place)
            && first.checked_sub(id) == Some(2)
        {
            *first = id;
            self.count += 1;
            return true;
        }
        if self.runs.len() >= MAX_RUNS {
            return false;
        }
        self.runs.insert(place, (id, id));
        self.count += 1;
        true
    }

    /// Makes one of the run at `place` and the one before it, where no id lies between them any more.
    fn join(&mut self, place: usize) {
        let before = place.checked_sub(1);
        let Some((first, end)) = before.and_then(|before| self.runs.get(before)).copied() else {
            return;
        };
        if let Some((next, _)) = self.runs.get_mut(place)
            && next.checked_sub(end) == Some(2)
        {
            *next = first;
            self.runs.remove(place - 1);
        }
    }

    #[inline]
    pub(crate) fn contains(&self, id: u32) -> bool {
        match self.runs.as_slice() {
            [] => false,
            [(first, last)] => (*first..=*last).contains(&id),
            _ => self.is_in_a_run(id),
        }
    }

    fn is_in_a_run(&self, id: u32) -> bool {
        let place = self.runs.partition_point(|(first, _)| *first <= id);
        let before = place
            .checked_sub(1)
            .and_then(|before| self.runs.get(before));
        before.is_some_and(|(_, last)| id <= *last)
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn highest(&self) -> u32 {
        self.runs.last().map_or(0, |(_, last)| *last)
    }

    pub(crate) fn count_above(&self, id: u32) -> u64 {
        let above = self.runs.iter().rev().take_while(|(_, last)| *last > id);
        above
            .map(|(first, last)| u64::from(last - first.max(&(id + 1))) / 2 + 1)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_row_are_one_run_and_holes_are_remembered() {
        let mut ids = StreamIdSet::default();
        for id in [1, 3, 5, 11, 13] {
            assert!(ids.insert(id));
        }
        assert!(!ids.insert(3));
        assert_eq!((ids.count(), ids.highest()), (5, 13));
        assert!(ids.contains(5) && ids.contains(11) && !ids.contains(7));
        assert!(ids.insert(9) && ids.insert(7));
        assert!(ids.contains(7) && ids.contains(9) && !ids.contains(15));
        assert_eq!(ids.runs, [(1, 13)]);
        assert_eq!((ids.count(), ids.highest()), (7, 13));
    }

    #[test]
    fn those_above_an_id_are_counted_whether_or_not_it_was_opened() {
        let mut ids = StreamIdSet::default();
        for id in (1..=59).step_by(2) {
            ids.insert(id);
        }
        assert_eq!(ids.count_above(21), 19);
        assert_eq!(ids.count_above(0), 30);
        assert_eq!(ids.count_above(20), 20);
        assert_eq!(ids.count_above(59), 0);
        assert_eq!(ids.count_above(0x7fff_ffff), 0);
    }
}
