//! Local networks other than Ethernet. What they carry is behind logical link control or an EtherType.

use super::header_bytes::HeaderBytes;
use super::protocol::{Decapsulated, Protocol};
use super::stop::{Other, PacketFault, Stop};

/// Set in the first byte of a source address if a route follows the addresses.
const SOURCE_ROUTED: u8 = 0x80;

/// Token Ring (IEEE 802.5, section 3.2): access and frame control, addresses, perhaps a route whose
/// length stands in its first five bits of length.
pub(super) fn token_ring(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (header, inner) = header_bytes
        .split_header::<14>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let &[_, control, _, _, _, _, _, _, source, ..] = header;
    // The first two bits: a frame of logical link control, not of the ring's own management.
    if control >> 6 != 1 {
        return Err(Other::LengthFrame.into());
    }
    if source & SOURCE_ROUTED == 0 {
        return Ok(Decapsulated::new(Protocol::LogicalLink, inner));
    }
    let length = inner.byte(0).ok_or(PacketFault::LinkHeaderCut)? & 0x1f;
    let inner = inner.skip(usize::from(length));
    Ok(Decapsulated::new(
        Protocol::LogicalLink,
        inner.ok_or(PacketFault::LinkHeaderCut)?,
    ))
}

/// FDDI (ANSI X3.139): frame control and addresses.
pub(super) fn fddi(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[control, ..], inner) = header_bytes
        .split_header::<13>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    match control & 0xf0 {
        0x50 => Ok(Decapsulated::new(Protocol::LogicalLink, inner)),
        _ => Err(Other::LengthFrame.into()),
    }
}

/// ARCNET as BSD captures it: two addresses and a protocol.
pub(super) fn arcnet(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[_, _, protocol], inner) = header_bytes
        .split_header::<3>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    behind_arcnet(protocol, inner)
}

/// ARCNET as Linux captures it: behind the addresses an offset of two bytes, and packets put
/// together.
pub(super) fn arcnet_of_linux(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[_, _, _, _, protocol], inner) = header_bytes
        .split_header::<5>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    behind_arcnet(protocol, inner)
}

/// IP by either encoding. The later one has three bytes of fragmentation (RFC 1201, section 2.1),
/// and is read where the packet is whole; the earlier one has none (RFC 1051).
fn behind_arcnet(protocol: u8, header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    const RFC1051_IP: u8 = 240;
    const RFC1051_ARP: u8 = 241;
    const RFC1201_IP: u8 = 212;
    const RFC1201_ARP: u8 = 213;
    match protocol {
        RFC1051_IP => Ok(Decapsulated::new(Protocol::Ip, header_bytes)),
        RFC1201_IP => match header_bytes
            .split_header::<3>()
            .ok_or(PacketFault::LinkHeaderCut)?
        {
            ([0, _, _], inner) => Ok(Decapsulated::new(Protocol::Ip, inner)),
            _ => Err(Other::Fragment.into()),
        },
        RFC1051_ARP | RFC1201_ARP => Err(Other::Arp.into()),
        _ => Err(Other::LengthFrame.into()),
    }
}

/// IP over InfiniBand (tcpdump.org, `LINKTYPE_IPOIB`): 40 bytes of global routing, then an EtherType and
/// two reserved bytes (RFC 4391, section 6).
pub(super) fn infiniband(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (header, inner) = header_bytes
        .split_header::<44>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let &[.., t0, t1, _, _] = header;
    let protocol = Protocol::of_ether_type(u16::from_be_bytes([t0, t1]))?;
    Ok(Decapsulated::new(protocol, inner))
}
