//! Frames of streams: what opens a stream, answers on it, and ends it.

use std::sync::Arc;

use super::Connection;
use crate::decode::http2::hpack::HeaderBlock;
use crate::decode::http2::{ErrorCode, Flags, Frame, FrameType, StreamId};
use crate::decode::{Carrier, Direction};
use crate::inspect::options::Interest;
use crate::inspect::options::limits::MAX_OPEN_STREAMS;
use crate::inspect::stream::interned;
use crate::inspect::stream::{FromServer, Stream};

impl Connection {
    /// HEADERS: opens a stream, or is an answer's or a trailer section's.
    pub(super) fn headers(
        &mut self,
        frame: &Frame<'_>,
        block: Option<&HeaderBlock>,
        interest: &Interest,
    ) {
        let id = frame.header.stream;
        let new = frame.direction == Direction::ClientToServer && self.open(id, frame.began);
        if new {
            self.idleness.opened(frame.span.end);
        }
        match block {
            Some(block) => self.read_block(frame, id, frame.header.flags, block, interest),
            None if new => {}
            None => {
                if let Some(stream) = self.stream_answered_on(frame) {
                    stream.answer.begun = true;
                }
            }
        }
    }

    /// A client's HEADERS; whether they open a stream.
    fn open(&mut self, id: StreamId, carrier: Carrier) -> bool {
        if !id.is_client_initiated() {
            return false;
        }
        let known = self.streams.get_mut(&id.0);
        let fresh = self.opened.insert(id.0);
        if let Some(stream) = known {
            let opens = stream.opened.is_none();
            if opens {
                stream.opened = Some(carrier);
            }
            return opens;
        }
        if !fresh || self.streams.len() >= MAX_OPEN_STREAMS {
            return false;
        }
        for goaway in self.goaways.iter_mut() {
            let condemned = goaway.from == Direction::ServerToClient
                && id > goaway.last_stream_id
                && !goaway.is_announcement();
            goaway.streams_beyond += u64::from(condemned);
        }
        let stream = Stream {
            opened: Some(carrier),
            ..Stream::default()
        };
        self.streams.insert(id.0, Box::new(stream));
        true
    }

    pub(super) fn read_block(
        &mut self,
        frame: &Frame<'_>,
        id: StreamId,
        flags: Flags,
        block: &HeaderBlock,
        interest: &Interest,
    ) {
        let ends = flags.contains(Flags::END_STREAM);
        match frame.direction {
            Direction::ClientToServer => self.read_request(id, block, interest),
            Direction::ServerToClient => {
                self.note_server(block);
                let Some(stream) = self.stream_answered_on(frame) else {
                    return;
                };
                stream.answer.begun = true;
                stream.answer.read(block);
                if ends {
                    self.end(frame);
                }
            }
        }
    }

    fn read_request(&mut self, id: StreamId, block: &HeaderBlock, interest: &Interest) {
        if self.record.user_agent.is_none() {
            self.record.user_agent = first_value(block, b"user-agent");
        }
        let Some(stream) = self.streams.get_mut(&id.0) else {
            return;
        };
        if stream.request.method.is_some() {
            // Trailers of the request.
            return;
        }
        let interned = &mut self.interned;
        stream
            .request
            .read(block, &interest.headers, &mut |value| interned.share(value));
        let path = stream.request.method.as_ref();
        stream.request.shape = self.unseen_paths.read(block, path);
        stream
            .request
            .fingerprint
            .read(block, &interest.not_identifying);
    }

    fn note_server(&mut self, block: &HeaderBlock) {
        if self.record.server_header.is_none() {
            self.record.server_header = first_value(block, b"server");
        }
    }

    /// A header block that was not captured whole: what its frame's header says still counts.
    pub(super) fn unreadable(&mut self, frame: &Frame<'_>, interest: &Interest) {
        if frame.header.kind != FrameType::HEADERS {
            return;
        }
        self.headers(frame, None, interest);
        if frame.direction == Direction::ClientToServer
            && let Some(stream) = self.streams.get_mut(&frame.header.stream.0)
        {
            stream.request.hidden = true;
        }
        if frame.direction == Direction::ServerToClient
            && let Some(stream) = self.stream_answered_on(frame)
        {
            stream.answer.hide();
            if frame.header.flags.contains(Flags::END_STREAM) {
                self.end(frame);
            }
        }
    }

    /// The stream that a server's frame belongs to; one that was opened before the capture began, or
    /// in a part that is lost, is first seen here.
    fn stream_answered_on(&mut self, frame: &Frame<'_>) -> Option<&mut Stream> {
        let id = frame.header.stream;
        if !id.is_client_initiated() || frame.direction == Direction::ClientToServer {
            return None;
        }
        let unseen = !self.opened.contains(id.0) && self.streams.len() < MAX_OPEN_STREAMS;
        if !unseen {
            return self.streams.get_mut(&id.0).map(Box::as_mut);
        }
        Some(self.streams.entry(id.0).or_default())
    }

    /// END_STREAM of the server.
    pub(super) fn end(&mut self, frame: &Frame<'_>) {
        if frame.direction == Direction::ClientToServer {
            return;
        }
        let answer = from_server(frame);
        let Some(stream) = self.stream_answered_on(frame) else {
            return;
        };
        stream.answer.begun = true;
        if stream.answer.ended.is_none() {
            let open = stream.is_open();
            stream.answer.ended = Some(answer);
            if open {
                self.idleness.ended(answer.stamp);
            }
            self.answered.push_back((answer.end, frame.header.stream.0));
        }
    }

    pub(super) fn reset(&mut self, frame: &Frame<'_>, error: ErrorCode) {
        let id = frame.header.stream.0;
        match frame.direction {
            Direction::ClientToServer => {
                let received = self.received_with(frame.began);
                if let Some(stream) = self.streams.get_mut(&id) {
                    if stream.is_open() {
                        self.idleness.ended(frame.completed.stamp);
                    }
                    stream.reset_by_client.get_or_insert((received, error));
                }
            }
            Direction::ServerToClient => {
                let reset = from_server(frame);
                // Its HEADERS may wait behind a hole in what the client sent.
                let Some(stream) = self.stream_answered_on(frame) else {
                    return;
                };
                let was_open = stream.is_open();
                stream.reset_by_server.get_or_insert((reset, error));
                if was_open {
                    self.idleness.ended(frame.completed.stamp);
                }
            }
        }
    }

    pub(super) fn count_message(
        &mut self,
        direction: Direction,
        stream: StreamId,
        bytes: Result<&[u8], u64>,
    ) {
        let Some(stream) = self.streams.get_mut(&stream.0) else {
            return;
        };
        let (messages, is_grpc) = match direction {
            Direction::ClientToServer => {
                let fingerprint = &mut stream.request.fingerprint;
                match bytes {
                    Ok(bytes) => fingerprint.push(bytes),
                    Err(_) => fingerprint.lose(),
                }
                (&mut stream.request.messages, stream.request.is_grpc)
            }
            Direction::ServerToClient => {
                stream.answer.begun = true;
                (
                    &mut stream.answer.messages,
                    stream.request.is_grpc || stream.answer.is_grpc,
                )
            }
        };
        if !is_grpc {
            return;
        }
        match bytes {
            Ok(bytes) => messages.push(bytes),
            Err(missing) => messages.skip(missing),
        }
    }

    pub(super) fn upgrade(&mut self, request: &HeaderBlock, carrier: Carrier, interest: &Interest) {
        self.open(StreamId(1), carrier);
        self.read_request(StreamId(1), request, interest);
    }
}

fn from_server(frame: &Frame<'_>) -> FromServer {
    FromServer {
        end: frame.span.end,
        stamp: frame.completed.stamp,
    }
}

fn first_value(block: &HeaderBlock, name: &[u8]) -> Option<Arc<[u8]>> {
    let field = block.fields().find(|field| field.name == Some(name))?;
    field.value.map(|value| interned::cut(value).into())
}
