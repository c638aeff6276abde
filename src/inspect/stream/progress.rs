//! How far a call had come when it ended: when each side was last heard on its stream, and whether the server
//! had its request.

use crate::capture::{TimeDelta, Timestamp};
use crate::decode::http2::{Flags, Frame};
use crate::decode::{Direction, PerSide};

/// How far a call had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallProgress {
    /// When each side last sent HEADERS or DATA on its stream.
    pub last_sent: PerSide<Option<Timestamp>>,
    /// Whether the client had sent END_STREAM.
    pub request_whole: bool,
    /// Whether the server's end had acknowledged all that the client had sent on the stream by then; `None`
    /// where its acknowledgements were not captured.
    pub request_received: Option<bool>,
    /// Where the client's last frame on it ends in the client's byte stream.
    request_end: u64,
}

impl CallProgress {
    /// A side sent HEADERS or DATA.
    pub(crate) fn sent(&mut self, frame: &Frame<'_>) {
        self.last_sent[frame.direction] = Some(frame.completed.stamp.time);
        if frame.direction == Direction::ClientToServer {
            self.request_end = frame.span.end;
            self.request_whole |= frame.header.flags.contains(Flags::END_STREAM);
        }
    }

    /// The call is over; `received` is how much of the client's bytes the server had acknowledged.
    pub(crate) const fn ended(&mut self, received: Option<u64>) {
        if self.request_received.is_none()
            && let Some(received) = received
        {
            self.request_received = Some(self.request_end <= received);
        }
    }

    /// How long both sides had been silent on it at a moment.
    #[must_use]
    pub fn silent_until(&self, moment: Timestamp) -> Option<TimeDelta> {
        let PerSide { client, server } = self.last_sent;
        Some(moment - client.max(server)?)
    }
}
