//! What decoding tells the stage above, one connection at a time.

use std::net::SocketAddr;

use super::carrier::Carrier;
use super::direction::Direction;
use super::http2::hpack::HeaderBlock;
use super::http2::{Frame, FrameHeader, Loss, StreamId};
use super::tcp::{Acknowledged, Ended, FlowSlot, Handshake};
use super::tls::{Alert, Facts};
use crate::capture::Stamp;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// HTTP/2 in cleartext.
    H2c,
    /// HTTP/2 inside of TLS that was decrypted.
    H2,
    /// TLS that was not decrypted.
    Tls,
    /// Tried to speak HTTP/2 and failed.
    NotHttp2,
    /// A connect that was refused or never answered.
    None,
}

impl Transport {
    /// Its name, in reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H2c => "h2c",
            Self::H2 => "h2",
            Self::Tls => "tls",
            Self::NotHttp2 => "not-http2",
            Self::None => "none",
        }
    }

    /// Whether HTTP/2 is spoken and can be read.
    #[must_use]
    pub const fn is_http2(self) -> bool {
        matches!(self, Self::H2c | Self::H2)
    }
}

/// Where a decoder keeps a connection, for [`Decoder::connection`](super::Decoder::connection). A slot
/// is used again once its connection is finished; the number tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) slot: FlowSlot,
    pub(super) tcp_stream: u32,
}

/// What connections are numbered by: in this order they are recognised, however many are followed apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecognitionOrder {
    /// How many packets came before the one at which it was recognised.
    pub(crate) packets_before: u64,
    /// What of that packet's processing it was.
    pub(crate) step: RecognitionStep,
    /// Its place among those of the same step.
    pub(crate) within: i64,
}

/// At what a connection is recognised, in the order in which a packet brings it about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RecognitionStep {
    /// It had ended a while before.
    Finished,
    /// The packet is of its own.
    #[default]
    Packet,
    /// Limits did not let it wait any longer.
    Limits,
    /// Its connect had failed, and its server turns out to speak HTTP/2.
    Server,
}

/// A connection, as far as known when it was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recognition {
    /// Its number: how many connections were recognised before it.
    pub number: u32,
    /// Where the decoder keeps it; `None` if it is over already.
    pub place: Option<Place>,
    /// What its number follows from.
    pub(crate) order: RecognitionOrder,
    /// Wireshark's `tcp.stream` index.
    pub tcp_stream: u32,
    /// The side that opened it.
    pub client: SocketAddr,
    /// The side that accepted it.
    pub server: SocketAddr,
    /// What it speaks.
    pub transport: Transport,
    /// Whether the client's connection preface was seen (RFC 9113, section 3.4).
    pub preface_seen: bool,
    /// Whether the capture holds its beginning: that preface, or all there was of a client that has sent none.
    pub beginning_seen: bool,
    /// Its SYN, if captured.
    pub opened: Option<Stamp>,
    /// How long its handshake took, if captured.
    pub handshake: Option<Handshake>,
    /// The packet by which it was recognised.
    pub recognised: Stamp,
    /// How it was recognised, where that was not by its preface.
    pub guess: Option<Guess>,
    /// What its TLS agreed on, where it speaks TLS.
    pub tls: Option<Facts>,
}

/// Why a connection without a preface was taken for HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Guess {
    /// Its bytes read as frames, and the handshake or a header block shows who the client is.
    Frames,
    /// Its bytes read as frames; who the client is was guessed from the port numbers.
    FramesAndPorts,
}

/// What was seen instead of HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UnexpectedProtocol {
    /// TLS records.
    Tls,
    /// HTTP/1.x.
    Http1,
    /// An alert in the place of a completed TLS handshake.
    Alert(Alert),
    /// An alert under protection, which says no more than that a side gave the TLS handshake up.
    ProtectedAlert,
    /// HTTP/2 in cleartext, to a client that speaks TLS.
    CleartextHttp2,
    /// Another application protocol, by ALPN (RFC 7301).
    OtherAlpn,
    /// No application protocol: ALPN was not answered.
    NoAlpn,
    /// Something else.
    Other,
}

impl UnexpectedProtocol {
    /// Whether it is an alert, with which a side gave the TLS handshake up.
    #[must_use]
    pub const fn is_alert(self) -> bool {
        matches!(self, Self::Alert(_) | Self::ProtectedAlert)
    }

    /// Its name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::Http1 => "HTTP/1",
            Self::Alert(alert) => alert.in_words(),
            Self::ProtectedAlert => "a TLS alert under protection",
            Self::CleartextHttp2 => "HTTP/2 in cleartext",
            Self::OtherAlpn => "another protocol by ALPN",
            Self::NoAlpn => "no ALPN protocol",
            Self::Other => "something that is not HTTP/2",
        }
    }
}

/// One thing that happened on a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It turned out not to speak HTTP/2.
    Failed {
        /// The side whose bytes showed it.
        by: Direction,
        /// What that side sent in the place of HTTP/2.
        instead: UnexpectedProtocol,
        /// The segment that began it.
        carrier: Carrier,
    },
    /// The request of stream 1 came as HTTP/1.1 and was upgraded (RFC 7540, section 3.2).
    Upgraded {
        /// The request in HTTP/2's terms.
        request: &'a HeaderBlock,
        /// What carried it.
        carrier: Carrier,
    },
    /// A frame.
    Frame(&'a Frame<'a>),
    /// A frame begins that is longer than its receiver's SETTINGS, as far as seen, allow (RFC 9113, section
    /// 4.2); it follows when it is complete, if ever it is.
    LargeFrame {
        /// Who sends it.
        direction: Direction,
        /// The nine bytes that it begins with.
        header: FrameHeader,
        /// The segment that began it.
        began: Carrier,
    },
    /// A part of a DATA frame's payload; the frame itself follows when it is complete.
    Data {
        /// Who sent it.
        direction: Direction,
        /// Its stream.
        stream: StreamId,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A part of a DATA frame's payload that was not captured.
    DataMissing {
        /// Who sent it.
        direction: Direction,
        /// Its stream.
        stream: StreamId,
        /// How many bytes.
        length: u64,
    },
    /// A side has received more of the other's bytes.
    Acknowledged(Acknowledged<Direction>),
    /// Bytes are missing from the capture.
    Gap {
        /// Who sent them.
        direction: Direction,
        /// How many bytes.
        length: u64,
        /// The segment that showed it.
        carrier: Carrier,
    },
    /// The boundaries of a side's frames are lost; decoding goes on at the next one found.
    Lost {
        /// The side whose frames they are.
        direction: Direction,
        /// What they were lost by.
        cause: Loss,
        /// The segment at which they were lost.
        carrier: Carrier,
    },
    /// A frame boundary was found again after [`Event::Lost`].
    Found {
        /// The side whose frames they are.
        direction: Direction,
        /// The segment that began the first frame found.
        carrier: Carrier,
    },
    /// The server's header table was lost in a gap, and what it was is being inferred: statuses of answers that
    /// cannot be read may follow as [`Event::StatusInferred`], when the connection has ended.
    InferenceBegins,
    /// Nothing can be inferred any more, and nothing was.
    InferenceEnds,
    /// The `grpc-status` of an answer that could not be read: not proved, but what the connection's habits leave. It
    /// comes when nothing more will, so that it was never contradicted.
    StatusInferred {
        /// The answer's stream.
        stream: StreamId,
        /// The status.
        status: u8,
    },
    /// A side ended its half.
    Ended(Ended<Direction>),
}
