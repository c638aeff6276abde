//! MPLS: labels, and a guess at what they lead to.

use super::header_bytes::HeaderBytes;
use super::protocol::{Decapsulated, Protocol};
use super::stop::{PacketFault, Stop, Tunnel};

/// Labels on one packet before it is given up; providers stack three, segment routing about ten.
const MAXIMUM_LABELS: usize = 16;

/// The label stack (RFC 3032, section 2.1) and what is under it.
///
/// ```text
/// 0        20                23       24             32
/// ┌────────┬─────────────────┬────────┬──────────────┐
/// │ label  │ traffic class   │ bottom │ time to live │  bits, once a label
/// └────────┴─────────────────┴────────┴──────────────┘
/// ```
///
/// Labels mean something to the next router alone and differ by direction: they name no network.
pub(super) fn labels(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let mut rest = header_bytes;
    for _ in 0..MAXIMUM_LABELS {
        let (label, below) = rest.split_header::<4>().ok_or(PacketFault::LinkHeaderCut)?;
        if label[2] & 1 == 1 {
            return under_the_labels(below);
        }
        rest = below;
    }
    Err(PacketFault::Nesting.into())
}

/// Nothing says what labels lead to but the first four bits (RFC 4928, section 2): an IP version, 0 for
/// the control word of a pseudowire (RFC 4385, section 3), 1 for its associated channel. A pseudowire
/// without control word begins with an Ethernet address.
fn under_the_labels(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    match header_bytes.byte(0).ok_or(PacketFault::LinkHeaderCut)? >> 4 {
        4 | 6 => Ok(Decapsulated::new(Protocol::Ip, header_bytes)),
        1 => Err(Tunnel::Mpls.into()),
        0 => {
            let inner = header_bytes.skip(4).ok_or(PacketFault::LinkHeaderCut)?;
            if is_ethernet(inner) {
                return Ok(Decapsulated::new(Protocol::Ethernet, inner));
            }
            ethernet(header_bytes)
        }
        _ => ethernet(header_bytes),
    }
}

fn ethernet(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    if is_ethernet(header_bytes) {
        return Ok(Decapsulated::new(Protocol::Ethernet, header_bytes));
    }
    Err(Tunnel::Mpls.into())
}

/// Whether the number behind two Ethernet addresses is an EtherType that has a decoder.
fn is_ethernet(header_bytes: HeaderBytes<'_>) -> bool {
    let number = header_bytes.word(12).map(Protocol::of_ether_type);
    matches!(number, Some(Ok(protocol)) if protocol != Protocol::LogicalLink)
}
