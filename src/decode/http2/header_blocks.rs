//! Header blocks of one direction: fragments in, fields out (RFC 9113, section 4.3).
//!
//! In: the fragments of HEADERS, PUSH_PROMISE and CONTINUATION frames, in order. Out: the decoded
//! block, with the frame that ends it. A block that is lost costs what is known of the header table; of a client,
//! [`OpenedStreams`] tells whether one is.

use super::frame::{Flags, FrameHeader, FrameType, StreamId};
use super::hpack::{Decoder, Fault, HeaderBlock, Recovery, Value};
use super::opened_streams::OpenedStreams;
use super::repeated_blocks::RepeatedBlocks;

/// Longest header block put together from CONTINUATION frames, in bytes. Stacks refuse blocks far
/// smaller; a flood of CONTINUATION frames must not grow memory.
pub const MAX_HEADER_BLOCK: usize = 1 << 20;

/// One direction's header table, and the block that is being put together.
#[derive(Debug)]
pub(super) struct HeaderBlocks {
    decoder: Decoder,
    /// The latest block that was decoded.
    block: HeaderBlock,
    /// Blocks that come again.
    repeated: RepeatedBlocks,
    /// Where among them the latest block is, if it is one of them.
    recalled: Option<usize>,
    unfinished: Option<Unfinished>,
    /// Of a client that was seen from its first frame on.
    opened: Option<OpenedStreams>,
    /// What goes on where the table was lost.
    recovery: Option<Box<Recovery>>,
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
            repeated: RepeatedBlocks::default(),
            recalled: None,
            unfinished: None,
            opened: None,
            recovery: None,
        }
    }

    /// Those that a server sends, seen from its first one on.
    pub(super) fn of_server() -> Self {
        Self::new(Decoder::learning())
    }

    /// Those that a client sends, seen from its first one on.
    pub(super) fn of_client() -> Self {
        let mut blocks = Self::new(Decoder::new());
        blocks.opened = Some(OpenedStreams::default());
        blocks
    }

    /// The receiver announced the header table it keeps, in bytes.
    pub(super) fn set_table_size(&mut self, bytes: u32) {
        if self.is_recovering() {
            self.give_up();
        }
        self.decoder.set_limit(bytes);
    }

    /// The block that ended last.
    pub(super) fn latest(&self) -> &HeaderBlock {
        let recalled = self.recalled.and_then(|place| self.repeated.get(place));
        recalled.unwrap_or(&self.block)
    }

    /// A block, or a part of one, was lost: it may have changed the header table in any way.
    pub(super) fn lose(&mut self) {
        self.give_up();
        self.decoder.forget();
        self.unfinished = None;
        if let Some(opened) = &mut self.opened {
            opened.lose();
        }
    }

    /// So many bytes between two frames are missing, or were not read, among which header blocks may be.
    pub(super) fn miss(&mut self, bytes: u64) {
        match &mut self.opened {
            _ if self.unfinished.is_some() => self.lose(),
            // The next stream opened will tell.
            Some(opened) => opened.miss(),
            None => self.lose_bytes(bytes.saturating_sub(FrameHeader::LENGTH as u64)),
        }
    }

    /// A frame with so many bytes of a header block cannot be read.
    pub(super) fn lose_frame(&mut self, bytes: u64) {
        if self.unfinished.is_some() || self.opened.is_some() {
            self.lose();
        } else {
            self.lose_bytes(bytes);
        }
    }

    /// So many bytes of header blocks are missing.
    fn lose_bytes(&mut self, bytes: u64) {
        if self.recovery.is_none() {
            self.recovery = self.decoder.begin_recovery();
        }
        if let Some(recovery) = &mut self.recovery {
            recovery.miss(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        self.decoder.forget();
    }

    /// Nothing can be recovered of the table.
    fn give_up(&mut self) {
        self.recovery = None;
        self.decoder.stop_learning();
    }

    /// Whether statuses may be found that cannot be read.
    pub(super) const fn is_recovering(&self) -> bool {
        self.recovery.is_some()
    }

    /// The statuses that were found: streams, and what `grpc-status` their last header blocks carry.
    pub(super) fn take_found(&mut self) -> impl Iterator<Item = (u32, u8)> {
        let recovery = self.recovery.iter_mut();
        recovery.flat_map(|recovery| recovery.take_found())
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
            return Some(self.decode((header.stream, header.kind, header.flags), bytes));
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
            self.give_up();
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
            self.give_up();
            self.decoder.forget();
            return None;
        }
        let Unfinished {
            kind,
            flags,
            fragments,
            ..
        } = unfinished;
        Some(self.decode((stream, kind, flags), &fragments))
    }

    fn decode(
        &mut self,
        (stream, kind, flags): (StreamId, FrameType, Flags),
        bytes: &[u8],
    ) -> CompletedHeaders {
        let changes = self.decoder.changes();
        self.recalled = self.repeated.recall(bytes, changes);
        let fault = match self.recalled {
            Some(_) => {
                self.decoder.pass_repeated(bytes.len());
                None
            }
            None => self.decode_anew(bytes),
        };
        if self.recovery.is_some() {
            let ends = flags.contains(Flags::END_STREAM);
            let asks = ends && self.latest().value(b"grpc-status") == Value::Unknown;
            let regular = kind == FrameType::HEADERS && fault.is_none();
            if let Some(recovery) = &mut self.recovery
                && (!regular || recovery.block(stream.0, bytes, ends, asks).is_err())
            {
                self.give_up();
            }
        }
        CompletedHeaders { kind, flags, fault }
    }

    fn decode_anew(&mut self, bytes: &[u8]) -> Option<Fault> {
        self.block.clear();
        let fault = self.decoder.decode(bytes, &mut self.block);
        self.block.note_fault(fault);
        if fault.is_none() {
            let changes = self.decoder.changes();
            self.repeated.learn(bytes, changes, &self.block);
        }
        fault
    }

    /// How many bytes of memory it holds: the header table, the latest block, and the unfinished one.
    pub(super) fn held(&self) -> usize {
        let unfinished = self.unfinished.as_ref();
        let recovery = self.recovery.as_ref().map_or(0, |recovery| recovery.held());
        self.decoder.held()
            + recovery
            + self.block.held()
            + self.repeated.held()
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
