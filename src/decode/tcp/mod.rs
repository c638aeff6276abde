//! TCP: segments to the byte streams of their connection (RFC 9293).
//!
//! In: [`Segment`](super::link::Segment)s in capture order. Out: [`Signal`]s of one [`Flow`] each:
//! bytes in order with the packet that first carried them, explicit gaps, progress of
//! acknowledgements, the end. What never happens here: a look at what the bytes mean.

mod aliases;
mod duplicates;
mod path_stats;
mod reorder;

mod assembler;
mod flow;
mod half;
mod handshake;
mod key;
mod sequence;
mod side;
mod signal;
mod table;
#[cfg(test)]
mod tests;

pub use assembler::{Assembler, Chunk, MAX_HELD_BYTES, SegmentData};
pub use duplicates::DuplicateStats;
pub use flow::Flow;
pub use handshake::Handshake;
pub use key::FlowSlot;
pub use path_stats::{AckSilence, PathStats, Reset};
pub use sequence::{ORIGIN, SequenceSpace};
pub use side::{PerEnd, Side};
pub use signal::{Ending, Signal, SignalOf};
pub use table::Flows;
