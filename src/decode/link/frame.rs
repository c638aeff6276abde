//! Link-layer headers and VLAN tags: each says what the bytes behind it are.

use etherparse::{
    EtherType, Ethernet2Header, Ethernet2HeaderSlice, SingleVlanHeader, SingleVlanHeaderSlice,
    VlanId,
};

use super::Protocol;
use super::content::{Fault, Other, Stop, Tunnel};
use super::excerpt::Excerpt;

/// The bytes behind a header and what they begin with.
pub(super) type Inner<'a> = (Protocol, Excerpt<'a>);

/// The least EtherType; a smaller number is the length of an IEEE 802.3 frame (IEEE 802.3,
/// section 3.2.6).
const LEAST_ETHER_TYPE: u16 = 0x0600;

/// Ethernet II.
pub(super) fn ethernet(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (header, inner) = excerpt
        .split_header::<{ Ethernet2Header::LEN }>()
        .ok_or(Fault::LinkHeaderCut)?;
    let header = Ethernet2HeaderSlice::from_slice(header).map_err(|_| Fault::LinkHeaderCut)?;
    Ok((protocol(header.ether_type())?, inner))
}

/// A VLAN tag, behind its EtherType: its identifier and what it tags.
pub(super) fn vlan(excerpt: Excerpt<'_>) -> Result<(VlanId, Inner<'_>), Stop> {
    let (tag, inner) = excerpt
        .split_header::<{ SingleVlanHeader::LEN }>()
        .ok_or(Fault::LinkHeaderCut)?;
    let tag = SingleVlanHeaderSlice::from_slice(tag).map_err(|_| Fault::LinkHeaderCut)?;
    Ok((tag.vlan_identifier(), (protocol(tag.ether_type())?, inner)))
}

/// Linux cooked capture, version 1 (tcpdump.org, `LINKTYPE_LINUX_SLL`).
///
/// ```text
/// 0             2             4                6         14         16
/// ┌─────────────┬─────────────┬────────────────┬─────────┬──────────┐
/// │ packet type │ device type │ address length │ address │ protocol │
/// └─────────────┴─────────────┴────────────────┴─────────┴──────────┘
/// ```
pub(super) fn linux_cooked(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (header, inner) = excerpt.split_header::<16>().ok_or(Fault::LinkHeaderCut)?;
    let &[_, _, d0, d1, .., p0, p1] = header;
    let device = u16::from_be_bytes([d0, d1]);
    Ok((
        cooked_protocol(device, u16::from_be_bytes([p0, p1]))?,
        inner,
    ))
}

/// Linux cooked capture, version 2 (tcpdump.org, `LINKTYPE_LINUX_SLL2`).
///
/// ```text
/// 0          2          4           8             10            11               12        20
/// ┌──────────┬──────────┬───────────┬─────────────┬─────────────┬────────────────┬─────────┐
/// │ protocol │ reserved │ interface │ device type │ packet type │ address length │ address │
/// └──────────┴──────────┴───────────┴─────────────┴─────────────┴────────────────┴─────────┘
/// ```
///
/// The interface is no part of the scope: one connection crosses several interfaces of a host.
pub(super) fn linux_cooked2(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (header, inner) = excerpt.split_header::<20>().ok_or(Fault::LinkHeaderCut)?;
    let &[p0, p1, _, _, _, _, _, _, d0, d1, ..] = header;
    let device = u16::from_be_bytes([d0, d1]);
    Ok((
        cooked_protocol(device, u16::from_be_bytes([p0, p1]))?,
        inner,
    ))
}

/// BSD loopback (tcpdump.org, `LINKTYPE_NULL` and `LINKTYPE_LOOP`): an address family in four
/// bytes, whose order is the capturing host's (`NULL`) or the network's (`LOOP`). Both are read in
/// either order: no family is another's mirror image.
pub(super) fn loopback(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (header, inner) = excerpt.split_header::<4>().ok_or(Fault::LinkHeaderCut)?;
    let family = u32::from_be_bytes(*header);
    if is_ip_family(family) || is_ip_family(family.swap_bytes()) {
        return Ok((Protocol::Ip, inner));
    }
    Err(Other::AddressFamily(family).into())
}

/// Whether this is `AF_INET` or one of the numbers of `AF_INET6`: Linux, NetBSD and OpenBSD,
/// FreeBSD, Darwin.
const fn is_ip_family(family: u32) -> bool {
    matches!(family, 2 | 10 | 24 | 28 | 30)
}

/// What is behind a cooked header. Its protocol is an EtherType but for these devices
/// (tcpdump.org, `LINKTYPE_LINUX_SLL`): frame relay (`ARPHRD_FRAD`), radiotap
/// (`ARPHRD_IEEE80211_RADIOTAP`) and netlink (`ARPHRD_NETLINK`).
fn cooked_protocol(device: u16, number: u16) -> Result<Protocol, Stop> {
    match device {
        770 | 803 | 824 => Err(Other::Device(device).into()),
        _ => protocol(EtherType(number)),
    }
}

/// What is behind an EtherType.
fn protocol(ether_type: EtherType) -> Result<Protocol, Stop> {
    match ether_type {
        // The IP version is read from the IP header, which is right where the two differ.
        EtherType::IPV4 | EtherType::IPV6 => Ok(Protocol::Ip),
        EtherType::VLAN_TAGGED_FRAME
        | EtherType::PROVIDER_BRIDGING
        | EtherType::VLAN_DOUBLE_TAGGED_FRAME => Ok(Protocol::Vlan),
        EtherType::ARP => Err(Other::Arp.into()),
        EtherType::MACSEC => Err(Tunnel::Macsec.into()),
        // Unicast and multicast (RFC 5332).
        EtherType(0x8847 | 0x8848) => Err(Tunnel::Mpls.into()),
        // Discovery and session stage.
        EtherType(0x8863 | 0x8864) => Err(Tunnel::Pppoe.into()),
        EtherType(0..LEAST_ETHER_TYPE) => Err(Other::LengthFrame.into()),
        EtherType(number) => Err(Other::EtherType(number).into()),
    }
}
