//! Calls by method and verdict, for those who count rather than read.
//!
//! A service has tens of methods; a plain HTTP server whose paths hold identifiers, or one that is scanned, has as
//! many as requests, and a time series each would drown whoever collects them. So those that are used most are
//! counted apart, whenever they came, and all others together.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::super::connection::record::VerdictCounts;
use super::super::stream::rpc::Verdict;

/// How many different methods are counted apart.
pub const MAX_METHODS: usize = 200;

/// How many of the others are watched for one that is used more than those.
const MAX_WAITING: usize = 2_000;

/// How many times as often as the least used one of those counted apart another must be used to take its place: two
/// that are used alike must not take turns.
const TIMES_MORE: u64 = 2;

/// How much of a method is compared, in bytes.
const MAX_METHOD: usize = 256;

/// Calls by method; those of rarely used methods together, those whose method is unknown together.
///
/// Every count only grows, as long as it is there: a method that comes to be counted apart begins at zero, and what
/// was counted of it among the others stays there. One that is no longer counted apart is gone from
/// [`Methods::iter`], and still in [`Methods::total`].
#[derive(Clone, Debug, Default)]
pub struct Methods {
    known: BTreeMap<Box<[u8]>, VerdictCounts>,
    /// How often those among the others were used.
    waiting: FxHashMap<Box<[u8]>, u64>,
    /// No more than how often the least used of the known ones was used.
    least: u64,
    other: VerdictCounts,
    unknown: VerdictCounts,
    total: VerdictCounts,
}

/// Which methods a count is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method<'a> {
    /// One, by its path without the query.
    Path(&'a [u8]),
    /// Those beyond the bound of [`MAX_METHODS`], together.
    Other,
    /// Those that the capture does not show.
    Unknown,
}

impl Methods {
    pub(in crate::inspect) fn count(&mut self, method: Option<&[u8]>, verdict: Verdict) {
        self.total.add(verdict);
        let Some(method) = method else {
            return self.unknown.add(verdict);
        };
        let path = path(method);
        if let Some(counts) = self.known.get_mut(path) {
            counts.add(verdict);
        } else if self.known.len() < MAX_METHODS || self.takes_a_place(path) {
            self.known.entry(path.into()).or_default().add(verdict);
        } else {
            self.other.add(verdict);
        }
    }

    /// What calls of a method are counted as.
    #[must_use]
    pub fn label<'a>(&self, method: Option<&'a [u8]>) -> Method<'a> {
        match method.map(path) {
            None => Method::Unknown,
            Some(path) if self.known.contains_key(path) => Method::Path(path),
            Some(path) if self.known.len() < MAX_METHODS => Method::Path(path),
            Some(_) => Method::Other,
        }
    }

    /// Counts by method; those that count nothing are left out.
    pub fn iter(&self) -> impl Iterator<Item = (Method<'_>, &VerdictCounts)> {
        let known = self
            .known
            .iter()
            .map(|(path, counts)| (Method::Path(path), counts));
        let rest = [
            (Method::Other, &self.other),
            (Method::Unknown, &self.unknown),
        ];
        known.chain(rest.into_iter().filter(|(_, counts)| counts.total() > 0))
    }

    /// The counts of all methods together.
    #[must_use]
    pub const fn total(&self) -> &VerdictCounts {
        &self.total
    }

    /// Whether a method of the others is used so much by now that it takes the place of the least used one, which
    /// is free then.
    fn takes_a_place(&mut self, path: &[u8]) -> bool {
        let used = match self.waiting.get_mut(path) {
            Some(used) => {
                *used += 1;
                *used
            }
            None => {
                self.make_room();
                self.waiting.insert(path.into(), 1);
                1
            }
        };
        if used <= self.least.saturating_mul(TIMES_MORE) {
            return false;
        }
        // It has grown since it was looked for.
        let least = self.known.iter().min_by_key(|(_, counts)| counts.total());
        let Some((least, counts)) = least else {
            return false;
        };
        self.least = counts.total();
        if used <= self.least.saturating_mul(TIMES_MORE) {
            return false;
        }
        let least = least.clone();
        self.known.remove(&least);
        self.waiting.remove(path);
        true
    }

    /// Forgets those that are used least, should too many be watched: each loses half of what it has.
    fn make_room(&mut self) {
        if self.waiting.len() < MAX_WAITING {
            return;
        }
        self.waiting.retain(|_, used| {
            *used /= 2;
            *used > 0
        });
        // All are used more than once, and alike.
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.clear();
        }
    }
}

/// A method's path: what follows may be a secret.
fn path(method: &[u8]) -> &[u8] {
    let path = method.split(|byte| *byte == b'?').next();
    let path = path.unwrap_or_default();
    path.get(..MAX_METHOD).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_beyond_the_bound_are_one_and_queries_are_left_out() {
        let mut methods = Methods::default();
        methods.count(Some(b"/find?name=a"), Verdict::Ok);
        methods.count(Some(b"/find?name=b"), Verdict::Status);
        for number in 0..MAX_METHODS {
            methods.count(Some(format!("/item/{number}").as_bytes()), Verdict::Ok);
        }
        methods.count(None, Verdict::Unknown);
        let counted: Vec<_> = methods.iter().collect();
        assert_eq!(counted.len(), MAX_METHODS + 2);
        let find = counted
            .iter()
            .find(|(method, _)| *method == Method::Path(b"/find"));
        assert_eq!(find.unwrap().1.total(), 2);
        assert_eq!(methods.total().total(), MAX_METHODS as u64 + 3);
    }

    #[test]
    fn a_method_that_is_used_is_counted_apart_though_junk_came_first() {
        let mut methods = Methods::default();
        for number in 0..1_000 {
            methods.count(Some(format!("/junk/{number}").as_bytes()), Verdict::Status);
        }
        for number in 0..100 {
            methods.count(Some(b"/shop.Orders/Get"), Verdict::Ok);
            // More of it comes meanwhile than is watched.
            for other in 0..100 {
                let path = format!("/junk/{number}/{other}");
                methods.count(Some(path.as_bytes()), Verdict::Status);
            }
        }
        let label = methods.label(Some(b"/shop.Orders/Get?id=1"));
        assert_eq!(label, Method::Path(b"/shop.Orders/Get"));
        let real = methods.iter().find(|(method, _)| *method == label);
        assert!(real.unwrap().1.total() >= 97);
        assert_eq!(methods.known.len(), MAX_METHODS);
        assert!(methods.waiting.len() <= MAX_WAITING);
        assert_eq!(methods.total().total(), 1_000 + 100 * 101);
    }

    #[test]
    fn two_hundred_methods_that_are_used_stay_whatever_comes_once() {
        let mut methods = Methods::default();
        for round in 0..10 {
            for number in 0..MAX_METHODS {
                methods.count(Some(format!("/real/{number}").as_bytes()), Verdict::Ok);
                let path = format!("/junk/{round}/{number}");
                methods.count(Some(path.as_bytes()), Verdict::Status);
            }
        }
        let real = methods
            .iter()
            .filter(|(_, counts)| counts.total() == 10)
            .count();
        // Junk that comes between the first of them is soon replaced.
        assert!(real > MAX_METHODS * 2 / 5, "{real}");
        let kept =
            |method: Method<'_>| matches!(method, Method::Path(path) if path.starts_with(b"/real"));
        let kept = methods.iter().filter(|(method, _)| kept(*method)).count();
        assert_eq!(kept, MAX_METHODS);
    }
}
