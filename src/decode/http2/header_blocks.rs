//! Header blocks of one direction: fragments in, fields out (RFC 9113, section 4.3).
//!
//! In: the fragments of HEADERS, PUSH_PROMISE and CONTINUATION frames, in order. Out: the decoded
//! block, with the frame that ends it. A block that is lost costs what is known of the header table; of a client,
//! [`OpenedStreams`] tells whether one is.

use super::frame::{Flags, FrameHeader, FrameType, StreamId};
use super::hpack::{Decoder, Fault, HeaderBlock};
use super::opened_streams::OpenedStreams;

/// Longest header block put together from CONTINUATION frames, in bytes. Stacks refuse blocks far
/// smaller; a flood of CONTINUATION frames must not grow memory.
pub const MAX_HEADER_BLOCK: usize = 1 << 20;

/// One direction's header table, and the block that is being put together.
#[derive(Debug)]
pub(super) struct HeaderBlocks {
    decoder: Decoder,
    /// The latest block that was decoded.
    block: HeaderBlock,
    unfinished: Option<Unfinished>,
    /// Of a client that was seen from its first frame on.
    opened: Option<OpenedStreams>,
}

/// A header block that CONTINUATION frames are to complete.
#[derive(Debug)]
struct Unfinished {
    stream: StreamId,
    kind: FrameType,
    flags: Flags,
    fragments: Vec<u8>,
    /// Whether all fragments so far were captured and kept.
    whole: bool,
}

/// How a block ended.
pub(super) struct CompletedHeaders {
    /// Type and flags of the frame that began it.
    pub(super) kind: FrameType,
    pub(super) flags: Flags,
    /// What was wrong with it; header values may be unknown from here on.
    pub(super) fault: Option<Fault>,
}

impl HeaderBlocks {
    /// Those of a direction whose header table is as `decoder` knows it.
    pub(super) fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            block: HeaderBlock::default(),
            unfinished: None,
            opened: None,
        }
    }

    /// Those that a client sends, seen from its first one on.
    pub(super) fn of_client(decoder: Decoder) -> Self {
        let mut blocks = Self::new(decoder);
        blocks.opened = Some(OpenedStreams::default());
        blocks
    }

    /// The receiver announced the header table it keeps, in bytes.
    pub(super) fn set_table_size(&mut self, bytes: u32) {
        self.decoder.set_limit(bytes);
    }

    /// The block that ended last.
    pub(super) const fn latest(&self) -> &HeaderBlock {
        &self.block
    }

    /// A block, or a part of one, was lost: it may have changed the header table in any way.
    pub(super) fn lose(&mut self) {
        self.decoder.forget();
        self.unfinished = None;
        if let Some(opened) = &mut self.opened {
            opened.lose();
        }
    }

    /// Frames are missing, among which header blocks may be: the next stream opened will tell.
    pub(super) fn miss(&mut self) {
        match &mut self.opened {
            Some(opened) if self.unfinished.is_none() => opened.miss(),
            _ => self.lose(),
        }
    }

    /// Adds a fragment to its block, and decodes that on its last one.
    pub(super) fn add(&mut self, header: FrameHeader, bytes: &[u8]) -> Option<CompletedHeaders> {
        let ends = header.flags.contains(Flags::END_HEADERS);
        let opened = self.opened.as_mut();
        if opened.is_some_and(|opened| opened.hides_blocks_before(header)) {
            self.decoder.forget();
        }
        if header.kind == FrameType::CONTINUATION {
            return self.go_on(header.stream, bytes, ends);
        }
        if self.unfinished.is_some() {
            self.lose();
        }
        if ends {
            return Some(self.decode(header.kind, header.flags, bytes));
        }
        self.unfinished = Some(Unfinished {
            stream: header.stream,
            kind: header.kind,
            flags: header.flags,
            fragments: bytes.to_vec(),
            whole: true,
        });
        None
    }

    fn go_on(&mut self, stream: StreamId, bytes: &[u8], ends: bool) -> Option<CompletedHeaders> {
        let Some(unfinished) = &mut self.unfinished else {
            self.decoder.forget();
            return None;
        };
        if unfinished.stream != stream {
            return None;
        }
        if unfinished.fragments.len() + bytes.len() > MAX_HEADER_BLOCK {
            unfinished.whole = false;
            unfinished.fragments = Vec::new();
        }
        if unfinished.whole {
            unfinished.fragments.extend_from_slice(bytes);
        }
        if !ends {
            return None;
        }
        let unfinished = self.unfinished.take()?;
        if !unfinished.whole {
            self.decoder.forget();
            return None;
        }
        let Unfinished {
            kind,
            flags,
            fragments,
            ..
        } = unfinished;
        Some(self.decode(kind, flags, &fragments))
    }

    fn decode(&mut self, kind: FrameType, flags: Flags, bytes: &[u8]) -> CompletedHeaders {
        self.block.clear();
        let fault = self.decoder.decode(bytes, &mut self.block);
        self.block.note_fault(fault);
        CompletedHeaders { kind, flags, fault }
    }

    /// How many bytes of memory it holds: the header table, the latest block, and the unfinished one.
    pub(super) fn held(&self) -> usize {
        let unfinished = self.unfinished.as_ref();
        self.decoder.held()
            + self.block.held()
            + unfinished.map_or(0, |block| block.fragments.capacity())
    }

    /// Gives the memory of the latest block back where that is more than `spare` bytes: the block was
    /// told already, and its fields are of no more use.
    pub(super) fn give_back(&mut self, spare: usize) {
        if self.block.held() > spare {
            self.block = HeaderBlock::default();
        }
    }

    /// How many bytes of an unfinished block are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.unfinished
            .as_ref()
            .map_or(0, |unfinished| unfinished.fragments.len())
    }
}
