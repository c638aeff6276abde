//! PINGs of a connection and their acknowledgements (RFC 9113, section 6.7).
//!
//! In: every PING and its acknowledgement, and when each side sent any frame at all. Out: how many there
//! were and how long they took ([`PingCounts`]), and what they say of keepalive ([`KeepaliveRecord`]).
//! Each acknowledgement is matched with its PING once, here.

pub(in crate::inspect) mod keepalive;
pub(in crate::inspect) mod kind;

use std::collections::VecDeque;

use crate::capture::{Stamp, TimeDelta};
use crate::decode::{Direction, Durations, PerSide};
use keepalive::{KeepaliveRecord, OutstandingPings, Ping, PingWaits, Unanswered};
use kind::{PingKind, PingKinds, Purpose};

/// How many unanswered PINGs of each side are remembered; a flood of them must not grow memory.
const MAX_OUTSTANDING: usize = 256;

/// How many of a side's latest PINGs are remembered with all that is known of them: three strikes, what
/// reset the strikes before, and some that were on their way when the third was answered.
const MAX_RECENT_PINGS: usize = 16;

/// All PINGs of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct PingLog {
    pingers: PerSide<Pinger>,
    before_calm: Vec<Ping>,
    unanswered: Option<Unanswered>,
}

/// One side and the PINGs that it sent.
#[derive(Clone, Debug, Default)]
struct Pinger {
    /// Its latest frame of any kind.
    latest_frame: Option<Stamp>,
    /// Whether it sent HEADERS or DATA since the other side's last PING.
    forgives: bool,
    sent: u64,
    acknowledged: u64,
    /// Those sent less all acknowledgements, also of PINGs whose payload was not captured.
    in_flight: u64,
    outstanding: VecDeque<Outstanding>,
    /// The latest of those it sent, answered or not.
    recent: VecDeque<Ping>,
    /// When the PING was sent that was answered last.
    last_answered: Option<Stamp>,
    /// Times from a PING to its acknowledgement, at the point of capture.
    round_trips: Durations,
    kinds: PingKinds,
    waits: Option<PingWaits>,
}

/// A PING that was not acknowledged so far.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    payload: [u8; 8],
    stamp: Stamp,
    /// How many its sender had sent before it.
    number: u64,
}

impl PingLog {
    /// A side sent a frame of any kind; `message` says whether it was HEADERS or DATA. To be called
    /// before the frame itself is looked at.
    pub(crate) fn frame(&mut self, by: Direction, stamp: Stamp, message: bool) {
        let side = &mut self.pingers[by];
        side.latest_frame = Some(stamp);
        side.forgives |= message;
    }

    /// A PING whose frame ends at `end` in its sender's byte stream; whether an earlier one of its
    /// sender was still unanswered.
    pub(crate) fn sent(&mut self, by: Direction, payload: [u8; 8], stamp: Stamp, end: u64) -> bool {
        let peer = &mut self.pingers[by.reverse()];
        let received = peer.latest_frame;
        let forgiven = std::mem::take(&mut peer.forgives);
        let since = |earlier: Stamp| stamp.time - earlier.time;
        let pinger = &mut self.pingers[by];
        let kind = PingKind::of(payload);
        pinger.kinds.add(kind);
        let ping = Ping {
            stamp,
            kind,
            since_previous: pinger.recent.back().map(|previous| since(previous.stamp)),
            forgiven,
            answered: None,
            silence: received.map(since),
            end,
        };
        push_bounded(&mut pinger.recent, ping, MAX_RECENT_PINGS);
        let outstanding = Outstanding {
            payload,
            stamp,
            number: pinger.sent,
        };
        push_bounded(&mut pinger.outstanding, outstanding, MAX_OUTSTANDING);
        pinger.sent += 1;
        self.sent_unread(by)
    }

    /// A PING whose payload was not captured: no acknowledgement can be matched with it. Whether an
    /// earlier one of its sender was still unanswered.
    pub(crate) fn sent_unread(&mut self, by: Direction) -> bool {
        let pinger = &mut self.pingers[by];
        pinger.in_flight += 1;
        pinger.in_flight > 1
    }

    /// `by` acknowledged a PING of the other side; `round_trip` is the connection's, if known.
    pub(crate) fn acknowledged(
        &mut self,
        by: Direction,
        payload: [u8; 8],
        at: Stamp,
        round_trip: Option<TimeDelta>,
    ) {
        self.acknowledged_unread(by);
        let pinger = &mut self.pingers[by.reverse()];
        let mut waiting = pinger.outstanding.iter();
        let place = waiting.position(|ping| ping.payload == payload);
        let Some(ping) = place.and_then(|place| pinger.outstanding.remove(place)) else {
            return;
        };
        let took = at.time - ping.stamp.time;
        pinger.acknowledged += 1;
        pinger.round_trips.push(took);
        pinger.last_answered = pinger.last_answered.max(Some(ping.stamp));
        let Some(recent) = pinger.recent_mut(ping.number) else {
            return;
        };
        recent.answered = Some(at);
        let keepalive = recent.kind.purpose() == Purpose::Keepalive;
        let Some(silence) = recent.silence.filter(|_| keepalive) else {
            return;
        };
        // Seen from the far end, the silence contains a round trip that the pinger did not wait: the way
        // of what it received last, and the way of its PING.
        let hidden = round_trip.map_or(TimeDelta::ZERO, |round_trip| {
            (round_trip - took).max(TimeDelta::ZERO)
        });
        // What was seen within that time the pinger had not received yet.
        if silence > hidden {
            PingWaits::note(&mut pinger.waits, silence - hidden);
        }
    }

    /// The same, where its payload was not captured.
    pub(crate) fn acknowledged_unread(&mut self, by: Direction) {
        let in_flight = &mut self.pingers[by.reverse()].in_flight;
        *in_flight = in_flight.saturating_sub(1);
    }

    /// The server sent a GOAWAY with ENHANCE_YOUR_CALM.
    pub(crate) fn enhance_your_calm(&mut self) {
        if self.before_calm.is_empty() {
            let recent = self.pingers.client.recent.iter();
            let answered = recent.filter(|ping| ping.answered.is_some());
            self.before_calm = answered.copied().collect();
        }
    }

    /// `by` closed the connection. `received` is how much of its bytes the other side has acknowledged.
    pub(crate) fn closed(&mut self, by: Direction, stamp: Stamp, received: u64) {
        let received_at = self.pingers[by.reverse()].latest_frame;
        let waiting = self.pingers[by].recent.iter().find(|ping| {
            ping.answered.is_none()
                && ping.kind.purpose() != Purpose::Drain
                && received_at.is_none_or(|received_at| received_at <= ping.stamp)
        });
        self.unanswered = waiting.map(|ping| Unanswered {
            by,
            ping: *ping,
            waited: stamp.time - ping.stamp.time,
            received: received >= ping.end,
        });
    }

    /// When the PING of a side was sent that was answered last.
    pub(crate) fn last_answered(&self, by: Direction) -> Option<Stamp> {
        self.pingers[by].last_answered
    }

    pub(crate) fn counts(&self) -> PingCounts {
        let PerSide { client, server } = &self.pingers;
        PingCounts {
            sent: PerSide {
                client: client.sent,
                server: server.sent,
            },
            unanswered: (client.sent - client.acknowledged) + (server.sent - server.acknowledged),
            round_trips: PerSide {
                client: client.round_trips,
                server: server.round_trips,
            },
        }
    }

    pub(crate) fn keepalive(&self) -> KeepaliveRecord {
        let PerSide { client, server } = &self.pingers;
        KeepaliveRecord {
            kinds: PerSide {
                client: client.kinds,
                server: server.kinds,
            },
            waits: PerSide {
                client: client.waits,
                server: server.waits,
            },
            before_calm: self.before_calm.clone(),
            unanswered: self.unanswered,
            outstanding: PerSide {
                client: client.outstanding(server.latest_frame),
                server: server.outstanding(client.latest_frame),
            },
        }
    }
}

impl Pinger {
    /// Those PINGs that are unanswered and after which the other side, whose latest frame this was, said
    /// nothing.
    fn outstanding(&self, other_latest: Option<Stamp>) -> Option<OutstandingPings> {
        let later = |ping: &&Outstanding| other_latest.is_none_or(|latest| latest <= ping.stamp);
        let mut unanswered = self.outstanding.iter().filter(later);
        let first = unanswered.next()?.stamp;
        let (count, last) = unanswered.fold((1, first), |(count, _), ping| (count + 1, ping.stamp));
        Some(OutstandingPings { count, first, last })
    }

    /// A PING by how many its sender had sent before it, if it is one of the latest.
    fn recent_mut(&mut self, number: u64) -> Option<&mut Ping> {
        let later = usize::try_from(self.sent.checked_sub(number)?).ok()?;
        let place = self.recent.len().checked_sub(later)?;
        self.recent.get_mut(place)
    }
}

/// Adds an item in place of the oldest one, if there are `most` already.
fn push_bounded<T>(items: &mut VecDeque<T>, item: T, most: usize) {
    if items.len() == most {
        items.pop_front();
    }
    items.push_back(item);
}

/// How many PINGs there were, and how long their acknowledgements took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PingCounts {
    /// How many PINGs each side sent, acknowledgements not counted.
    pub sent: PerSide<u64>,
    /// How many PINGs of both sides together were not acknowledged.
    pub unanswered: u64,
    /// Times from the PINGs of each side to their acknowledgements, at the point of capture.
    pub round_trips: PerSide<Durations>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Timestamp;

    fn at(milliseconds: i64) -> Stamp {
        Stamp {
            time: Timestamp::from_nanos(milliseconds * 1_000_000),
            packet: milliseconds.unsigned_abs(),
            file: 0,
        }
    }

    fn ping_and_answer(pings: &mut PingLog, sent: i64, answered: i64) {
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        pings.frame(client, at(sent), false);
        pings.sent(client, [0; 8], at(sent), 0);
        pings.frame(server, at(answered), false);
        pings.acknowledged(
            server,
            [0; 8],
            at(answered),
            Some(TimeDelta::from_millis(50)),
        );
    }

    #[test]
    fn the_wait_before_a_keepalive_is_the_same_from_both_ends() {
        let mut near = PingLog::default();
        near.frame(Direction::ServerToClient, at(50), false);
        ping_and_answer(&mut near, 350, 400);
        ping_and_answer(&mut near, 700, 750);
        let mut far = PingLog::default();
        far.frame(Direction::ServerToClient, at(25), false);
        ping_and_answer(&mut far, 375, 375);
        ping_and_answer(&mut far, 725, 725);
        let expected = PingWaits {
            shortest: TimeDelta::from_millis(300),
            longest: TimeDelta::from_millis(300),
            count: 2,
        };
        assert_eq!(near.keepalive().waits.client, Some(expected));
        assert_eq!(far.keepalive().waits.client, Some(expected));
    }

    #[test]
    fn a_ping_after_headers_or_data_of_the_server_is_forgiven() {
        let mut pings = PingLog::default();
        ping_and_answer(&mut pings, 100, 150);
        ping_and_answer(&mut pings, 300, 350);
        pings.frame(Direction::ServerToClient, at(400), true);
        ping_and_answer(&mut pings, 500, 550);
        pings.enhance_your_calm();
        let pings = pings.keepalive().before_calm;
        let forgiven: Vec<_> = pings.iter().map(|ping| ping.forgiven).collect();
        assert_eq!(forgiven, [false, false, true]);
        let since: Vec<_> = pings.iter().map(|ping| ping.since_previous).collect();
        assert_eq!(
            since,
            [
                None,
                Some(TimeDelta::from_millis(200)),
                Some(TimeDelta::from_millis(200))
            ]
        );
    }

    #[test]
    fn a_ping_is_unanswered_only_if_nothing_else_was_received_either() {
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        let mut dead = PingLog::default();
        dead.frame(server, at(10), true);
        dead.sent(client, [0; 8], at(1_000), 40);
        let mut alive = dead.clone();
        dead.closed(client, at(3_000), 30);
        let unanswered = dead.keepalive().unanswered.unwrap();
        assert_eq!(unanswered.waited, TimeDelta::from_millis(2_000));
        assert!(!unanswered.received);
        alive.frame(server, at(1_500), false);
        alive.closed(client, at(3_000), 40);
        assert_eq!(alive.keepalive().unanswered, None);
    }

    #[test]
    fn many_pings_are_not_remembered_one_by_one() {
        let mut pings = PingLog::default();
        for second in 0..1_000 {
            ping_and_answer(&mut pings, second * 1_000, second * 1_000 + 50);
        }
        pings.enhance_your_calm();
        let record = pings.keepalive();
        assert_eq!(record.before_calm.len(), MAX_RECENT_PINGS);
        assert_eq!(record.waits.client.map(|waits| waits.count), Some(999));
    }

    #[test]
    fn a_ping_that_waits_for_the_answer_to_the_one_before_is_alone() {
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        let mut pings = PingLog::default();
        for millis in 0..1_000 {
            assert!(!pings.sent(client, [7; 8], at(millis), 0));
            pings.acknowledged(server, [7; 8], at(millis), None);
        }
        assert!(!pings.sent(client, [7; 8], at(2_000), 0));
        assert!(pings.sent(client, [7; 8], at(2_000), 0));
    }
}
