//! TCP: segments to the byte streams of their connection (RFC 9293).
//!
//! In: [`Segment`](super::link::Segment)s in capture order. Out: [`Signal`]s of one [`Flow`] each:
//! bytes in order with the packet that first carried them, explicit gaps, progress of
//! acknowledgements, the end.
//!
//! Two queues stand in series, against two kinds of disorder:
//!
//! ```text
//!   Segment --> duplicates --> reorder --> handshake, acknowledgements, ends --> Signal
//!                              10 ms       assembler --> Chunk ------------------^
//!                                          4 MiB, 200 ms after an ACK, else 30 s
//! ```
//!
//! `reorder` undoes the disorder of the *capture*: packets of several queues or interfaces, written
//! milliseconds late. A whole segment waits there, with its flags and its acknowledgement, for what its
//! sender must have sent or received before; otherwise a FIN would end a stream whose data is still to
//! come, and an acknowledgement would turn such data into a gap. It holds everything back, so it gives
//! up soon. `assembler` undoes the disorder of the *network*: bytes lost on the way and sent again,
//! which takes round trips and timeouts. Only bytes wait there, while acknowledgements and ends of both
//! sides go on; so it can afford to wait for as long as a sender tries.

mod aliases;
mod arrival;
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

pub use arrival::{Arrival, Arrivals};
pub use assembler::{Assembler, Chunk, MAX_HELD_BYTES, SegmentData};
pub use duplicates::DuplicateStats;
pub use flow::Flow;
pub use handshake::Handshake;
pub(in crate::decode) use key::SocketKey;
pub use key::{FlowKey, FlowSlot, PARTS, part_of};
pub use path_stats::{AckSilence, KeepaliveProbes, PathStats, Resent, Reset};
pub use sequence::{ORIGIN, SequenceSpace};
pub use side::{PerEnd, Side};
pub use signal::{Acknowledged, Ended, Ending, Signal, SignalOf};
pub use table::{Flows, Located, holders, surplus};
