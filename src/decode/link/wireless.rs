//! IEEE 802.11 and what capture tools put in front of it.

use super::header_bytes::HeaderBytes;
use super::protocol::{Decapsulated, Protocol};
use super::stop::{Other, PacketFault, Stop};
use crate::capture::LinkType;

/// Bits of the frame control field, its first byte higher (IEEE 802.11, section 9.2.4.1).
const TYPE: u16 = 0x0c00;
const DATA: u16 = 0x0800;
const QUALITY_OF_SERVICE: u16 = 0x8000;
const WITHOUT_DATA: u16 = 0x4000;
const BOTH_SYSTEMS: u16 = 0x0003;
const PROTECTED: u16 = 0x0040;
const ORDER: u16 = 0x0080;

/// Set in the first byte of quality of service if the frame holds several frames (section 9.2.4.5).
const AGGREGATED: u8 = 0x80;

/// A frame: data without encryption leads on to logical link control.
///
/// ```text
/// 0         2          4                       24          +6           +2        +4
/// ┌─────────┬──────────┬───────────────────────┬───────────┬────────────┬─────────┐
/// │ control │ duration │ 3 addresses, sequence │ address 4 │ QoS        │ HT      │
/// └─────────┴──────────┴───────────────────────┴───────────┴────────────┴─────────┘
///                                                each where its bits say
/// ```
pub(super) fn frame(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    body(header_bytes, Padding::None)
}

/// Whether bytes were added between header and body, as some devices do so that the body begins at
/// a word's border.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Padding {
    None,
    ToWord,
}

fn body(header_bytes: HeaderBytes<'_>, padding: Padding) -> Result<Decapsulated<'_>, Stop> {
    let control = header_bytes.word(0).ok_or(PacketFault::LinkHeaderCut)?;
    if control & TYPE != DATA || control & WITHOUT_DATA != 0 {
        return Err(Other::Wireless.into());
    }
    if control & PROTECTED != 0 {
        return Err(Other::WirelessEncrypted.into());
    }
    let addresses = if control & BOTH_SYSTEMS == BOTH_SYSTEMS {
        30
    } else {
        24
    };
    let mut length = addresses;
    if control & QUALITY_OF_SERVICE != 0 {
        if header_bytes
            .byte(addresses)
            .ok_or(PacketFault::LinkHeaderCut)?
            & AGGREGATED
            != 0
        {
            return Err(Other::Wireless.into());
        }
        length += 2;
        if control & ORDER != 0 {
            length += 4;
        }
    }
    if padding == Padding::ToWord {
        length = length.next_multiple_of(4);
    }
    let inner = header_bytes
        .skip(length)
        .ok_or(PacketFault::LinkHeaderCut)?;
    Ok(Decapsulated::new(Protocol::LogicalLink, inner))
}

/// Radiotap (radiotap.org): its length at byte 2, then words that say which fields are present, the last
/// without its highest bit. The second field, one byte of flags behind eight of time, tells of padding.
pub(super) fn radiotap(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    const TIME: u32 = 1;
    const FLAGS: u32 = 2;
    const MORE: u32 = 1 << 31;
    const PADDED: u8 = 0x20;
    let (&[_, _, l0, l1, p0, p1, p2, p3], mut rest) = header_bytes
        .split_header::<8>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let inner = header_bytes
        .skip(length)
        .ok_or(PacketFault::LinkHeaderCut)?;
    let present = u32::from_le_bytes([p0, p1, p2, p3]);
    let mut word = present;
    while word & MORE != 0 {
        let (next, behind) = rest.split_header::<4>().ok_or(PacketFault::LinkHeaderCut)?;
        word = u32::from_le_bytes(*next);
        rest = behind;
    }
    if present & FLAGS == 0 {
        return body(inner, Padding::None);
    }
    // Fields lie at multiples of their size, counted from the beginning of the header.
    let fields = header_bytes.captured.len() - rest.captured.len();
    let flags = match present & TIME {
        0 => fields,
        _ => fields.next_multiple_of(8) + 8,
    };
    match header_bytes.byte(flags).ok_or(PacketFault::LinkHeaderCut)? & PADDED {
        0 => body(inner, Padding::None),
        _ => body(inner, Padding::ToWord),
    }
}

/// Prism's header or AVS's, whose numbers are in network byte order (tcpdump.org,
/// `LINKTYPE_IEEE802_11_PRISM` and `…_AVS`). Both have their own length in the second word, and
/// under Prism's link type files hold either.
pub(super) fn prism(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    const AVS: u32 = 0x8021_1000;
    let (&[v0, v1, v2, v3, l0, l1, l2, l3], _) = header_bytes
        .split_header::<8>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let length = if u32::from_be_bytes([v0, v1, v2, v3]) & 0xffff_f000 == AVS {
        u32::from_be_bytes([l0, l1, l2, l3])
    } else {
        // Prism's is in the byte order of the host; a header longer than 16 MiB is a mirrored one.
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        length.min(length.swap_bytes())
    };
    let inner = header_bytes
        .skip(length as usize)
        .ok_or(PacketFault::LinkHeaderCut)?;
    Ok(Decapsulated::new(Protocol::Wireless, inner))
}

/// Per-packet information (tcpdump.org, `LINKTYPE_PPI`): version, flags, length, and the link type of
/// what follows, in little-endian byte order.
pub(super) fn per_packet_information(
    header_bytes: HeaderBytes<'_>,
) -> Result<Decapsulated<'_>, Stop> {
    let (&[_, _, l0, l1, t0, t1, t2, t3], _) = header_bytes
        .split_header::<8>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 8 {
        return Err(PacketFault::LinkHeader.into());
    }
    let inner = header_bytes
        .skip(length)
        .ok_or(PacketFault::LinkHeaderCut)?;
    let link_type = LinkType(u32::from_le_bytes([t0, t1, t2, t3]));
    Ok(Decapsulated::new(Protocol::of_link_type(link_type)?, inner))
}
