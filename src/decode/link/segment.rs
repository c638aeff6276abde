//! One TCP segment, as its packet carried it (RFC 9293, section 3.1).

use std::net::SocketAddr;

use crate::capture::Stamp;

/// The control bits of a TCP header (RFC 9293, section 3.1), unknown ones kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Opens a connection: synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Ends the connection at once.
    pub const RST: Self = Self(0x04);
    /// The receiver is to pass on what it has.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// One TCP segment, its payload borrowed from the packet.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Which packet carried it.
    pub stamp: Stamp,
    /// The sender's address and port.
    pub source: SocketAddr,
    /// The receiver's address and port.
    pub destination: SocketAddr,
    /// Which network the addresses belong to: 0 without VLAN tags or tunnels, else a value that
    /// differs where the tags or tunnel identifiers differ. Equal addresses in two scopes are two
    /// connections.
    pub scope: u64,
    /// Whether the capture was taken on all interfaces of a host at once, so that the packet may
    /// have passed it several times, in several networks.
    pub of_any_interface: bool,
    /// Sequence number of the first payload byte (of the SYN where there is one).
    pub sequence: u32,
    /// Acknowledgement number, where the ACK bit is set.
    pub acknowledgement: Option<u32>,
    /// The control bits: SYN, ACK, FIN, RST and so on.
    pub flags: TcpFlags,
    /// Window as sent, unscaled.
    pub window: u16,
    /// Time to live (IPv4) or hop limit (IPv6).
    pub hop_limit: u8,
    /// The identification of the IPv4 packet; 0 in IPv6, which has none, and where its sender numbers
    /// no packets that must not be fragmented (RFC 6864, section 4.1).
    pub identification: u16,
    /// The sender's clock in the timestamps option, if there is one (RFC 7323, section 3.2).
    pub timestamp: Option<u32>,
    /// The captured payload bytes.
    pub payload: &'a [u8],
    /// Payload length on the wire; longer than `payload` where the snap length cut the packet.
    pub payload_length: u32,
}

impl Segment<'_> {
    /// Whether it has a SYN, a FIN or a RST.
    #[must_use]
    pub fn opens_or_ends(&self) -> bool {
        let flags = [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST];
        flags.into_iter().any(|flag| self.flags.contains(flag))
    }

    /// The same without its payload, to be kept.
    #[must_use]
    pub const fn without_payload(&self) -> Segment<'static> {
        Segment {
            stamp: self.stamp,
            source: self.source,
            destination: self.destination,
            scope: self.scope,
            of_any_interface: self.of_any_interface,
            sequence: self.sequence,
            acknowledgement: self.acknowledgement,
            flags: self.flags,
            window: self.window,
            hop_limit: self.hop_limit,
            identification: self.identification,
            timestamp: self.timestamp,
            payload: &[],
            payload_length: self.payload_length,
        }
    }
}
