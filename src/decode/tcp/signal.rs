//! What each segment of a connection brought: bytes, acknowledgements, ends.

use super::assembler::Chunk;
use super::side::Side;
use crate::capture::Stamp;
use crate::decode::Carrier;

/// How a side ended its half of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// FIN: in order, after all of its bytes.
    Fin,
    /// RST: at once, whatever is under way.
    Rst,
}

/// What a segment brought to TCP's own reader.
pub type Signal<'a> = SignalOf<Chunk<'a>>;

/// What a segment brought, with the next part of a byte stream as a `C`.
#[derive(Clone, Copy, Debug)]
pub enum SignalOf<C> {
    /// The next part of what `from` sent.
    Chunk {
        /// The side that sent it.
        from: Side,
        /// Bytes, or what is missing of them.
        chunk: C,
    },
    /// `by` has received more of the other's bytes than it had acknowledged before.
    Acknowledged {
        /// The receiver of the bytes.
        by: Side,
        /// Position in the other's stream, exclusive.
        upto: u64,
        /// The segment that said so.
        stamp: Stamp,
        /// Whether all that `by` sent before that segment was seen.
        whole: bool,
    },
    /// `by` ended its half; emitted once for each way of ending it.
    Ended {
        /// The side that ended its half.
        by: Side,
        /// By a FIN or a RST.
        ending: Ending,
        /// Position in its own stream after the last byte that came before.
        position: u64,
        /// The segment with the FIN or RST.
        carrier: Carrier,
    },
}

impl<C> SignalOf<C> {
    /// The same with the part of a byte stream as another type.
    #[inline]
    pub fn convert<D: From<C>>(self) -> SignalOf<D> {
        match self {
            Self::Chunk { from, chunk } => SignalOf::Chunk {
                from,
                chunk: chunk.into(),
            },
            Self::Acknowledged {
                by,
                upto,
                stamp,
                whole,
            } => SignalOf::Acknowledged {
                by,
                upto,
                stamp,
                whole,
            },
            Self::Ended {
                by,
                ending,
                position,
                carrier,
            } => SignalOf::Ended {
                by,
                ending,
                position,
                carrier,
            },
        }
    }
}
