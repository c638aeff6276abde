//! Ethernet and the tags in it: each says what the bytes behind it are.

use etherparse::{Ethernet2Header, Ethernet2HeaderSlice, SingleVlanHeader, SingleVlanHeaderSlice};

use super::header_bytes::HeaderBytes;
use super::protocol::{Decapsulated, Protocol};
use super::scope::NetworkTag;
use super::stop::{Other, PacketFault, Stop, Tunnel};

/// Ethernet II, or IEEE 802.3.
#[inline]
pub(super) fn ethernet(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (header, inner) = header_bytes
        .split_header::<{ Ethernet2Header::LEN }>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let header =
        Ethernet2HeaderSlice::from_slice(header).map_err(|_| PacketFault::LinkHeaderCut)?;
    let protocol = Protocol::of_ether_type(header.ether_type().0)?;
    Ok(Decapsulated::new(protocol, inner))
}

/// A VLAN tag, behind its EtherType.
pub(super) fn vlan(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (tag, inner) = header_bytes
        .split_header::<{ SingleVlanHeader::LEN }>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let tag = SingleVlanHeaderSlice::from_slice(tag).map_err(|_| PacketFault::LinkHeaderCut)?;
    let protocol = Protocol::of_ether_type(tag.ether_type().0)?;
    Ok(Decapsulated {
        network: NetworkTag::Vlan(tag.vlan_identifier()),
        ..Decapsulated::new(protocol, inner)
    })
}

/// Logical link control (IEEE 802.2), which carries IP by the subnetwork access protocol or, rarely,
/// by IP's own access point (RFC 1042 and RFC 948).
///
/// ```text
/// 0      1      2         3              6           8
/// ┌──────┬──────┬─────────┬──────────────┬───────────┐
/// │ 0xaa │ 0xaa │ control │ organization │ EtherType │
/// └──────┴──────┴─────────┴──────────────┴───────────┘
/// ```
pub(super) fn logical_link(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (header, inner) = header_bytes
        .split_header::<3>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    match header {
        [0x06, 0x06, 0x03] => return Ok(Decapsulated::new(Protocol::Ip, inner)),
        [0xaa, 0xaa, 0x03] => {}
        _ => return Err(Other::LengthFrame.into()),
    }
    let (header, inner) = inner
        .split_header::<5>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let &[organization @ .., t0, t1] = header;
    // Two organizations mean an EtherType: none, and 802.1H's bridge tunnels.
    if !matches!(organization, [0, 0, 0 | 0xf8]) {
        return Err(Other::LengthFrame.into());
    }
    match u16::from_be_bytes([t0, t1]) {
        // Not a length here, but another organization's protocol.
        0..0x0600 => Err(Other::LengthFrame.into()),
        number => Ok(Decapsulated::new(Protocol::of_ether_type(number)?, inner)),
    }
}

/// The service tag of provider backbone bridging, behind its EtherType (IEEE 802.1Q, clause 9.7):
/// four bytes, the last three of which are the service's identifier, and the customer's frame.
pub(super) fn provider_backbone(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (tag, inner) = header_bytes
        .split_header::<4>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let service = u32::from_be_bytes(*tag) & 0x00ff_ffff;
    Ok(Decapsulated::new(Protocol::Ethernet, inner).within(Tunnel::ProviderBackbone, service))
}

/// The E-TAG of a bridge port extender, behind its EtherType (IEEE 802.1BR, clause 7.6). Its channel
/// identifiers say through which port a frame came, which differs by direction.
pub(super) fn e_tag(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (tag, inner) = header_bytes
        .split_header::<8>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let &[.., t0, t1] = tag;
    let protocol = Protocol::of_ether_type(u16::from_be_bytes([t0, t1]))?;
    Ok(Decapsulated::new(protocol, inner))
}

/// Cisco's forerunner of the E-TAG, behind its EtherType.
pub(super) fn vn_tag(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (tag, inner) = header_bytes
        .split_header::<6>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let &[.., t0, t1] = tag;
    let protocol = Protocol::of_ether_type(u16::from_be_bytes([t0, t1]))?;
    Ok(Decapsulated::new(protocol, inner))
}

/// A network service header (RFC 8300, section 2.2): its length in words stands in the lower six bits
/// of the second byte, what follows it in the fourth.
pub(super) fn service_header(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (base, _) = header_bytes
        .split_header::<8>()
        .ok_or(PacketFault::TunnelHeaderCut)?;
    let &[version, length, _, next, ..] = base;
    let length = usize::from(length & 0x3f) * 4;
    if version >> 6 != 0 || length < base.len() {
        return Err(PacketFault::LinkHeader.into());
    }
    let inner = header_bytes
        .skip(length)
        .ok_or(PacketFault::TunnelHeaderCut)?;
    let protocol = next_protocol(next).ok_or(Tunnel::ServiceHeader)?;
    Ok(Decapsulated::new(protocol, inner))
}

/// The protocol numbers that VXLAN-GPE and network service headers share (RFC 8300, section 9.6.5, and
/// draft-ietf-nvo3-vxlan-gpe-12, section 3.2).
pub(super) const fn next_protocol(number: u8) -> Option<Protocol> {
    match number {
        1 | 2 => Some(Protocol::Ip),
        3 => Some(Protocol::Ethernet),
        4 => Some(Protocol::ServiceHeader),
        5 => Some(Protocol::Mpls),
        _ => None,
    }
}

/// A switch's tag of four bytes between the addresses and the EtherType, as Broadcom's and Marvell's
/// have it (tcpdump.org, `LINKTYPE_DSA_TAG_BRCM` and `LINKTYPE_DSA_TAG_DSA`). Its port, and the VLAN
/// that the switch keeps for the port, are the switch's own matter.
pub(super) fn switch_tag(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    behind_switch_tag(header_bytes.split_header::<18>())
}

/// Marvell's tag behind an EtherType and two reserved bytes (tcpdump.org, `LINKTYPE_DSA_TAG_EDSA`).
pub(super) fn long_switch_tag(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    behind_switch_tag(header_bytes.split_header::<22>())
}

fn behind_switch_tag<'a, const N: usize>(
    split: Option<(&[u8; N], HeaderBytes<'a>)>,
) -> Result<Decapsulated<'a>, Stop> {
    let (header, inner) = split.ok_or(PacketFault::LinkHeaderCut)?;
    let ether_type = header.last_chunk().ok_or(PacketFault::LinkHeaderCut)?;
    let protocol = Protocol::of_ether_type(u16::from_be_bytes(*ether_type))?;
    Ok(Decapsulated::new(protocol, inner))
}

/// Ethernet behind four bytes of a device's own: the same tag in front of the addresses
/// (`LINKTYPE_DSA_TAG_BRCM_PREPEND`), or what a netANALYZER knows of the frame
/// (`LINKTYPE_NETANALYZER`).
pub(super) fn behind_four_bytes(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let inner = header_bytes.skip(4).ok_or(PacketFault::LinkHeaderCut)?;
    Ok(Decapsulated::new(Protocol::Ethernet, inner))
}
