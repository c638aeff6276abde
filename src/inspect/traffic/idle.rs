//! How many streams a server had open when it sent its first GOAWAY, and for how long it had had none.
//!
//! A server's idle timer runs from the end of its last stream. A capture made at the client shows
//! HEADERS that the server had not received by then; the acknowledgement number of the segment that
//! carried the GOAWAY says which.
//!
//! ```text
//! client's capture   END_STREAM ........... HEADERS ->      <- GOAWAY, does not acknowledge HEADERS
//! what the server saw    |------ idle ---------------------------|
//! ```

use std::collections::VecDeque;

use crate::capture::{Stamp, TimeDelta};
use crate::decode::Carrier;

/// How many HEADERS that a server has not acknowledged are remembered; an honest client has no more on
/// their way.
const MAX_ON_THEIR_WAY: usize = 1 << 12;

/// A server's first GOAWAY, and how busy it was then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstGoAway {
    /// The packet that completed the GOAWAY.
    pub stamp: Stamp,
    /// Streams that were open then, as the server knew.
    pub open: u64,
    /// The time since the last stream had ended; `None` where one was open, or none had been.
    pub idle: Option<TimeDelta>,
    /// How many streams the client had opened by then, as the server knew.
    pub opened: u64,
}

/// Follows how many streams are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Idleness {
    open: u64,
    opened: u64,
    /// Where HEADERS end, in the client's byte stream, that the server has not acknowledged.
    on_their_way: VecDeque<u64>,
    most: u64,
    /// When the last open stream ended.
    quiet_since: Option<Stamp>,
    /// Where the HEADERS end, in the client's byte stream, that were sent when none was open.
    woken: u64,
}

impl Idleness {
    /// The client opened a stream with HEADERS that end here in its byte stream.
    pub(crate) fn opened(&mut self, end: u64) {
        if self.open == 0 {
            self.woken = end;
        }
        self.open += 1;
        self.opened += 1;
        if self.on_their_way.len() == MAX_ON_THEIR_WAY {
            self.on_their_way.pop_front();
        }
        self.on_their_way.push_back(end);
        if self.open > self.most {
            self.most = self.open;
        }
    }

    /// The server has received the client's bytes up to `upto`.
    pub(crate) fn acknowledged(&mut self, upto: u64) {
        while self.on_their_way.front().is_some_and(|end| *end <= upto) {
            self.on_their_way.pop_front();
        }
    }

    /// An open stream was answered to the end, or reset.
    pub(crate) const fn ended(&mut self, stamp: Stamp) {
        self.open = self.open.saturating_sub(1);
        if self.open == 0 {
            self.quiet_since = Some(stamp);
        }
    }

    /// How many streams are open.
    pub(crate) const fn open(&self) -> u64 {
        self.open
    }

    /// How many streams were open at the same time at most.
    pub(crate) const fn most(&self) -> u64 {
        self.most
    }

    /// The server sends its first GOAWAY.
    pub(crate) fn first_goaway(&self, goaway: Carrier) -> FirstGoAway {
        let not_received = goaway
            .acknowledged
            .is_some_and(|received| received < self.woken);
        let open = if not_received { 0 } else { self.open };
        let quiet_since = self.quiet_since.filter(|_| open == 0);
        let unread = goaway.acknowledged.map_or(0, |received| {
            let ends = self.on_their_way.iter();
            ends.filter(|end| **end > received).count() as u64
        });
        FirstGoAway {
            stamp: goaway.stamp,
            open,
            opened: self.opened.saturating_sub(unread),
            idle: quiet_since.map(|since| goaway.stamp.time - since.time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Timestamp;

    fn at(nanos: i64) -> Stamp {
        Stamp {
            time: Timestamp::from_nanos(nanos),
            ..Stamp::default()
        }
    }

    fn goaway(nanos: i64, acknowledged: u64) -> Carrier {
        Carrier {
            stamp: at(nanos),
            acknowledged: Some(acknowledged),
            original: true,
        }
    }

    #[test]
    fn a_request_on_its_way_does_not_end_the_idleness_that_the_server_saw() {
        let mut idleness = Idleness::default();
        idleness.opened(100);
        assert_eq!(idleness.first_goaway(goaway(1, 100)).open, 1);
        idleness.ended(at(10));
        assert_eq!(
            idleness.first_goaway(goaway(60, 100)).idle,
            Some(TimeDelta::from_nanos(50))
        );
        idleness.opened(150);
        idleness.opened(200);
        let crossed = idleness.first_goaway(goaway(60, 100));
        assert_eq!(
            (crossed.open, crossed.idle),
            (0, Some(TimeDelta::from_nanos(50)))
        );
        assert_eq!(crossed.opened, 1);
        let received = idleness.first_goaway(goaway(60, 150));
        assert_eq!((received.open, received.idle), (2, None));
        assert_eq!(received.opened, 2);
        idleness.acknowledged(150);
        assert_eq!(idleness.first_goaway(goaway(60, 150)).opened, 2);
        assert_eq!(idleness.first_goaway(goaway(60, 200)).opened, 3);
        assert_eq!(idleness.most(), 2);
    }
}
