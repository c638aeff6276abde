//! Headers that an operating system writes in front of a packet for whoever captures it.

use super::header_bytes::HeaderBytes;
use super::protocol::{Decapsulated, Protocol};
use super::stop::{Other, PacketFault, Stop};
use crate::capture::LinkType;

/// Linux cooked capture, version 1 (tcpdump.org, `LINKTYPE_LINUX_SLL`).
///
/// ```text
/// 0             2             4                6         14         16
/// ┌─────────────┬─────────────┬────────────────┬─────────┬──────────┐
/// │ packet type │ device type │ address length │ address │ protocol │
/// └─────────────┴─────────────┴────────────────┴─────────┴──────────┘
/// ```
pub(super) fn linux_cooked(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (header, inner) = header_bytes
        .split_header::<16>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let &[_, _, d0, d1, .., p0, p1] = header;
    let device = u16::from_be_bytes([d0, d1]);
    let protocol = cooked_protocol(device, u16::from_be_bytes([p0, p1]))?;
    Ok(Decapsulated::new(protocol, inner))
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
pub(super) fn linux_cooked2(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (header, inner) = header_bytes
        .split_header::<20>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let &[p0, p1, _, _, _, _, _, _, d0, d1, ..] = header;
    let device = u16::from_be_bytes([d0, d1]);
    let protocol = cooked_protocol(device, u16::from_be_bytes([p0, p1]))?;
    Ok(Decapsulated::new(protocol, inner))
}

/// BSD loopback (tcpdump.org, `LINKTYPE_NULL` and `LINKTYPE_LOOP`): an address family in four
/// bytes, whose order is the capturing host's (`NULL`) or the network's (`LOOP`). Both are read in
/// either order: no family is another's mirror image.
pub(super) fn loopback(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (header, inner) = header_bytes
        .split_header::<4>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let family = u32::from_be_bytes(*header);
    if is_ip_family(family) || is_ip_family(family.swap_bytes()) {
        return Ok(Decapsulated::new(Protocol::Ip, inner));
    }
    Err(Other::AddressFamily(family).into())
}

/// Whether this is `AF_INET` or one of the numbers of `AF_INET6`: Linux, NetBSD and OpenBSD,
/// FreeBSD, Darwin.
const fn is_ip_family(family: u32) -> bool {
    matches!(family, 2 | 10 | 24 | 28 | 30)
}

/// What is behind a cooked header. Its protocol is an EtherType but for some devices and some small
/// numbers (tcpdump.org, `LINKTYPE_LINUX_SLL`).
fn cooked_protocol(device: u16, number: u16) -> Result<Protocol, Stop> {
    // The `ARPHRD_` numbers: frame relay, netlink, and three of IEEE 802.11.
    match device {
        770 | 824 => return Err(Other::Device(device).into()),
        801 => return Ok(Protocol::Wireless),
        802 => return Ok(Protocol::Prism),
        803 => return Ok(Protocol::Radiotap),
        _ => {}
    }
    match number {
        // `LINUX_SLL_P_802_2`. The other small numbers are Novell's frames and buses of vehicles.
        4 => Ok(Protocol::LogicalLink),
        0..0x0600 => Err(Other::LengthFrame.into()),
        number => Protocol::of_ether_type(number),
    }
}

/// What Linux's netfilter logs (tcpdump.org, `LINKTYPE_NFLOG`): family, version and group, then fields,
/// one of which is the IP packet. Each field's length counts its own four bytes, not the padding.
///
/// ```text
/// 0        2      4                 to a multiple of 4
/// ┌────────┬──────┬───────┬─────────┐
/// │ length │ type │ value │ padding │
/// └────────┴──────┴───────┴─────────┘
/// ```
pub(super) fn netfilter_log(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    const PAYLOAD: u16 = 9;
    let (&[family, version, ..], mut rest) = header_bytes
        .split_header::<4>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    if version != 0 {
        return Err(PacketFault::LinkHeader.into());
    }
    if !is_ip_family(u32::from(family)) {
        return Err(Other::AddressFamily(u32::from(family)).into());
    }
    loop {
        let (&[l0, l1, t0, t1], value) =
            rest.split_header::<4>().ok_or(PacketFault::LinkHeaderCut)?;
        // Both numbers are in the byte order of the host, and no type is above 255.
        let read = if t1 == 0 {
            u16::from_le_bytes
        } else {
            u16::from_be_bytes
        };
        let length = usize::from(read([l0, l1]));
        let value_length = length.checked_sub(4).ok_or(PacketFault::LinkHeader)?;
        if read([t0, t1]) == PAYLOAD {
            return Ok(Decapsulated::new(
                Protocol::Ip,
                value.shortened(value_length),
            ));
        }
        let next = rest.skip(length.next_multiple_of(4));
        rest = next.ok_or(PacketFault::LinkHeaderCut)?;
    }
}

/// What OpenBSD's packet filter logs (tcpdump.org, `LINKTYPE_PFLOG`): the header's length, without the
/// padding to a word, is its first byte.
pub(super) fn packet_filter_log(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let length = usize::from(header_bytes.byte(0).ok_or(PacketFault::LinkHeaderCut)?);
    let inner = header_bytes.skip(length.next_multiple_of(4));
    Ok(Decapsulated::new(
        Protocol::Ip,
        inner.ok_or(PacketFault::LinkHeaderCut)?,
    ))
}

/// OpenBSD's view of IPsec from inside (tcpdump.org, `LINKTYPE_ENC`): address family, index and flags,
/// a word each, and the packet before encryption or after decryption.
pub(super) fn encapsulating(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let inner = header_bytes.skip(12).ok_or(PacketFault::LinkHeaderCut)?;
    Ok(Decapsulated::new(Protocol::Ip, inner))
}

/// What Solaris captures above the link layer (tcpdump.org, `LINKTYPE_IPNET`).
pub(super) fn ip_net(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let inner = header_bytes.skip(24).ok_or(PacketFault::LinkHeaderCut)?;
    Ok(Decapsulated::new(Protocol::Ip, inner))
}

/// What macOS knows of a packet's process and interface (Darwin's `bsd/net/pktap.h`): the header's length,
/// a record type of which 1 is a packet, and the link type behind the header, in little-endian byte order.
/// Apple's libpcap writes it under the second of the link types that are anybody's.
pub(super) fn packet_tap(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[l0, l1, l2, l3, r0, r1, r2, r3, t0, t1, t2, t3], _) = header_bytes
        .split_header::<12>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let record = u32::from_le_bytes([r0, r1, r2, r3]);
    if !(LEAST_PACKET_TAP..=MOST_PACKET_TAP).contains(&length) || record != 1 {
        return Err(Other::LinkType(LinkType::PKTAP).into());
    }
    let inner = header_bytes
        .skip(length)
        .ok_or(PacketFault::LinkHeaderCut)?;
    let link_type = LinkType(u32::from_le_bytes([t0, t1, t2, t3]));
    Ok(Decapsulated::new(Protocol::of_link_type(link_type)?, inner))
}

/// Lengths that a packet tap's header may have: what is read of it, and an order of magnitude more
/// than any release's. Other bytes under the link type are somebody else's.
const LEAST_PACKET_TAP: usize = 12;
const MOST_PACKET_TAP: usize = 1024;
