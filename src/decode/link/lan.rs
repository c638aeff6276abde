//! Local networks other than Ethernet. What they carry is behind logical link control or an EtherType.

use super::content::{Fault, Other, Stop};
use super::excerpt::Excerpt;
use super::protocol::{Inner, Protocol};

/// Set in the first byte of a source address if a route follows the addresses.
const SOURCE_ROUTED: u8 = 0x80;

/// Token Ring (IEEE 802.5, section 3.2): access and frame control, addresses, perhaps a route whose
/// length stands in its first five bits of length.
pub(super) fn token_ring(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (header, inner) = excerpt.split_header::<14>().ok_or(Fault::LinkHeaderCut)?;
    let &[_, control, _, _, _, _, _, _, source, ..] = header;
    // The first two bits: a frame of logical link control, not of the ring's own management.
    if control >> 6 != 1 {
        return Err(Other::LengthFrame.into());
    }
    if source & SOURCE_ROUTED == 0 {
        return Ok(Inner::new(Protocol::LogicalLink, inner));
    }
    let length = inner.byte(0).ok_or(Fault::LinkHeaderCut)? & 0x1f;
    let inner = inner.skip(usize::from(length));
    Ok(Inner::new(
        Protocol::LogicalLink,
        inner.ok_or(Fault::LinkHeaderCut)?,
    ))
}

/// FDDI (ANSI X3.139): frame control and addresses.
pub(super) fn fddi(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (&[control, ..], inner) = excerpt.split_header::<13>().ok_or(Fault::LinkHeaderCut)?;
    match control & 0xf0 {
        0x50 => Ok(Inner::new(Protocol::LogicalLink, inner)),
        _ => Err(Other::LengthFrame.into()),
    }
}

/// ARCNET as BSD captures it: two addresses and a protocol (RFC 1051; RFC 1201, section 3, whose packets have
/// a fragmentation flag and a sequence number, and are read where they are whole).
pub(super) fn arcnet(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    const RFC1051_IP: u8 = 240;
    const RFC1201_IP: u8 = 212;
    let (&[_, _, protocol], inner) = excerpt.split_header::<3>().ok_or(Fault::LinkHeaderCut)?;
    match protocol {
        RFC1051_IP => Ok(Inner::new(Protocol::Ip, inner)),
        RFC1201_IP => match inner.split_header::<3>().ok_or(Fault::LinkHeaderCut)? {
            ([0, _, _], inner) => Ok(Inner::new(Protocol::Ip, inner)),
            _ => Err(Other::Fragment.into()),
        },
        _ => Err(Other::LengthFrame.into()),
    }
}

/// IP over InfiniBand (tcpdump.org, `LINKTYPE_IPOIB`): 40 bytes of global routing, then an EtherType and
/// two reserved bytes (RFC 4391, section 6).
pub(super) fn infiniband(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let (header, inner) = excerpt.split_header::<44>().ok_or(Fault::LinkHeaderCut)?;
    let &[.., t0, t1, _, _] = header;
    let protocol = Protocol::of_ether_type(u16::from_be_bytes([t0, t1]))?;
    Ok(Inner::new(protocol, inner))
}
