//! A packet to the TCP segment in it: link layer, VLAN tags, IP and its extension headers.
//!
//! In: one [`Packet`]. Out: its [`Segment`], or by name what was found instead. Headers are peeled
//! one at a time, each telling what the bytes behind it are:
//!
//! ```text
//!  Ethernet ─┐          ┌─ VLAN ─┐
//!  SLL, SLL2 ┼─ EtherType ◄──────┘
//!            │      │
//!            │      ▼
//!  NULL, LOOP┼────► IP ─► TCP ─► Segment
//!  raw IP ───┘
//! ```
//!
//! What never happens here: an allocation, a checksum verified (offloading leaves them wrong on
//! the sending host), link-layer padding taken for payload, and state kept from packet to packet.

mod content;
mod excerpt;
mod frame;
mod internet;
mod scope;
mod segment;
mod tcp;
#[cfg(test)]
mod tests;

use etherparse::ip_number;

use self::content::Stop;
use self::excerpt::Excerpt;
use self::scope::Scope;
use crate::capture::{LinkType, Packet};

pub use content::{Content, Fault, Other, Tunnel};
pub use segment::{Segment, TcpFlags};

/// Headers peeled from one packet before it is given up. A cooked frame with the five VLAN tags a
/// scope holds and IP need seven; the rest is room for tunnels. Without a bound, a packet made of
/// nothing but nested headers would cost time in proportion to its length.
const MAXIMUM_LAYERS: usize = 16;

/// The TCP segment in `packet`, or what was found instead.
#[must_use]
pub fn decode<'a>(packet: &Packet<'a>) -> Content<'a> {
    match segment(packet) {
        Ok(segment) => Content::Tcp(segment),
        Err(Stop::Other(other)) => Content::Other(other),
        Err(Stop::Damaged(fault)) => Content::Damaged(fault),
    }
}

/// What an [`Excerpt`] begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Ethernet,
    LinuxCooked,
    LinuxCooked2,
    Loopback,
    Vlan,
    Ip,
}

impl Protocol {
    /// The outermost header of packets of this link type.
    const fn of_link_type(link_type: LinkType) -> Result<Self, Stop> {
        match link_type {
            LinkType::ETHERNET => Ok(Self::Ethernet),
            LinkType::LINUX_SLL => Ok(Self::LinuxCooked),
            LinkType::LINUX_SLL2 => Ok(Self::LinuxCooked2),
            LinkType::NULL | LinkType::LOOP => Ok(Self::Loopback),
            LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Ok(Self::Ip),
            // Raw IP under the numbers that some systems' own DLT_RAW has; files should say 101.
            LinkType(12 | 14) => Ok(Self::Ip),
            unsupported => Err(Stop::Other(Other::LinkType(unsupported))),
        }
    }
}

/// Peels layer by layer down to TCP. A tunnel re-enters the loop with its inner packet.
fn segment<'a>(packet: &Packet<'a>) -> Result<Segment<'a>, Stop> {
    let mut scope = Scope::default();
    let mut layer = (
        Protocol::of_link_type(packet.link_type)?,
        Excerpt::of(packet),
    );
    for _ in 0..MAXIMUM_LAYERS {
        let (protocol, excerpt) = layer;
        layer = match protocol {
            Protocol::Ethernet => frame::ethernet(excerpt)?,
            Protocol::LinuxCooked => frame::linux_cooked(excerpt)?,
            Protocol::LinuxCooked2 => frame::linux_cooked2(excerpt)?,
            Protocol::Loopback => frame::loopback(excerpt)?,
            Protocol::Vlan => {
                let (identifier, inner) = frame::vlan(excerpt)?;
                scope = scope.within_vlan(identifier)?;
                inner
            }
            Protocol::Ip => {
                let datagram = internet::datagram(excerpt)?;
                if datagram.protocol != ip_number::TCP {
                    return Err(datagram.other().into());
                }
                return tcp::segment(packet.stamp, scope, &datagram);
            }
        };
    }
    Err(Fault::Nesting.into())
}
