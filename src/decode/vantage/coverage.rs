//! Which bytes of one direction of a flow a capture holds.

use std::ops::Range;

use crate::decode::tcp::SequenceSpace;

/// Ranges kept of one direction. More holes than that say only that there are many: nothing is then taken for lost, and
/// nothing is filled.
const MAX_RANGES: usize = 1_024;

/// The bytes of one direction, as positions; a SYN and a FIN take one each (RFC 9293, section 3.4).
#[derive(Clone, Debug)]
pub(super) struct Coverage {
    first: u32,
    space: SequenceSpace,
    /// Sorted and apart.
    ranges: Vec<Range<u64>>,
    /// Up to where the other side has acknowledged, as the capture shows.
    acknowledged: u64,
    too_many: bool,
}

/// Where the first byte that was seen stands: far enough from 0 for what comes late.
const ORIGIN: u64 = crate::decode::tcp::ORIGIN;

impl Coverage {
    pub(super) fn beginning_at(sequence: u32) -> Self {
        Self {
            first: sequence,
            space: SequenceSpace::beginning_at(sequence),
            ranges: Vec::new(),
            acknowledged: 0,
            too_many: false,
        }
    }

    fn end(&self) -> u64 {
        self.ranges.last().map_or(ORIGIN, |range| range.end)
    }

    /// The bytes of a segment, by its sequence number and length.
    pub(super) fn range(&self, sequence: u32, length: u32) -> Range<u64> {
        let start = self.space.position(sequence, self.end());
        start..start + u64::from(length)
    }

    pub(super) fn add(&mut self, new: Range<u64>) {
        if new.is_empty() {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if last.start <= new.start && new.start <= last.end => {
                last.end = last.end.max(new.end)
            }
            Some(last) if last.end < new.start => self.push(new),
            None => self.push(new),
            Some(_) => self.insert(new),
        }
    }

    fn push(&mut self, new: Range<u64>) {
        if self.ranges.len() < MAX_RANGES {
            self.ranges.push(new);
        } else {
            self.too_many = true;
        }
    }

    /// What comes late, or again.
    fn insert(&mut self, mut new: Range<u64>) {
        let from = self.ranges.partition_point(|range| range.end < new.start);
        let to = self.ranges.partition_point(|range| range.start <= new.end);
        if let Some(touched) = self.ranges.get(from..to)
            && let Some((first, last)) = touched.first().zip(touched.last())
        {
            new = new.start.min(first.start)..new.end.max(last.end);
        }
        if from == to && self.ranges.len() >= MAX_RANGES {
            self.too_many = true;
            return;
        }
        self.ranges.splice(from..to, [new]);
    }

    pub(super) fn acknowledge(&mut self, acknowledgement: u32) {
        let position = self.space.position(acknowledgement, self.end());
        self.acknowledged = self.acknowledged.max(position);
    }

    pub(super) const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Whether the first byte that is here stands before it.
    pub(super) fn has_begun_before(&self, range: &Range<u64>) -> bool {
        self.ranges
            .first()
            .is_some_and(|first| first.start <= range.start)
    }

    /// The same position as the other one counts it.
    fn in_terms_of(&self, position: u64, other: &Self) -> u64 {
        let between = self.first.wrapping_sub(other.first).cast_signed();
        position.saturating_add_signed(between.into())
    }

    /// Up to where the other side has acknowledged, in positions of `other`.
    pub(super) fn acknowledged_in(&self, other: &Self) -> u64 {
        match self.acknowledged {
            0 => 0,
            position => self.in_terms_of(position, other),
        }
    }

    /// What is between the first and the last byte of it that was seen, or that were acknowledged, and is not here.
    pub(super) fn lacks(&self, range: &Range<u64>, only_acknowledged: bool) -> bool {
        let Some(first) = self.ranges.first() else {
            return false;
        };
        let end = match only_acknowledged {
            true => self.acknowledged,
            false => self.end().max(self.acknowledged),
        };
        let range = range.start.max(first.start)..range.end.min(end);
        !self.too_many && !range.is_empty() && !self.has(&range)
    }

    /// Whether nothing [is lacking](Self::lacks) in it.
    pub(super) fn is_whole(&self) -> bool {
        self.too_many || self.ranges.len() <= 1 && self.acknowledged <= self.end()
    }

    /// Whether all of it is here.
    pub(super) fn has(&self, range: &Range<u64>) -> bool {
        match self.ranges.last() {
            Some(last) if last.start <= range.start => range.end <= last.end,
            _ => {
                let place = self.ranges.partition_point(|known| known.end < range.end);
                let known = self.ranges.get(place);
                known.is_some_and(|known| known.start <= range.start)
            }
        }
    }

    /// What is here and not in `other`, from where both have begun; nothing where either has too many holes.
    pub(super) fn lacking_in(&self, other: &Self) -> Vec<Range<u64>> {
        let mut lacking = Vec::new();
        let Some(begun) = other
            .ranges
            .first()
            .map(|range| other.in_terms_of(range.start, self))
        else {
            return lacking;
        };
        if self.too_many || other.too_many {
            return lacking;
        }
        let mut theirs = other
            .ranges
            .iter()
            .map(|range| other.in_terms_of(range.start, self)..other.in_terms_of(range.end, self))
            .peekable();
        for mine in &self.ranges {
            let mut at = mine.start.max(begun);
            while at < mine.end {
                while theirs.peek().is_some_and(|range| range.end <= at) {
                    theirs.next();
                }
                match theirs.peek() {
                    Some(range) if range.start <= at => at = range.end,
                    Some(range) if range.start < mine.end => {
                        lacking.push(at..range.start);
                        at = range.end;
                    }
                    _ => {
                        lacking.push(at..mine.end);
                        at = mine.end;
                    }
                }
            }
        }
        lacking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covering(parts: &[(u32, u32)]) -> Coverage {
        let mut coverage = Coverage::beginning_at(parts[0].0);
        for (sequence, length) in parts {
            let range = coverage.range(*sequence, *length);
            coverage.add(range);
        }
        coverage
    }

    #[test]
    fn what_comes_late_closes_the_hole() {
        let mut coverage = covering(&[(u32::MAX - 9, 10), (20, 10)]);
        coverage.acknowledge(30);
        let hole = coverage.range(0, 20);
        assert!(coverage.lacks(&hole, true));
        coverage.add(coverage.range(0, 20));
        assert!(!coverage.lacks(&hole, true));
        assert_eq!(coverage.ranges.len(), 1);
    }

    #[test]
    fn bytes_that_nobody_acknowledged_may_never_have_come() {
        let mut coverage = covering(&[(0, 10), (20, 10)]);
        coverage.acknowledge(10);
        let hole = coverage.range(10, 10);
        assert!(!coverage.lacks(&hole, true));
        assert!(coverage.lacks(&hole, false));
    }

    #[test]
    fn two_captures_count_the_same_bytes_from_where_each_begins() {
        let whole = covering(&[(100, 100)]);
        let late = covering(&[(120, 30), (170, 10)]);
        let lacking = whole.lacking_in(&late);
        let bytes: Vec<_> = lacking
            .iter()
            .map(|range| (range.start - ORIGIN, range.end - ORIGIN))
            .collect();
        assert_eq!(bytes, [(50, 70), (80, 100)]);
        assert_eq!(late.lacking_in(&whole), []);
    }
}
