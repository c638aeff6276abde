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

use crate::capture::{Packet, Stamp};
use content::Stop;
use excerpt::Excerpt;
use fragment::Fragment;
use protocol::Protocol;
use reassembly::{Reassembly, Whole};
use scope::Scope;

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
    /// Most captures have no fragments: until one comes there is nothing to hold or to move.
    memory: Option<Box<Memory>>,
}

/// What is kept of fragments.
#[derive(Debug, Default)]
struct Memory {
    fragments: Reassembly,
    /// The datagrams that the packet at hand completed.
    wholes: [Vec<u8>; MAXIMUM_REASSEMBLIES],
}

impl Decoder {
    /// The TCP segment in `packet`, or what was found instead. A fragmented segment is in the packet
    /// that completes it.
    pub fn decode<'a>(&'a mut self, packet: &Packet<'a>) -> Content<'a> {
        match self.segment(packet) {
            Ok(segment) => Content::Tcp(Segment {
                of_any_interface: packet.link_type.is_of_any_interface(),
                ..segment
            }),
            Err(Stop::Other(other)) => Content::Other(other),
            Err(Stop::Damaged(fault)) => Content::Damaged(fault),
            Err(Stop::Fragment) => Content::Fragment,
        }
    }

    /// How many fragments so far have not made a packet. Each is an [`Other::Fragment`] once nothing
    /// more comes.
    #[must_use]
    pub fn unused_fragments(&self) -> u64 {
        let memory = self.memory.as_ref();
        memory.map_or(0, |memory| memory.fragments.unused())
    }

    fn segment<'a>(&'a mut self, packet: &Packet<'a>) -> Result<Segment<'a>, Stop> {
        let mut layer = Layer::outermost(packet)?;
        match layer.descend(packet.stamp)? {
            Found::Segment(segment) => Ok(segment),
            Found::Fragment(fragment) => {
                let memory = self.memory.get_or_insert_default();
                memory.segment(packet.stamp, layer.surroundings, &fragment)
            }
        }
    }
}

impl Memory {
    /// The segment in the packet that `fragment` completes, which may itself hold a fragment.
    fn segment(
        &mut self,
        stamp: Stamp,
        mut around: Surroundings,
        fragment: &Fragment<'_>,
    ) -> Result<Segment<'_>, Stop> {
        let mut whole = self.fragments.push(around.scope, fragment, stamp.time);
        for buffer in &mut self.wholes {
            let Whole { bytes, length } = whole.ok_or(Stop::Fragment)?;
            *buffer = bytes;
            let mut layer = Layer {
                protocol: Protocol::Ip,
                excerpt: Excerpt {
                    captured: buffer,
                    length,
                },
                surroundings: around,
            };
            match layer.descend(stamp)? {
                Found::Segment(segment) => return Ok(segment),
                Found::Fragment(fragment) => {
                    around = layer.surroundings;
                    whole = self.fragments.push(around.scope, &fragment, stamp.time);
                }
            }
        }
        whole.map_or(Err(Stop::Fragment), |_| Err(Fault::Nesting.into()))
    }
}

/// What peeling ended at.
enum Found<'a> {
    Segment(Segment<'a>),
    Fragment(Fragment<'a>),
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

    /// Peels down to TCP or to a fragment. Contradictions within what a UDP port announced show that
    /// it was no tunnel.
    #[inline]
    fn descend(&mut self, stamp: Stamp) -> Result<Found<'a>, Stop> {
        self.peel(stamp).map_err(|stop| match stop {
            Stop::Damaged(fault) if self.surroundings.is_over_udp && !fault.is_cut() => {
                Other::Udp.into()
            }
            stop => stop,
        })
    }

    #[inline]
    fn peel(&mut self, stamp: Stamp) -> Result<Found<'a>, Stop> {
        while self.surroundings.layers < MAXIMUM_LAYERS {
            self.surroundings.layers += 1;
            let scope = self.surroundings.scope;
            let inner = match self.protocol {
                Protocol::Ip => match internet::packet(self.excerpt)? {
                    internet::Packet::Fragment(fragment) => return Ok(Found::Fragment(fragment)),
                    internet::Packet::Datagram(datagram) if datagram.protocol == ip_number::TCP => {
                        return Ok(Found::Segment(tcp::segment(stamp, scope, &datagram)?));
                    }
                    internet::Packet::Datagram(datagram) => {
                        self.surroundings.is_over_udp |= datagram.protocol == ip_number::UDP;
                        datagram.inner()?
                    }
                },
                // By far the most packets begin so.
                Protocol::Ethernet => ethernet::ethernet(self.excerpt)?,
                other => other.peel(self.excerpt)?,
            };
            self.protocol = inner.protocol;
            self.excerpt = inner.excerpt;
            self.surroundings.scope = scope.within(inner.network)?;
        }
        Err(Fault::Nesting.into())
    }
}
