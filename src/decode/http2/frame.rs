//! Frames (RFC 9113, sections 4.1 and 6): the header every one begins with, and each type's payload.

use std::fmt;
use std::ops::Range;

use super::error_code::ErrorCode;
use super::hpack::HeaderBlock;
use super::setting::Settings;
use crate::capture::Stamp;
use crate::decode::carrier::Carrier;
use crate::decode::direction::Direction;

/// A stream's identifier, 31 bits (RFC 9113, section 5.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

impl StreamId {
    /// Stream 0, the connection itself.
    pub const CONNECTION: Self = Self(0);
    /// 2^31-1: as a GOAWAY's last stream id it announces and condemns nothing.
    pub const MAX: Self = Self(0x7fff_ffff);

    /// Whether a client opens streams of this number.
    #[must_use]
    pub const fn is_client_initiated(self) -> bool {
        self.0 % 2 == 1
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A frame's type, unknown ones kept. Displays as its RFC name or `UNKNOWN_0x…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameType(pub u8);

impl FrameType {
    /// RFC 9113, section 6.1.
    pub const DATA: Self = Self(0x0);
    /// RFC 9113, section 6.2.
    pub const HEADERS: Self = Self(0x1);
    /// RFC 9113, section 6.3.
    pub const PRIORITY: Self = Self(0x2);
    /// RFC 9113, section 6.4.
    pub const RST_STREAM: Self = Self(0x3);
    /// RFC 9113, section 6.5.
    pub const SETTINGS: Self = Self(0x4);
    /// RFC 9113, section 6.6.
    pub const PUSH_PROMISE: Self = Self(0x5);
    /// RFC 9113, section 6.7.
    pub const PING: Self = Self(0x6);
    /// RFC 9113, section 6.8.
    pub const GOAWAY: Self = Self(0x7);
    /// RFC 9113, section 6.9.
    pub const WINDOW_UPDATE: Self = Self(0x8);
    /// RFC 9113, section 6.10.
    pub const CONTINUATION: Self = Self(0x9);

    /// The RFC's name, if the type is one of RFC 9113.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::DATA => "DATA",
            Self::HEADERS => "HEADERS",
            Self::PRIORITY => "PRIORITY",
            Self::RST_STREAM => "RST_STREAM",
            Self::SETTINGS => "SETTINGS",
            Self::PUSH_PROMISE => "PUSH_PROMISE",
            Self::PING => "PING",
            Self::GOAWAY => "GOAWAY",
            Self::WINDOW_UPDATE => "WINDOW_UPDATE",
            Self::CONTINUATION => "CONTINUATION",
            _ => return None,
        })
    }
}

impl fmt::Display for FrameType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "UNKNOWN_{:#x}", self.0),
        }
    }
}

/// A frame's flags; what a bit means depends on the type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// On DATA and HEADERS: the sender is done with the stream.
    pub const END_STREAM: Self = Self(0x1);
    /// On SETTINGS and PING: the answer to the peer's.
    pub const ACK: Self = Self(0x1);
    /// On HEADERS, PUSH_PROMISE and CONTINUATION: the header block ends here.
    pub const END_HEADERS: Self = Self(0x4);
    /// On DATA, HEADERS and PUSH_PROMISE: padding follows.
    pub const PADDED: Self = Self(0x8);
    /// On HEADERS: priority fields come first.
    pub const PRIORITY: Self = Self(0x20);

    /// Whether all bits of `flags` are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// The set bits of a frame of this type, lowest first: each with its name, if it has one there.
    pub fn named(self, of: FrameType) -> impl Iterator<Item = (u8, Option<&'static str>)> {
        (0..8)
            .map(|shift| 1_u8 << shift)
            .filter(move |bit| self.0 & bit != 0)
            .map(move |bit| {
                let name = match (of, Self(bit)) {
                    (FrameType::SETTINGS | FrameType::PING, Self::ACK) => Some("ACK"),
                    (FrameType::DATA | FrameType::HEADERS, Self::END_STREAM) => Some("END_STREAM"),
                    (
                        FrameType::HEADERS | FrameType::PUSH_PROMISE | FrameType::CONTINUATION,
                        Self::END_HEADERS,
                    ) => Some("END_HEADERS"),
                    (
                        FrameType::DATA | FrameType::HEADERS | FrameType::PUSH_PROMISE,
                        Self::PADDED,
                    ) => Some("PADDED"),
                    (FrameType::HEADERS, Self::PRIORITY) => Some("PRIORITY"),
                    _ => None,
                };
                (bit, name)
            })
    }
}

/// The nine bytes every frame begins with (RFC 9113, section 4.1).
///
/// ```text
/// +-----------------------------------------------+
/// |                 Length (24)                   |
/// +---------------+---------------+---------------+
/// |   Type (8)    |   Flags (8)   |
/// +-+-------------+---------------+-------------------------------+
/// |R|                 Stream Identifier (31)                      |
/// +-+-------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length of the payload in bytes, padding included.
    pub length: u32,
    /// What the frame is, such as HEADERS.
    pub kind: FrameType,
    /// Its flags, whose meaning depends on the type.
    pub flags: Flags,
    /// The reserved bit; an honest peer sends it unset.
    pub reserved: bool,
    /// The stream it belongs to.
    pub stream: StreamId,
}

impl FrameHeader {
    /// Its length in bytes.
    pub const LENGTH: usize = 9;

    /// Reads a header; every nine bytes are one.
    #[must_use]
    pub fn parse(bytes: &[u8; Self::LENGTH]) -> Self {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *bytes;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]);
        Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind: FrameType(kind),
            flags: Flags(flags),
            reserved: stream > StreamId::MAX.0,
            stream: StreamId(stream & StreamId::MAX.0),
        }
    }
}

/// A stream's dependency and weight, deprecated but still sent (RFC 9113, section 5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// Whether the dependency is exclusive.
    pub exclusive: bool,
    /// The stream depended on.
    pub dependency: StreamId,
    /// Weight as sent, one less than it means.
    pub weight: u8,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// DATA: bytes counted, only as many kept as were asked for.
    Data {
        /// Payload without padding, in bytes.
        length: u32,
        /// The first bytes of it, as far as kept and captured.
        prefix: &'a [u8],
    },
    /// HEADERS (RFC 9113, section 6.2).
    Headers {
        /// Its priority fields, where it has them.
        priority: Option<Priority>,
        /// The decoded block, on the frame that ends it.
        block: Option<&'a HeaderBlock>,
    },
    /// PRIORITY (RFC 9113, section 6.3).
    Priority(Priority),
    /// RST_STREAM (RFC 9113, section 6.4).
    ResetStream {
        /// Why its sender ended the stream.
        error: ErrorCode,
    },
    /// SETTINGS; empty on an acknowledgement.
    Settings(Settings<'a>),
    /// PUSH_PROMISE (RFC 9113, section 6.6).
    PushPromise {
        /// The stream the promised answer will come on.
        promised: StreamId,
        /// The decoded block, on the frame that ends it.
        block: Option<&'a HeaderBlock>,
    },
    /// PING and its acknowledgement.
    Ping([u8; 8]),
    /// GOAWAY (RFC 9113, section 6.8).
    GoAway {
        /// The highest stream its sender may have processed.
        last_stream_id: StreamId,
        /// Why its sender ends the connection.
        error: ErrorCode,
        /// Opaque bytes for humans.
        debug_data: &'a [u8],
    },
    /// WINDOW_UPDATE (RFC 9113, section 6.9).
    WindowUpdate {
        /// Bytes more that its receiver may send.
        increment: u32,
    },
    /// CONTINUATION (RFC 9113, section 6.10).
    Continuation {
        /// The decoded block, on the frame that ends it.
        block: Option<EndedBlock<'a>>,
    },
    /// A type this decoder does not know; its bytes are skipped, as RFC 9113, section 5.5 asks.
    Unknown,
    /// A payload that its type does not allow, or that was not captured whole.
    Malformed(Malformation),
}

/// A header block that CONTINUATION frames completed.
#[derive(Clone, Copy, Debug)]
pub struct EndedBlock<'a> {
    /// The type of the frame that began it: HEADERS or PUSH_PROMISE.
    pub kind: FrameType,
    /// That frame's flags: END_STREAM takes effect with the block.
    pub flags: Flags,
    /// The decoded block, of all its frames.
    pub block: &'a HeaderBlock,
}

/// Why a payload cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformation {
    /// Too short or too long for its type (RFC 9113, section 4.2).
    Length,
    /// More padding than payload (RFC 9113, section 6.1).
    Padding,
    /// Longer than this decoder keeps.
    TooLong,
    /// Bytes of it are missing from the capture.
    Incomplete,
}

impl Malformation {
    /// What to call it in a sentence about the frame.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Length => "has a length its type does not allow",
            Self::Padding => "has more padding than payload",
            Self::TooLong => "is longer than is kept",
            Self::Incomplete => "is not whole in the capture",
        }
    }
}

/// One frame, where it was seen and what it says.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// Which way it went.
    pub direction: Direction,
    /// The nine bytes that it begins with.
    pub header: FrameHeader,
    /// What is behind the header, as far as it can be read.
    pub payload: Payload<'a>,
    /// What first carried its first byte.
    pub began: Carrier,
    /// What carried its last byte, or the end of the TLS record that its last byte was in.
    pub completed: Carrier,
    /// The packet with which its sender's stream was whole up to its end: that one, or one that filled a hole before
    /// it. Nobody can have read the frame earlier.
    pub whole: Stamp,
    /// Its place in the sender's TCP stream, header included; of a frame that was encrypted the
    /// place of the records that carried it.
    pub span: Range<u64>,
}
