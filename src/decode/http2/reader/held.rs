//! How much memory a reader keeps between two chunks.

use super::FrameReader;

/// A buffer that has grown beyond this, in bytes, is given back once it is empty: of many open
/// connections few need a large one at a time.
const MAX_SPARE: usize = 4 << 10;

impl FrameReader {
    /// How many bytes it holds: what waits to be completed, the header table, and buffers.
    pub(in crate::decode) fn held(&self) -> usize {
        self.gathered.capacity() + self.kept.capacity() + self.blocks.held()
    }

    /// Gives large buffers back that hold nothing.
    pub(in crate::decode) fn give_back(&mut self) {
        self.blocks.give_back(MAX_SPARE);
        if self.gathered.is_empty() && self.gathered.capacity() > MAX_SPARE {
            self.gathered = Vec::new();
        }
    }
}
