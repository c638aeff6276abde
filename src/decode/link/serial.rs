//! Point-to-point links: PPP, Cisco HDLC, frame relay, SLIP.

use super::header_bytes::HeaderBytes;
use super::protocol::{Decapsulated, Protocol};
use super::stop::{Other, PacketFault, Stop, Tunnel};

/// The session stage of PPP over Ethernet (RFC 2516, section 4).
///
/// ```text
/// 0                1      2         4        6
/// ┌────────────────┬──────┬─────────┬────────┐
/// │ version 1 type 1 │ code │ session │ length │ PPP
/// └────────────────┴──────┴─────────┴────────┘
/// ```
///
/// A session is between one customer and the provider, who gives each an address of its own: it is no
/// network.
pub(super) fn pppoe(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (header, inner) = header_bytes
        .split_header::<6>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    let &[version, code, _, _, l0, l1] = header;
    if version != 0x11 {
        return Err(PacketFault::LinkHeader.into());
    }
    if code != 0 {
        return Err(Tunnel::Pppoe.into());
    }
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    Ok(Decapsulated::new(Protocol::Ppp, inner.shortened(length)))
}

/// PPP (RFC 1661, section 2), its protocol in two bytes or compressed into one, which is odd
/// (section 6.5). Framing as in HDLC (RFC 1662, section 3.1) may stand in front.
pub(super) fn ppp(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let unframed = match header_bytes.word(0).ok_or(PacketFault::LinkHeaderCut)? {
        0xff03 => header_bytes.skip(2).ok_or(PacketFault::LinkHeaderCut)?,
        _ => header_bytes,
    };
    let number = unframed.word(0).ok_or(PacketFault::LinkHeaderCut)?;
    let (number, length) = match number >> 8 {
        compressed if compressed & 1 == 1 => (compressed, 1),
        _ => (number, 2),
    };
    let protocol = match number {
        0x0021 | 0x0057 => Protocol::Ip,
        0x0281 | 0x0283 => Protocol::Mpls,
        number => return Err(Other::PppProtocol(number).into()),
    };
    let inner = unframed.skip(length).ok_or(PacketFault::LinkHeaderCut)?;
    Ok(Decapsulated::new(protocol, inner))
}

/// PPP or Cisco HDLC, by the first byte (tcpdump.org, `LINKTYPE_PPP_HDLC`). Some write the one under
/// the other's link type.
pub(super) fn ppp_or_cisco_hdlc(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    match header_bytes.word(0) {
        Some(0x0f00 | 0x8f00) => cisco_hdlc(header_bytes),
        _ => ppp(header_bytes),
    }
}

/// Cisco HDLC: an address, a control byte and an EtherType (tcpdump.org, `LINKTYPE_C_HDLC`).
pub(super) fn cisco_hdlc(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[_, _, t0, t1], inner) = header_bytes
        .split_header::<4>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    match u16::from_be_bytes([t0, t1]) {
        // OSI protocols have numbers that would be lengths on Ethernet.
        number @ 0..0x0600 => Err(Other::EtherType(number).into()),
        number => Ok(Decapsulated::new(Protocol::of_ether_type(number)?, inner)),
    }
}

/// Frame relay with an address of two bytes (RFC 2427, section 4): IP by its own identifier, or by the
/// subnetwork access protocol. Cisco's own framing has an EtherType behind the address.
pub(super) fn frame_relay(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let (&[_, _, control, identifier], inner) = header_bytes
        .split_header::<4>()
        .ok_or(PacketFault::LinkHeaderCut)?;
    match (control, identifier) {
        (0x03, 0xcc | 0x8e) => Ok(Decapsulated::new(Protocol::Ip, inner)),
        (0x08, 0x00) | (0x86, 0xdd) => Ok(Decapsulated::new(Protocol::Ip, inner)),
        // A byte of padding, the identifier, an organization and an EtherType.
        (0x03, 0x00) => match inner
            .split_header::<6>()
            .ok_or(PacketFault::LinkHeaderCut)?
        {
            (&[0x80, 0, 0, 0, t0, t1], inner) => {
                let protocol = Protocol::of_ether_type(u16::from_be_bytes([t0, t1]))?;
                Ok(Decapsulated::new(protocol, inner))
            }
            _ => Err(Other::LengthFrame.into()),
        },
        _ => Err(Other::LengthFrame.into()),
    }
}

/// SLIP: a byte that says the direction, and the compressed header as it was sent in 15 more
/// (tcpdump.org, `LINKTYPE_SLIP`); the IP packet behind them is decompressed.
pub(super) fn slip(header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
    let inner = header_bytes.skip(16).ok_or(PacketFault::LinkHeaderCut)?;
    Ok(Decapsulated::new(Protocol::Ip, inner))
}
