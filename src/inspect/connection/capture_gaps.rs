//! What the capture lacks of a connection: counts of what is missing, and of what that cost.

use crate::capture::Stamp;
use crate::decode::http2::Loss;
use crate::decode::{Direction, PerSide};

/// What the capture lacks of a connection, and what that cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureGaps {
    /// Bytes of TCP payload that were not captured, both ways.
    pub bytes: u64,
    /// How often the boundaries of frames were lost because of that.
    pub losses: u32,
    /// Where bytes were first found missing.
    pub first: Option<Stamp>,
    /// What is missing of what each side sent.
    pub per_side: PerSide<GapCount>,
    /// How often frames and header tables were evicted, to stay within bounds.
    pub evicted: u32,
    /// Streams that were followed no longer, to stay within bounds.
    pub streams: u64,
    /// Calls whose method cannot be known.
    pub methods: u64,
    /// Calls whose status was inferred, where it could not be read.
    pub inferred: u64,
    /// Calls of which it was inferred that they were not reset, where frames of the client are missing.
    pub inferred_verdicts: u64,
}

/// What is missing of what one side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GapCount {
    /// In how many places bytes are missing.
    pub holes: u32,
    /// How many bytes are missing there in all.
    pub bytes: u64,
    /// The packet that showed the first of them.
    pub first: Option<Stamp>,
}

impl CaptureGaps {
    /// Bytes that a side sent are missing.
    pub(crate) fn add(&mut self, from: Direction, bytes: u64, shown_by: Stamp) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.first.get_or_insert(shown_by);
        let count = &mut self.per_side[from];
        count.holes = count.holes.saturating_add(1);
        count.bytes = count.bytes.saturating_add(bytes);
        count.first.get_or_insert(shown_by);
    }

    /// The boundaries of frames were lost.
    pub(crate) fn lose(&mut self, cause: Loss) {
        self.losses = self.losses.saturating_add(1);
        self.evicted += u32::from(cause == Loss::GivenUp);
    }
}
