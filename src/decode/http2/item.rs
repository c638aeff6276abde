//! What a [`FrameReader`](super::FrameReader) gives.

use super::frame::{Frame, StreamId};
use super::hpack;
use crate::decode::Carrier;

/// What a reader gives.
#[derive(Debug)]
pub enum ReaderItem<'a> {
    /// A frame, complete.
    Frame(Frame<'a>),
    /// A part of a DATA frame's payload, padding left out, as it passes.
    Data {
        /// Its stream.
        stream: StreamId,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A part of a DATA frame's payload that was not captured.
    DataMissing {
        /// Its stream.
        stream: StreamId,
        /// How many bytes.
        length: u64,
    },
    /// The reader no longer knows where frames begin.
    Lost {
        /// Why.
        cause: Loss,
        /// Where.
        carrier: Carrier,
    },
    /// A boundary was found again after [`ReaderItem::Lost`].
    Found {
        /// Where.
        carrier: Carrier,
    },
    /// A header block could not be read; header values may be unknown from here on.
    Undecodable {
        /// What was wrong with it.
        fault: hpack::Fault,
        /// Where.
        carrier: Carrier,
    },
}

/// Why frames could no longer be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Bytes are missing from the capture.
    Gap,
    /// The bytes are no HTTP/2.
    Nonsense,
    /// What was held of them was given up, to stay within bounds.
    GivenUp,
}
