//! What a [`FrameReader`](super::FrameReader) emits.

use super::frame::{Frame, FrameHeader, StreamId};
use super::hpack;
use crate::decode::carrier::Carrier;

/// What a reader makes of the next part of a stream.
#[derive(Debug)]
pub enum ReaderItem<'a> {
    /// A frame that is complete or will never be.
    Frame(&'a Frame<'a>),
    /// A frame begins that is longer than its receiver takes, as far as that is known.
    Large {
        /// The nine bytes that it begins with.
        header: FrameHeader,
        /// What carried the first of them.
        began: Carrier,
    },
    /// A part of a DATA frame's payload, padding left out, as it passes.
    Data {
        /// The stream it belongs to.
        stream: StreamId,
        /// The bytes; never empty.
        bytes: &'a [u8],
    },
    /// A part of a DATA frame's payload that was not captured.
    DataMissing {
        /// The stream it belongs to.
        stream: StreamId,
        /// Its length in bytes.
        length: u64,
    },
    /// The reader no longer knows where frames begin.
    Lost {
        /// What made it lose them.
        cause: Loss,
        /// What carried the first byte that cannot be placed.
        carrier: Carrier,
    },
    /// A boundary was found again after [`ReaderItem::Lost`].
    Found {
        /// What carried the boundary.
        carrier: Carrier,
    },
    /// A header block could not be read; header values may be unknown from here on.
    Undecodable {
        /// What was wrong with it.
        fault: hpack::Fault,
        /// What completed the block.
        carrier: Carrier,
    },
}

/// Why frames could no longer be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Bytes are missing from the capture.
    Gap,
    /// The same, and a frame had begun in a TLS record before them.
    TornFrame,
    /// The bytes are no HTTP/2.
    Nonsense,
    /// What was held of them was given up, to stay within bounds.
    GivenUp,
}
