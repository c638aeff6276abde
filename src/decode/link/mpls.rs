//! MPLS: labels, and a guess at what they lead to.

use super::content::{Fault, Stop, Tunnel};
use super::excerpt::Excerpt;
use super::protocol::{Inner, Protocol};

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
pub(super) fn labels(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    let mut rest = excerpt;
    for _ in 0..MAXIMUM_LABELS {
        let (label, below) = rest.split_header::<4>().ok_or(Fault::LinkHeaderCut)?;
        if label[2] & 1 == 1 {
            return under_the_labels(below);
        }
        rest = below;
    }
    Err(Fault::Nesting.into())
}

/// Nothing says what labels lead to but the first four bits (RFC 4928, section 2): an IP version, 0 for
/// the control word of a pseudowire (RFC 4385, section 3), 1 for its associated channel. A pseudowire
/// without control word begins with an Ethernet address.
fn under_the_labels(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    match excerpt.byte(0).ok_or(Fault::LinkHeaderCut)? >> 4 {
        4 | 6 => Ok(Inner::new(Protocol::Ip, excerpt)),
        1 => Err(Tunnel::Mpls.into()),
        0 => {
            let inner = excerpt.skip(4).ok_or(Fault::LinkHeaderCut)?;
            if is_ethernet(inner) {
                return Ok(Inner::new(Protocol::Ethernet, inner));
            }
            ethernet(excerpt)
        }
        _ => ethernet(excerpt),
    }
}

fn ethernet(excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
    if is_ethernet(excerpt) {
        return Ok(Inner::new(Protocol::Ethernet, excerpt));
    }
    Err(Tunnel::Mpls.into())
}

/// Whether the number behind two Ethernet addresses is an EtherType that has a decoder.
fn is_ethernet(excerpt: Excerpt<'_>) -> bool {
    let number = excerpt.word(12).map(Protocol::of_ether_type);
    matches!(number, Some(Ok(protocol)) if protocol != Protocol::LogicalLink)
}
