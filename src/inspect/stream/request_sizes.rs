//! How many bytes of its stream each request of a client takes: what tells whether there was room for anything else in a
//! gap in which requests are missing.
//!
//! In: the client's frames behind its first gap, of a connection in cleartext. Out: the least that a request takes, all
//! frames of its stream together.
//!
//! ```text
//! HEADERS 5  DATA 5  HEADERS 7  DATA 7   [ gap: 91 bytes ]   HEADERS 11  DATA 11
//! ---- 89 ---------  ---- 91 ----------    request 9, and no RST_STREAM of 13 bytes
//! ```
//!
//! That is evidence and no proof: a request that is missing may be shorter than those that were seen, by just what a
//! RST_STREAM takes, or its stream id was left out. So nothing is told by it of a client that was seen to take a call
//! back, and a request that is much shorter than the others counts unless it is an exception.

use std::collections::VecDeque;

/// Requests after which the least of them is taken for the least of all.
const ENOUGH_REQUESTS: u32 = 16;

/// One request in so many is an exception.
const EXCEPTION: u32 = 64;

/// How many of the smallest sizes are told apart.
const MAX_SIZES: usize = 16;

/// How many requests are followed at a time; of those beyond, the rest is not waited for.
const MAX_OPEN: usize = 64;

/// How many of them a gap can have cut.
const MAX_BEGUN: usize = 8;

/// RST_STREAM in bytes (RFC 9113, section 6.4).
const RESET: u64 = 13;

/// The shortest frame, in bytes (RFC 9113, section 4.1).
const SHORTEST: u64 = 9;

/// How much shorter a request that is missing may be than the least, in bytes.
const SHORTER: u64 = 2;

/// The sizes of a client's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RequestSizes {
    /// Those that have not ended: their streams, and how many bytes they took so far.
    open: VecDeque<(u32, u64)>,
    /// The smallest sizes, ascending, and how many requests had each.
    smallest: Vec<(u64, u32)>,
    seen: u32,
}

impl RequestSizes {
    /// A frame of so many bytes opens a stream.
    pub(super) fn open(&mut self, stream: u32, bytes: u64) {
        if self.open.len() >= MAX_OPEN
            && let Some((_, bytes)) = self.open.pop_front()
        {
            self.add(bytes);
        }
        self.open.push_back((stream, bytes));
    }

    /// A frame of so many bytes, perhaps that one, is of a stream.
    pub(super) fn go_on(&mut self, stream: u32, bytes: u64) {
        let mut open = self.open.iter_mut().rev();
        if let Some((_, so_far)) = open.find(|(open, _)| *open == stream) {
            *so_far += bytes;
        }
    }

    /// The request of a stream has ended.
    pub(super) fn end(&mut self, stream: u32) {
        let at = self.open.iter().rposition(|(open, _)| *open == stream);
        if let Some((_, bytes)) = at.and_then(|at| self.open.remove(at)) {
            self.add(bytes);
        }
    }

    /// Frames are missing: of what was under way it is not known how long it is. Gives those requests.
    pub(super) fn lose(&mut self) -> Vec<(u32, u64)> {
        let begun = self.open.len().saturating_sub(MAX_BEGUN);
        let begun = self.open.drain(..).skip(begun);
        begun.collect()
    }

    fn add(&mut self, bytes: u64) {
        self.seen = self.seen.saturating_add(1);
        match self
            .smallest
            .binary_search_by_key(&bytes, |(size, _)| *size)
        {
            Ok(at) => {
                if let Some((_, count)) = self.smallest.get_mut(at) {
                    *count = count.saturating_add(1);
                }
            }
            Err(at) if at < MAX_SIZES => {
                self.smallest.insert(at, (bytes, 1));
                self.smallest.truncate(MAX_SIZES);
            }
            Err(_) => {}
        }
    }

    /// The least that a request takes, once enough were seen.
    pub(super) fn least(&self) -> Option<u64> {
        if self.seen < ENOUGH_REQUESTS {
            return None;
        }
        let exceptions = self.seen / EXCEPTION;
        let mut below = 0;
        let mut sizes = self.smallest.iter();
        let least = sizes.find(|(_, count)| {
            below += count;
            below > exceptions
        });
        least.map(|(size, _)| *size)
    }
}

/// Whether so many bytes of whole frames can be or hold a RST_STREAM.
pub(super) const fn can_hold_reset(bytes: u64) -> bool {
    bytes == RESET || bytes >= RESET + SHORTEST
}

/// Whether so many requests, of which each takes `least` bytes or little less, leave no room for a RST_STREAM in so many
/// bytes.
pub(super) fn fill(requests: u64, least: u64, bytes: u64) -> bool {
    let rest = bytes.checked_sub(requests.saturating_mul(least));
    rest.is_some_and(|rest| rest + SHORTER < RESET)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many requests of each size.
    fn requests(sizes: &[(u64, u32)]) -> RequestSizes {
        let mut requests = RequestSizes::default();
        let sizes = sizes.iter();
        let sizes = sizes.flat_map(|(size, count)| (0..*count).map(|_| *size));
        for (stream, size) in (1..).step_by(2).zip(sizes) {
            requests.open(stream, 25);
            requests.go_on(stream, size - 25);
            requests.end(stream);
        }
        requests
    }

    #[test]
    fn the_least_is_told_once_enough_were_seen() {
        assert_eq!(requests(&[(89, 15)]).least(), None);
        assert_eq!(requests(&[(91, 10), (89, 6)]).least(), Some(89));
    }

    #[test]
    fn an_exception_is_not_the_least() {
        assert_eq!(requests(&[(89, 63), (76, 1)]).least(), Some(89));
        assert_eq!(requests(&[(89, 62), (76, 2)]).least(), Some(76));
    }

    #[test]
    fn frames_between_do_not_shorten_a_request() {
        let mut sizes = requests(&[(89, 15)]);
        sizes.open(1_001, 25);
        sizes.open(1_003, 25);
        sizes.go_on(1_001, 64);
        sizes.end(1_001);
        assert_eq!(sizes.least(), Some(89));
        assert_eq!(sizes.lose(), [(1_003, 25)]);
        sizes.end(1_003);
        assert_eq!(sizes.least(), Some(89));
    }

    #[test]
    fn requests_that_never_end_count_as_short_as_they_began() {
        let mut sizes = RequestSizes::default();
        for stream in 0..80 {
            sizes.open(2 * stream + 1, 25);
        }
        assert_eq!(sizes.least(), Some(25));
    }

    #[test]
    fn whole_frames_hold_a_reset_or_have_no_room() {
        let holding: Vec<_> = (0..24).filter(|bytes| can_hold_reset(*bytes)).collect();
        assert_eq!(holding, [13, 22, 23]);
    }

    #[test]
    fn requests_fill_a_gap_if_they_leave_too_little() {
        assert!(!fill(1, 89, 88), "not all of it is missing");
        assert!(fill(1, 89, 89));
        assert!(fill(1, 89, 99));
        assert!(!fill(1, 89, 100));
        assert!(fill(3, 89, 277));
        assert!(!fill(3, 89, 278));
    }
}
