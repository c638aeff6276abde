//! Error codes of RST_STREAM and GOAWAY (RFC 9113, section 7).

use std::fmt;

/// An error code, unknown ones kept. Displays as its RFC name or `0x…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// No error: a connection or stream ends gracefully.
    pub const NO_ERROR: Self = Self(0x0);
    /// The peer broke the protocol in a way that no other code names.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// Something failed inside the sender.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// The sender found its window overrun.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// A frame came on a stream that was closed.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame had a size that is not allowed.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// Not processed at all: safe to retry (RFC 9113, section 8.7).
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The sender no longer needs the stream.
    pub const CANCEL: Self = Self(0x8);
    /// Header compression went out of step.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The peer generates excessive load.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// nghttp2's -902, its user's callback failed: with it Apache httpd ends a connection that it stops.
    pub const CALLBACK_FAILURE: Self = Self(0xffff_fc7a);
    /// The sender wants HTTP/1.1 for what was asked of it.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);

    /// The RFC's name, if the code has one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x0 => "NO_ERROR",
            0x1 => "PROTOCOL_ERROR",
            0x2 => "INTERNAL_ERROR",
            0x3 => "FLOW_CONTROL_ERROR",
            0x4 => "SETTINGS_TIMEOUT",
            0x5 => "STREAM_CLOSED",
            0x6 => "FRAME_SIZE_ERROR",
            0x7 => "REFUSED_STREAM",
            0x8 => "CANCEL",
            0x9 => "COMPRESSION_ERROR",
            0xa => "CONNECT_ERROR",
            0xb => "ENHANCE_YOUR_CALM",
            0xc => "INADEQUATE_SECURITY",
            0xd => "HTTP_1_1_REQUIRED",
            _ => return None,
        })
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "{:#x}", self.0),
        }
    }
}
