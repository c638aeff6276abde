//! What tells connections apart, and where each lives.

use std::net::SocketAddr;

use crate::decode::link::Segment;

/// Where a flow and what is attached to it live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowSlot(pub(super) usize);

/// Addresses and network of a connection, the same for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FlowKey {
    lower: SocketAddr,
    upper: SocketAddr,
    pub(super) scope: u64,
}

impl FlowKey {
    /// The same addresses in another network.
    pub(super) const fn in_network(self, scope: u64) -> Self {
        Self { scope, ..self }
    }

    /// Whether address translation may make this key the other one, on the way through one tunnel
    /// or none.
    pub(super) fn translates_to(self, other: Self) -> bool {
        let one_network = self.scope == other.scope || self.scope == 0 || other.scope == 0;
        one_network && self.in_network(other.scope) != other
    }

    /// That of the connection that a segment belongs to.
    pub(super) fn of(segment: &Segment<'_>) -> Self {
        let (lower, upper) = if segment.source <= segment.destination {
            (segment.source, segment.destination)
        } else {
            (segment.destination, segment.source)
        };
        Self {
            lower,
            upper,
            scope: segment.scope,
        }
    }
}
