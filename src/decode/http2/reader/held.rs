//! How much memory a reader keeps between two chunks.

use super::FrameReader;
use crate::decode::http2::hpack::HeaderBlock;

/// A buffer that has grown beyond this, in bytes, is given back once it is empty: of many open
/// connections few need a large one at a time.
const MAX_SPARE: usize = 4 << 10;

impl FrameReader {
    /// How many bytes it holds: what waits to be completed, the header table, and buffers.
    pub(in crate::decode::http2) fn held(&self) -> usize {
        let unfinished = self.unfinished.as_ref();
        self.gathered.capacity()
            + self.kept.capacity()
            + self.block.held()
            + self.hpack.held()
            + unfinished.map_or(0, |block| block.fragments.capacity())
    }

    /// Gives large buffers back that hold nothing.
    pub(in crate::decode::http2) fn give_back(&mut self) {
        // The block was told already: its fields are of no more use.
        if self.block.held() > MAX_SPARE {
            self.block = HeaderBlock::default();
        }
        if self.gathered.is_empty() && self.gathered.capacity() > MAX_SPARE {
            self.gathered = Vec::new();
        }
    }
}
