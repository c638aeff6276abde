//! Tunnels over UDP.
//!
//! A port alone proves nothing: anything may use it. Each header must also be as its specification
//! has it, reserved bits included, and where what is behind one contradicts itself, [`super`] takes
//! the packet for plain UDP after all.

use super::ethernet;
use super::header_bytes::HeaderBytes;
use super::protocol::{Decapsulated, Protocol};
use super::stop::{Other, PacketFault, Stop, Tunnel};

/// Ports of tunnels: VXLAN's own and the one Linux used before it had one (RFC 7348, section 5), that of
/// its generic extension, and the others.
const VXLAN: u16 = 4789;
const VXLAN_OF_LINUX: u16 = 8472;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const GTP_U: u16 = 2152;
const GRE_IN_UDP: u16 = 4754;
const MPLS_IN_UDP: u16 = 6635;
const TEREDO: u16 = 3544;
const AYIYA: u16 = 5072;
const TAZMEN_SNIFFER: u16 = 37008;
const IPSEC: u16 = 4500;
const WIREGUARD: u16 = 51820;

/// What is behind a UDP header that carries a tunnel. `Err` says what else it is.
pub(super) fn tunnel(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let Some((&[s0, s1, d0, d1, l0, l1, ..], payload)) = header_bytes.split_header::<8>() else {
        return Err(Other::Udp.into());
    };
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    // A length of 0 is that of a jumbogram, or one that offloading has yet to write.
    let payload = match length.checked_sub(8) {
        Some(length) => payload.shortened(length),
        None => payload,
    };
    let (source, destination) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
    // Tunnels that hash flows into their source port are known by the destination, others answer from it.
    match at_port(destination, payload) {
        Err(Stop::Other(Other::Udp)) => at_port(source, payload),
        found => found,
    }
}

fn at_port(port: u16, payload: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    match port {
        VXLAN | VXLAN_OF_LINUX => vxlan(payload),
        VXLAN_GPE => vxlan_gpe(payload),
        GENEVE => geneve(payload),
        GTP_U => gtp_u(payload),
        GRE_IN_UDP => gre(payload),
        MPLS_IN_UDP => Ok(Decapsulated::new(Protocol::Mpls, payload)),
        TEREDO => teredo(payload),
        AYIYA => ayiya(payload),
        TAZMEN_SNIFFER => tazmen_sniffer(payload),
        IPSEC => Err(ipsec(payload)),
        WIREGUARD => Err(wireguard(payload)),
        _ => Err(Other::Udp.into()),
    }
}

/// The header of `N` bytes; what is too short on the wire for it is no tunnel.
fn header<const N: usize>(
    header_bytes: HeaderBytes<'_>,
) -> Result<(&[u8; N], HeaderBytes<'_>), Stop> {
    if header_bytes.length < N {
        return Err(Other::Udp.into());
    }
    Ok(header_bytes
        .split_header()
        .ok_or(PacketFault::TunnelHeaderCut)?)
}

/// What is behind `length` bytes of header.
fn behind(header_bytes: HeaderBytes<'_>, length: usize) -> Result<HeaderBytes<'_>, Stop> {
    if header_bytes.length < length {
        return Err(Other::Udp.into());
    }
    Ok(header_bytes
        .skip(length)
        .ok_or(PacketFault::TunnelHeaderCut)?)
}

fn require(holds: bool) -> Result<(), Stop> {
    if holds {
        Ok(())
    } else {
        Err(Other::Udp.into())
    }
}

/// VXLAN (RFC 7348, section 5). The first bit and the two bytes may hold a group policy
/// (draft-smith-vxlan-group-policy-05, section 2.1).
///
/// ```text
/// 0         1     2              4         7          8
/// ┌─────────┬─────┬──────────────┬─────────┬──────────┐
/// │ G...I...│     │ group policy │ network │ reserved │ Ethernet
/// └─────────┴─────┴──────────────┴─────────┴──────────┘
/// ```
fn vxlan(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[flags, _, _, _, n0, n1, n2, reserved], inner) = header(header_bytes)?;
    require(flags & 0x7f == 0x08 && reserved == 0)?;
    let network = u32::from_be_bytes([0, n0, n1, n2]);
    Ok(Decapsulated::new(Protocol::Ethernet, inner).within(Tunnel::Vxlan, network))
}

/// VXLAN's generic extension (draft-ietf-nvo3-vxlan-gpe-12, section 3.1): the fourth byte says what
/// follows.
fn vxlan_gpe(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[flags, _, _, next, n0, n1, n2, reserved], inner) = header(header_bytes)?;
    // Version 0, the network's identifier and the next protocol are there.
    require(flags & 0xfc == 0x0c && reserved == 0)?;
    let protocol = ethernet::next_protocol(next).ok_or(Tunnel::Vxlan)?;
    let network = u32::from_be_bytes([0, n0, n1, n2]);
    Ok(Decapsulated::new(protocol, inner).within(Tunnel::Vxlan, network))
}

/// Geneve (RFC 8926, section 3.4), its options skipped.
///
/// ```text
/// 0                  1             2          4         7          8
/// ┌──────────────────┬─────────────┬──────────┬─────────┬──────────┐
/// │ version, words   │ OC reserved │ protocol │ network │ reserved │ options, then the protocol
/// └──────────────────┴─────────────┴──────────┴─────────┴──────────┘
/// ```
fn geneve(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[first, flags, p0, p1, n0, n1, n2, reserved], _) = header(header_bytes)?;
    require(first >> 6 == 0 && flags & 0x3f == 0 && reserved == 0)?;
    let inner = behind(header_bytes, 8 + usize::from(first & 0x3f) * 4)?;
    let protocol = match Protocol::of_ether_type(u16::from_be_bytes([p0, p1])) {
        // A length is no protocol.
        Ok(Protocol::LogicalLink) => return Err(Other::Udp.into()),
        Err(Stop::Other(Other::EtherType(_))) => return Err(Tunnel::Geneve.into()),
        protocol => protocol?,
    };
    let network = u32::from_be_bytes([0, n0, n1, n2]);
    Ok(Decapsulated::new(protocol, inner).within(Tunnel::Geneve, network))
}

/// GTP-U (3GPP TS 29.281, section 5): user data is message type 255. The endpoint identifier is
/// the receiver's and thus differs by direction.
///
/// ```text
/// 0               1      2        4            8          10      11
/// ┌───────────────┬──────┬────────┬────────────┬──────────┬───────┬────────────────┐
/// │ version 1 .ESN │ type │ length │ endpoint   │ sequence │ N-PDU │ next extension │
/// └───────────────┴──────┴────────┴────────────┴──────────┴───────┴────────────────┘
///                                                if any of E, S, N is set
/// ```
fn gtp_u(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    const USER_DATA: u8 = 255;
    const OPTIONAL_FIELDS: u8 = 0x07;
    const EXTENDED: u8 = 0x04;
    let (&[flags, kind, l0, l1, ..], body) = header::<8>(header_bytes)?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    // Version 1, GTP and not its charging variant. Offloading may leave the length unwritten.
    require(flags & 0xf0 == 0x30 && (length == 0 || length <= body.length))?;
    if kind != USER_DATA {
        return Err(Tunnel::GtpU.into());
    }
    let mut rest = body;
    if flags & OPTIONAL_FIELDS != 0 {
        let (&[.., next], behind_fields) = header::<4>(body)?;
        rest = behind_fields;
        if flags & EXTENDED != 0 {
            rest = behind_extensions(rest, next)?;
        }
    }
    let protocol = Protocol::of_ip_version(rest).ok_or(Tunnel::GtpU)?;
    Ok(Decapsulated::new(protocol, rest))
}

/// What is behind a chain of GTP-U's extension headers (3GPP TS 29.281, section 5.2.1): each has its
/// length in words in front and the type of the next one at its end, 0 for none.
fn behind_extensions(header_bytes: HeaderBytes<'_>, first: u8) -> Result<HeaderBytes<'_>, Stop> {
    let (mut rest, mut next) = (header_bytes, first);
    while next != 0 {
        let words = rest.byte(0).ok_or(PacketFault::TunnelHeaderCut)?;
        let length = usize::from(words) * 4;
        require(length > 0)?;
        let inner = behind(rest, length)?;
        next = rest.byte(length - 1).ok_or(PacketFault::TunnelHeaderCut)?;
        rest = inner;
    }
    Ok(rest)
}

/// GRE in UDP (RFC 8086, section 3): without checksum or key of its own by preference, but allowed.
fn gre(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[flags, version, ..], _) = header::<4>(header_bytes)?;
    require(flags & 0x4f == 0 && version == 0)?;
    Ok(Decapsulated::new(Protocol::Gre, header_bytes))
}

/// Teredo (RFC 4380, section 5.1.1): an IPv6 packet, perhaps behind an authentication and an origin.
fn teredo(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    const AUTHENTICATION: u16 = 1;
    const ORIGIN: u16 = 0;
    let mut rest = header_bytes;
    if rest.word(0) == Some(AUTHENTICATION) {
        let (&[_, _, client, authentication], _) = header(rest)?;
        rest = behind(rest, 13 + usize::from(client) + usize::from(authentication))?;
    }
    if rest.word(0) == Some(ORIGIN) {
        rest = behind(rest, 8)?;
    }
    require(rest.byte(0).is_some_and(|first| first >> 4 == 6))?;
    Ok(Decapsulated::new(Protocol::Ip, rest))
}

/// AYIYA (draft-massar-v6ops-ayiya-02, section 3): lengths of an identity and a signature, an
/// operation of which 1 forwards, and the IP protocol that follows.
fn ayiya(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    const IPV6: u8 = 41;
    let (&[identity, signature, operation, next, ..], _) = header::<8>(header_bytes)?;
    require(operation & 0x0f == 1 && next == IPV6)?;
    let length = 8 + (1 << (identity >> 4)) + usize::from(signature >> 4) * 4;
    Ok(Decapsulated::new(
        Protocol::Ip,
        behind(header_bytes, length)?,
    ))
}

/// TaZmen Sniffer Protocol, in which access points and routers send what they capture: version 1, a
/// received packet of Ethernet, then tags of a type and a length up to the one that ends them.
fn tazmen_sniffer(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    const PADDING: u8 = 0;
    const END: u8 = 1;
    let (fixed, mut rest) = header::<4>(header_bytes)?;
    require(*fixed == [1, 0, 0, 1])?;
    loop {
        match rest.byte(0).ok_or(PacketFault::TunnelHeaderCut)? {
            END => return Ok(Decapsulated::new(Protocol::Ethernet, behind(rest, 1)?)),
            PADDING => rest = behind(rest, 1)?,
            _ => {
                let length = rest.byte(1).ok_or(PacketFault::TunnelHeaderCut)?;
                rest = behind(rest, 2 + usize::from(length))?;
            }
        }
    }
}

/// IPsec through address translation (RFC 3948, section 2): encrypted packets begin with an index that
/// is not 0, key exchange with four zeros; one byte keeps the translation alive.
fn ipsec(header_bytes: HeaderBytes<'_>) -> Stop {
    match header_bytes.captured.first_chunk() {
        Some([0, 0, 0, 0]) | None => Other::Udp.into(),
        Some(_) => Tunnel::Esp.into(),
    }
}

/// WireGuard's four messages (wireguard.com, "Protocol & Cryptography"), by type and length: two of the
/// handshake, a cookie, and packets padded to 16 bytes.
fn wireguard(header_bytes: HeaderBytes<'_>) -> Stop {
    let is_message = match (header_bytes.captured.first_chunk(), header_bytes.length) {
        (Some([1, 0, 0, 0]), 148) | (Some([2, 0, 0, 0]), 92) | (Some([3, 0, 0, 0]), 64) => true,
        (Some([4, 0, 0, 0]), length) => length >= 32 && length.is_multiple_of(16),
        _ => false,
    };
    if is_message {
        return Tunnel::WireGuard.into();
    }
    Other::Udp.into()
}
