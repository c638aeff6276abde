//! The packets that acknowledge what a capture lacks: they prove that the network did not lose it.
//!
//! In: segments that only their sender's capture has, and a second reading of the capture that is not at the client.
//! Out: of each the first packet there that acknowledges all of it, whoever received it.

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use super::transits::{Transit, TransitFate};
use super::{FlowEnds, Vantages};
use crate::capture::Stamp;
use crate::decode::Direction;
use crate::decode::link::Segment;

/// Looks for acknowledgements of what only one capture has.
#[derive(Debug, Default)]
pub struct AckWatch {
    /// What each sender of acknowledgements owes to whom: sequence numbers, the first one last.
    awaited: FxHashMap<(SocketAddr, SocketAddr), Vec<u32>>,
    found: FxHashMap<(SocketAddr, SocketAddr, u32), Stamp>,
}

impl AckWatch {
    /// Looks at a segment of the capture.
    pub fn push(&mut self, segment: &Segment<'_>) {
        if self.awaited.is_empty() {
            return;
        }
        let ends = (segment.source, segment.destination);
        let Some((awaited, acknowledgement)) =
            self.awaited.get_mut(&ends).zip(segment.acknowledgement)
        else {
            return;
        };
        while let Some(end) = awaited.pop_if(|end| is_at_least(acknowledgement, *end)) {
            self.found.insert((ends.0, ends.1, end), segment.stamp);
        }
        if awaited.is_empty() {
            self.awaited.remove(&ends);
        }
    }

    /// The packet that acknowledged a segment: of the connection between a client and a server as this capture has it.
    #[must_use]
    pub fn of(&self, ends: FlowEnds, transit: &Transit) -> Option<Stamp> {
        let (by, to) = acknowledges(ends, transit.from);
        self.found.get(&(by, to, transit.end)).copied()
    }
}

impl Vantages {
    /// What to look for in another reading of a capture.
    #[must_use]
    pub fn watch_acknowledgements(&self, file: usize) -> AckWatch {
        let mut watch = AckWatch::default();
        let captures = self.files.get(file).zip(self.pair(file));
        let Some((one, pair)) = captures else {
            return watch;
        };
        for (flow, transits) in &pair.transits {
            let Some((lower, upper)) = one.survey.ends(*flow) else {
                continue;
            };
            let ends = match one.survey.is_from_client(*flow, true) {
                true => (lower, upper),
                false => (upper, lower),
            };
            let uncaptured = transits.kept.iter();
            for transit in uncaptured.filter(|transit| transit.fate == TransitFate::Uncaptured) {
                let acknowledges = acknowledges(ends, transit.from);
                watch
                    .awaited
                    .entry(acknowledges)
                    .or_default()
                    .push(transit.end);
            }
        }
        for awaited in watch.awaited.values_mut() {
            if let Some(first) = awaited.first().copied() {
                awaited.sort_unstable_by_key(|end| end.wrapping_sub(first).cast_signed());
                awaited.reverse();
            }
        }
        watch
    }
}

/// Who acknowledges what a side sends, and to whom.
const fn acknowledges((client, server): FlowEnds, from: Direction) -> (SocketAddr, SocketAddr) {
    match from {
        Direction::ClientToServer => (server, client),
        Direction::ServerToClient => (client, server),
    }
}

/// Whether a sequence number is another one or after it (RFC 9293, section 3.4).
const fn is_at_least(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() >= 0
}
