//! Times in which a side's bytes stayed unacknowledged for long: the sign of a path, or of a host, that is
//! gone.
//!
//! In: how far each side has sent, and how far the other has acknowledged. Out: each side's latest such time.
//!
//! [`Vitals`](crate::decode::tcp) measures the same on TCP's side of the stream, for another question: how
//! well a path carries data, which its longest silences show, from 150 ms on. Here the question is what a
//! connection died of, which only the last wait before its end can show, and only one that is too long for
//! retransmission at work. It takes the packets that began and ended it, and whether an acknowledgement did.

use crate::capture::{Stamp, TimeDelta};
use crate::decode::{Direction, PerSide};

/// Shorter waits are retransmission at work: the timeout begins at a second (RFC 6298, section 2.1).
const MIN_STALL: TimeDelta = TimeDelta::from_secs(1);

/// A time in which nothing that a side had sent was acknowledged, though something was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckStall {
    /// When the oldest of it was sent, or what came before it was acknowledged.
    pub from: Stamp,
    /// The acknowledgement, or the connection's end.
    pub until: Stamp,
    /// Whether an acknowledgement ended it.
    pub acknowledged: bool,
}

impl AckStall {
    /// How long it lasted, at the point of capture.
    #[must_use]
    pub fn duration(&self) -> TimeDelta {
        self.until.time - self.from.time
    }
}

/// Follows what each side has sent and the other has acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AckStalls(PerSide<Unacknowledged>);

#[derive(Clone, Copy, Debug, Default)]
struct Unacknowledged {
    sent: u64,
    acknowledged: u64,
    waits_since: Option<Stamp>,
    latest: Option<AckStall>,
}

impl AckStalls {
    /// A side sent bytes that end here.
    pub(crate) fn sent(&mut self, by: Direction, end: u64, stamp: Stamp) {
        let bytes = &mut self.0[by];
        bytes.sent = bytes.sent.max(end);
        // Without any acknowledgement seen, that side of the wire was not captured.
        if bytes.acknowledged > 0 && end > bytes.acknowledged {
            bytes.waits_since.get_or_insert(stamp);
        }
    }

    /// What a side sent was acknowledged up to here.
    pub(crate) fn acknowledged(&mut self, sender: Direction, upto: u64, stamp: Stamp) {
        let bytes = &mut self.0[sender];
        if upto <= bytes.acknowledged {
            return;
        }
        bytes.acknowledged = upto;
        bytes.note(stamp, true);
        bytes.waits_since = (bytes.sent > upto).then_some(stamp);
    }

    /// The connection ended.
    pub(crate) fn closed(&mut self, stamp: Stamp) {
        for bytes in [&mut self.0.client, &mut self.0.server] {
            bytes.note(stamp, false);
        }
    }

    /// How much of what a side sent was acknowledged.
    pub(crate) fn received_of(&self, sender: Direction) -> u64 {
        self.0[sender].acknowledged
    }

    /// The same; `None` where no acknowledgement of it was captured.
    pub(crate) fn known_received_of(&self, sender: Direction) -> Option<u64> {
        Some(self.received_of(sender)).filter(|received| *received > 0)
    }

    pub(crate) fn latest(&self) -> PerSide<Option<AckStall>> {
        self.0.map(|bytes| bytes.latest)
    }
}

impl Unacknowledged {
    fn note(&mut self, until: Stamp, acknowledged: bool) {
        let stall = self.waits_since.map(|from| AckStall {
            from,
            until,
            acknowledged,
        });
        let long = stall.filter(|stall| stall.duration() >= MIN_STALL);
        self.latest = long.or(self.latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Timestamp;

    fn at(milliseconds: i64) -> Stamp {
        Stamp {
            time: Timestamp::from_nanos(milliseconds * 1_000_000),
            ..Stamp::default()
        }
    }

    #[test]
    fn a_stall_lasts_from_the_first_byte_due_to_the_next_acknowledgement() {
        let client = Direction::ClientToServer;
        let mut stalls = AckStalls::default();
        stalls.acknowledged(client, 10, at(0));
        stalls.sent(client, 20, at(100));
        stalls.sent(client, 30, at(200));
        stalls.acknowledged(client, 20, at(150));
        assert_eq!(stalls.latest(), PerSide::default());
        stalls.acknowledged(client, 25, at(9_000));
        stalls.closed(at(9_001));
        let stall = stalls.latest().client.unwrap();
        assert_eq!((stall.from, stall.until), (at(150), at(9_000)));
        assert!(stall.acknowledged);
        assert_eq!(stalls.latest().server, None);
    }

    #[test]
    fn a_side_whose_acknowledgements_were_not_captured_has_no_stall() {
        let mut stalls = AckStalls::default();
        stalls.sent(Direction::ServerToClient, 20, at(0));
        stalls.closed(at(60_000));
        assert_eq!(stalls.latest(), PerSide::default());
    }
}
