//! One connection as it goes on: events in, a [`ConnectionRecord`] and its calls out.
//!
//! In: the events of one connection. Out, when it ends: what became of each stream. Calls that were
//! answered, and whose answer arrived, are settled and folded into counts on the way, so that memory
//! follows what is open. What never happens here: judging, which is [`judge`](super::judge)'s.

mod bounds;
mod certain;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::filter::Filter;
use super::fingerprint::{self, Identity};
use super::goaway::{GoAway, GoAways};
use super::idleness::Idleness;
use super::interned::{self, Interned};
use super::judge::{Circumstances, Judgement, judge};
use super::keepalive::Keepalive;
use super::limits::Limits;
use super::opened::Opened;
use super::overdue::Due;
use super::passage::{Passage, Passages, Passing};
use super::pings::Pings;
use super::record::{Close, ConnectionRecord, Finished, Missing, VerdictCounts};
use super::retry::{self, Attempt};
use super::rpc::{CallId, Outcome, Rpc, Verdict};
use super::stream::{FromClient, FromServer, Stream};
use super::traffic::{Follower, Traffic};
use crate::capture::Timestamp;
use crate::decode::http2::hpack::HeaderBlock;
use crate::decode::http2::{
    ErrorCode, Flags, Frame, FrameType, Loss, Malformation, Payload, SettingId, Settings, StreamId,
};
use crate::decode::tcp::Ending;
use crate::decode::{Carrier, Direction, Event, Network, Recognition, Transport};

pub(super) use bounds::Load;
pub(super) use certain::GRACE;

/// How many streams of a connection are followed at a time. Far above any server's
/// MAX_CONCURRENT_STREAMS; a client that opens more without an answer is an attack.
pub const MAX_OPEN_STREAMS: usize = 1 << 16;

/// How many settings of a side are kept; honest peers know nine.
const MAX_SETTINGS: usize = 64;

/// What to keep of calls.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// Request headers to report, names in lower case.
    pub headers: Vec<Arc<[u8]>>,
    /// Whether calls that simply succeeded are reported one by one.
    pub all: bool,
    /// Request headers, names in lower case, that say nothing about which attempts belong to one
    /// call, whatever they look like.
    pub not_identifying: Vec<Box<[u8]>>,
    /// Whether all calls are counted by their method.
    pub methods: bool,
    /// Which calls count.
    pub filter: Filter,
    /// The capture's first packet.
    pub epoch: Timestamp,
    /// How much of it to keep.
    pub limits: Limits,
}

impl Interest {
    fn wants(&self, rpc: &Rpc) -> bool {
        let filter = &self.filter;
        let opened = rpc.opened.or(rpc.ended);
        filter.wants_stream(rpc.id.stream)
            && filter.wants_method(rpc.method.as_deref())
            && opened.is_none_or(|opened| filter.wants_time(opened.time, self.epoch))
    }
}

/// A call that was settled: its method and what became of it.
pub(super) type Counted = (Option<Arc<[u8]>>, Verdict);

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    record: ConnectionRecord,
    /// Whether the server's bytes were seen from the first one on, without a hole.
    server_begun: bool,
    /// How long the handshake took.
    round_trip_nanos: Option<i64>,
    /// Each in its own place: half of the map is empty.
    streams: FxHashMap<u32, Box<Stream>>,
    opened: Opened,
    pushed: Opened,
    /// Answered streams that wait for the client's acknowledgement, in the order of answers.
    answered: VecDeque<(u64, u32)>,
    goaways: GoAways,
    pings: Pings,
    keepalive: Keepalive,
    idleness: Idleness,
    due: Due,
    circumstances: Circumstances,
    /// How much of the server's stream the client has acknowledged.
    received_by_client: Option<u64>,
    /// How much of the server's stream was seen.
    sent_by_server: u64,
    interned: Interned,
    settled: Vec<Rpc>,
    traffic: Follower,
    counted: Vec<Counted>,
    attempts: Vec<Attempt>,
}

impl Connection {
    /// A connection that was just recognised.
    #[must_use]
    pub fn new(number: u32, recognition: &Recognition) -> Self {
        let record = ConnectionRecord {
            number,
            tcp_stream: recognition.tcp_stream,
            client: recognition.client,
            server: recognition.server,
            transport: recognition.transport,
            instead: None,
            preface_seen: recognition.preface_seen,
            guess: recognition.guess,
            tls: recognition.tls.clone(),
            opened: recognition.opened,
            recognised: recognition.recognised,
            handshake: recognition.handshake,
            close: None,
            streams_opened: 0,
            highest_stream: 0,
            goaways: Vec::new(),
            warned: None,
            client_settings: None,
            server_settings: None,
            pings: super::pings::PingCounts::default(),
            round_trip_nanos: recognition.handshake.map(|handshake| handshake.nanos),
            keepalive: super::keepalive::KeepaliveRecord::default(),
            farewell: None,
            most_open: 0,
            overdue: super::overdue::BothOverdue::default(),
            nonsense: None,
            network: Network::default(),
            traffic: Traffic::default(),
            passages: Passages::default(),
            missing: Missing::default(),
            verdicts: VerdictCounts::default(),
            user_agent: None,
            server_header: None,
        };
        Self {
            record,
            server_begun: recognition.preface_seen,
            round_trip_nanos: recognition.handshake.map(|handshake| handshake.nanos),
            streams: FxHashMap::default(),
            opened: Opened::default(),
            pushed: Opened::default(),
            answered: VecDeque::new(),
            goaways: GoAways::default(),
            pings: Pings::default(),
            keepalive: Keepalive::default(),
            idleness: Idleness::default(),
            due: Due::default(),
            circumstances: Circumstances {
                begun: recognition.preface_seen,
                ..Circumstances::default()
            },
            received_by_client: None,
            sent_by_server: 0,
            interned: Interned::default(),
            settled: Vec::new(),
            traffic: Follower::new(recognition),
            counted: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// Takes the next event.
    pub fn push(&mut self, event: &Event<'_>, interest: &Interest) {
        match event {
            Event::Recognised(_) => {}
            Event::Failed {
                instead, carrier, ..
            } => {
                self.record.transport = Transport::NotHttp2;
                self.record.instead = Some((*instead, carrier.stamp));
            }
            Event::Upgraded { request, carrier } => self.upgrade(request, *carrier, interest),
            Event::Frame(frame) => {
                self.traffic.push(frame);
                self.push_frame(frame, interest);
            }
            Event::Data {
                direction,
                stream,
                bytes,
            } => {
                self.count_message(*direction, *stream, *bytes);
            }
            Event::Acknowledged {
                by: Direction::ClientToServer,
                upto,
                stamp,
                whole,
            } => {
                self.received_by_client = self.received_by_client.max(Some(*upto));
                self.due
                    .acknowledged(Direction::ServerToClient, *upto, *stamp);
                self.traffic.received(*upto, *stamp);
                self.goaways
                    .acknowledge(Direction::ServerToClient, *upto, *stamp);
                // A RST_STREAM may stand where the client's own bytes are missing so far.
                if *whole {
                    self.settle(*upto, interest);
                }
            }
            Event::Acknowledged {
                by: Direction::ServerToClient,
                upto,
                stamp,
                ..
            } => {
                self.due
                    .acknowledged(Direction::ClientToServer, *upto, *stamp);
                self.goaways
                    .acknowledge(Direction::ClientToServer, *upto, *stamp);
            }
            Event::Gap {
                direction,
                length,
                carrier,
            } => self.record.missing.add(*direction, *length, carrier.stamp),
            Event::Lost {
                direction,
                cause,
                carrier,
            } => {
                if *cause == Loss::Nonsense {
                    self.record
                        .nonsense
                        .get_or_insert((*direction, carrier.stamp));
                }
                self.traffic.lose(carrier.stamp);
                self.record.missing.lose(*cause);
                let server_upto = self.sent_by_server;
                self.circumstances.losses.begin(*direction, server_upto);
                if *direction == Direction::ServerToClient {
                    self.server_begun = false;
                }
            }
            // Streams that were opened meanwhile may have lost frames too.
            Event::Found { direction, carrier } => {
                self.circumstances.losses.end(*direction, carrier.stamp);
            }
            Event::Ended {
                by,
                ending,
                position,
                carrier,
            } => {
                self.close(*by, *ending, *position, *carrier);
            }
            Event::Finished { network } => self.record.network.clone_from(network),
        }
    }

    /// Judges what is still open; `capture_end` is the capture's last moment.
    #[must_use]
    pub fn finish(mut self, capture_end: Option<Timestamp>, interest: &Interest) -> Finished {
        self.conclude(capture_end, interest);
        self.into_finished()
    }

    /// Judges what is still open.
    pub(super) fn conclude(&mut self, capture_end: Option<Timestamp>, interest: &Interest) {
        self.circumstances.capture_end = capture_end;
        let mut open: Vec<_> = std::mem::take(&mut self.streams).into_iter().collect();
        open.sort_unstable_by_key(|(id, _)| *id);
        for (id, stream) in open {
            self.report(id, *stream, interest);
        }
    }

    /// The connection's record and calls.
    pub(super) fn into_finished(mut self) -> Finished {
        self.settled.sort_by_key(|rpc| rpc.id.stream);
        let mut record = self.record;
        record.streams_opened = self.opened.count();
        record.highest_stream = self.opened.highest();
        record.goaways = self.goaways.into_vec();
        record.pings = self.pings.summary();
        record.keepalive = self.keepalive.into_record();
        record.most_open = self.idleness.most();
        record.overdue = self.due.latest();
        let ended = record
            .close
            .map(|close| close.stamp.time)
            .or(self.circumstances.capture_end);
        record.traffic = self.traffic.finish(ended.unwrap_or(record.recognised.time));
        // A server that speaks HTTP/2 sends SETTINGS first (RFC 9113, section 3.4). One that closes
        // without a byte has not understood the preface.
        let unanswered =
            record.preface_seen && self.sent_by_server == 0 && record.missing.bytes == 0;
        if unanswered
            && record
                .close
                .is_some_and(|close| close.by == Direction::ServerToClient)
        {
            record.transport = Transport::NotHttp2;
        }
        Finished {
            record,
            rpcs: self.settled,
        }
    }

    fn push_frame(&mut self, frame: &Frame<'_>, interest: &Interest) {
        if frame.direction == Direction::ServerToClient {
            self.sent_by_server = self.sent_by_server.max(frame.span.end);
        }
        let stamp = frame.completed.stamp;
        let message = matches!(frame.header.kind, FrameType::HEADERS | FrameType::DATA);
        self.keepalive.frame(frame.direction, stamp, message);
        self.due.sent(frame.direction, frame.span.end, stamp);
        let id = frame.header.stream;
        let flags = frame.header.flags;
        match &frame.payload {
            Payload::Headers { block, .. } => self.headers(frame, *block, interest),
            Payload::Continuation { block: Some(ended) } if ended.kind == FrameType::HEADERS => {
                self.read_block(frame, id, ended.flags, ended.block, interest);
            }
            Payload::PushPromise { promised, .. } => {
                self.pushed.insert(promised.0);
            }
            Payload::Data { .. } if flags.contains(Flags::END_STREAM) => self.end(frame),
            Payload::ResetStream { error } => self.reset(frame, *error),
            Payload::Settings(settings) => {
                if flags.contains(Flags::ACK) {
                    self.note(frame, Passing::SettingsAck, interest);
                } else {
                    self.note(frame, Passing::Settings, interest);
                    self.learn_settings(frame.direction, *settings);
                }
            }
            Payload::Ping(payload) => {
                if flags.contains(Flags::ACK) {
                    self.note(frame, Passing::PingAck(*payload), interest);
                    self.pings
                        .acknowledged(frame.direction, *payload, frame.completed.stamp);
                    let round_trip = self.round_trip_nanos;
                    self.keepalive
                        .acknowledged(frame.direction, *payload, stamp, round_trip);
                } else {
                    self.note(frame, Passing::Ping(*payload), interest);
                    self.pings.sent(frame.direction, *payload, stamp);
                    self.keepalive
                        .sent(frame.direction, *payload, stamp, frame.span.end);
                }
            }
            Payload::GoAway {
                last_stream_id,
                error,
                debug_data,
            } => {
                self.say_goodbye(frame, *error);
                self.go_away(GoAway {
                    from: frame.direction,
                    stamp: frame.completed.stamp,
                    last_stream_id: *last_stream_id,
                    error: *error,
                    debug_data: (*debug_data).into(),
                    streams_beyond: 0,
                    received: None,
                    end: frame.span.end,
                });
            }
            Payload::Malformed(Malformation::Incomplete | Malformation::TooLong) => {
                self.unreadable(frame, interest);
            }
            _ => {}
        }
    }

    /// HEADERS: opens a stream, or is an answer's or a trailer section's.
    fn headers(&mut self, frame: &Frame<'_>, block: Option<&HeaderBlock>, interest: &Interest) {
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

    fn read_block(
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
    fn unreadable(&mut self, frame: &Frame<'_>, interest: &Interest) {
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
    fn end(&mut self, frame: &Frame<'_>) {
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

    fn reset(&mut self, frame: &Frame<'_>, error: ErrorCode) {
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

    fn count_message(&mut self, direction: Direction, stream: StreamId, bytes: Result<&[u8], u64>) {
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

    fn upgrade(&mut self, request: &HeaderBlock, carrier: Carrier, interest: &Interest) {
        self.open(StreamId(1), carrier);
        self.read_request(StreamId(1), request, interest);
    }

    /// What a GOAWAY of the server says of its settings.
    fn say_goodbye(&mut self, frame: &Frame<'_>, error: ErrorCode) {
        if frame.direction == Direction::ClientToServer {
            return;
        }
        if error == ErrorCode::ENHANCE_YOUR_CALM {
            self.keepalive.calmed();
        }
        let farewell = self.idleness.farewell(frame.completed);
        self.record.farewell.get_or_insert(farewell);
    }

    fn go_away(&mut self, mut goaway: GoAway) {
        let opened = match goaway.from {
            Direction::ServerToClient => &self.opened,
            Direction::ClientToServer => &self.pushed,
        };
        if !goaway.is_announcement() {
            goaway.streams_beyond = opened.count_above(goaway.last_stream_id.0);
        }
        let warned = self.warned_before(&goaway);
        if self.goaways.push(goaway) {
            self.record.warned = warned;
        }
    }

    /// Whether the client knew for at least a round trip that a GOAWAY with the real last stream id
    /// would come (RFC 9113, section 6.8); `None` where what came before was not captured.
    fn warned_before(&self, goaway: &GoAway) -> Option<bool> {
        if goaway.is_announcement() || !self.server_begun {
            return None;
        }
        let mut from_server = self.goaways.iter().filter(|goaway| !goaway.from_client());
        let Some(announcement) = from_server.find(|goaway| goaway.is_announcement()) else {
            return Some(false);
        };
        let ping = self.pings.last_answered(Direction::ServerToClient);
        if ping.is_some_and(|ping| ping >= announcement.stamp) {
            return Some(true);
        }
        let elapsed = goaway.stamp.time.nanos_since(announcement.stamp.time);
        Some(match self.round_trip_nanos {
            Some(round_trip) => elapsed >= round_trip - round_trip / 10,
            None => announcement.received.is_some(),
        })
    }

    fn close(&mut self, by: Direction, ending: Ending, position: u64, carrier: Carrier) {
        let stamp = carrier.stamp;
        if self.record.close.is_none() {
            self.record.close = Some(Close { by, ending, stamp });
            self.due.closed(stamp);
            self.keepalive.closed(by, stamp, self.due.received_of(by));
        }
        match by {
            Direction::ServerToClient => {
                let closed = FromServer {
                    end: position,
                    stamp,
                };
                self.circumstances.closed_by_server.get_or_insert(closed);
            }
            Direction::ClientToServer => {
                let closed = self.received_with(carrier);
                self.circumstances.closed_by_client.get_or_insert(closed);
            }
        }
    }

    /// What the client had received when it sent something: what that segment acknowledges, else
    /// what it had acknowledged before, else what was seen to have been sent.
    fn received_with(&self, carrier: Carrier) -> FromClient {
        let acknowledged = carrier.acknowledged.or(self.received_by_client);
        let received = acknowledged.unwrap_or(self.sent_by_server);
        FromClient {
            received,
            stamp: carrier.stamp,
        }
    }

    /// Keeps what a timeline shows between calls.
    fn note(&mut self, frame: &Frame<'_>, passing: Passing, interest: &Interest) {
        if interest.all {
            self.record.passages.push(Passage {
                stamp: frame.completed.stamp,
                from: frame.direction,
                passing,
            });
        }
    }

    fn learn_settings(&mut self, direction: Direction, settings: Settings<'_>) {
        let known = match direction {
            Direction::ClientToServer => &mut self.record.client_settings,
            Direction::ServerToClient => &mut self.record.server_settings,
        };
        let known: &mut Vec<(SettingId, u32)> = known.get_or_insert_default();
        for (id, value) in settings.iter() {
            if let Some((_, latest)) = known.iter_mut().find(|(known, _)| *known == id) {
                *latest = value;
            } else if known.len() < MAX_SETTINGS {
                known.push((id, value));
            }
        }
    }

    /// The client has received everything up to `upto`: answers that end before are delivered.
    fn settle(&mut self, upto: u64, interest: &Interest) {
        while let Some((end, id)) = self.answered.front().copied() {
            if end > upto {
                return;
            }
            self.answered.pop_front();
            // Without its HEADERS a stream cannot be told from a new one should they come late.
            let Some(stream) = self
                .streams
                .get(&id)
                .filter(|stream| stream.opened.is_some())
            else {
                continue;
            };
            if stream.reset_by_client.is_none()
                && let Some(stream) = self.streams.remove(&id)
            {
                self.report(id, *stream, interest);
            }
        }
    }

    fn report(&mut self, id: u32, stream: Stream, interest: &Interest) {
        self.circumstances.last_word = self.goaways.final_of_server();
        let judgement = judge(id, &stream, &self.circumstances);
        let silent = matches!(judgement.verdict, Verdict::Ok | Verdict::Unknown);
        let told = stream.told;
        if interest.methods && !told {
            self.counted
                .push((stream.request.method.clone(), judgement.verdict));
        }
        let identity = stream.request.fingerprint.identity();
        let timeout = stream.request.timeout;
        let rpc = tell(
            CallId {
                connection: self.record.number,
                stream: id,
            },
            stream,
            judgement,
        );
        if !told {
            self.note_attempt(&rpc, identity, timeout);
        }
        if !interest.wants(&rpc) {
            return;
        }
        self.record.verdicts.add(rpc.verdict);
        self.record.missing.count(&rpc);
        // What was told once is told to its end.
        if !silent || interest.all || told {
            self.settled.push(rpc);
        }
    }

    fn note_attempt(&mut self, rpc: &Rpc, identity: Option<Identity>, timeout: Option<Duration>) {
        if let Some((identity, opened)) = identity.zip(rpc.opened) {
            let opened_nanos = opened.time.nanos();
            self.attempts.push(Attempt {
                call: rpc.id,
                identity,
                opened_nanos,
                lost_nanos: retry::lost_at(rpc),
                deadline_nanos: fingerprint::deadline(opened_nanos, timeout),
                verdict: rpc.verdict,
            });
        }
    }

    /// The attempts that ended since this was last asked.
    pub(super) fn take_attempts(&mut self) -> impl Iterator<Item = Attempt> {
        self.attempts.drain(..)
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

fn tell(id: CallId, stream: Stream, judgement: Judgement) -> Rpc {
    let Judgement {
        verdict,
        ended,
        error,
        race,
        late_by_nanos,
        processed,
    } = judgement;
    let Stream {
        opened,
        request,
        answer,
        ..
    } = stream;
    let outcome = match verdict {
        Verdict::Ok => Outcome::Ok,
        Verdict::Status | Verdict::ResetByClient | Verdict::DeadlineExceeded => Outcome::Failed,
        // A retry may have saved the call; linking attempts tells.
        _ => Outcome::Unknown,
    };
    Rpc {
        id,
        method: request.method,
        authority: request.authority,
        opened: opened.map(|carrier| carrier.stamp),
        doubt: None,
        timeout: request.timeout,
        answer_begun: answer.begun,
        ended,
        verdict,
        race,
        late_by_nanos,
        processed,
        grpc_status: answer.grpc_status.value().cloned(),
        grpc_message: answer.grpc_message,
        http_status: answer.http_status.value().copied(),
        error,
        retried_as: None,
        retry_of: None,
        outcome,
        app_error: None,
        headers: request.headers,
        request_messages: (request.messages.count, request.messages.bytes),
        response_messages: (answer.messages.count, answer.messages.bytes),
    }
}
