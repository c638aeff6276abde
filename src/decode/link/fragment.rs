//! One fragment of an IP packet, as its own headers describe it.

use std::net::IpAddr;

use etherparse::{Ipv6ExtensionSlice, Ipv6Header, LaxIpSlice};

use super::header_bytes::HeaderBytes;
use super::stop::{Other, PacketFault, Stop};

/// A part of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpFragment<'a> {
    /// Whose it is.
    pub(super) datagram: DatagramId,
    /// The IP header, with IPv6 up to and with the fragment header.
    pub(super) headers: &'a [u8],
    /// Where `payload` belongs, in bytes behind the headers.
    pub(super) offset: u32,
    /// Whether others follow.
    pub(super) more: bool,
    /// What it brings.
    pub(super) payload: HeaderBytes<'a>,
}

/// What all fragments of a datagram share (RFC 791, section 3.2; RFC 8200, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DatagramId {
    source: IpAddr,
    destination: IpAddr,
    /// Part of the identity in IPv4 alone; 0 in IPv6.
    protocol: u8,
    identification: u32,
}

/// The fragment that `packet` is, which was read from the front of `header_bytes`.
pub(super) fn of<'a>(
    packet: &LaxIpSlice<'_>,
    header_bytes: HeaderBytes<'a>,
) -> Result<IpFragment<'a>, Stop> {
    let identity = DatagramId {
        source: packet.source_addr(),
        destination: packet.destination_addr(),
        protocol: 0,
        identification: 0,
    };
    match packet {
        LaxIpSlice::Ipv4(packet) => {
            let header = packet.header();
            let length = header.slice().len();
            Ok(IpFragment {
                datagram: DatagramId {
                    protocol: header.protocol().0,
                    identification: header.identification().into(),
                    ..identity
                },
                headers: header_bytes
                    .captured
                    .get(..length)
                    .ok_or(PacketFault::IpHeaderCut)?,
                offset: u32::from(header.fragments_offset().value()) * 8,
                more: header.more_fragments(),
                payload: payload(header_bytes, length, header.total_len().into())?,
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
                let headers = header_bytes
                    .captured
                    .get(..length)
                    .ok_or(PacketFault::IpHeaderCut)?;
                return Ok(IpFragment {
                    datagram: DatagramId {
                        identification: header.identification(),
                        ..identity
                    },
                    headers,
                    offset: u32::from(header.fragment_offset().value()) * 8,
                    more: header.more_fragments(),
                    payload: payload(header_bytes, length, end)?,
                });
            }
            Err(Other::Fragment.into())
        }
    }
}

/// What is between the headers and the packet's stated end. No offloading leaves a fragment's length
/// unwritten.
fn payload(
    header_bytes: HeaderBytes<'_>,
    headers: usize,
    end: usize,
) -> Result<HeaderBytes<'_>, Stop> {
    let length = end.checked_sub(headers).ok_or(PacketFault::IpLength)?;
    let payload = header_bytes.skip(headers).ok_or(PacketFault::IpHeaderCut)?;
    let captured = payload.captured.get(..length).unwrap_or(payload.captured);
    Ok(HeaderBytes { captured, length })
}
