//! PINGs of a connection and their acknowledgements (RFC 9113, section 6.7).

pub(in crate::inspect) mod keepalive;
pub(in crate::inspect) mod kind;

use std::collections::VecDeque;

use crate::capture::Stamp;
use crate::decode::{Direction, Durations};

/// How many unanswered PINGs of each side are remembered; a flood of them must not grow memory.
const MAX_OUTSTANDING: usize = 256;

/// Counts PINGs and pairs them with their acknowledgements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pings {
    client: Sent,
    server: Sent,
}

#[derive(Clone, Debug, Default)]
struct Sent {
    count: u64,
    answered: u64,
    outstanding: VecDeque<([u8; 8], Stamp)>,
    /// When the PING was sent that was answered last.
    last_answered: Option<Stamp>,
    /// Times from a PING to its acknowledgement, at the point of capture.
    round_trips: Durations,
}

impl Pings {
    pub(crate) fn sent(&mut self, by: Direction, payload: [u8; 8], stamp: Stamp) {
        let sent = self.of_mut(by);
        sent.count += 1;
        if sent.outstanding.len() == MAX_OUTSTANDING {
            sent.outstanding.pop_front();
        }
        sent.outstanding.push_back((payload, stamp));
    }

    /// `by` acknowledged a PING of the other side.
    pub(crate) fn acknowledged(&mut self, by: Direction, payload: [u8; 8], at: Stamp) {
        let sent = self.of_mut(by.reverse());
        let place = sent
            .outstanding
            .iter()
            .position(|(waiting, _)| *waiting == payload);
        if let Some((_, stamp)) = place.and_then(|place| sent.outstanding.remove(place)) {
            sent.answered += 1;
            sent.round_trips.push(at.time - stamp.time);
            sent.last_answered = sent.last_answered.max(Some(stamp));
        }
    }

    /// When the PING was sent that was answered last.
    pub(crate) const fn last_answered(&self, by: Direction) -> Option<Stamp> {
        match by {
            Direction::ClientToServer => self.client.last_answered,
            Direction::ServerToClient => self.server.last_answered,
        }
    }

    pub(crate) const fn summary(&self) -> PingCounts {
        let unanswered =
            (self.client.count - self.client.answered) + (self.server.count - self.server.answered);
        PingCounts {
            client: self.client.count,
            server: self.server.count,
            unanswered,
            client_round_trips: self.client.round_trips,
            server_round_trips: self.server.round_trips,
        }
    }

    const fn of_mut(&mut self, by: Direction) -> &mut Sent {
        match by {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }
}

/// How many PINGs each side sent, acknowledgements not counted, and how many of both stayed
/// unanswered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PingCounts {
    /// The client's.
    pub client: u64,
    /// The server's.
    pub server: u64,
    /// Those of both that were not acknowledged.
    pub unanswered: u64,
    /// Times from the client's to their acknowledgement, at the point of capture.
    pub client_round_trips: Durations,
    /// Times from the server's.
    pub server_round_trips: Durations,
}
