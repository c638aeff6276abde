//! Streams that the client opened although it had had a GOAWAY for a while.
//!
//! In: the streams as they are opened, with what their segments acknowledge. Out: those that were opened long
//! after the client's kernel had a whole GOAWAY of the server, whatever its last stream id (RFC 9113, section
//! 6.8: a receiver of a GOAWAY must not open streams).

use crate::capture::{Stamp, TimeDelta};

/// Beyond this a client is late by itself. Honest clients under load open streams up
/// to 44 ms after the GOAWAY reached their kernel, with bytes held back in the socket.
pub(in crate::inspect) const LATE: TimeDelta = TimeDelta::from_millis(100);

/// How many of a connection are named, the first ones.
const MAX_NAMED: usize = 1_024;

/// Streams of one connection that were opened late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LateOpens {
    /// How many there are.
    pub count: u64,
    /// Which they are, the first ones.
    pub streams: Vec<u32>,
    /// The client's segment that first acknowledged the whole GOAWAY.
    pub received: Stamp,
    /// The one that was opened latest.
    pub latest: Option<LateOpen>,
}

/// A stream that was opened late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateOpen {
    /// Which.
    pub stream: u32,
    /// The segment that first carried its HEADERS.
    pub opened: Stamp,
    /// How long the client's kernel had had the GOAWAY by then.
    pub late_by: TimeDelta,
}

impl LateOpens {
    /// A stream was opened by a segment that acknowledges the whole of a GOAWAY, which the client's kernel
    /// had first acknowledged at `received`.
    pub(super) fn opened(&mut self, stream: u32, opened: Stamp, received: Stamp) {
        let late_by = opened.time - received.time;
        if late_by <= LATE {
            return;
        }
        self.count += 1;
        self.received = received;
        if self.streams.len() < MAX_NAMED {
            self.streams.push(stream);
        }
        if self.latest.is_none_or(|latest| latest.late_by < late_by) {
            self.latest = Some(LateOpen {
                stream,
                opened,
                late_by,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn many_late_streams_are_counted_and_the_first_are_named() {
        let mut late = LateOpens::default();
        late.opened(1, at(100), at(0));
        assert_eq!(late, LateOpens::default());
        for number in 0..2_000 {
            late.opened(2 * number + 3, at(101 + i64::from(number)), at(0));
        }
        assert_eq!((late.count, late.streams.len()), (2_000, MAX_NAMED));
        assert_eq!(late.latest.unwrap().stream, 4_001);
    }
}
