//! The latest calls that did not succeed, so that those of one kind never push out those of another.
//!
//! A server that answers thousands of calls a second with an error must not hide the few that died, and neither must the
//! calls that are in flight when a capture ends.

use super::recent::RecentMap;
use crate::inspect::stream::rpc::{CallId, Rpc, Verdict};

/// The latest of each kind.
#[derive(Debug, Default)]
pub(in crate::inspect) struct RecentCalls {
    died: RecentMap<CallId, Rpc>,
    unanswered: RecentMap<CallId, Rpc>,
    /// Answered with an error, or not to be judged.
    others: RecentMap<CallId, Rpc>,
}

impl RecentCalls {
    pub(in crate::inspect) fn push(&mut self, rpc: Rpc) {
        let kind = match rpc.verdict {
            _ if rpc.died() => &mut self.died,
            Verdict::Unanswered => &mut self.unanswered,
            _ => &mut self.others,
        };
        kind.push(rpc.id, rpc);
    }

    pub(in crate::inspect) fn get(&self, id: &CallId) -> Option<&Rpc> {
        let mut kinds = [&self.died, &self.unanswered, &self.others].into_iter();
        kinds.find_map(|kind| kind.get(id))
    }

    pub(in crate::inspect) fn get_mut(&mut self, id: &CallId) -> Option<&mut Rpc> {
        let mut kinds = self.kinds_mut().into_iter();
        kinds.find_map(|kind| kind.get_mut(id))
    }

    pub(in crate::inspect) fn remove(&mut self, id: &CallId) {
        for kind in self.kinds_mut() {
            kind.remove(id);
        }
    }

    pub(in crate::inspect) fn iter(&self) -> impl Iterator<Item = &Rpc> {
        let kinds = [&self.died, &self.unanswered, &self.others].into_iter();
        kinds.flat_map(RecentMap::iter)
    }

    /// How many have left.
    pub(in crate::inspect) const fn evicted(&self) -> u64 {
        self.died.evicted() + self.unanswered.evicted() + self.others.evicted()
    }

    const fn kinds_mut(&mut self) -> [&mut RecentMap<CallId, Rpc>; 3] {
        [&mut self.died, &mut self.unanswered, &mut self.others]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::MAX_RECENT;

    #[test]
    fn calls_answered_with_an_error_or_in_flight_push_out_no_death() {
        let call = |connection, verdict| {
            let id = CallId {
                connection,
                stream: 1,
            };
            Rpc::bare(id, verdict)
        };
        let mut calls = RecentCalls::default();
        calls.push(call(0, Verdict::CutByClose));
        for number in 1..=2 * u32::try_from(MAX_RECENT).unwrap() {
            calls.push(call(number, Verdict::Status));
            calls.push(call(u32::MAX - number, Verdict::Unanswered));
        }
        let died = calls.iter().filter(|rpc| rpc.died());
        assert_eq!(died.count(), 1);
        assert_eq!(calls.iter().count(), 2 * MAX_RECENT + 1);
        assert_eq!(calls.evicted(), 2 * MAX_RECENT as u64);
    }
}
