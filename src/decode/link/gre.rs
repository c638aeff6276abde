//! Generic routing encapsulation, and the mirrored frames that switches send in it.

use super::header_bytes::HeaderBytes;
use super::protocol::{Decapsulated, Protocol};
use super::stop::{Other, PacketFault, Stop, Tunnel};

/// EtherTypes that mean something else, or something only, within GRE.
const BRIDGED_ETHERNET: u16 = 0x6558;
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
const WCCP: u16 = 0x883e;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// GRE (RFC 2784 with RFC 2890's extensions; version 1, RFC 2637's, for PPP alone).
///
/// ```text
/// 0       2           4                     +4    +4         +4
/// ┌───────┬───────────┬─────────────────────┬─────┬──────────┬─────────────────┐
/// │ flags │ EtherType │ checksum, reserved  │ key │ sequence │ acknowledgement │
/// └───────┴───────────┴─────────────────────┴─────┴──────────┴─────────────────┘
///                       each where its flag says
/// ```
pub(super) fn gre(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[f0, f1, t0, t1], mut rest) = header_bytes
        .split_header::<4>()
        .ok_or(PacketFault::TunnelHeaderCut)?;
    let flags = u16::from_be_bytes([f0, f1]);
    let ether_type = u16::from_be_bytes([t0, t1]);
    // Source routes are long deprecated (RFC 2784, section 2.3); later versions do not exist.
    if flags & ROUTING != 0 || flags & VERSION > 1 {
        return Err(Tunnel::Gre.into());
    }
    let mut key = None;
    for flag in [CHECKSUM, KEY, SEQUENCE, ACKNOWLEDGEMENT] {
        if flags & flag == 0 || flag == ACKNOWLEDGEMENT && flags & VERSION == 0 {
            continue;
        }
        let (field, behind) = rest
            .split_header::<4>()
            .ok_or(PacketFault::TunnelHeaderCut)?;
        if flag == KEY {
            key = Some(u32::from_be_bytes(*field));
        }
        rest = behind;
    }
    let inner = match ether_type {
        ERSPAN => return mirrored(rest, flags & SEQUENCE != 0),
        ERSPAN_III => return mirrored_iii(rest),
        WCCP => redirected(rest)?,
        number => Decapsulated::new(protocol(number)?, rest),
    };
    Ok(match key {
        // In version 1 the key is a length and a call, of which each direction has its own.
        Some(key) if flags & VERSION == 0 => inner.within(Tunnel::Gre, network(key, ether_type)),
        _ => inner,
    })
}

/// The network that a key names. Over bridged Ethernet its last byte is left out: to NVGRE it
/// is a flow's hash, which differs by direction (RFC 7637, section 3.2).
const fn network(key: u32, ether_type: u16) -> u32 {
    match ether_type {
        BRIDGED_ETHERNET => key >> 8,
        _ => key,
    }
}

fn protocol(ether_type: u16) -> Result<Protocol, Stop> {
    match Protocol::of_ether_type(ether_type) {
        // Keepalives have number 0 and nothing behind it; a length is no protocol.
        Ok(Protocol::LogicalLink) | Err(Stop::Other(Other::EtherType(_))) => {
            Err(Tunnel::Gre.into())
        }
        protocol => protocol,
    }
}

/// ERSPAN types I and II (draft-foschiano-erspan-03, sections 4.1 and 4.2): a mirrored Ethernet frame,
/// behind a header of eight bytes where GRE counts packets. Sessions may mirror one direction each:
/// they name no network.
fn mirrored(header_bytes: HeaderBytes<'_>, is_counted: bool) -> Result<Decapsulated<'_>, Stop> {
    if !is_counted {
        return Ok(Decapsulated::new(Protocol::Ethernet, header_bytes));
    }
    let (header, inner) = header_bytes
        .split_header::<8>()
        .ok_or(PacketFault::TunnelHeaderCut)?;
    match header[0] >> 4 {
        1 => Ok(Decapsulated::new(Protocol::Ethernet, inner)),
        _ => Err(Tunnel::Gre.into()),
    }
}

/// ERSPAN type III (the same draft, section 4.3): twelve bytes, and eight more where the last bit says
/// so. Five bits say whether an Ethernet frame or an IP packet follows.
fn mirrored_iii(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (header, inner) = header_bytes
        .split_header::<12>()
        .ok_or(PacketFault::TunnelHeaderCut)?;
    let &[version, .., kind, last] = header;
    let inner = match last & 1 {
        0 => inner,
        _ => inner.skip(8).ok_or(PacketFault::TunnelHeaderCut)?,
    };
    match (version >> 4, kind >> 2 & 0x1f) {
        (2, 0) => Ok(Decapsulated::new(Protocol::Ethernet, inner)),
        (2, 2) => Ok(Decapsulated::new(Protocol::Ip, inner)),
        _ => Err(Tunnel::Gre.into()),
    }
}

/// A packet on its way to a web cache, behind four bytes in version 2 of the protocol
/// (draft-wilson-wrec-wccp-v2-01, section 4.12), which no IP packet begins with.
fn redirected(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    if let Some(ip) = Protocol::of_ip_version(header_bytes) {
        return Ok(Decapsulated::new(ip, header_bytes));
    }
    let inner = header_bytes.skip(4).ok_or(PacketFault::TunnelHeaderCut)?;
    Ok(Decapsulated::new(Protocol::Ip, inner))
}
