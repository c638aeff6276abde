//! What is known of a connection's two sides: who they are, how it began, what they did so far.

use std::net::SocketAddr;

use super::Flow;
use crate::capture::Stamp;
use crate::decode::tcp::{Ending, Handshake, ORIGIN, Side};

impl Flow {
    /// The how many-th connection of its table it is, from 0: Wireshark's `tcp.stream`, if the table has all
    /// of a capture.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// How many packets came before its first.
    #[must_use]
    pub const fn packets_before(&self) -> u64 {
        self.packets_before
    }

    /// A side's IP address and port.
    #[must_use]
    pub fn address(&self, side: Side) -> SocketAddr {
        self.addresses[side]
    }

    /// Who sent the SYN, if the handshake was captured.
    #[must_use]
    pub const fn opened_by(&self) -> Option<Side> {
        self.opened_by
    }

    /// Where the first SYN was seen, if it was captured.
    #[must_use]
    pub const fn opened(&self) -> Option<Stamp> {
        self.opened
    }

    /// How long its handshake took, if that was captured.
    #[must_use]
    pub const fn handshake(&self) -> Option<Handshake> {
        self.handshake
    }

    /// The last segment so far.
    #[must_use]
    pub const fn last_seen(&self) -> Stamp {
        self.last_seen
    }

    /// Whether a side sent anything at all.
    #[must_use]
    pub fn spoke(&self, side: Side) -> bool {
        self.halves[side].spoke
    }

    /// Whether a side is known to have sent anything: it was seen, or the other acknowledged it.
    #[must_use]
    pub fn is_known_to_have_spoken(&self, side: Side) -> bool {
        self.spoke(side) || self.halves[side.peer()].acknowledged.is_some()
    }

    /// Whether nothing was captured of what a side sent, though the other acknowledged bytes of it.
    #[must_use]
    pub fn is_uncaptured(&self, side: Side) -> bool {
        let acknowledged = self.halves[side.peer()].acknowledged;
        !self.spoke(side) && acknowledged.is_some_and(|upto| upto > ORIGIN)
    }

    /// Whether the SYN or SYN-ACK of a side was seen, and so the beginning of its bytes.
    #[must_use]
    pub fn begun(&self, side: Side) -> bool {
        self.halves[side].initial_sequence.is_some()
    }

    /// How a side ended its half, if it did; a reset outdoes a FIN.
    #[must_use]
    pub fn ending(&self, side: Side) -> Option<Ending> {
        let half = &self.halves[side];
        match (half.reset, half.fin) {
            (true, _) => Some(Ending::Rst),
            (false, Some(_)) => Some(Ending::Fin),
            (false, None) => None,
        }
    }
}
