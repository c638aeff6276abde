//! Calls by method and verdict, for those who count rather than read.

use std::collections::BTreeMap;

use super::super::connection::record::VerdictCounts;
use super::super::stream::rpc::Verdict;

/// How many different methods are counted apart. gRPC services have tens; a plain HTTP server whose paths
/// hold identifiers has as many as requests, and a time series each would drown whoever collects them.
pub const MAX_METHODS: usize = 200;

/// How much of a method is compared, in bytes.
const MAX_METHOD: usize = 256;

/// Calls by method; those beyond the bound together, those whose method is unknown together.
#[derive(Clone, Debug, Default)]
pub struct Methods {
    known: BTreeMap<Box<[u8]>, VerdictCounts>,
    other: VerdictCounts,
    unknown: VerdictCounts,
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
        let Some(method) = method else {
            return self.unknown.add(verdict);
        };
        // What follows may be a secret.
        let path = method
            .split(|byte| *byte == b'?')
            .next()
            .unwrap_or_default();
        let path = path.get(..MAX_METHOD).unwrap_or(path);
        if let Some(counts) = self.known.get_mut(path) {
            counts.add(verdict);
        } else if self.known.len() < MAX_METHODS {
            self.known.entry(path.into()).or_default().add(verdict);
        } else {
            self.other.add(verdict);
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
    pub fn total(&self) -> VerdictCounts {
        let mut total = VerdictCounts::default();
        for (_, counts) in self.iter() {
            total.merge(counts);
        }
        total
    }
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
}
