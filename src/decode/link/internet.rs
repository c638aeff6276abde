//! IPv4 and IPv6 with their extension headers: addresses, protocol and the payload's true length.

use std::net::IpAddr;

use etherparse::err::ip::LaxHeaderSliceError;
use etherparse::{IpNumber, Ipv6Header, LaxIpSlice, ip_number};

use super::content::{Fault, Other, Stop, Tunnel};
use super::excerpt::Excerpt;

/// The longest packet believed where IP states no length, in bytes. Linux hands its network
/// devices at most 524,280 bytes at a time (`GSO_MAX_SIZE`); this is the next power of two. A
/// capture that claims more would have the TCP decoder wait for gigabytes that never were.
const LONGEST_OFFLOADED: usize = 1 << 19;

/// UDP destination ports of tunnels: VXLAN's own and the one Linux used before it had one
/// (RFC 7348, section 5), Geneve (RFC 8926, section 3.3), GTP-U (3GPP TS 29.281, section 4.4.2.3).
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
const GENEVE_PORT: u16 = 6081;
const GTP_U_PORT: u16 = 2152;

/// An unfragmented IP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    /// The sender.
    pub(super) source: IpAddr,
    /// The receiver.
    pub(super) destination: IpAddr,
    /// Time to live (IPv4) or hop limit (IPv6).
    pub(super) hop_limit: u8,
    /// What `payload` begins with.
    pub(super) protocol: IpNumber,
    /// What is behind the IP header and its extensions, without link-layer padding.
    pub(super) payload: Excerpt<'a>,
}

impl Datagram<'_> {
    /// What this is, not being TCP.
    pub(super) fn other(&self) -> Other {
        match self.protocol {
            ip_number::UDP => self.udp(),
            ip_number::ICMP | ip_number::IPV6_ICMP => Other::Icmp,
            ip_number::GRE => Other::Tunnel(Tunnel::Gre),
            ip_number::IPV4 | ip_number::IPV6 => Other::Tunnel(Tunnel::IpInIp),
            ip_number::ENCAP_SEC => Other::Tunnel(Tunnel::Esp),
            IpNumber(number) => Other::IpProtocol(number),
        }
    }

    fn udp(&self) -> Other {
        let Some(&[_, _, p0, p1]) = self.payload.captured.first_chunk() else {
            return Other::Udp;
        };
        match u16::from_be_bytes([p0, p1]) {
            port if VXLAN_PORTS.contains(&port) => Other::Tunnel(Tunnel::Vxlan),
            GENEVE_PORT => Other::Tunnel(Tunnel::Geneve),
            GTP_U_PORT => Other::Tunnel(Tunnel::GtpU),
            _ => Other::Udp,
        }
    }
}

/// The IP packet at the front of `excerpt`.
pub(super) fn datagram(excerpt: Excerpt<'_>) -> Result<Datagram<'_>, Stop> {
    let (packet, stopped) = LaxIpSlice::from_slice(excerpt.captured).map_err(fault)?;
    // Fragments go first: behind the header of a later fragment come bytes from the middle of a
    // packet, and taking them for extension headers may well have stopped the parser.
    if packet.is_fragmenting_payload() {
        return Err(Other::Fragment.into());
    }
    if stopped.is_some() {
        return Err(Fault::ExtensionHeader.into());
    }
    let (header_length, stated_length, hop_limit) = match &packet {
        LaxIpSlice::Ipv4(packet) => {
            let header = packet.header();
            let authentication = packet.extensions().auth;
            let extensions = authentication.map_or(0, |header| header.slice().len());
            (
                header.slice().len() + extensions,
                usize::from(header.total_len()),
                header.ttl(),
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
            )
        }
    };
    // The captured payload needs no trimming: etherparse ends it where the stated length does.
    let payload = packet.payload();
    Ok(Datagram {
        source: packet.source_addr(),
        destination: packet.destination_addr(),
        hop_limit,
        protocol: payload.ip_number,
        payload: Excerpt {
            captured: payload.payload,
            length: wire_length(stated_length, excerpt)
                .checked_sub(header_length)
                .ok_or(Fault::IpLength)?,
        },
    })
}

/// Length of an IP packet on the wire. Where the header states none, segmentation offload has yet
/// to cut the packet up and write the lengths, or it is a jumbogram (RFC 2675, section 3): then it
/// ends where the captured frame did.
fn wire_length(stated: usize, excerpt: Excerpt<'_>) -> usize {
    match stated {
        0 => excerpt
            .length
            .min(LONGEST_OFFLOADED)
            .max(excerpt.captured.len()),
        stated => stated,
    }
}

fn fault(error: LaxHeaderSliceError) -> Fault {
    match error {
        LaxHeaderSliceError::Len(_) => Fault::IpHeaderCut,
        LaxHeaderSliceError::Content(_) => Fault::IpHeader,
    }
}
