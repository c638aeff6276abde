//! What passed between the two ends of a connection that were both captured: plain data.

use crate::capture::Timestamp;
use crate::decode::http2::StreamId;
use crate::decode::{Direction, PerSide, TransitFate};

/// What a capture at the server adds to a connection that the client's end saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BothEnds {
    /// The capture at the server, from 0 in the order given.
    pub file: u32,
    /// Segments with data of each side that were lost between the two; `None` where there were too many to remember each.
    pub lost_segments: Option<PerSide<u64>>,
    /// What passed between the two, in no order: frames that opened or ended calls, GOAWAYs, the close, and segments that
    /// did not simply come.
    pub crossings: Vec<Crossing>,
    /// Segments sent again or lost that are not among them, for there are too many.
    pub left_out: u64,
    /// In whose name the client's end got a RST that neither end sent, as both captures show.
    pub unsent_reset: Option<Direction>,
}

/// What one end sent, as both captures have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// Who sent it.
    pub from: Direction,
    /// What it was.
    pub what: CrossingKind,
    /// Where its sender's capture has it, by that one's clock.
    pub sent: Option<CrossingEnd>,
    /// Where its receiver's capture has it, by that one's clock.
    pub came: Option<CrossingEnd>,
    /// What became of it.
    pub fate: TransitFate,
    /// Of what came though its receiver's capture lacks it: the packet of the server's capture that acknowledged it.
    pub acknowledged: Option<CrossingEnd>,
}

/// One end of a way between two captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossingEnd {
    /// When, by the clock of the capture there.
    pub time: Timestamp,
    /// Which packet of that capture, where it is known.
    pub packet: Option<u64>,
}

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrossingKind {
    /// The HEADERS that opened a call (RFC 9113, section 8.1).
    Request(u32),
    /// The end of a call's answer: END_STREAM.
    Answer(u32),
    /// The RST_STREAM that ended a call (RFC 9113, section 6.4).
    Reset(u32),
    /// GOAWAY (RFC 9113, section 6.8), with its last stream id.
    GoAway(StreamId),
    /// The end of a side's bytes (RFC 9293, section 3.5).
    Fin,
    /// The end of the connection (RFC 9293, section 3.5.2).
    Rst,
    /// The end of a side's TLS records (RFC 8446, section 6.1).
    CloseNotify,
    /// A segment with so many bytes that had not been sent before, which did not simply come.
    Segment(u32),
    /// So many bytes that had been sent before.
    Retransmission(u32),
}

impl CrossingKind {
    /// The stream of the call that it is of.
    #[must_use]
    pub const fn stream(self) -> Option<u32> {
        match self {
            Self::Request(stream) | Self::Answer(stream) | Self::Reset(stream) => Some(stream),
            Self::GoAway(_)
            | Self::Fin
            | Self::Rst
            | Self::CloseNotify
            | Self::Segment(_)
            | Self::Retransmission(_) => None,
        }
    }
}

impl Crossing {
    /// Whether it was seen at both ends.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.sent.is_some() && self.came.is_some()
    }

    /// When it left or came, by the clock of whichever end has it: for an order within one connection.
    #[must_use]
    pub fn known(&self) -> Option<CrossingEnd> {
        self.sent.or(self.came)
    }
}
