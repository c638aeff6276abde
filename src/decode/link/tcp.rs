//! The TCP header: an IP packet's payload to a [`Segment`].

use std::net::SocketAddr;

use etherparse::TcpSlice;
use etherparse::err::tcp::HeaderSliceError;

use super::content::{Fault, Stop};
use super::excerpt::Excerpt;
use super::internet::Datagram;
use super::scope::Scope;
use super::{Segment, TcpFlags};
use crate::capture::Stamp;

/// The segment that `datagram` carries.
pub(super) fn segment<'a>(
    stamp: Stamp,
    scope: Scope,
    datagram: &Datagram<'a>,
) -> Result<Segment<'a>, Stop> {
    let Excerpt { captured, length } = datagram.payload;
    let tcp = TcpSlice::from_slice(captured).map_err(|error| fault(&error, length))?;
    let payload_length = length
        .checked_sub(tcp.header_slice().len())
        .ok_or(Fault::TcpDataOffset)?;
    let flags = flags(&tcp);
    Ok(Segment {
        stamp,
        source: SocketAddr::new(datagram.source, tcp.source_port()),
        destination: SocketAddr::new(datagram.destination, tcp.destination_port()),
        scope: scope.number(),
        sequence: tcp.sequence_number(),
        acknowledgement: flags
            .contains(TcpFlags::ACK)
            .then(|| tcp.acknowledgment_number()),
        flags,
        window: tcp.window_size(),
        hop_limit: datagram.hop_limit,
        payload: tcp.payload(),
        payload_length: u32::try_from(payload_length).unwrap_or(u32::MAX),
    })
}

/// The control bits, byte 13 of the header (RFC 9293, section 3.1).
fn flags(tcp: &TcpSlice<'_>) -> TcpFlags {
    TcpFlags(tcp.header_slice().get(13).copied().unwrap_or_default())
}

/// Tells a header that the snap length cut from one that its own packet has no room for.
fn fault(error: &HeaderSliceError, length: usize) -> Fault {
    match error {
        HeaderSliceError::Len(error) if error.required_len <= length => Fault::TcpHeaderCut,
        HeaderSliceError::Len(_) | HeaderSliceError::Content(_) => Fault::TcpDataOffset,
    }
}
