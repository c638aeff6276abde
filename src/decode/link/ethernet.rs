//! Ethernet and the tags in it: each says what the bytes behind it are.

use etherparse::{Ethernet2Header, Ethernet2HeaderSlice, SingleVlanHeader, SingleVlanHeaderSlice};

use super::content::{Fault, Other, Stop, Tunnel};
use super::excerpt::Excerpt;
use super::protocol::{Inner, Protocol};
use super::scope::Network;

/// Ethernet II, or IEEE 802.3.
#[inline]
pub(super) fn ethernet(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (header, inner) = excerpt
        .split_header::<{ Ethernet2Header::LEN }>()
        .ok_or(Fault::LinkHeaderCut)?;
    let header = Ethernet2HeaderSlice::from_slice(header).map_err(|_| Fault::LinkHeaderCut)?;
    let protocol = Protocol::of_ether_type(header.ether_type().0)?;
    Ok(Inner::new(protocol, inner))
}

/// A VLAN tag, behind its EtherType.
pub(super) fn vlan(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (tag, inner) = excerpt
        .split_header::<{ SingleVlanHeader::LEN }>()
        .ok_or(Fault::LinkHeaderCut)?;
    let tag = SingleVlanHeaderSlice::from_slice(tag).map_err(|_| Fault::LinkHeaderCut)?;
    let protocol = Protocol::of_ether_type(tag.ether_type().0)?;
    Ok(Inner {
        network: Network::Vlan(tag.vlan_identifier()),
        ..Inner::new(protocol, inner)
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
pub(super) fn logical_link(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (header, inner) = excerpt.split_header::<3>().ok_or(Fault::LinkHeaderCut)?;
    match header {
        [0x06, 0x06, 0x03] => return Ok(Inner::new(Protocol::Ip, inner)),
        [0xaa, 0xaa, 0x03] => {}
        _ => return Err(Other::LengthFrame.into()),
    }
    let (header, inner) = inner.split_header::<5>().ok_or(Fault::LinkHeaderCut)?;
    let &[organization @ .., t0, t1] = header;
    // Two organizations mean an EtherType: none, and 802.1H's bridge tunnels.
    if !matches!(organization, [0, 0, 0 | 0xf8]) {
        return Err(Other::LengthFrame.into());
    }
    match u16::from_be_bytes([t0, t1]) {
        // Not a length here, but another organization's protocol.
        0..0x0600 => Err(Other::LengthFrame.into()),
        number => Ok(Inner::new(Protocol::of_ether_type(number)?, inner)),
    }
}

/// The service tag of provider backbone bridging, behind its EtherType (IEEE 802.1Q, clause 9.7):
/// four bytes, the last three of which are the service's identifier, and the customer's frame.
pub(super) fn provider_backbone(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (tag, inner) = excerpt.split_header::<4>().ok_or(Fault::LinkHeaderCut)?;
    let service = u32::from_be_bytes(*tag) & 0x00ff_ffff;
    Ok(Inner::new(Protocol::Ethernet, inner).within(Tunnel::ProviderBackbone, service))
}

/// The E-TAG of a bridge port extender, behind its EtherType (IEEE 802.1BR, clause 7.6). Its channel
/// identifiers say through which port a frame came, which differs by direction.
pub(super) fn e_tag(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (tag, inner) = excerpt.split_header::<8>().ok_or(Fault::LinkHeaderCut)?;
    let &[.., t0, t1] = tag;
    let protocol = Protocol::of_ether_type(u16::from_be_bytes([t0, t1]))?;
    Ok(Inner::new(protocol, inner))
}

/// Cisco's forerunner of the E-TAG, behind its EtherType.
pub(super) fn vn_tag(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (tag, inner) = excerpt.split_header::<6>().ok_or(Fault::LinkHeaderCut)?;
    let &[.., t0, t1] = tag;
    let protocol = Protocol::of_ether_type(u16::from_be_bytes([t0, t1]))?;
    Ok(Inner::new(protocol, inner))
}

/// A network service header (RFC 8300, section 2.2): its length in words stands in the lower six bits
/// of the second byte, what follows it in the fourth.
pub(super) fn service_header(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (base, _) = excerpt.split_header::<8>().ok_or(Fault::TunnelHeaderCut)?;
    let &[version, length, _, next, ..] = base;
    let length = usize::from(length & 0x3f) * 4;
    if version >> 6 != 0 || length < base.len() {
        return Err(Fault::LinkHeader.into());
    }
    let inner = excerpt.skip(length).ok_or(Fault::TunnelHeaderCut)?;
    let protocol = next_protocol(next).ok_or(Tunnel::ServiceHeader)?;
    Ok(Inner::new(protocol, inner))
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
pub(super) fn switch_tag(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    behind_switch_tag(excerpt.split_header::<18>())
}

/// Marvell's tag behind an EtherType and two reserved bytes (tcpdump.org, `LINKTYPE_DSA_TAG_EDSA`).
pub(super) fn long_switch_tag(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    behind_switch_tag(excerpt.split_header::<22>())
}

fn behind_switch_tag<'a, const N: usize>(
    split: Option<(&[u8; N], Excerpt<'a>)>,
) -> Result<Inner<'a>, Stop> {
    let (header, inner) = split.ok_or(Fault::LinkHeaderCut)?;
    let ether_type = header.last_chunk().ok_or(Fault::LinkHeaderCut)?;
    let protocol = Protocol::of_ether_type(u16::from_be_bytes(*ether_type))?;
    Ok(Inner::new(protocol, inner))
}

/// Ethernet behind four bytes of a device's own: the same tag in front of the addresses
/// (`LINKTYPE_DSA_TAG_BRCM_PREPEND`), or what a netANALYZER knows of the frame
/// (`LINKTYPE_NETANALYZER`).
pub(super) fn behind_four_bytes(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let inner = excerpt.skip(4).ok_or(Fault::LinkHeaderCut)?;
    Ok(Inner::new(Protocol::Ethernet, inner))
}
