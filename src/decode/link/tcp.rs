//! The TCP header: an IP packet's payload to a [`Segment`].

use std::net::SocketAddr;

use etherparse::err::tcp::HeaderSliceError;
use etherparse::{TcpHeader, TcpSlice};

use super::header_bytes::HeaderBytes;
use super::internet::Datagram;
use super::scope::NetworkScope;
use super::stop::{PacketFault, Stop};
use super::{Segment, TcpFlags};
use crate::capture::Stamp;

/// The segment that `datagram` carries.
#[inline]
pub(super) fn segment<'a>(
    stamp: Stamp,
    scope: NetworkScope,
    datagram: &Datagram<'a>,
) -> Result<Segment<'a>, Stop> {
    let HeaderBytes { captured, length } = datagram.payload;
    let mut optionless = [0; TcpHeader::MIN_LEN];
    let (tcp, payload, header_length) = match TcpSlice::from_slice(captured) {
        Ok(tcp) => {
            let (payload, header_length) = (tcp.payload(), tcp.header_slice().len());
            (tcp, payload, header_length)
        }
        Err(error) => {
            let header_length = cut_in_options(&error, datagram.payload)?;
            let tcp = without_options(captured, &mut optionless)?;
            (tcp, cut_off(captured), header_length)
        }
    };
    let payload_length = length
        .checked_sub(header_length)
        .ok_or(PacketFault::TcpDataOffset)?;
    let flags = flags(&tcp);
    Ok(Segment {
        stamp,
        source: SocketAddr::new(datagram.source, tcp.source_port()),
        destination: SocketAddr::new(datagram.destination, tcp.destination_port()),
        scope: scope.number(),
        of_any_interface: false,
        sequence: tcp.sequence_number(),
        acknowledgement: flags
            .contains(TcpFlags::ACK)
            .then(|| tcp.acknowledgment_number()),
        flags,
        window: tcp.window_size(),
        hop_limit: datagram.hop_limit,
        identification: datagram.identification,
        timestamp: timestamp(tcp.options()),
        payload,
        payload_length: u32::try_from(payload_length).unwrap_or(u32::MAX),
    })
}

/// The payload of which nothing was captured: the empty end of what was.
fn cut_off(captured: &[u8]) -> &[u8] {
    captured.get(captured.len()..).unwrap_or_default()
}

/// The control bits, byte 13 of the header (RFC 9293, section 3.1).
fn flags(tcp: &TcpSlice<'_>) -> TcpFlags {
    TcpFlags(tcp.header_slice().get(13).copied().unwrap_or_default())
}

/// The sender's clock in a timestamps option (RFC 7323, section 3.2).
///
/// ```text
/// 0      1        2              6              10
/// ┌──────┬────────┬──────────────┬──────────────┐
/// │   8  │   10   │ sender's own │ echo         │
/// └──────┴────────┴──────────────┴──────────────┘
/// ```
#[inline]
fn timestamp(mut options: &[u8]) -> Option<u32> {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const TIMESTAMPS: u8 = 8;
    loop {
        match *options {
            [] | [END, ..] => return None,
            [NO_OPERATION, ref rest @ ..] => options = rest,
            [TIMESTAMPS, 10, a, b, c, d, ..] => return Some(u32::from_be_bytes([a, b, c, d])),
            [_, length, ..] => options = options.get(usize::from(length).max(2)..)?,
            [_] => return None,
        }
    }
}

/// The header's length where the snap length cut its options alone: all that is needed of it is there
/// then. Tells such a header from one cut earlier, and from one its own packet has no room for.
fn cut_in_options(
    error: &HeaderSliceError,
    payload: HeaderBytes<'_>,
) -> Result<usize, PacketFault> {
    match error {
        HeaderSliceError::Len(error) if error.required_len > payload.length => {
            Err(PacketFault::TcpDataOffset)
        }
        HeaderSliceError::Len(_) if payload.captured.len() < TcpHeader::MIN_LEN => {
            Err(PacketFault::TcpHeaderCut)
        }
        HeaderSliceError::Len(error) => Ok(error.required_len),
        HeaderSliceError::Content(_) => Err(PacketFault::TcpDataOffset),
    }
}

/// The header at the front of `captured` as if it had no options.
fn without_options<'a>(
    captured: &[u8],
    header: &'a mut [u8; TcpHeader::MIN_LEN],
) -> Result<TcpSlice<'a>, PacketFault> {
    *header = *captured.first_chunk().ok_or(PacketFault::TcpHeaderCut)?;
    header[12] = 0x50 | header[12] & 0x0f;
    TcpSlice::from_slice(header).map_err(|_| PacketFault::TcpDataOffset)
}
