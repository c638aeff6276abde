//! How a connection gives up what it follows, when all together follow too much.
//!
//! In: how much may stay. Out: calls that cannot be judged any more, told like others. What never
//! happens here: a call forgotten uncounted.

use super::{Connection, Interest};
use crate::capture::Stamp;
use crate::decode::Direction;

/// What a connection keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::inspect) struct Load {
    /// Streams that are followed.
    pub(in crate::inspect) streams: usize,
    /// Calls that a report is to list.
    pub(in crate::inspect) listed: usize,
}

impl Load {
    /// A part of the whole has changed.
    pub(in crate::inspect) const fn change(&mut self, before: Self, after: Self) {
        self.streams = (self.streams + after.streams).saturating_sub(before.streams);
        self.listed = (self.listed + after.listed).saturating_sub(before.listed);
    }
}

impl Connection {
    /// What it keeps now.
    pub(in crate::inspect) fn load(&self) -> Load {
        Load {
            streams: self.streams.len(),
            listed: self.settled.len(),
        }
    }

    /// Follows no more than `keep` streams from here on, those opened last: the others cannot be judged.
    pub(in crate::inspect) fn give_up_streams(
        &mut self,
        keep: usize,
        now: Stamp,
        interest: &Interest,
    ) {
        let mut ids: Vec<_> = self.streams.keys().copied().collect();
        ids.sort_unstable();
        let surplus = ids.len().saturating_sub(keep);
        ids.truncate(surplus);
        let losses = self.circumstances.losses;
        // What decides them will not be seen, just as if it were lost.
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let losses = &mut self.circumstances.losses;
            losses.begin(direction, self.sent_by_server);
        }
        for id in ids {
            if let Some(stream) = self.streams.remove(&id) {
                self.report(id, *stream, interest);
            }
        }
        self.circumstances.losses = losses;
        self.answered
            .retain(|(_, id)| self.streams.contains_key(id));
        self.answered.shrink_to_fit();
        self.streams.shrink_to_fit();
        self.traffic.lose(now);
        self.record.missing.streams += surplus as u64;
    }

    /// Lists `calls` fewer than it would, the last ones.
    pub(in crate::inspect) fn unlist(&mut self, calls: usize) {
        let left = self.settled.len().saturating_sub(calls);
        self.settled.truncate(left);
    }
}
