//! One stream's life, as far as it matters for what became of its call.
//!
//! ```text
//!              HEADERS (client)
//!                    |                        RFC 9113, section 5.1, seen from outside:
//!                    v                        a stream is over when the client's end
//!   opened --> being answered --> answered    has seen any of the events on the right
//!      |             |
//!      +-------------+----------> reset by either side
//!      +-------------+----------> above the final GOAWAY's last stream id, and silent
//!      +-------------+----------> cut by the end of the connection
//!      +-------------+----------> past its deadline
//! ```

pub(in crate::inspect) mod answer;
pub(crate) mod answer_status;
pub(in crate::inspect) mod at_server;
pub(in crate::inspect) mod attempt;
pub(in crate::inspect) mod client_gaps;
pub(in crate::inspect) mod client_standing;
pub(in crate::inspect) mod connection_context;
pub(in crate::inspect) mod crossing;
pub(in crate::inspect) mod fingerprint;
pub(in crate::inspect) mod foreign_answer;
pub(in crate::inspect) mod frame_gaps;
pub(in crate::inspect) mod hops;
pub(in crate::inspect) mod id_set;
pub(in crate::inspect) mod inferred_path;
pub(in crate::inspect) mod interned;
pub(in crate::inspect) mod large_message;
mod processed;
pub(in crate::inspect) mod progress;
pub(in crate::inspect) mod request;
mod request_sizes;
pub(in crate::inspect) mod rpc;
pub(in crate::inspect) mod seen_call;
pub(in crate::inspect) mod server_progress;
mod success;
#[cfg(test)]
pub(in crate::inspect) mod tests;
mod text_hash;
mod unacknowledged;
mod uncertainty;
pub(in crate::inspect) mod verdict;

use crate::capture::Stamp;
use crate::decode::grpc::Messages;
use crate::decode::http2::ErrorCode;
use crate::decode::{Carrier, Direction};
use answer::Answer;
use progress::CallProgress;
use request::{Request, RequestReader};

/// How much of a status, or of a requested header's value, is kept, in bytes.
const MAX_VALUE: usize = 256;

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Known<T> {
    /// It was not sent, as far as seen.
    #[default]
    Absent,
    /// It may have been sent, but cannot be read.
    Hidden,
    /// It was sent.
    Value(T),
}

impl<T> Known<T> {
    pub(crate) const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Hidden => None,
        }
    }
}

/// Something the server sent: where it ends in the server's byte stream, and where it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FromServer {
    pub(crate) end: u64,
    pub(crate) stamp: Stamp,
}

/// Something the client sent: how much of the server's byte stream it had received by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FromClient {
    pub(crate) received: u64,
    pub(crate) stamp: Stamp,
}

/// One stream that the client opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    /// What first carried its HEADERS; `None` where they were not captured.
    pub(crate) opened: Option<Carrier>,
    pub(crate) request: Request,
    pub(crate) answer: Answer,
    pub(crate) progress: CallProgress,
    pub(crate) reset_by_server: Option<(FromServer, ErrorCode)>,
    pub(crate) reset_by_client: Option<(FromClient, ErrorCode)>,
    /// Whether the client had sent its END_STREAM, or had none to send when it reset the stream.
    pub(crate) request_ended: bool,
    /// Whether the server gave room for its body on its own window: it has read of it.
    pub(crate) body_taken: bool,
    /// Whether it was opened at the server's limit of open streams, or above.
    pub(crate) at_limit: bool,
    /// The large message that began last: who sent it, how long it is, and in which packet.
    pub(crate) large_began: Option<Box<(Direction, u32, Stamp)>>,
    /// Whether it was reported as lost before its connection ended.
    pub(crate) reported: bool,
}

impl Stream {
    /// Bytes of a body came: what identifies the request, and what is kept of an answer that is not gRPC's.
    pub(crate) fn body_came(&mut self, by: Direction, bytes: &[u8], requests: &mut RequestReader) {
        match (by, &mut self.answer.foreign) {
            (Direction::ClientToServer, _) => self.request.fingerprint.push(bytes),
            (Direction::ServerToClient, Some(foreign)) => requests.keep_body(foreign, bytes),
            (Direction::ServerToClient, None) => {}
        }
    }

    /// Bytes of a body were not captured.
    pub(crate) fn body_lost(&mut self, by: Direction) {
        match (by, &mut self.answer.foreign) {
            (Direction::ClientToServer, _) => self.request.fingerprint.lose(),
            (Direction::ServerToClient, Some(foreign)) => foreign.lose(),
            (Direction::ServerToClient, None) => {}
        }
    }

    /// The messages of one direction, to which DATA adds; `None` where they are not gRPC's. That the
    /// server sends DATA begins its answer.
    pub(in crate::inspect) fn messages_mut(
        &mut self,
        direction: Direction,
    ) -> Option<&mut Messages> {
        let (messages, is_grpc) = match direction {
            Direction::ClientToServer => {
                (&mut self.request.messages, self.request.format.is_some())
            }
            Direction::ServerToClient => {
                self.answer.begun = true;
                let is_grpc = self.answer.is_grpc(self.request.format);
                (&mut self.answer.messages, is_grpc)
            }
        };
        is_grpc.then_some(messages)
    }

    /// The header block of the answer that told its client, if that speaks gRPC, that the call failed.
    pub(crate) fn told_failure(&self) -> Option<FromServer> {
        let is_grpc = self.request.format.is_some();
        self.answer.tells_failure.filter(|_| is_grpc)
    }

    /// Whether the client has not sent all of its request. Between messages gRPC owes nothing.
    pub(crate) const fn owes_request(&self) -> bool {
        let in_midst = self.request.format.is_none() || self.request.messages.is_cut_short();
        !self.request_ended && in_midst
    }

    /// Whether nothing has ended it yet, as far as frames say.
    pub(crate) const fn is_open(&self) -> bool {
        self.answer.ended.is_none()
            && self.reset_by_server.is_none()
            && self.reset_by_client.is_none()
    }
}
