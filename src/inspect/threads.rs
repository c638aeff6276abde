//! How many threads may work on what needs the whole analysis.
//!
//! In: values that know nothing of each other, and what is to be made of each. Out: what was made of them, in their order,
//! whoever worked.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many pieces of work there are for each thread, so that none waits long for another.
const PIECES: usize = 4;

/// How many threads may work, the caller's included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads(usize);

impl Threads {
    /// The caller's thread alone.
    pub const ALONE: Self = Self(1);

    /// So many; one where there are fewer.
    #[must_use]
    pub const fn of(count: usize) -> Self {
        match count {
            0 => Self::ALONE,
            count => Self(count),
        }
    }

    /// How many.
    pub(super) const fn count(self) -> usize {
        self.0
    }

    /// How long the pieces are into which so many values are cut to be worked on.
    pub(super) const fn piece(self, length: usize) -> usize {
        match (self.0, length) {
            (_, 0) => 1,
            (1, length) => length,
            (threads, length) => length.div_ceil(threads * PIECES),
        }
    }

    /// What `each` makes of every value, in their order.
    ///
    /// # Panics
    ///
    /// If `each` does.
    pub(super) fn map<T: Send, R: Send>(
        self,
        values: impl IntoIterator<Item = T>,
        each: impl Fn(T) -> R + Sync,
    ) -> Vec<R> {
        if self == Self::ALONE {
            return values.into_iter().map(each).collect();
        }
        let values = values.into_iter().map(|value| Mutex::new(Some(value)));
        let values: Vec<_> = values.collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut made = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(value) = values.get(place) else {
                    return made;
                };
                let value = value.lock().unwrap_or_else(PoisonError::into_inner).take();
                made.extend(value.map(|value| (place, each(value))));
            }
        };
        let mut made = thread::scope(|scope| {
            let helpers = 1..self.0.min(values.len());
            // Where the system gives no thread, the others do its work.
            let helpers = helpers.filter_map(|number| {
                let thread = thread::Builder::new().name(format!("analyst {number}"));
                thread.spawn_scoped(scope, work).ok()
            });
            let helpers: Vec<_> = helpers.collect();
            let mut made = work();
            for helper in helpers {
                match helper.join() {
                    Ok(more) => made.extend(more),
                    Err(why) => panic::resume_unwind(why),
                }
            }
            made
        });
        made.sort_unstable_by_key(|(place, _)| *place);
        made.into_iter().map(|(_, made)| made).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_has_the_order_of_the_values() {
        let doubled: Vec<_> = (0..1_000).map(|number| number * 2).collect();
        for threads in [0, 1, 2, 8] {
            let threads = Threads::of(threads);
            assert_eq!(threads.map(0..1_000, |number| number * 2), doubled);
            assert!(threads.map(0..0, |number: u8| number).is_empty());
        }
    }

    #[test]
    fn pieces_hold_all_values() {
        for (threads, length, piece) in [(1, 0, 1), (1, 10, 10), (2, 0, 1), (2, 3, 1), (2, 80, 10)]
        {
            assert_eq!(Threads::of(threads).piece(length), piece);
        }
    }

    #[test]
    #[should_panic(expected = "seven")]
    fn a_panic_is_passed_on() {
        Threads::of(2).map(0..100, |number| assert_ne!(number, 7, "seven"));
    }
}
