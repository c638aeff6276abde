//! How a connection sheds what it follows, when all connections together follow too much.
//!
//! In: how much may stay. Out: calls whose verdict cannot be known any more; each is counted like any other.

use super::{Connection, Options};
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
            streams: self.streams.call_count(),
            listed: self.settled.len(),
        }
    }

    /// Follows no more than `keep` streams from here on, those opened last: the others cannot be judged.
    pub(in crate::inspect) fn give_up_streams(
        &mut self,
        keep: usize,
        now: Stamp,
        options: &Options,
    ) {
        let given_up = self.streams.take_calls(keep);
        let surplus = given_up.len();
        let gaps = self.context.gaps;
        // What decides them will not be seen, just as if it were lost.
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let gaps = &mut self.context.gaps;
            gaps.begin(direction, self.sent_by_server);
        }
        for (id, call) in given_up {
            self.report(id, call, options);
        }
        self.context.gaps = gaps;
        self.traffic.lose(&mut self.streams, now);
        self.record.missing.streams += surplus as u64;
    }

    /// Lists `calls` fewer than it would, the last ones.
    pub(in crate::inspect) fn unlist(&mut self, calls: usize) {
        let left = self.settled.len().saturating_sub(calls);
        self.settled.truncate(left);
    }
}
