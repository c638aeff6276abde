//! The streams of a connection: what opens a stream, answers on it, and ends it.
//!
//! In: frames of streams, one at a time. Out: calls as they stand, and for the record how many streams there
//! were, how busy they were, and what both ends say of themselves in headers. Each frame looks its stream up
//! in the [`StreamTable`] once, for its call as well as for windows and the number of open streams.

use std::sync::Arc;

use super::block::Block;
use super::record::ConnectionRecord;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::http2::hpack::HeaderBlock;
use crate::decode::http2::{
    EndedBlock, ErrorCode, Flags, Frame, FrameHeader, FrameType, Settings, StreamId,
};
use crate::decode::{Carrier, Direction, Recognition};
use crate::inspect::options::Options;
use crate::inspect::stream::answer::BlockContext;
use crate::inspect::stream::inferred_path::PathsByShape;
use crate::inspect::stream::request::{RequestReader, first_value};
use crate::inspect::stream::{FromClient, FromServer, Known, Stream};
use crate::inspect::traffic::TrafficTracker;
use crate::inspect::traffic::conformance::ConformanceTracker;
use crate::inspect::traffic::conformance::fields::FieldSection;
use crate::inspect::traffic::floods::FloodKind;
use crate::inspect::traffic::idle::{FirstGoAway, Idleness};
use crate::inspect::traffic::quiet::QuietClose;
use crate::inspect::traffic::stream_table::{FollowAs, Followed, StreamTable};

/// The streams of a connection, and what their frames say beside.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) table: StreamTable,
    pub(super) requests: RequestReader,
    traffic: TrafficTracker,
    conformance: ConformanceTracker,
    idleness: Idleness,
    /// The first `server` header seen.
    server_header: Option<Arc<[u8]>>,
}

impl Streams {
    /// Of a connection that was just recognised.
    pub(super) fn new(recognition: &Recognition) -> Self {
        Self {
            table: StreamTable::default(),
            requests: RequestReader::default(),
            traffic: TrafficTracker::new(recognition),
            conformance: ConformanceTracker::new(recognition),
            idleness: Idleness::default(),
            server_header: None,
        }
    }

    /// Any frame, before anything else is made of it.
    pub(super) fn conform(&mut self, frame: &Frame<'_>) {
        if self.conformance.frame(frame, self.table.opened()) {
            self.traffic.provoked(frame);
        }
    }

    /// A frame begins that is longer than its receiver seems to take.
    pub(super) fn large_frame(&mut self, by: Direction, header: FrameHeader, began: Carrier) {
        self.conformance.large_frame(by, header, began);
    }

    /// HEADERS, which open a stream, or are an answer's or a trailer section's; whether they opened one of
    /// which nothing was seen before.
    pub(super) fn headers(
        &mut self,
        frame: &Frame<'_>,
        block: Block<'_>,
        options: &Options,
    ) -> bool {
        self.traffic.block_begins(frame);
        match frame.direction {
            Direction::ClientToServer => self.request_headers(frame, block, options),
            Direction::ServerToClient => {
                self.answer_headers(frame, block);
                false
            }
        }
    }

    fn request_headers(&mut self, frame: &Frame<'_>, block: Block<'_>, options: &Options) -> bool {
        let id = frame.header.stream;
        let asked_for = FollowAs {
            call: !matches!(block, Block::Malformed),
            flow: self.traffic.follows_flows(),
        };
        let opening = self.table.open(id, frame.began, asked_for);
        if opening.call {
            self.idleness.opened(frame.span.end);
        }
        let first_seen = opening.first_seen;
        let section = match opening.call {
            true => FieldSection::Request,
            false if first_seen || opening.stream.is_none() => FieldSection::Unknown,
            false => FieldSection::Trailers,
        };
        self.conformance.headers(frame, block.read(), section);
        let Some(mut stream) = opening.stream else {
            if let Block::Read(block) = block {
                self.requests.note_user_agent(block);
            }
            return first_seen;
        };
        let at_limit = opening.flow && self.traffic.opened(stream.flow_count(), frame);
        if let Some(call) = stream.call() {
            call.at_limit |= at_limit;
            call.request_ended |= frame.header.flags.contains(Flags::END_STREAM);
            call.progress.sent(frame);
        }
        match (block, stream.call()) {
            (Block::Read(block), Some(call)) => {
                self.requests.read(&mut call.request, block, options);
            }
            (Block::Read(block), None) => self.requests.note_user_agent(block),
            (Block::Hidden, Some(call)) => call.request.hidden = true,
            _ => {}
        }
        if !frame.header.flags.contains(Flags::END_STREAM) {
            if let Some(flow) = stream.flow() {
                self.traffic.begun(frame, flow);
            }
        } else if self.traffic.ended(frame, stream).is_err() {
            self.lose_flows(frame.completed.stamp);
        }
        first_seen
    }

    fn answer_headers(&mut self, frame: &Frame<'_>, block: Block<'_>) {
        let id = frame.header.stream;
        let ends = frame.header.flags.contains(Flags::END_STREAM);
        let stream = match block {
            Block::Malformed => self.table.find(id),
            _ => self.table.answered_on(id),
        };
        let Some(mut stream) = stream else {
            self.conformance
                .headers(frame, block.read(), FieldSection::Unknown);
            if let Block::Read(block) = block {
                note_server(&mut self.server_header, block);
            }
            return;
        };
        let section = answer_section(stream.call());
        self.conformance.headers(frame, block.read(), section);
        let call = stream.call().filter(|_| !matches!(block, Block::Malformed));
        let answered = call.is_some_and(|call| {
            call.progress.sent(frame);
            call.answer.begun = true;
            call.answer.sent_again |= !frame.completed.original;
            match block {
                Block::Read(block) => {
                    let context = block_context(call, frame, ends);
                    call.answer.read(block, context, &mut self.server_header);
                }
                Block::Hidden => call.answer.hide(ends),
                Block::Unfinished | Block::Malformed => return false,
            }
            ends && end_answer(call, frame, &mut self.idleness)
        });
        if !ends && let Some(flow) = stream.flow() {
            self.traffic.begun(frame, flow);
        }
        let lost = ends && self.traffic.ended(frame, stream).is_err();
        if answered {
            self.table.answer_ends(id, frame.span.end);
        }
        if lost {
            self.lose_flows(frame.completed.stamp);
        }
    }

    /// CONTINUATION, which may end a header block that HEADERS began.
    pub(super) fn continuation(
        &mut self,
        frame: &Frame<'_>,
        ended: Option<EndedBlock<'_>>,
        options: &Options,
    ) {
        self.traffic.count(FloodKind::Continuation, frame);
        let Some(ended) = ended.filter(|ended| ended.kind == FrameType::HEADERS) else {
            return;
        };
        let id = frame.header.stream;
        self.conformance.continued(frame, ended);
        if frame.direction == Direction::ClientToServer {
            self.request(id, ended.block, options);
            return;
        }
        let mut stream = self.table.answered_on(id);
        let Some(call) = stream.as_mut().and_then(Followed::call) else {
            note_server(&mut self.server_header, ended.block);
            return;
        };
        call.answer.begun = true;
        let ends = ended.flags.contains(Flags::END_STREAM);
        let context = block_context(call, frame, ends);
        call.answer
            .read(ended.block, context, &mut self.server_header);
        if ends && end_answer(call, frame, &mut self.idleness) {
            self.table.answer_ends(id, frame.span.end);
        }
    }

    /// The header block of a request whose HEADERS were seen before.
    fn request(&mut self, id: StreamId, block: &HeaderBlock, options: &Options) {
        let Some(call) = self.table.call_mut(id) else {
            self.requests.note_user_agent(block);
            return;
        };
        self.requests.read(&mut call.request, block, options);
    }

    /// DATA; `length` is that of its payload without padding, `None` where the frame breaks its format.
    pub(super) fn data(&mut self, frame: &Frame<'_>, length: Option<u32>) {
        let id = frame.header.stream;
        let ends = frame.header.flags.contains(Flags::END_STREAM);
        let answer_ends = ends && frame.direction == Direction::ServerToClient && length.is_some();
        self.traffic.sending(frame, &self.table);
        let mut stream = if answer_ends {
            self.table.answered_on(id)
        } else {
            self.table.find(id)
        };
        if let Some(call) = stream.as_mut().and_then(Followed::call) {
            call.progress.sent(frame);
            if frame.direction == Direction::ServerToClient {
                call.answer.data(length.unwrap_or_default());
            }
        }
        let left = self
            .traffic
            .sent(frame, stream.as_mut().and_then(Followed::flow));
        if let Some(left) = left {
            self.conformance.sent(frame, left);
        }
        if let Some(call) = stream.as_mut().and_then(Followed::call) {
            call.note_large(frame.direction, frame.completed.stamp);
        }
        if !ends {
            if length == Some(0) {
                let flow = stream.as_mut().and_then(Followed::flow);
                self.traffic.sent_nothing(frame, flow);
            }
            return;
        }
        let Some(mut stream) = stream else { return };
        if let Some(call) = stream.call()
            && frame.direction == Direction::ClientToServer
        {
            call.request_ended = true;
        }
        let call = stream.call().filter(|_| answer_ends);
        let answered = call.is_some_and(|call| end_answer(call, frame, &mut self.idleness));
        let lost = self.traffic.ended(frame, stream).is_err();
        if answered {
            self.table.answer_ends(id, frame.span.end);
        }
        if lost {
            self.lose_flows(frame.completed.stamp);
        }
    }

    /// RST_STREAM; `by_client` is what the client had received if it sent it, `request` how much of the
    /// client's bytes the server had acknowledged.
    pub(super) fn reset(
        &mut self,
        frame: &Frame<'_>,
        error: ErrorCode,
        by_client: FromClient,
        request: Option<u64>,
    ) {
        let id = frame.header.stream;
        let stream = match frame.direction {
            Direction::ClientToServer => self.table.find(id),
            // Its HEADERS may wait behind a hole in what the client sent.
            Direction::ServerToClient => self.table.answered_on(id),
        };
        let Some(mut stream) = stream else { return };
        if let Some(call) = stream.call() {
            if call.is_open() {
                self.idleness.ended(frame.completed.stamp);
            }
            call.progress.ended(request);
            match frame.direction {
                Direction::ClientToServer => {
                    call.reset_by_client.get_or_insert((by_client, error));
                }
                Direction::ServerToClient => {
                    let reset = from_server(frame);
                    call.reset_by_server.get_or_insert((reset, error));
                }
            }
        }
        if self.traffic.reset(frame, stream).is_err() {
            self.lose_flows(frame.completed.stamp);
        }
    }

    /// WINDOW_UPDATE.
    pub(super) fn window_update(&mut self, frame: &Frame<'_>, increment: u32) {
        let id = frame.header.stream;
        let window = if id == StreamId::CONNECTION {
            self.traffic.granted_to_all(frame, increment)
        } else {
            let mut stream = self.table.find(id);
            if let Some(call) = stream.as_mut().and_then(Followed::call)
                && frame.direction == Direction::ServerToClient
            {
                call.body_taken = true;
            }
            let flow = stream.as_mut().and_then(Followed::flow);
            flow.and_then(|flow| self.traffic.granted(frame, increment, flow))
        };
        if let Some(window) = window {
            self.conformance.granted(frame, window);
        }
    }

    /// SETTINGS without ACK.
    pub(super) fn settings(&mut self, frame: &Frame<'_>, settings: Settings<'_>) {
        self.traffic.count(FloodKind::Settings, frame);
        let window = self.traffic.apply(&mut self.table, frame, settings);
        if let Some(window) = window {
            self.conformance.granted(frame, window);
        }
    }

    /// A PING while its sender's one before was not answered.
    pub(super) fn ping_ahead(&mut self, frame: &Frame<'_>) {
        self.traffic.count(FloodKind::Ping, frame);
    }

    /// GOAWAY with a last stream id.
    pub(super) fn last_stream_named(&mut self, stamp: Stamp) {
        self.traffic.last_stream_named(stamp);
    }

    /// The server sends its first GOAWAY.
    pub(super) fn first_goaway(&self, goaway: Carrier) -> FirstGoAway {
        self.idleness.first_goaway(goaway)
    }

    /// How quiet it was for a side that closes; `silence` is the time since the last frame.
    pub(super) fn quiet_close(
        &self,
        by: Direction,
        close: Carrier,
        silence: TimeDelta,
    ) -> QuietClose {
        let acknowledged = match by {
            Direction::ServerToClient => close.acknowledged,
            Direction::ClientToServer => None,
        };
        let close = Carrier {
            acknowledged,
            ..close
        };
        let FirstGoAway { idle, .. } = self.idleness.first_goaway(close);
        QuietClose { silence, idle }
    }

    /// The client has received the server's bytes up to `upto`.
    pub(super) fn received(&mut self, upto: u64, stamp: Stamp) {
        self.traffic.received(&self.table, upto, stamp);
    }

    /// The server has received the client's bytes up to `upto`.
    pub(super) fn acknowledged_by_server(&mut self, upto: u64) {
        self.idleness.acknowledged(upto);
    }

    /// Frames are lost, so that windows and the number of open streams are not known any more.
    pub(super) fn lose_flows(&mut self, stamp: Stamp) {
        self.traffic.lose(&mut self.table, stamp);
    }

    /// Frames are lost: what was sent before or with them is not known.
    pub(super) fn lose_frames(&mut self, stamp: Stamp) {
        self.conformance.lose();
        self.lose_flows(stamp);
    }

    /// How many calls are open.
    pub(super) const fn open(&self) -> u64 {
        self.idleness.open()
    }

    /// The paths of requests whose own could not be read.
    pub(super) fn inferred_paths(&self) -> PathsByShape {
        self.requests.inferred_paths()
    }

    /// Puts into the record what is known, if nothing more comes after `end`.
    pub(super) fn put_into(&self, record: &mut ConnectionRecord, end: Timestamp) {
        record.streams_opened = self.table.opened().count();
        record.highest_stream = self.table.opened().highest();
        record.most_open = self.idleness.most();
        record.user_agent = self.requests.user_agent().cloned();
        record.server_header.clone_from(&self.server_header);
        record.traffic = self.traffic.so_far(&self.table, end);
        record.conformance = self.conformance.so_far().into();
    }

    /// DATA's part of a message.
    pub(super) fn message_bytes(&mut self, direction: Direction, stream: StreamId, bytes: &[u8]) {
        let Some(stream) = self.table.call_mut(stream) else {
            return;
        };
        stream.body_came(direction, bytes, &mut self.requests);
        if let Some(messages) = stream.messages_mut(direction) {
            messages.push(bytes);
        }
    }

    /// A part of DATA that was not captured, of `length` bytes.
    pub(super) fn message_gap(&mut self, direction: Direction, stream: StreamId, length: u64) {
        let Some(stream) = self.table.call_mut(stream) else {
            return;
        };
        stream.body_lost(direction);
        if let Some(messages) = stream.messages_mut(direction) {
            messages.skip(length);
        }
    }

    /// An HTTP/1.1 request that asked for an upgrade is stream 1 (RFC 7540, section 3.2); whether nothing of
    /// it was seen before.
    pub(super) fn upgrade(
        &mut self,
        request: &HeaderBlock,
        carrier: Carrier,
        options: &Options,
    ) -> bool {
        let id = StreamId(1);
        let asked_for = FollowAs {
            call: true,
            flow: false,
        };
        let first_seen = self.table.open(id, carrier, asked_for).first_seen;
        self.request(id, request, options);
        first_seen
    }
}

/// What a header block of the server is, by what it sent before.
fn answer_section(call: Option<&mut Stream>) -> FieldSection {
    match call {
        Some(call) if call.opened.is_some() => match call.answer.http_status {
            Known::Absent => FieldSection::Response,
            Known::Value(_) => FieldSection::Trailers,
            Known::Hidden => FieldSection::Unknown,
        },
        _ => FieldSection::Unknown,
    }
}

/// END_STREAM of the server; whether it is the first.
fn end_answer(call: &mut Stream, frame: &Frame<'_>, idleness: &mut Idleness) -> bool {
    call.answer.begun = true;
    call.answer.sent_again |= !frame.completed.original;
    if call.answer.ended.is_some() {
        return false;
    }
    if call.is_open() {
        idleness.ended(frame.completed.stamp);
    }
    call.answer.end(from_server(frame));
    true
}

fn block_context(call: &Stream, frame: &Frame<'_>, ends_stream: bool) -> BlockContext {
    BlockContext {
        end: from_server(frame),
        ends_stream,
        request: call.request.format,
    }
}

fn from_server(frame: &Frame<'_>) -> FromServer {
    FromServer {
        end: frame.span.end,
        stamp: frame.completed.stamp,
    }
}

fn note_server(server_header: &mut Option<Arc<[u8]>>, block: &HeaderBlock) {
    if server_header.is_none() {
        *server_header = first_value(block, b"server");
    }
}
