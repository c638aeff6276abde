//! What each segment of a connection brought: bytes, acknowledgements, ends.

use super::assembler::Chunk;
use super::side::Side;
use crate::capture::Stamp;
use crate::decode::carrier::Carrier;

/// How a side ended its half of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// FIN: in order, after all of its bytes.
    Fin,
    /// The same said within TLS, by the alert close_notify (RFC 8446, section 6.1): its FIN follows, often behind
    /// the other side's.
    CloseNotify,
    /// RST: at once, whatever is under way.
    Rst,
}

impl Ending {
    /// What to call it in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fin => "FIN",
            Self::CloseNotify => "TLS close_notify",
            Self::Rst => "RST",
        }
    }

    /// Whether all that its sender had sent counts.
    #[must_use]
    pub const fn is_orderly(self) -> bool {
        !matches!(self, Self::Rst)
    }
}

/// What a segment brought to TCP's own reader.
pub type Signal<'a> = SignalOf<Chunk<'a>>;

/// What a segment brought, with the next part of a byte stream as a `C`.
#[derive(Clone, Copy, Debug)]
pub enum SignalOf<C> {
    /// The next part of what `from` sent.
    Chunk {
        /// The sender.
        from: Side,
        /// The part.
        chunk: C,
    },
    /// A side has received more of the other's bytes.
    Acknowledged(Acknowledged<Side>),
    /// A side ended its half.
    Ended(Ended<Side>),
}

/// `by` has received more of the other's bytes than it had acknowledged before. `S` says who: an end of
/// the flow, or client and server once that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged<S> {
    /// The receiver of the bytes.
    pub by: S,
    /// Position in the other's stream, exclusive.
    pub upto: u64,
    /// The segment that said so.
    pub stamp: Stamp,
    /// Position in its own stream at which `by` sent that segment, if all that it had sent by then was captured.
    pub whole_to: Option<u64>,
}

/// `by` ended its half; once for each way of ending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended<S> {
    /// The side that ended its half.
    pub by: S,
    /// How it did so.
    pub ending: Ending,
    /// Position in its own stream after the last byte that came before.
    pub position: u64,
    /// The segment that said so.
    pub carrier: Carrier,
    /// Position in its own stream that the segment acknowledged to which a reset without an acknowledgement is the
    /// answer: its sender had no such connection any more (RFC 9293, section 3.5.2).
    pub answers: Option<u64>,
}

impl<S> Acknowledged<S> {
    /// The same, with who it is in other terms.
    #[must_use]
    pub fn map<T>(self, name: impl FnOnce(S) -> T) -> Acknowledged<T> {
        let Self {
            by,
            upto,
            stamp,
            whole_to,
        } = self;
        Acknowledged {
            by: name(by),
            upto,
            stamp,
            whole_to,
        }
    }
}

impl<S> Ended<S> {
    /// The same, with who it is in other terms.
    #[must_use]
    pub fn map<T>(self, name: impl FnOnce(S) -> T) -> Ended<T> {
        let Self {
            by,
            ending,
            position,
            carrier,
            answers,
        } = self;
        Ended {
            by: name(by),
            ending,
            position,
            carrier,
            answers,
        }
    }
}

impl<C> SignalOf<C> {
    /// The same with the part of a byte stream as `convert` makes it.
    #[inline]
    pub fn map<D>(self, convert: impl FnOnce(Side, C) -> D) -> SignalOf<D> {
        match self {
            Self::Chunk { from, chunk } => SignalOf::Chunk {
                from,
                chunk: convert(from, chunk),
            },
            Self::Acknowledged(acknowledged) => SignalOf::Acknowledged(acknowledged),
            Self::Ended(ended) => SignalOf::Ended(ended),
        }
    }
}
