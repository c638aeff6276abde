//! PINGs as keepalive: who pinged how long after it had heard from the other, and what came of it.
//!
//! In: every frame's direction and time, and PINGs with their acknowledgements. Out: a
//! [`KeepaliveRecord`] of bounded size. What never happens here: a verdict on what a policy allows.

use std::collections::VecDeque;

use super::kind::{PingKind, PingKinds, Purpose};
use crate::capture::Stamp;
use crate::decode::Direction;

/// How many of a side's latest PINGs are remembered one by one: three strikes, what reset the
/// strikes before, and some that were on their way when the third was answered.
const MAX_REMEMBERED: usize = 16;

/// Waits this close to the shortest one are the same setting at work, in nanoseconds and in percent.
const SAME_WAIT: (i64, i64) = (20_000_000, 5);

/// One PING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The packet.
    pub stamp: Stamp,
    /// What its payload says of it.
    pub kind: PingKind,
    /// Nanoseconds since its sender's PING before, if there was one.
    pub since_previous: Option<i64>,
    /// Whether the other side had sent HEADERS or DATA since then. gRPC servers forgive PINGs after
    /// they have sent such (gRFC A8).
    pub forgiven: bool,
    /// Its acknowledgement.
    pub answered: Option<Stamp>,
    /// Nanoseconds since its sender had last heard from the other side.
    silence: Option<i64>,
    /// Where it ends in its sender's byte stream.
    pub(crate) end: u64,
    payload: [u8; 8],
}

/// How long a side waits without hearing anything before it sends a keepalive PING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingWaits {
    /// The shortest wait, in nanoseconds.
    pub shortest: i64,
    /// The longest of those that are alike.
    pub longest: i64,
    /// How many are alike.
    pub count: u64,
}

/// What is known of a connection's PINGs when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepaliveRecord {
    /// Kinds of the client's PINGs.
    pub client_kinds: PingKinds,
    /// Kinds of the server's PINGs.
    pub server_kinds: PingKinds,
    /// The client's keepalive.
    pub client_waits: Option<PingWaits>,
    /// The server's keepalive.
    pub server_waits: Option<PingWaits>,
    /// The client's latest PINGs that the server had answered when it sent its first GOAWAY with
    /// ENHANCE_YOUR_CALM.
    pub before_calm: Vec<Ping>,
    /// A PING that was not answered, nor was anything else heard, until its sender closed.
    pub unanswered: Option<Unanswered>,
}

/// A PING that its sender waited for in vain, and then closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Who sent it.
    pub by: Direction,
    /// The PING.
    pub ping: Ping,
    /// Nanoseconds from the PING to the close.
    pub waited: i64,
    /// Whether the other side's kernel had acknowledged its bytes.
    pub received: bool,
}

/// Follows a connection's PINGs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keepalive {
    client: Pinger,
    server: Pinger,
    record: KeepaliveRecord,
}

/// What one side sent.
#[derive(Clone, Debug, Default)]
struct Pinger {
    /// Its latest frame of any kind.
    spoke: Option<Stamp>,
    /// Whether it sent HEADERS or DATA since the other side's last PING.
    forgives: bool,
    recent: VecDeque<Ping>,
    kinds: PingKinds,
    waits: Option<PingWaits>,
}

impl Keepalive {
    /// A frame passed; `message` says whether it was HEADERS or DATA. To be called before the
    /// frame itself is looked at.
    pub(crate) fn frame(&mut self, by: Direction, stamp: Stamp, message: bool) {
        let pinger = self.of_mut(by);
        pinger.spoke = Some(stamp);
        pinger.forgives |= message;
    }

    /// A PING.
    pub(crate) fn sent(&mut self, by: Direction, payload: [u8; 8], stamp: Stamp, end: u64) {
        let peer = self.of_mut(by.reverse());
        let heard = peer.spoke;
        let forgiven = std::mem::take(&mut peer.forgives);
        let pinger = self.of_mut(by);
        let kind = PingKind::of(payload);
        pinger.kinds.add(kind);
        let since = |earlier: Stamp| stamp.time.nanos_since(earlier.time);
        let ping = Ping {
            stamp,
            kind,
            since_previous: pinger.recent.back().map(|previous| since(previous.stamp)),
            forgiven,
            answered: None,
            silence: heard.map(since),
            end,
            payload,
        };
        if pinger.recent.len() == MAX_REMEMBERED {
            pinger.recent.pop_front();
        }
        pinger.recent.push_back(ping);
    }

    /// `by` acknowledged a PING of the other side; `round_trip` is the connection's, if known.
    pub(crate) fn acknowledged(
        &mut self,
        by: Direction,
        payload: [u8; 8],
        stamp: Stamp,
        round_trip: Option<i64>,
    ) {
        let pinger = self.of_mut(by.reverse());
        let mut waiting = pinger.recent.iter_mut();
        let Some(ping) = waiting.find(|ping| ping.answered.is_none() && ping.payload == payload)
        else {
            return;
        };
        ping.answered = Some(stamp);
        let keepalive = ping.kind.purpose() == Purpose::Keepalive;
        if let Some(silence) = ping.silence.filter(|_| keepalive) {
            // Seen from the far end, the silence contains a round trip that the pinger did not wait:
            // the way of what it heard last, and the way of its PING.
            let seen = stamp.time.nanos_since(ping.stamp.time);
            let hidden = round_trip.map_or(0, |round_trip| round_trip.saturating_sub(seen).max(0));
            // What was seen within that time the pinger had not heard yet.
            if silence > hidden {
                PingWaits::note(&mut pinger.waits, silence - hidden);
            }
        }
    }

    /// The server asked for calm.
    pub(crate) fn calmed(&mut self) {
        if self.record.before_calm.is_empty() {
            let answered = self
                .client
                .recent
                .iter()
                .filter(|ping| ping.answered.is_some());
            self.record.before_calm = answered.copied().collect();
        }
    }

    /// `by` closed. `received` is how much of its bytes the other side has acknowledged.
    pub(crate) fn closed(&mut self, by: Direction, stamp: Stamp, received: u64) {
        let heard = self.of_mut(by.reverse()).spoke;
        let waiting = self.of_mut(by).recent.iter().find(|ping| {
            ping.answered.is_none()
                && ping.kind.purpose() != Purpose::Drain
                && heard.is_none_or(|heard| heard <= ping.stamp)
        });
        self.record.unanswered = waiting.map(|ping| Unanswered {
            by,
            ping: *ping,
            waited: stamp.time.nanos_since(ping.stamp.time),
            received: received >= ping.end,
        });
    }

    pub(crate) fn into_record(self) -> KeepaliveRecord {
        KeepaliveRecord {
            client_kinds: self.client.kinds,
            server_kinds: self.server.kinds,
            client_waits: self.client.waits,
            server_waits: self.server.waits,
            ..self.record
        }
    }

    const fn of_mut(&mut self, side: Direction) -> &mut Pinger {
        match side {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }
}

impl PingWaits {
    /// Adds a wait: a shorter one replaces those that are not alike.
    fn note(waits: &mut Option<Self>, wait: i64) {
        let alike = |shortest: i64| {
            shortest.saturating_add((shortest / 100 * SAME_WAIT.1).max(SAME_WAIT.0))
        };
        match waits {
            Some(known) if wait > alike(known.shortest) => {}
            Some(known) if known.longest <= alike(wait) => {
                known.shortest = known.shortest.min(wait);
                known.longest = known.longest.max(wait);
                known.count += 1;
            }
            other => {
                *other = Some(Self {
                    shortest: wait,
                    longest: wait,
                    count: 1,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Timestamp;

    const MILLISECOND: i64 = 1_000_000;

    fn at(milliseconds: i64) -> Stamp {
        Stamp {
            time: Timestamp::from_nanos(milliseconds * MILLISECOND),
            packet: milliseconds.unsigned_abs(),
            file: 0,
        }
    }

    fn ping_and_answer(keepalive: &mut Keepalive, sent: i64, answered: i64) {
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        keepalive.frame(client, at(sent), false);
        keepalive.sent(client, [0; 8], at(sent), 0);
        keepalive.frame(server, at(answered), false);
        keepalive.acknowledged(server, [0; 8], at(answered), Some(50 * MILLISECOND));
    }

    #[test]
    fn the_wait_before_a_keepalive_is_the_same_from_both_ends() {
        let mut near = Keepalive::default();
        near.frame(Direction::ServerToClient, at(50), false);
        ping_and_answer(&mut near, 350, 400);
        ping_and_answer(&mut near, 700, 750);
        let mut far = Keepalive::default();
        far.frame(Direction::ServerToClient, at(25), false);
        ping_and_answer(&mut far, 375, 375);
        ping_and_answer(&mut far, 725, 725);
        let expected = PingWaits {
            shortest: 300 * MILLISECOND,
            longest: 300 * MILLISECOND,
            count: 2,
        };
        assert_eq!(near.into_record().client_waits, Some(expected));
        assert_eq!(far.into_record().client_waits, Some(expected));
    }

    #[test]
    fn a_ping_after_headers_or_data_of_the_server_is_forgiven() {
        let mut keepalive = Keepalive::default();
        ping_and_answer(&mut keepalive, 100, 150);
        ping_and_answer(&mut keepalive, 300, 350);
        keepalive.frame(Direction::ServerToClient, at(400), true);
        ping_and_answer(&mut keepalive, 500, 550);
        keepalive.calmed();
        let pings = keepalive.into_record().before_calm;
        let forgiven: Vec<_> = pings.iter().map(|ping| ping.forgiven).collect();
        assert_eq!(forgiven, [false, false, true]);
        let since: Vec<_> = pings.iter().map(|ping| ping.since_previous).collect();
        assert_eq!(
            since,
            [None, Some(200 * MILLISECOND), Some(200 * MILLISECOND)]
        );
    }

    #[test]
    fn a_ping_is_unanswered_only_if_nothing_else_was_heard_either() {
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        let mut dead = Keepalive::default();
        dead.frame(server, at(10), true);
        dead.sent(client, [0; 8], at(1_000), 40);
        let mut alive = dead.clone();
        dead.closed(client, at(3_000), 30);
        let unanswered = dead.into_record().unanswered.unwrap();
        assert_eq!(unanswered.waited, 2_000 * MILLISECOND);
        assert!(!unanswered.received);
        alive.frame(server, at(1_500), false);
        alive.closed(client, at(3_000), 40);
        assert_eq!(alive.into_record().unanswered, None);
    }

    #[test]
    fn many_pings_are_not_remembered_one_by_one() {
        let mut keepalive = Keepalive::default();
        for second in 0..1_000 {
            ping_and_answer(&mut keepalive, second * 1_000, second * 1_000 + 50);
        }
        keepalive.calmed();
        let record = keepalive.into_record();
        assert_eq!(record.before_calm.len(), MAX_REMEMBERED);
        assert_eq!(record.client_waits.map(|waits| waits.count), Some(999));
    }
}
