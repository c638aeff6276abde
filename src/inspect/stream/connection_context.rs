//! What is known of a stream's connection when the stream is judged.

use super::frame_gaps::FrameGaps;
use super::{FromClient, FromServer};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::http2::{ErrorCode, StreamId};

/// The server's final GOAWAY: the first GOAWAY with the smallest last stream id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FinalGoAway {
    pub(crate) last_stream_id: u32,
    pub(crate) goaway: FromServer,
    /// The first client segment that acknowledges the whole of it.
    pub(crate) received: Option<Stamp>,
}

impl FinalGoAway {
    /// Whether a client's stream is above the last stream id.
    pub(crate) const fn condemns(&self, id: u32) -> bool {
        self.last_stream_id < StreamId::MAX.0 && id > self.last_stream_id
    }
}

/// A connection error of the client: a GOAWAY with an error (RFC 9113, section 5.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientError {
    pub(crate) by: FromClient,
    pub(crate) error: ErrorCode,
    /// Where the last frame ends that it had received whole; `None` where that is not known.
    pub(crate) last_frame: Option<u64>,
}

/// What is known of a stream's connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionContext {
    /// The server's final GOAWAY.
    pub(crate) final_goaway: Option<FinalGoAway>,
    /// The server's first FIN or RST.
    pub(crate) closed_by_server: Option<FromServer>,
    /// The client's first FIN or RST.
    pub(crate) closed_by_client: Option<FromClient>,
    /// The client's first RST.
    pub(crate) reset_by_client: Option<FromClient>,
    /// From when on the server sent what that RST can be the answer to, if nothing was seen before of how the client's
    /// end went: whoever has no connection answers each segment with RST (RFC 9293, section 3.5.2).
    pub(crate) found_gone: Option<Stamp>,
    /// Whether the server has acknowledged the client's FIN.
    pub(crate) client_fin_acknowledged: bool,
    /// The client's first GOAWAY with an error.
    pub(crate) client_error: Option<ClientError>,
    /// Whether the server answered above its own last stream id, or raised it: then that id proves nothing.
    pub(crate) broke_its_word: bool,
    /// How much of the server's byte stream the client has acknowledged.
    pub(crate) acknowledged: Option<u64>,
    /// Whether the server sent again what the client has not acknowledged since.
    pub(crate) resent_in_vain: bool,
    /// How long the handshake took.
    pub(crate) round_trip: Option<TimeDelta>,
    /// The highest stream on which the server was seen to answer.
    pub(crate) highest_answered: u32,
    /// What was lost from the connection so far.
    pub(crate) gaps: FrameGaps,
    /// Whether the client's frames were seen from the first one on, so that a stream without HEADERS
    /// lost them.
    pub(crate) begun: bool,
    /// The capture's last moment, once it is known.
    pub(crate) capture_end: Option<Timestamp>,
}

impl ConnectionContext {
    /// Whether a GOAWAY that was not captured may have condemned a client's stream. A server answers on no stream
    /// above its last stream id, and does not raise it (RFC 9113, section 6.8).
    pub(crate) fn may_be_condemned_unseen(&self, id: u32) -> bool {
        let spared = |final_goaway: &FinalGoAway| {
            !final_goaway.condemns(id) && self.gaps.is_behind_server_gaps(final_goaway.goaway.end)
        };
        id > self.highest_answered
            && self.gaps.any_of_server()
            && !self.final_goaway.as_ref().is_some_and(spared)
    }
}
