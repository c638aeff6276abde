//! A packet to the TCP segment in it: link layers, VLAN tags, tunnels, IP and its fragments.
//!
//! In: one [`Packet`] after the other. Out: its [`Segment`], or by name what was found instead.
//! Headers are peeled one at a time, each telling what the bytes behind it are:
//!
//! ```text
//!  Ethernet, SLL, LLC ─┐          ┌─ VLAN, MPLS, PPPoE, … ◄─┐
//!  PPP, 802.11, …      ┼─ EtherType ◄─┘                     │
//!                      │      │                             │
//!                      │      ▼                             │
//!  NULL, raw IP, … ────┼────► IP ─► UDP, GRE, IP in IP, … ──┘
//!                      │      │ ▲
//!                      │      │ └─ fragments
//!                      │      ▼
//!                      │     TCP ─► Segment
//! ```
//!
//! What never happens here: a checksum verified (offloading leaves them wrong on the sending host),
//! link-layer padding taken for payload, a tunnel believed for its port alone, and, but for
//! fragments, an allocation or state kept from packet to packet.

mod content;
mod ethernet;
mod excerpt;
mod fragment;
mod gre;
mod host;
mod internet;
mod lan;
mod mpls;
mod protocol;
mod reassembly;
mod scope;
mod segment;
mod serial;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;
mod wireless;

use etherparse::ip_number;

use self::content::Stop;
use self::excerpt::Excerpt;
use self::protocol::Protocol;
use self::reassembly::{Reassembly, Whole};
use self::scope::Scope;
use crate::capture::{Packet, Stamp};

pub use content::{Content, Fault, Other, Tunnel};
pub use segment::{Segment, TcpFlags};

/// Headers peeled from one packet before it is given up. A cooked frame with the five VLAN tags a
/// scope holds and IP need seven; each of two tunnels needs up to four more. Without a bound, a packet
/// made of nothing but nested headers would cost time in proportion to its length.
const MAXIMUM_LAYERS: usize = 16;

/// Datagrams reassembled for one packet: a fragment can complete a tunnel's packet which in turn is
/// the last fragment of the packet inside, and hardly ever once more.
const MAXIMUM_REASSEMBLIES: usize = 3;

/// Finds the TCP segment in each packet, and remembers fragments until they make one.
#[derive(Debug, Default)]
pub struct Decoder {
    fragments: Reassembly,
    /// The datagrams that the packet at hand completed.
    wholes: [Vec<u8>; MAXIMUM_REASSEMBLIES],
}

impl Decoder {
    /// The TCP segment in `packet`, or what was found instead. A fragmented segment is in the packet
    /// that completes it.
    pub fn decode<'a>(&'a mut self, packet: &Packet<'a>) -> Content<'a> {
        match self.segment(packet) {
            Ok(segment) => Content::Tcp(segment),
            Err(Stop::Other(other)) => Content::Other(other),
            Err(Stop::Damaged(fault)) => Content::Damaged(fault),
            Err(Stop::Fragment) => Content::Fragment,
        }
    }

    /// How many fragments so far have not made a packet. Each is an [`Other::Fragment`] once nothing
    /// more comes.
    #[must_use]
    pub const fn unused_fragments(&self) -> u64 {
        self.fragments.unused()
    }

    fn segment<'a>(&'a mut self, packet: &Packet<'a>) -> Result<Segment<'a>, Stop> {
        let mut layer = Layer::outermost(packet)?;
        let mut whole = match layer.descend(packet.stamp, &mut self.fragments)? {
            Found::Segment(segment) => return Ok(segment),
            Found::Datagram(whole) => whole,
        };
        let mut around = layer.surroundings;
        for buffer in &mut self.wholes {
            *buffer = whole.bytes;
            let excerpt = Excerpt {
                captured: buffer,
                length: whole.length,
            };
            let mut layer = Layer {
                protocol: Protocol::Ip,
                excerpt,
                surroundings: around,
            };
            whole = match layer.descend(packet.stamp, &mut self.fragments)? {
                Found::Segment(segment) => return Ok(segment),
                Found::Datagram(whole) => whole,
            };
            around = layer.surroundings;
        }
        Err(Fault::Nesting.into())
    }
}

/// What peeling ended at.
enum Found<'a> {
    Segment(Segment<'a>),
    /// A packet that was in fragments, to be peeled on.
    Datagram(Whole),
}

/// How far a packet is peeled.
#[derive(Clone, Copy, Debug)]
struct Layer<'a> {
    protocol: Protocol,
    excerpt: Excerpt<'a>,
    surroundings: Surroundings,
}

/// What was peeled off.
#[derive(Clone, Copy, Debug, Default)]
struct Surroundings {
    scope: Scope,
    layers: usize,
    /// A tunnel was believed whose outermost header may be anybody's UDP payload.
    is_over_udp: bool,
}

impl<'a> Layer<'a> {
    fn outermost(packet: &Packet<'a>) -> Result<Self, Stop> {
        Ok(Self {
            protocol: Protocol::of_link_type(packet.link_type)?,
            excerpt: Excerpt::of(packet),
            surroundings: Surroundings::default(),
        })
    }

    /// Peels down to TCP or to fragments that are complete. Contradictions within what a UDP port
    /// announced show that it was no tunnel.
    fn descend(&mut self, stamp: Stamp, fragments: &mut Reassembly) -> Result<Found<'a>, Stop> {
        let found = self.peel(stamp, fragments);
        match found {
            Err(Stop::Damaged(fault)) if self.surroundings.is_over_udp && !fault.is_cut() => {
                Err(Other::Udp.into())
            }
            found => found,
        }
    }

    fn peel(&mut self, stamp: Stamp, fragments: &mut Reassembly) -> Result<Found<'a>, Stop> {
        while self.surroundings.layers < MAXIMUM_LAYERS {
            self.surroundings.layers += 1;
            let scope = self.surroundings.scope;
            let inner = match self.protocol.peel(self.excerpt) {
                Some(inner) => inner?,
                None => match internet::packet(self.excerpt)? {
                    internet::Packet::Datagram(datagram) if datagram.protocol == ip_number::TCP => {
                        return Ok(Found::Segment(tcp::segment(stamp, scope, &datagram)?));
                    }
                    internet::Packet::Datagram(datagram) => {
                        self.surroundings.is_over_udp |= datagram.protocol == ip_number::UDP;
                        datagram.inner()?
                    }
                    internet::Packet::Fragment(fragment) => {
                        let whole = fragments.push(scope, &fragment, stamp.time);
                        return Ok(Found::Datagram(whole.ok_or(Stop::Fragment)?));
                    }
                },
            };
            self.protocol = inner.protocol;
            self.excerpt = inner.excerpt;
            self.surroundings.scope = scope.within(inner.network)?;
        }
        Err(Fault::Nesting.into())
    }
}
