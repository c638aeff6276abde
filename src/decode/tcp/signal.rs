//! What a connection's segments bring, told one by one.

use super::assembler::Chunk;
use crate::capture::Stamp;
use crate::decode::Carrier;

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one whose packet was captured first.
    First,
    /// The one it was sent to.
    Second,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// How a side ended its half of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// FIN: in order, after all of its bytes.
    Fin,
    /// RST: at once.
    Rst,
}

/// What a segment brought.
#[derive(Clone, Copy, Debug)]
pub enum Signal<'a> {
    /// The next part of what `from` sent.
    Chunk {
        /// The sender.
        from: Side,
        /// The part.
        chunk: Chunk<'a>,
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
    /// `by` ended its half; said once for each way of ending it.
    Ended {
        /// Who.
        by: Side,
        /// How.
        ending: Ending,
        /// Position in its own stream after the last byte that came before.
        position: u64,
        /// The segment.
        carrier: Carrier,
    },
}
