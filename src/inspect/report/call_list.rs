//! The calls of an analysis, in the lists in which their connections have left them.
//!
//! In: the calls of each connection. Out: all of them in one order, without a copy that holds them once more.

use std::iter::Flatten;
use std::slice;

use crate::inspect::stream::rpc::{CallId, Rpc};

/// Calls, by connection and stream.
#[derive(Clone, Debug, Default)]
pub struct CallList {
    /// Those of each connection that has any.
    lists: Vec<Vec<Rpc>>,
    /// How many stand before each list.
    begins: Vec<usize>,
    length: usize,
}

impl CallList {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> Flatten<slice::Iter<'_, Vec<Rpc>>> {
        self.lists.iter().flatten()
    }

    /// All of them, in order.
    pub fn iter_mut(&mut self) -> Flatten<slice::IterMut<'_, Vec<Rpc>>> {
        self.lists.iter_mut().flatten()
    }

    /// The call of a connection and a stream.
    #[must_use]
    pub fn find(&self, call: CallId) -> Option<&Rpc> {
        self.find_all([&call]).next().flatten().map(|(_, rpc)| rpc)
    }

    /// Each of several calls, with its place among all; those that follow each other here are found at once.
    pub fn find_all<'a, 'c>(
        &'a self,
        calls: impl IntoIterator<Item = &'c CallId>,
    ) -> impl Iterator<Item = Option<(usize, &'a Rpc)>> {
        let mut expected = (0, 0);
        calls.into_iter().map(move |call| {
            let here = |(list, place): (usize, usize)| self.lists.get(list)?.get(place);
            if here(expected).is_none_or(|rpc| rpc.id != *call) {
                expected = self.search(*call)?;
            }
            let (list, place) = expected;
            expected = (list, place + 1);
            Some((self.begins.get(list)? + place, here((list, place))?))
        })
    }

    /// In which list it is, and where there.
    fn search(&self, call: CallId) -> Option<(usize, usize)> {
        let key = |rpc: &Rpc| (rpc.id.connection, rpc.id.stream);
        let sought = (call.connection, call.stream);
        let ends_before = |list: &Vec<Rpc>| list.last().is_none_or(|last| key(last) < sought);
        let list = self.lists.partition_point(ends_before);
        let place = self.lists.get(list)?.binary_search_by_key(&sought, key);
        Some((list, place.ok()?))
    }

    /// Adds the calls of the connection that comes next.
    pub fn push_list(&mut self, calls: Vec<Rpc>) {
        if !calls.is_empty() {
            self.begins.push(self.length);
            self.length += calls.len();
            self.lists.push(calls);
        }
    }

    /// Keeps those that `which` picks.
    pub fn retain(&mut self, mut which: impl FnMut(&Rpc) -> bool) {
        for mut list in std::mem::take(self).lists {
            list.retain(&mut which);
            self.push_list(list);
        }
    }
}

impl From<Vec<Rpc>> for CallList {
    fn from(calls: Vec<Rpc>) -> Self {
        let mut list = Self::default();
        list.push_list(calls);
        list
    }
}

impl<'a> IntoIterator for &'a CallList {
    type Item = &'a Rpc;
    type IntoIter = Flatten<slice::Iter<'a, Vec<Rpc>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut CallList {
    type Item = &'a mut Rpc;
    type IntoIter = Flatten<slice::IterMut<'a, Vec<Rpc>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Verdict;

    fn calls(connection: u32, streams: &[u32]) -> Vec<Rpc> {
        let ids = streams.iter().map(|stream| CallId {
            connection,
            stream: *stream,
        });
        ids.map(|id| Rpc::bare(id, Verdict::Refused)).collect()
    }

    fn ids(list: &CallList) -> Vec<(u32, u32)> {
        let ids = list.iter().map(|rpc| rpc.id);
        ids.map(|id| (id.connection, id.stream)).collect()
    }

    #[test]
    fn each_call_is_found_and_no_other() {
        let mut list = CallList::default();
        assert!(list.is_empty());
        for (connection, streams) in [(1, &[1, 3, 9][..]), (2, &[]), (4, &[5])] {
            list.push_list(calls(connection, streams));
        }
        let all = [(1, 1), (1, 3), (1, 9), (4, 5)];
        assert_eq!((list.len(), ids(&list)), (4, all.to_vec()));
        for connection in 0..6 {
            for stream in 0..12 {
                let found = list.find(CallId { connection, stream });
                assert_eq!(found.is_some(), all.contains(&(connection, stream)));
            }
        }
        let sought = [(1, 3), (1, 9), (4, 5), (2, 1), (1, 1), (4, 5)];
        let sought = sought.map(|(connection, stream)| CallId { connection, stream });
        let places = list.find_all(&sought).map(|found| Some(found?.0));
        let expected = [Some(1), Some(2), Some(3), None, Some(0), Some(3)];
        assert_eq!(places.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn those_that_are_kept_are_counted() {
        let mut list = CallList::from(calls(0, &[1, 3]));
        list.push_list(calls(1, &[1]));
        list.retain(|rpc| rpc.id.stream == 3);
        assert_eq!((list.len(), ids(&list)), (1, vec![(0, 3)]));
    }
}
