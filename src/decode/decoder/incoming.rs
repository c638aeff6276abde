//! What a decoder takes next.

use crate::capture::{Packet, Stamp};
use crate::decode::link::Segment;

/// What a decoder takes next.
#[derive(Clone, Copy, Debug)]
pub enum Incoming<'p, 'a> {
    /// A packet as it was captured.
    Packet(&'p Packet<'a>),
    /// The segment of one that was read before, under the addresses that this capture would have shown.
    Segment(Segment<'a>),
}

impl Incoming<'_, '_> {
    /// Which packet it is, and when it was captured.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        match self {
            Self::Packet(packet) => packet.stamp,
            Self::Segment(segment) => segment.stamp,
        }
    }
}
