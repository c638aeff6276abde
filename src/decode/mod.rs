//! Bytes to events: no I/O, no clock, and never an `Err`.
//!
//! ```text
//! Packet --link--> Segment --tcp--> Chunk --> StreamPart [--tls--> StreamPart] --http2--> Frame --> Event
//! ```
//!
//! In: [`Packet`](crate::capture::Packet)s in capture order. Out: [`Event`]s to a [`Listener`], each with the
//! value that it made for its connection. What was odd on the way is an [`Anomaly`](anomaly::Anomaly), never a
//! failure. Each layer uses only those before it in the line above; `connection` and `decoder` drive them.

mod capture_quality;
mod connection;
pub mod detect;

pub mod anomaly;
pub mod grpc;
pub mod http2;
pub mod link;
pub mod tcp;
pub mod tls;

mod carrier;
mod decoder;
mod direction;
mod durations;
mod event;
mod limits;
mod listener;
mod network;
mod stream_part;
mod vantage;

pub use carrier::Carrier;
pub use connection::{ConnectionSink, Http2Events, Keep, MAX_UNDECIDED_BYTES, Unrelated};
pub use decoder::{
    ConnectionPart, Decoder, DividedDecoder, Incoming, Lent, Options, PacketBatch, PartSet, Tally,
    TcpStreams,
};
pub use direction::{Direction, PerSide};
pub use durations::Durations;
pub(crate) use durations::keep_longest;
pub(crate) use event::RecognitionOrder;
pub use event::{Event, Guess, Place, Recognition, Transport, UnexpectedProtocol};
pub use limits::{GivenUp, Limits, MAX_CONNECTIONS, MAX_HELD_IN_ALL};
pub use listener::{EachEvent, Listener};
pub use network::{NetworkPath, RoundTrip};
pub use stream_part::{StreamPart, StreamPartOf, TlsRecordSpan};
pub use vantage::{
    AckWatch, AskedSegment, ClockStep, FlowEnds, FlowTransits, OtherEndBytes, QueueingDelay,
    SeenAt, SeenByClient, Transit, TransitFate, UNDER_WAY, Vantage, VantageClock, VantagePlace,
    VantageRole, VantageSurvey, Vantages,
};
