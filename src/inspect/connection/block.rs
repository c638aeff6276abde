//! What is known of a HEADERS frame's header block.

use crate::decode::http2::hpack::HeaderBlock;

/// What is known of a HEADERS frame's header block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block<'a> {
    Read(&'a HeaderBlock),
    /// CONTINUATION frames follow.
    Unfinished,
    /// It was not captured whole: what its frame's header says still counts.
    Hidden,
    /// The frame breaks its format.
    Malformed,
}

impl<'a> Block<'a> {
    /// Its fields, where they could be read.
    pub(super) const fn read(self) -> Option<&'a HeaderBlock> {
        match self {
            Self::Read(block) => Some(block),
            Self::Unfinished | Self::Hidden | Self::Malformed => None,
        }
    }
}
