//! What an encoder keeps to, learned while its table is known: what makes it possible to tell, after a gap, how many
//! entries it inserted unseen.
//!
//! In: literals as they are decoded, and the ends of blocks. Out: whether a pair was ever inserted again while it was
//! there, the one `content-type` it sends, and how many insertions come at once.

use std::collections::VecDeque;
use std::sync::Arc;

/// Blocks after which what they have in common is taken for a constant.
const ENOUGH_BLOCKS: u32 = 8;

/// Insertions after which an encoder that has not repeated one is taken not to.
const ENOUGH_INSERTIONS: u32 = 3;

/// How many blocks with insertions are remembered.
const REMEMBERED: usize = 64;

/// What an encoder keeps to.
#[derive(Clone, Debug, Default)]
pub(super) struct Habits {
    blocks: u32,
    insertions: u32,
    content_type: Option<Arc<[u8]>>,
    /// Whether it broke what is asked for here: nothing can be inferred.
    broken: bool,
    /// Bytes of all blocks so far.
    bytes: u64,
    /// Insertions of the block that is being read.
    inserting: u32,
    most_in_block: u32,
    /// The latest blocks with insertions: where they end among all bytes, and how many.
    bursts: VecDeque<(u64, u32)>,
}

impl Habits {
    /// A literal; `inserted` says whether it enters the table, and then whether the same pair was there.
    pub(super) fn literal(&mut self, name: &[u8], value: &[u8], inserted: Option<bool>) {
        if let Some(again) = inserted {
            self.insertions = self.insertions.saturating_add(1);
            self.inserting = self.inserting.saturating_add(1);
            self.broken |= again;
        }
        if name == b"content-type" {
            match &self.content_type {
                None if value.starts_with(b"application/grpc") => {
                    self.content_type = Some(value.into());
                }
                Some(known) if **known == *value => {}
                _ => self.broken = true,
            }
        }
    }

    /// A block of so many bytes ends.
    pub(super) fn block(&mut self, bytes: usize) {
        self.blocks = self.blocks.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let inserted = std::mem::take(&mut self.inserting);
        if inserted == 0 {
            return;
        }
        self.most_in_block = self.most_in_block.max(inserted);
        if self.bursts.len() >= REMEMBERED {
            self.bursts.pop_front();
        }
        self.bursts.push_back((self.bytes, inserted));
    }

    /// Whether it broke what is asked for here.
    pub(super) const fn are_broken(&self) -> bool {
        self.broken
    }

    /// Whether it was seen for long enough not to insert a pair again that is in its table.
    pub(super) const fn never_repeats(&self) -> bool {
        !self.broken && self.insertions >= ENOUGH_INSERTIONS
    }

    /// The `content-type` that its successful answers have, if that is always the same.
    pub(super) fn content_type(&self) -> Option<&Arc<[u8]>> {
        let enough = !self.broken && self.blocks >= ENOUGH_BLOCKS;
        self.content_type.as_ref().filter(|_| enough)
    }

    /// Whether any `content-type` was sent, and no other than gRPC's.
    pub(super) const fn is_grpc(&self) -> bool {
        !self.broken && self.content_type.is_some()
    }

    /// How many insertions so many missing bytes can hold at most: a representation that inserts takes two bytes
    /// at least, a block with its frame header eleven, and bursts are not much larger than they were.
    pub(super) fn most_insertions(&self, bytes: usize) -> usize {
        let in_blocks = (bytes / 11 + 1).saturating_mul(self.most_in_block as usize);
        let in_bursts = 8 + 4 * self.burst(bytes as u64) as usize;
        (bytes / 2).min(in_blocks).min(in_bursts)
    }

    /// The most insertions within so many bytes of blocks.
    fn burst(&self, bytes: u64) -> u32 {
        let mut most = 0;
        let mut within = 0;
        let mut first = self.bursts.iter();
        let mut begin = first.next();
        for (end, inserted) in &self.bursts {
            within += inserted;
            while let Some((at, count)) = begin
                && end - at > bytes
            {
                within -= count;
                begin = first.next();
            }
            most = most.max(within);
        }
        most
    }
}
