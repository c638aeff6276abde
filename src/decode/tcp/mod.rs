//! TCP: segments to the byte streams of their connection (RFC 9293).
//!
//! In: [`Segment`](super::link::Segment)s in capture order. Out: [`Signal`]s of one [`Flow`] each:
//! bytes in order with the packet that first carried them, explicit gaps, progress of
//! acknowledgements, the end. What never happens here: a look at what the bytes mean.

mod assembler;
mod flow;
mod sequence;
mod table;
#[cfg(test)]
mod tests;

pub use assembler::{Assembler, Chunk, MAX_HELD_BYTES, Piece};
pub use flow::{Ending, Flow, Side, Signal};
pub use sequence::{Line, ORIGIN};
pub use table::{Flows, Slot};
