//! Bytes that stay unacknowledged: the sign of a way, or of a host, that is gone.
//!
//! In: how far each side has sent, and how far the other has acknowledged. Out: each side's latest
//! overdue. What never happens here: a guess at why.

use crate::capture::Stamp;
use crate::decode::Direction;

/// Shorter waits are retransmission at work, in nanoseconds: the timeout begins at a second
/// (RFC 6298, section 2.1).
const MIN_STALL_NANOS: i64 = 1_000_000_000;

/// A time in which nothing that a side had sent was acknowledged, though something was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// When the oldest of it was sent, or what came before it was acknowledged.
    pub from: Stamp,
    /// The acknowledgement, or the connection's end.
    pub until: Stamp,
    /// Whether an acknowledgement ended it.
    pub acknowledged: bool,
}

impl Overdue {
    /// How long it lasted.
    #[must_use]
    pub fn nanos(&self) -> i64 {
        self.until.time.nanos_since(self.from.time)
    }
}

/// The latest overdue of each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BothOverdue {
    /// Of what the client sent.
    pub client: Option<Overdue>,
    /// Of what the server sent.
    pub server: Option<Overdue>,
}

/// Follows what is due.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Due {
    client: Sender,
    server: Sender,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sender {
    sent: u64,
    acknowledged: u64,
    waits_since: Option<Stamp>,
    latest: Option<Overdue>,
}

impl Due {
    /// A side sent bytes that end here.
    pub(crate) fn sent(&mut self, by: Direction, end: u64, stamp: Stamp) {
        let sender = self.of_mut(by);
        sender.sent = sender.sent.max(end);
        // Without any acknowledgement seen, that side of the wire was not captured.
        if sender.acknowledged > 0 && end > sender.acknowledged {
            sender.waits_since.get_or_insert(stamp);
        }
    }

    /// What a side sent was acknowledged up to here.
    pub(crate) fn acknowledged(&mut self, sender: Direction, upto: u64, stamp: Stamp) {
        let sender = self.of_mut(sender);
        if upto <= sender.acknowledged {
            return;
        }
        sender.acknowledged = upto;
        sender.note(stamp, true);
        sender.waits_since = (sender.sent > upto).then_some(stamp);
    }

    /// The connection ended.
    pub(crate) fn closed(&mut self, stamp: Stamp) {
        for sender in [&mut self.client, &mut self.server] {
            sender.note(stamp, false);
        }
    }

    /// How much of what a side sent was acknowledged.
    pub(crate) const fn received_of(&self, sender: Direction) -> u64 {
        match sender {
            Direction::ClientToServer => self.client.acknowledged,
            Direction::ServerToClient => self.server.acknowledged,
        }
    }

    pub(crate) const fn latest(&self) -> BothOverdue {
        BothOverdue {
            client: self.client.latest,
            server: self.server.latest,
        }
    }

    const fn of_mut(&mut self, side: Direction) -> &mut Sender {
        match side {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }
}

impl Sender {
    fn note(&mut self, until: Stamp, acknowledged: bool) {
        let overdue = self.waits_since.map(|from| Overdue {
            from,
            until,
            acknowledged,
        });
        let long = overdue.filter(|overdue| overdue.nanos() >= MIN_STALL_NANOS);
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
        let mut due = Due::default();
        due.acknowledged(client, 10, at(0));
        due.sent(client, 20, at(100));
        due.sent(client, 30, at(200));
        due.acknowledged(client, 20, at(150));
        assert_eq!(due.latest(), BothOverdue::default());
        due.acknowledged(client, 25, at(9_000));
        due.closed(at(9_001));
        let overdue = due.latest().client.unwrap();
        assert_eq!((overdue.from, overdue.until), (at(150), at(9_000)));
        assert!(overdue.acknowledged);
        assert_eq!(due.latest().server, None);
    }

    #[test]
    fn a_side_whose_acknowledgements_were_not_captured_has_no_overdue() {
        let mut due = Due::default();
        due.sent(Direction::ServerToClient, 20, at(0));
        due.closed(at(60_000));
        assert_eq!(due.latest(), BothOverdue::default());
    }
}
