//! IPv4 and IPv6 with their extension headers: addresses, protocol and the payload's true length,
//! and what that payload is where it is not TCP.

use std::net::IpAddr;

use etherparse::err::ip::LaxHeaderSliceError;
use etherparse::{IpNumber, Ipv6Header, LaxIpSlice, ip_number};

use super::fragment::{self, IpFragment};
use super::header_bytes::HeaderBytes;
use super::protocol::{Decapsulated, Protocol};
use super::stop::{Other, PacketFault, Stop, Tunnel};
use super::udp;

/// The longest packet believed where IP states no length, in bytes. Linux hands its network
/// devices at most 524,280 bytes at a time (`GSO_MAX_SIZE`); this is the next power of two. A
/// capture that claims more would have the TCP decoder wait for gigabytes that never were.
const LONGEST_OFFLOADED: usize = 1 << 19;

/// Protocol numbers that etherparse has no names for or other ones.
const ETHERNET_IN_IP: u8 = 97;
const ETHERNET: u8 = 143;
const MPLS_IN_IP: u8 = 137;

/// An IP packet.
#[derive(Debug)]
pub(super) enum IpPacket<'a> {
    /// Whole.
    Datagram(Datagram<'a>),
    /// A part of one.
    Fragment(IpFragment<'a>),
}

/// An unfragmented IP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    /// The sender.
    pub(super) source: IpAddr,
    /// The receiver.
    pub(super) destination: IpAddr,
    /// Time to live (IPv4) or hop limit (IPv6).
    pub(super) hop_limit: u8,
    /// Identification (IPv4); 0 in IPv6.
    pub(super) identification: u16,
    /// What `payload` begins with.
    pub(super) protocol: IpNumber,
    /// What is behind the IP header and its extensions, without link-layer padding.
    pub(super) payload: HeaderBytes<'a>,
}

impl<'a> Datagram<'a> {
    /// What is in a datagram that is not TCP.
    pub(super) fn inner(&self) -> Result<Decapsulated<'a>, Stop> {
        let payload = self.payload;
        match self.protocol {
            ip_number::UDP => udp::tunnel(payload),
            ip_number::ICMP | ip_number::IPV6_ICMP => Err(Other::Icmp.into()),
            ip_number::GRE => Ok(Decapsulated::new(Protocol::Gre, payload)),
            ip_number::IPV4 | ip_number::IPV6 => Ok(Decapsulated::new(Protocol::Ip, payload)),
            ip_number::ENCAP_SEC => Err(Tunnel::Esp.into()),
            IpNumber(ETHERNET) => Ok(Decapsulated::new(Protocol::Ethernet, payload)),
            // Two bytes of version 3 are in front (RFC 3378, section 3).
            IpNumber(ETHERNET_IN_IP) => {
                let inner = payload.skip(2).ok_or(PacketFault::TunnelHeaderCut)?;
                Ok(Decapsulated::new(Protocol::Ethernet, inner))
            }
            IpNumber(MPLS_IN_IP) => Ok(Decapsulated::new(Protocol::Mpls, payload)),
            IpNumber(number) => Err(Other::IpProtocol(number).into()),
        }
    }
}

/// The IP packet at the front of `header_bytes`.
#[inline]
pub(super) fn packet(header_bytes: HeaderBytes<'_>) -> Result<IpPacket<'_>, Stop> {
    let (packet, stopped) = LaxIpSlice::from_slice(header_bytes.captured).map_err(fault)?;
    // Fragments go first: behind the header of a later fragment come bytes from the middle of a
    // packet, and taking them for extension headers may well have stopped the parser.
    if packet.is_fragmenting_payload() {
        return Ok(IpPacket::Fragment(fragment::of(&packet, header_bytes)?));
    }
    if stopped.is_some() {
        return Err(PacketFault::ExtensionHeader.into());
    }
    let (header_length, stated_length, hop_limit, identification) = match &packet {
        LaxIpSlice::Ipv4(packet) => {
            let header = packet.header();
            let authentication = packet.extensions().auth;
            let extensions = authentication.map_or(0, |header| header.slice().len());
            (
                header.slice().len() + extensions,
                usize::from(header.total_len()),
                header.ttl(),
                header.identification(),
            )
        }
        LaxIpSlice::Ipv6(packet) => {
            let header = packet.header();
            let stated = match usize::from(header.payload_length()) {
                0 => 0,
                length => Ipv6Header::LEN + length,
            };
            (
                Ipv6Header::LEN + packet.extensions().slice().len(),
                stated,
                header.hop_limit(),
                0,
            )
        }
    };
    // The captured payload needs no trimming: etherparse ends it where the stated length does.
    let payload = packet.payload();
    Ok(IpPacket::Datagram(Datagram {
        source: packet.source_addr(),
        destination: packet.destination_addr(),
        hop_limit,
        identification,
        protocol: payload.ip_number,
        payload: HeaderBytes {
            captured: payload.payload,
            length: wire_length(stated_length, header_bytes)
                .checked_sub(header_length)
                .ok_or(PacketFault::IpLength)?,
        },
    }))
}

/// Length of an IP packet on the wire. Where the header states none, segmentation offload has yet
/// to cut the packet up and write the lengths, or it is a jumbogram (RFC 2675, section 3): then it
/// ends where the captured frame did.
fn wire_length(stated: usize, header_bytes: HeaderBytes<'_>) -> usize {
    match stated {
        0 => header_bytes
            .length
            .min(LONGEST_OFFLOADED)
            .max(header_bytes.captured.len()),
        stated => stated,
    }
}

fn fault(error: LaxHeaderSliceError) -> PacketFault {
    match error {
        LaxHeaderSliceError::Len(_) => PacketFault::IpHeaderCut,
        LaxHeaderSliceError::Content(_) => PacketFault::IpHeader,
    }
}
