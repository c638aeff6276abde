//! Payload bytes to what they say.
//!
//! In: a frame's header and its whole payload. Out: a [`Payload`], or where it holds a part of a
//! header block, that [`HeaderBlockFragment`]; decoding the block takes the state of a direction.

use super::error_code::ErrorCode;
use super::frame::{Flags, FrameHeader, FrameType, Malformation, Payload, Priority, StreamId};
use super::setting::Settings;

/// The part of a header block in a HEADERS, PUSH_PROMISE or CONTINUATION payload.
pub(super) struct HeaderBlockFragment<'a> {
    pub(super) priority: Option<Priority>,
    pub(super) promised: StreamId,
    pub(super) bytes: &'a [u8],
}

impl<'a> HeaderBlockFragment<'a> {
    /// Takes off what stands around the fragment (RFC 9113, sections 6.2, 6.6 and 6.10).
    ///
    /// ```text
    /// [Pad Length (8)]  [Priority (40)] or [Promised Stream (32)]  Fragment  [Padding]
    /// ```
    pub(super) fn of(header: FrameHeader, payload: &'a [u8]) -> Result<Self, Malformation> {
        let mut bytes = payload;
        if header.kind == FrameType::CONTINUATION {
            return Ok(Self {
                priority: None,
                promised: StreamId::CONNECTION,
                bytes,
            });
        }
        if header.flags.contains(Flags::PADDED) {
            let (padding, rest) = bytes.split_first().ok_or(Malformation::Length)?;
            let length = rest.len().checked_sub(usize::from(*padding));
            bytes = length
                .and_then(|length| rest.get(..length))
                .ok_or(Malformation::Padding)?;
        }
        let mut promised = StreamId::CONNECTION;
        if header.kind == FrameType::PUSH_PROMISE {
            let (stream, rest) = bytes.split_first_chunk().ok_or(Malformation::Length)?;
            promised = StreamId(u32::from_be_bytes(*stream) & StreamId::MAX.0);
            bytes = rest;
        }
        let mut priority = None;
        if header.kind == FrameType::HEADERS && header.flags.contains(Flags::PRIORITY) {
            let (fields, rest) = bytes.split_first_chunk().ok_or(Malformation::Length)?;
            priority = Some(read_priority(fields));
            bytes = rest;
        }
        Ok(Self {
            priority,
            promised,
            bytes,
        })
    }
}

/// The payload of a frame without a header block. DATA never comes here.
pub(super) fn simple_payload(header: FrameHeader, payload: &[u8]) -> Payload<'_> {
    let read = || {
        Some(match header.kind {
            FrameType::PRIORITY => Payload::Priority(read_priority(payload.try_into().ok()?)),
            FrameType::RST_STREAM => {
                let code = u32::from_be_bytes(payload.try_into().ok()?);
                Payload::ResetStream {
                    error: ErrorCode(code),
                }
            }
            FrameType::SETTINGS if payload.len().is_multiple_of(6) => {
                Payload::Settings(Settings::new(payload))
            }
            FrameType::PING => Payload::Ping(payload.try_into().ok()?),
            FrameType::GOAWAY => goaway(payload)?,
            FrameType::WINDOW_UPDATE => {
                let increment = u32::from_be_bytes(payload.try_into().ok()?);
                Payload::WindowUpdate {
                    increment: increment & StreamId::MAX.0,
                }
            }
            kind if kind.name().is_none() => Payload::Unknown,
            _ => return None,
        })
    };
    read().unwrap_or(Payload::Malformed(Malformation::Length))
}

/// ```text
/// +-+-------------------------------------------------------------+
/// |R|                  Last-Stream-ID (31)                        |
/// +-+-------------------------------------------------------------+
/// |                      Error Code (32)                          |
/// +---------------------------------------------------------------+
/// |                  Additional Debug Data (*)                    |
/// +---------------------------------------------------------------+
/// ```
pub(super) fn goaway(payload: &[u8]) -> Option<Payload<'_>> {
    let (last, rest) = payload.split_first_chunk()?;
    let (code, debug_data) = rest.split_first_chunk()?;
    Some(Payload::GoAway {
        last_stream_id: StreamId(u32::from_be_bytes(*last) & StreamId::MAX.0),
        error: ErrorCode(u32::from_be_bytes(*code)),
        debug_data,
    })
}

fn read_priority(fields: &[u8; 5]) -> Priority {
    let [d0, d1, d2, d3, weight] = *fields;
    let dependency = u32::from_be_bytes([d0, d1, d2, d3]);
    Priority {
        exclusive: dependency > StreamId::MAX.0,
        dependency: StreamId(dependency & StreamId::MAX.0),
        weight,
    }
}
