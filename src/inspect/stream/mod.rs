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

pub(in crate::inspect) mod attempt;
pub(in crate::inspect) mod fingerprint;
pub(in crate::inspect) mod frame_gaps;
pub(in crate::inspect) mod id_set;
pub(in crate::inspect) mod inferred_path;
pub(in crate::inspect) mod interned;
pub(in crate::inspect) mod request;
pub(in crate::inspect) mod rpc;
#[cfg(test)]
pub(in crate::inspect) mod tests;
pub(in crate::inspect) mod verdict;

use std::sync::Arc;

use crate::capture::Stamp;
use crate::decode::grpc::{self, Messages};
use crate::decode::http2::ErrorCode;
use crate::decode::http2::hpack::{Field, HeaderBlock};
use crate::decode::{Carrier, Direction};
use request::Request;
use rpc::ForeignAnswer;

/// How much of a `grpc-message` is kept, in bytes: enough for a sentence in a report.
pub(in crate::inspect) const MAX_MESSAGE: usize = 512;

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
    pub(crate) reset_by_server: Option<(FromServer, ErrorCode)>,
    pub(crate) reset_by_client: Option<(FromClient, ErrorCode)>,
    /// Whether it was reported as lost before its connection ended.
    pub(crate) reported: bool,
}

/// What the server sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// Whether anything of it was seen.
    pub(crate) begun: bool,
    /// Its END_STREAM.
    pub(crate) ended: Option<FromServer>,
    pub(crate) is_grpc: bool,
    pub(crate) http_status: Known<u16>,
    pub(crate) grpc_status: Known<Box<[u8]>>,
    pub(crate) grpc_message: Option<Box<[u8]>>,
    pub(crate) messages: Messages,
    /// Of an answer that is not gRPC's, with another HTTP status than 200.
    pub(crate) foreign: Option<Box<ForeignAnswer>>,
}

impl Stream {
    /// The messages of one direction, to which DATA adds; `None` where they are not gRPC's. That the
    /// server sends DATA begins its answer.
    pub(in crate::inspect) fn messages_mut(
        &mut self,
        direction: Direction,
    ) -> Option<&mut Messages> {
        let (messages, is_grpc) = match direction {
            Direction::ClientToServer => (&mut self.request.messages, self.request.is_grpc),
            Direction::ServerToClient => {
                self.answer.begun = true;
                let is_grpc = self.request.is_grpc || self.answer.is_grpc;
                (&mut self.answer.messages, is_grpc)
            }
        };
        is_grpc.then_some(messages)
    }

    /// Whether nothing has ended it yet, as far as frames say.
    pub(crate) const fn is_open(&self) -> bool {
        self.answer.ended.is_none()
            && self.reset_by_server.is_none()
            && self.reset_by_client.is_none()
    }
}

impl Answer {
    /// Reads a header block of the answer: informational, final, or trailers. The connection's first
    /// `server` header goes into `server`.
    pub(crate) fn read(&mut self, block: &HeaderBlock, server: &mut Option<Arc<[u8]>>) {
        let mut first_server = None;
        let mut content_type = None;
        for field in block.fields() {
            match field {
                Field {
                    name: Some(b"server"),
                    value,
                    ..
                } => {
                    first_server.get_or_insert(value);
                }
                Field {
                    name: Some(b":status"),
                    value,
                    ..
                } => {
                    match value.map(number) {
                        // Informational: the answer's status is still to come (RFC 9110,
                        // section 15.2).
                        Some(Some(100..200)) => {}
                        Some(status) => {
                            self.http_status = status.map_or(Known::Absent, Known::Value);
                        }
                        None => self.http_status = Known::Hidden,
                    }
                }
                Field {
                    name: Some(b"content-type"),
                    value: Some(value),
                    ..
                } => {
                    self.is_grpc |= grpc::is_grpc(value);
                    content_type.get_or_insert(value);
                }
                Field {
                    name: Some(b"grpc-status"),
                    value,
                    ..
                } => {
                    self.is_grpc = true;
                    self.grpc_status = value.map_or(Known::Hidden, |value| {
                        Known::Value(
                            value
                                .get(..MAX_VALUE.min(value.len()))
                                .unwrap_or(value)
                                .into(),
                        )
                    });
                }
                Field {
                    name: Some(b"grpc-message"),
                    value: Some(value),
                    ..
                } => {
                    let mut message = grpc::message(value);
                    message.truncate(MAX_MESSAGE);
                    self.grpc_message = Some(message.into());
                }
                Field { name: None, .. } => {
                    // Any field may hide behind a name that cannot be known.
                    if self.grpc_status == Known::Absent {
                        self.grpc_status = Known::Hidden;
                    }
                    if self.http_status == Known::Absent {
                        self.http_status = Known::Hidden;
                    }
                }
                Field { .. } => {}
            }
        }
        let other_status = matches!(self.http_status, Known::Value(status) if status != 200);
        if other_status && !self.is_grpc && self.foreign.is_none() {
            let content_type = content_type.map(|value| {
                let kept = value.get(..MAX_VALUE).unwrap_or(value);
                kept.into()
            });
            self.foreign = Some(Box::new(ForeignAnswer { content_type }));
        }
        if server.is_none() {
            *server = first_server
                .flatten()
                .map(|value| interned::cut(value).into());
        }
    }

    /// A block of the answer could not be read at all.
    pub(crate) fn hide(&mut self) {
        if self.grpc_status == Known::Absent {
            self.grpc_status = Known::Hidden;
        }
        if self.http_status == Known::Absent {
            self.http_status = Known::Hidden;
        }
    }
}

fn number(value: &[u8]) -> Option<u16> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
