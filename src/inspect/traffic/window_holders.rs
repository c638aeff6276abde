//! Who holds the connection's window of flow control, and who starves behind it (RFC 9113, section 5.2.1).
//!
//! In: what is sent, granted and dropped on the streams of one connection, one way. Out: [`Parties`] of a wait.
//!
//! DATA of a stream that its receiver has reset still counts against the connection's window, and its receiver owes
//! the credit for it (sections 5.1 and 6.9). Grants do not say for which stream they are, so each is taken to be for
//! streams that were not reset, as long as any of their bytes is out. A receiver that pays is so seen to owe at
//! times; hence what reset streams hold counts only where the streams that are open cannot hold it.

use std::cmp::Reverse;

use super::flow_control::SideFlow;

/// How many holders are named, those with the most bytes.
const MAX_HOLDERS: usize = 8;

/// How many streams of a wait are named that starved, and how many of those that were reset.
const MAX_NAMED: usize = 256;

/// Who held the connection's window in a wait, and who starved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    /// How many bytes it held that were not given back.
    pub held: u64,
    /// Open streams with bytes that were not given back on them, those with the most first.
    pub holders: Vec<(u32, u64)>,
    /// How many of the bytes are of streams that the receiver had reset, as far as open streams cannot hold them.
    pub dropped: u64,
    /// Those streams, the first ones.
    pub reset: Vec<u32>,
    /// Streams that had HEADERS sent in the wait and DATA due that could not follow, the first ones.
    pub starved: Vec<u32>,
}

/// Follows who holds the connection's window.
#[derive(Clone, Debug)]
pub(super) struct WindowHolders {
    /// The most there was to send at once.
    capacity: i64,
    /// How often the window was filled.
    fillings: u32,
    /// Bytes of open streams that were not given back on them.
    of_open: i64,
    /// Bytes of streams that their receiver reset, as far as grants cannot have been for them.
    dropped: i64,
    reset: Vec<u32>,
    starved: Vec<u32>,
}

impl WindowHolders {
    /// Of a window of this size.
    pub(super) const fn new(capacity: i64) -> Self {
        Self {
            capacity,
            fillings: 0,
            of_open: 0,
            dropped: 0,
            reset: Vec::new(),
            starved: Vec::new(),
        }
    }

    /// Which filling of the window this is, from 1.
    pub(super) const fn filling(&self) -> u32 {
        self.fillings
    }

    /// The window was filled.
    pub(super) fn filled(&mut self) {
        self.fillings = self.fillings.saturating_add(1);
        self.starved.clear();
    }

    /// An open stream holds so many bytes more, or fewer.
    pub(super) const fn hold(&mut self, more: i64) {
        self.of_open = self.of_open.saturating_add(more);
    }

    /// DATA came on a stream that had been reset.
    pub(super) const fn drop_on_the_way(&mut self, length: i64) {
        self.dropped = self.dropped.saturating_add(length);
    }

    /// A stream ended while the window had no room; whether it had starved.
    pub(super) fn ended_waiting(&mut self, stream: u32, side: &SideFlow) -> bool {
        let starves = self.starves(side);
        if starves && self.starved.len() < MAX_NAMED {
            self.starved.push(stream);
        }
        starves
    }

    fn starves(&self, side: &SideFlow) -> bool {
        self.fillings > 0 && side.begun_in == self.fillings && !side.ended
    }

    /// A stream is over that held so much.
    pub(super) fn closed(&mut self, stream: u32, held: i64, dropped: bool) {
        self.hold(-held);
        if dropped && held > 0 {
            self.drop_on_the_way(held);
            if self.reset.len() < MAX_NAMED {
                self.reset.push(stream);
            }
        }
    }

    /// The window was granted more, and has so much room now.
    pub(super) fn granted(&mut self, room: i64) {
        self.capacity = self.capacity.max(room);
        let out = self.capacity.saturating_sub(room);
        self.dropped = self.dropped.min(out);
        if self.dropped == 0 {
            self.reset.clear();
        }
    }

    /// Who holds the window now that it has so much room.
    pub(super) fn parties<'a>(
        &self,
        room: i64,
        open: impl Iterator<Item = (u32, &'a SideFlow)>,
    ) -> Parties {
        let mut parties = Parties {
            starved: self.starved.clone(),
            ..Parties::default()
        };
        for (stream, side) in open {
            if self.starves(side) && parties.starved.len() < MAX_NAMED {
                parties.starved.push(stream);
            }
            let held = bytes(side.allowance.unreturned());
            if held > 0 {
                parties.holders.push((stream, held));
                if parties.holders.len() > 2 * MAX_HOLDERS {
                    keep_most(&mut parties.holders);
                }
            }
        }
        keep_most(&mut parties.holders);
        parties.held = bytes(self.capacity.saturating_sub(room));
        let dropped = bytes(self.dropped).min(parties.held);
        // What open streams hold may be all of it: a reader that does not read.
        if dropped >= parties.held / 2 && bytes(self.of_open) < parties.held / 2 {
            parties.dropped = dropped;
            parties.reset.clone_from(&self.reset);
        }
        parties
    }
}

fn keep_most(holders: &mut Vec<(u32, u64)>) {
    holders.sort_unstable_by_key(|(stream, held)| (Reverse(*held), *stream));
    holders.truncate(MAX_HOLDERS);
}

fn bytes(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_owes_for_streams_that_it_reset_is_told_from_what_it_does_not_read() {
        let mut leak = WindowHolders::new(100);
        leak.hold(60);
        leak.closed(1, 60, true);
        leak.drop_on_the_way(40);
        let parties = leak.parties(0, std::iter::empty());
        assert_eq!((parties.held, parties.dropped), (100, 100));
        assert_eq!(parties.reset, [1]);

        // It gives back what it reset, and does not read another stream.
        let mut unread = WindowHolders::new(100);
        unread.hold(60);
        unread.hold(40);
        unread.closed(1, 40, true);
        unread.granted(40);
        unread.hold(40);
        let parties = unread.parties(0, std::iter::empty());
        assert_eq!((parties.held, parties.dropped), (100, 0));
    }
}
