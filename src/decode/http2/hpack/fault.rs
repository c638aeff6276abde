//! What was wrong with a header block, where, and what that did to the decoder.

/// Something a header block got wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at} of the header block")]
pub struct Fault {
    /// Where, in bytes from the beginning of the block.
    pub at: usize,
    /// What the block got wrong there.
    pub kind: FaultKind,
}

/// The ways in which a header block can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// The block ends inside a field.
    #[error("the block ends inside a field that begins")]
    Truncated,
    /// An integer is longer than any that makes sense (section 5.1).
    #[error("an integer exceeds 32 bits")]
    IntegerOverflow,
    /// Index 0 means nothing (section 6.1).
    #[error("index 0 refers to no entry")]
    IndexZero,
    /// An index that no table in use here can have (section 2.3.3).
    #[error("index {index} lies beyond both tables")]
    IndexBeyondTables {
        /// The index that the block named.
        index: u32,
    },
    /// A Huffman-coded string contains the end-of-string symbol (section 5.2).
    #[error("a Huffman-coded string contains the end-of-string symbol")]
    EndOfString,
    /// A Huffman-coded string ends in more than seven bits of padding, or in others than ones
    /// (section 5.2).
    #[error("a Huffman-coded string is padded wrongly")]
    Padding,
    /// The block decodes to more than this tool keeps of one block.
    #[error("the block decodes to more than is kept of one block")]
    BlockTooLarge,
    /// The dynamic table's size changes after the block's first field (section 4.2).
    #[error("the dynamic table's size changes after the first field")]
    SizeUpdateLate,
    /// The dynamic table grows beyond what the decoding side announced (section 6.3).
    #[error("the dynamic table's size becomes {size}, more than the {limit} announced")]
    SizeUpdateAboveLimit {
        /// The new size in bytes.
        size: u32,
        /// The limit in bytes.
        limit: u32,
    },
}

impl Fault {
    /// Whether the rest of the block was left undecoded and the dynamic table forgotten. Where
    /// not, the fault was noted and decoding went on.
    #[must_use]
    pub const fn stops_block(&self) -> bool {
        !matches!(
            self.kind,
            FaultKind::SizeUpdateLate | FaultKind::SizeUpdateAboveLimit { .. }
        )
    }
}
