//! A packet to the TCP segment in it: link layers, VLAN tags, tunnels, IP and its fragments.
//!
//! In: one [`Packet`] after the other. Out: its [`Segment`], or a [`Stop`] that names what was
//! found instead.
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
//! Checksums are not verified: offloading leaves them wrong on the sending host. Link-layer padding is
//! no payload, and no tunnel is believed for its port alone. But for fragments nothing is allocated,
//! and no state is kept from packet to packet.

mod ethernet;
mod fragment;
mod gre;
mod header_bytes;
mod host;
mod internet;
mod lan;
mod mpls;
mod protocol;
mod reassembly;
mod scope;
mod segment;
mod serial;
mod stop;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;
mod wireless;

use etherparse::ip_number;

use crate::capture::{Packet, Stamp};
use fragment::IpFragment;
use header_bytes::HeaderBytes;
use protocol::Protocol;
use reassembly::{Reassembly, Whole};
use scope::NetworkScope;

pub use segment::{Segment, TcpFlags};
pub use stop::{Other, PacketFault, Stop, Tunnel};

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
    /// The TCP segment in `packet`, or what it is instead. A fragmented segment is in the packet that
    /// completes it.
    pub fn decode<'a>(&'a mut self, packet: &Packet<'a>) -> Result<Segment<'a>, Stop> {
        let mut layer = Peeler::outermost(packet)?;
        let segment = match layer.descend(packet.stamp)? {
            Innermost::Segment(segment) => segment,
            Innermost::Fragment(fragment) => {
                let memory = self.memory.get_or_insert_default();
                memory.segment(packet.stamp, layer.around, &fragment)?
            }
        };
        Ok(Segment {
            of_any_interface: packet.link_type.is_of_any_interface(),
            ..segment
        })
    }

    /// How many fragments so far have not made a packet. Each is an [`Other::Fragment`] once nothing
    /// more comes.
    #[must_use]
    pub fn unused_fragments(&self) -> u64 {
        let memory = self.memory.as_ref();
        memory.map_or(0, |memory| memory.fragments.unused())
    }
}

impl Memory {
    /// The segment in the packet that `fragment` completes, which may itself hold a fragment.
    fn segment(
        &mut self,
        stamp: Stamp,
        mut around: Encapsulation,
        fragment: &IpFragment<'_>,
    ) -> Result<Segment<'_>, Stop> {
        let mut whole = self.fragments.push(around.scope, fragment, stamp.time);
        for buffer in &mut self.wholes {
            let Whole { bytes, length } = whole.ok_or(Stop::Fragment)?;
            *buffer = bytes;
            let mut layer = Peeler {
                protocol: Protocol::Ip,
                header_bytes: HeaderBytes {
                    captured: buffer,
                    length,
                },
                around,
            };
            match layer.descend(stamp)? {
                Innermost::Segment(segment) => return Ok(segment),
                Innermost::Fragment(fragment) => {
                    around = layer.around;
                    whole = self.fragments.push(around.scope, &fragment, stamp.time);
                }
            }
        }
        whole.map_or(Err(Stop::Fragment), |_| Err(PacketFault::Nesting.into()))
    }
}

/// What peeling ended at.
enum Innermost<'a> {
    Segment(Segment<'a>),
    Fragment(IpFragment<'a>),
}

/// How far a packet is peeled.
#[derive(Clone, Copy, Debug)]
struct Peeler<'a> {
    protocol: Protocol,
    header_bytes: HeaderBytes<'a>,
    around: Encapsulation,
}

/// What was peeled off.
#[derive(Clone, Copy, Debug, Default)]
struct Encapsulation {
    scope: NetworkScope,
    layers: usize,
    /// A tunnel was believed whose outermost header may be anybody's UDP payload.
    is_over_udp: bool,
}

impl<'a> Peeler<'a> {
    fn outermost(packet: &Packet<'a>) -> Result<Self, Stop> {
        Ok(Self {
            protocol: Protocol::of_link_type(packet.link_type)?,
            header_bytes: HeaderBytes::of(packet),
            around: Encapsulation::default(),
        })
    }

    /// Peels down to TCP or to a fragment. Contradictions within what a UDP port announced show that
    /// it was no tunnel.
    #[inline]
    fn descend(&mut self, stamp: Stamp) -> Result<Innermost<'a>, Stop> {
        self.peel(stamp).map_err(|stop| match stop {
            Stop::Damaged(fault) if self.around.is_over_udp && !fault.is_cut() => Other::Udp.into(),
            stop => stop,
        })
    }

    #[inline]
    fn peel(&mut self, stamp: Stamp) -> Result<Innermost<'a>, Stop> {
        while self.around.layers < MAXIMUM_LAYERS {
            self.around.layers += 1;
            let scope = self.around.scope;
            let inner = match self.protocol {
                Protocol::Ip => match internet::packet(self.header_bytes)? {
                    internet::IpPacket::Fragment(fragment) => {
                        return Ok(Innermost::Fragment(fragment));
                    }
                    internet::IpPacket::Datagram(datagram)
                        if datagram.protocol == ip_number::TCP =>
                    {
                        return Ok(Innermost::Segment(tcp::segment(stamp, scope, &datagram)?));
                    }
                    internet::IpPacket::Datagram(datagram) => {
                        self.around.is_over_udp |= datagram.protocol == ip_number::UDP;
                        datagram.inner()?
                    }
                },
                // By far the most packets begin so.
                Protocol::Ethernet => ethernet::ethernet(self.header_bytes)?,
                other => other.peel(self.header_bytes)?,
            };
            self.protocol = inner.protocol;
            self.header_bytes = inner.header_bytes;
            self.around.scope = scope.within(inner.network)?;
        }
        Err(PacketFault::Nesting.into())
    }
}
