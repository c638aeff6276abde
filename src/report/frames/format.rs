//! What a format of frames is.

use std::io;
use std::net::SocketAddr;

use crate::capture::Timestamp;
use crate::decode::http2::Frame;
use crate::inspect::EndNames;

/// A way to print frames one by one: [`FrameText`](super::FrameText), [`FrameJson`](crate::report::json::FrameJson) and
/// [`Http2Debug`](super::Http2Debug).
pub trait FrameFormat {
    /// Appends a frame to `out`, with a line feed at its end.
    ///
    /// # Errors
    ///
    /// None; memory takes all that is written to it.
    fn write(&self, frame: &Frame<'_>, context: &FrameContext, out: &mut Vec<u8>)
    -> io::Result<()>;

    /// How many bytes of each DATA frame the format prints, which decoding must keep until then.
    fn data_bytes(&self) -> usize {
        0
    }
}

/// What a frame does not say itself: the connection that carries it, and when the capture began.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameContext {
    /// The connection's number in this analysis.
    pub connection: u32,
    /// Wireshark's `tcp.stream`.
    pub tcp_stream: u32,
    /// The side that opened the connection.
    pub client: SocketAddr,
    /// The side that accepted it.
    pub server: SocketAddr,
    /// Who they are, as far as known.
    pub names: EndNames,
    /// Time of the capture's first packet, from which elapsed time counts.
    pub epoch: Timestamp,
}
