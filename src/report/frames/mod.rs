//! Every frame, one line each: as text, as JSON, and as Go's debug log would have had it.
//!
//! In: frames as they are decoded. Out: lines. What never happens here: keeping a frame.

mod http2debug;
mod selected;
mod text;

use std::net::SocketAddr;

pub use super::json::frame::json;
pub use http2debug::{LoggedSide, http2debug, logged_data};
pub use selected::Selected;
pub use text::text;

use super::json::Files;
use super::redact::Secrets;
use crate::capture::Timestamp;

/// The connection a frame belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its number in this analysis.
    pub connection: u32,
    /// Wireshark's `tcp.stream`.
    pub tcp_stream: u32,
    /// The side that opened it.
    pub client: SocketAddr,
    /// The side that accepted it.
    pub server: SocketAddr,
}

/// How frames are printed.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether packets need their file named.
    pub files: Files,
    /// Whether secrets are shown.
    pub secrets: Secrets,
    /// The capture's first packet, from which elapsed time counts.
    pub epoch: Timestamp,
}
