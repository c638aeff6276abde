//! One fragment of an IP packet, as its own headers describe it.

use std::net::IpAddr;

use etherparse::{Ipv6ExtensionSlice, Ipv6Header, LaxIpSlice};

use super::content::{Fault, Other, Stop};
use super::excerpt::Excerpt;

/// A part of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    /// Whose it is.
    pub(super) datagram: Identity,
    /// The IP header, with IPv6 up to and with the fragment header.
    pub(super) headers: &'a [u8],
    /// Where `payload` belongs, in bytes behind the headers.
    pub(super) offset: u32,
    /// Whether others follow.
    pub(super) more: bool,
    /// What it brings.
    pub(super) payload: Excerpt<'a>,
}

/// What all fragments of a datagram share (RFC 791, section 3.2; RFC 8200, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    source: IpAddr,
    destination: IpAddr,
    /// Part of the identity in IPv4 alone; 0 in IPv6.
    protocol: u8,
    identification: u32,
}

/// The fragment that `packet` is, which was read from the front of `excerpt`.
pub(super) fn of<'a>(packet: &LaxIpSlice<'_>, excerpt: Excerpt<'a>) -> Result<Fragment<'a>, Stop> {
    let identity = Identity {
        source: packet.source_addr(),
        destination: packet.destination_addr(),
        protocol: 0,
        identification: 0,
    };
    match packet {
        LaxIpSlice::Ipv4(packet) => {
            let header = packet.header();
            let length = header.slice().len();
            Ok(Fragment {
                datagram: Identity {
                    protocol: header.protocol().0,
                    identification: header.identification().into(),
                    ..identity
                },
                headers: excerpt.captured.get(..length).ok_or(Fault::IpHeaderCut)?,
                offset: u32::from(header.fragments_offset().value()) * 8,
                more: header.more_fragments(),
                payload: payload(excerpt, length, header.total_len().into())?,
            })
        }
        LaxIpSlice::Ipv6(packet) => {
            let mut length = Ipv6Header::LEN;
            for extension in packet.extensions().clone() {
                length += match &extension {
                    Ipv6ExtensionSlice::HopByHop(header)
                    | Ipv6ExtensionSlice::Routing(header)
                    | Ipv6ExtensionSlice::DestinationOptions(header) => header.slice().len(),
                    Ipv6ExtensionSlice::Authentication(header) => header.slice().len(),
                    Ipv6ExtensionSlice::Fragment(header) => header.slice().len(),
                };
                let Ipv6ExtensionSlice::Fragment(header) = extension else {
                    continue;
                };
                if !header.is_fragmenting_payload() {
                    continue;
                }
                let end = Ipv6Header::LEN + usize::from(packet.header().payload_length());
                let headers = excerpt.captured.get(..length).ok_or(Fault::IpHeaderCut)?;
                return Ok(Fragment {
                    datagram: Identity {
                        identification: header.identification(),
                        ..identity
                    },
                    headers,
                    offset: u32::from(header.fragment_offset().value()) * 8,
                    more: header.more_fragments(),
                    payload: payload(excerpt, length, end)?,
                });
            }
            Err(Other::Fragment.into())
        }
    }
}

/// What is between the headers and the packet's stated end. No offloading leaves a fragment's length
/// unwritten.
fn payload(excerpt: Excerpt<'_>, headers: usize, end: usize) -> Result<Excerpt<'_>, Stop> {
    let length = end.checked_sub(headers).ok_or(Fault::IpLength)?;
    let payload = excerpt.skip(headers).ok_or(Fault::IpHeaderCut)?;
    let captured = payload.captured.get(..length).unwrap_or(payload.captured);
    Ok(Excerpt { captured, length })
}
