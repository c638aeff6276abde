//! What tells connections apart, and where each lives.

use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustc_hash::FxBuildHasher;

use crate::decode::link::Segment;

/// Into how many parts the connections of a capture are divided, by their addresses. Every count that is
/// bounded part by part is the same whether the parts are followed together or apart, and by however many
/// threads.
pub const PARTS: usize = 32;

/// Where a flow and what is attached to it live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowSlot(pub(super) usize);

/// Addresses and network of a connection, the same for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    lower: SocketKey,
    upper: SocketKey,
    pub(super) scope: u64,
}

/// An address and port as numbers, which are compared and hashed in a few steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::decode) struct SocketKey {
    /// The upper and the lower half.
    address: [u64; 2],
    /// The port, and [`IPV6`](Self::IPV6) above it.
    port: u32,
}

impl SocketKey {
    /// That the address is one of IPv6: `::10.0.0.1` is not `10.0.0.1`.
    const IPV6: u32 = 1 << 16;

    #[inline]
    pub(in crate::decode) fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => Self {
                address: [0, u32::from(*v4.ip()).into()],
                port: v4.port().into(),
            },
            SocketAddr::V6(v6) => {
                let bits = v6.ip().to_bits();
                Self {
                    address: [(bits >> 64) as u64, bits as u64],
                    port: Self::IPV6 | u32::from(v6.port()),
                }
            }
        }
    }

    /// The address and port again.
    #[inline]
    fn socket_address(self) -> SocketAddr {
        let [upper, lower] = self.address;
        let ip = match self.port & Self::IPV6 {
            0 => IpAddr::from(Ipv4Addr::from_bits(lower as u32)),
            _ => IpAddr::from(Ipv6Addr::from_bits(
                u128::from(upper) << 64 | u128::from(lower),
            )),
        };
        SocketAddr::new(ip, self.port as u16)
    }
}

impl FlowKey {
    /// The same addresses in another network.
    pub(super) const fn in_network(self, scope: u64) -> Self {
        Self { scope, ..self }
    }

    /// The part of the connections that it belongs to, below [`PARTS`].
    #[inline]
    pub(super) fn part(&self) -> usize {
        // The high bits are the mixed ones.
        let (lower, upper) = (self.lower.socket_address(), self.upper.socket_address());
        let mixed = FxBuildHasher.hash_one((lower, upper, self.scope)) >> 32;
        usize::try_from(mixed).unwrap_or(0) % PARTS
    }

    /// Whether address translation may make this key the other one, on the way through one tunnel
    /// or none.
    pub(super) fn translates_to(self, other: Self) -> bool {
        let one_network = self.scope == other.scope || self.scope == 0 || other.scope == 0;
        one_network && self.in_network(other.scope) != other
    }

    /// That of the connection that a segment belongs to.
    #[must_use]
    #[inline]
    pub fn of(segment: &Segment<'_>) -> Self {
        let source = SocketKey::of(segment.source);
        let destination = SocketKey::of(segment.destination);
        let (lower, upper) = match source <= destination {
            true => (source, destination),
            false => (destination, source),
        };
        Self {
            lower,
            upper,
            scope: segment.scope,
        }
    }
}

/// The part of a capture's connections that a segment's belongs to, below [`PARTS`]. Those that may show up
/// under several addresses stay together.
#[must_use]
#[inline]
pub fn part_of(segment: &Segment<'_>, key: &FlowKey) -> usize {
    match segment.of_any_interface {
        true => 0,
        false => key.part(),
    }
}
