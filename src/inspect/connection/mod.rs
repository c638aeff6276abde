//! One connection as it goes on: events in, a [`ConnectionRecord`] and its calls out.
//!
//! In: the events of one connection. Out, when it ends: what became of each stream, as
//! [`verdict`](super::stream::verdict) says. Calls that were answered, and whose answer arrived, are settled
//! and folded into counts on the way, so that memory follows what is open.

mod completion;
pub(in crate::inspect) mod control_frames;
mod early_verdict;
pub(in crate::inspect) mod goaway;
pub(in crate::inspect) mod record;
mod shutdown;
pub(in crate::inspect) mod sparse;

mod bounds;
mod streams;

use std::sync::Arc;

use super::options::Options;
use super::stream::attempt::Attempt;
use super::stream::id_set::StreamIdSet;
use super::stream::inferred_path::Shape;
use super::stream::request::RequestReader;
use super::stream::rpc::{Rpc, Verdict};
use super::stream::verdict::ConnectionContext;
use super::traffic::TrafficTracker;
use super::traffic::ack_stall::AckStalls;
use super::traffic::floods::FloodKind;
use super::traffic::idle::Idleness;
use super::traffic::ping::PingLog;
use super::traffic::stream_table::StreamTable;
use crate::capture::Timestamp;
use crate::decode::http2::{
    Flags, Frame, FrameType, Loss, Malformation, Payload, Settings, StreamId,
};
use crate::decode::tcp::Acknowledged;
use crate::decode::{Direction, Event, NetworkPath, Place, Recognition, Transport};
use control_frames::{ControlFrame, ControlFrameKind};
use goaway::{GoAway, GoAways};
use record::{ConnectionRecord, Finished};
use streams::Block;

pub(super) use bounds::Load;
pub(super) use early_verdict::GRACE;

/// How many settings of a side are kept; honest peers know nine.
const MAX_SETTINGS: usize = 64;

/// A call that was settled: its method and what became of it.
pub(super) type CountedCall = (Option<Arc<[u8]>>, Verdict);

/// What is known of one connection so far, and of its calls.
#[derive(Clone, Debug)]
pub struct Connection {
    record: ConnectionRecord,
    capture_begin: Timestamp,
    /// Where the decoder keeps it.
    place: Option<Place>,
    /// Whether the server's bytes were seen from the first one on, without a hole.
    server_begun: bool,
    streams: StreamTable,
    pushed: StreamIdSet,
    goaways: GoAways,
    pings: PingLog,
    idleness: Idleness,
    ack_stalls: AckStalls,
    context: ConnectionContext,
    /// How much of the server's stream the client has acknowledged.
    received_by_client: Option<u64>,
    /// How much of the server's stream was seen.
    sent_by_server: u64,
    requests: RequestReader,
    settled: Vec<Rpc>,
    /// Settled calls whose method was not read.
    unnamed: Vec<(u32, Shape)>,
    traffic: TrafficTracker,
    counted: Vec<CountedCall>,
    attempts: Vec<Attempt>,
}

impl Connection {
    /// A connection that was just recognised; `capture_begin` is the capture's first moment.
    #[must_use]
    pub fn new(recognition: &Recognition, capture_begin: Timestamp) -> Self {
        Self {
            record: ConnectionRecord::new(recognition),
            capture_begin,
            place: recognition.place,
            server_begun: recognition.preface_seen,
            streams: StreamTable::default(),
            pushed: StreamIdSet::default(),
            goaways: GoAways::default(),
            pings: PingLog::default(),
            idleness: Idleness::default(),
            ack_stalls: AckStalls::default(),
            context: ConnectionContext {
                begun: recognition.preface_seen,
                ..ConnectionContext::default()
            },
            received_by_client: None,
            sent_by_server: 0,
            requests: RequestReader::default(),
            settled: Vec::new(),
            unnamed: Vec::new(),
            traffic: TrafficTracker::new(recognition),
            counted: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// Takes the next event of this connection.
    pub fn push(&mut self, event: &Event<'_>, options: &Options) {
        match event {
            Event::Failed {
                instead, carrier, ..
            } => {
                self.record.transport = Transport::NotHttp2;
                self.record.instead = Some((*instead, carrier.stamp));
            }
            Event::Upgraded { request, carrier } => self.upgrade(request, *carrier, options),
            Event::Frame(frame) => self.push_frame(frame, options),
            Event::Data {
                direction,
                stream,
                bytes,
            } => {
                self.count_message(*direction, *stream, *bytes);
            }
            Event::Acknowledged(Acknowledged {
                by: Direction::ClientToServer,
                upto,
                stamp,
                whole,
            }) => {
                self.received_by_client = self.received_by_client.max(Some(*upto));
                self.ack_stalls
                    .acknowledged(Direction::ServerToClient, *upto, *stamp);
                self.traffic.received(&self.streams, *upto, *stamp);
                self.goaways
                    .acknowledge(Direction::ServerToClient, *upto, *stamp);
                // A RST_STREAM may stand where the client's own bytes are missing so far.
                if *whole {
                    self.settle(*upto, options);
                }
            }
            Event::Acknowledged(Acknowledged {
                by: Direction::ServerToClient,
                upto,
                stamp,
                ..
            }) => {
                self.ack_stalls
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
                self.traffic.lose(&mut self.streams, carrier.stamp);
                self.record.missing.lose(*cause);
                let server_upto = self.sent_by_server;
                self.context.gaps.begin(*direction, server_upto);
                if *direction == Direction::ServerToClient {
                    self.server_begun = false;
                }
            }
            // Streams that were opened meanwhile may have lost frames too.
            Event::Found { direction, carrier } => {
                self.context.gaps.end(*direction, carrier.stamp);
            }
            Event::Ended(ended) => self.close(*ended),
        }
    }

    /// What the connection showed of the path below it.
    pub(super) fn learn_network(&mut self, network: NetworkPath) {
        self.record.network = network;
    }

    /// Judges what is still open; `capture_end` is the capture's last moment.
    #[must_use]
    pub fn finish(mut self, capture_end: Option<Timestamp>, options: &Options) -> Finished {
        self.conclude(capture_end, options);
        self.into_finished()
    }

    /// Judges what is still open.
    pub(super) fn conclude(&mut self, capture_end: Option<Timestamp>, options: &Options) {
        self.context.capture_end = capture_end;
        for (id, call) in self.streams.take_calls(0) {
            self.report(id, call, options);
        }
        self.name_unnamed();
    }

    /// The connection's record and calls.
    pub(super) fn into_finished(mut self) -> Finished {
        let record = self.so_far();
        self.settled.sort_by_key(|rpc| rpc.id.stream);
        let rpcs = self.settled;
        Finished { record, rpcs }
    }

    /// The connection as its record would be if it ended now, its open streams aside.
    pub(in crate::inspect) fn so_far(&self) -> ConnectionRecord {
        let mut record = self.record.clone();
        record.streams_opened = self.streams.opened().count();
        record.highest_stream = self.streams.opened().highest();
        record.goaways = self.goaways.as_slice().to_vec();
        record.pings = self.pings.counts().into();
        record.keepalive = self.pings.keepalive().into();
        record.most_open = self.idleness.most();
        record.ack_stalls = self.ack_stalls.latest().into();
        record.user_agent = self.requests.user_agent().cloned();
        let closed = record.close.map(|close| close.stamp.time);
        let ended = closed.or(self.context.capture_end);
        let ended = ended.unwrap_or(record.recognised.time);
        record.traffic = self.traffic.so_far(&self.streams, ended);
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
        record
    }

    fn push_frame(&mut self, frame: &Frame<'_>, options: &Options) {
        let (by, kind) = (frame.direction, frame.header.kind);
        if by == Direction::ServerToClient {
            self.sent_by_server = self.sent_by_server.max(frame.span.end);
        }
        let stamp = frame.completed.stamp;
        let message = matches!(kind, FrameType::HEADERS | FrameType::DATA);
        self.pings.frame(by, stamp, message);
        self.ack_stalls.sent(by, frame.span.end, stamp);
        let acknowledges = frame.header.flags.contains(Flags::ACK);
        match &frame.payload {
            Payload::Headers { block, .. } => {
                let block = block.map_or(Block::Unfinished, Block::Read);
                self.headers(frame, block, options);
            }
            Payload::Continuation { block } => self.continuation(frame, *block, options),
            Payload::Data { length, .. } => self.data(frame, Some(*length)),
            Payload::ResetStream { error } => self.reset(frame, *error),
            Payload::WindowUpdate { increment } => self.window_update(frame, *increment),
            Payload::PushPromise { promised, .. } => {
                self.pushed.insert(promised.0);
            }
            Payload::Settings(_) if acknowledges => {
                self.note(frame, ControlFrameKind::SettingsAck, options)
            }
            Payload::Settings(settings) => {
                self.note(frame, ControlFrameKind::Settings, options);
                self.learn_settings(by, *settings);
                self.traffic.count(FloodKind::Settings, frame);
                self.traffic.apply(&mut self.streams, frame, *settings);
            }
            Payload::Ping(payload) if acknowledges => {
                self.note(frame, ControlFrameKind::PingAck(*payload), options);
                let round_trip = self.record.round_trip();
                self.pings.acknowledged(by, *payload, stamp, round_trip);
            }
            Payload::Ping(payload) => {
                self.note(frame, ControlFrameKind::Ping(*payload), options);
                if self.pings.sent(by, *payload, stamp, frame.span.end) {
                    self.traffic.count(FloodKind::Ping, frame);
                }
            }
            Payload::GoAway {
                last_stream_id,
                error,
                debug_data,
            } => {
                // Nothing is opened after it, and what is above its last stream id stays open for ever.
                if *last_stream_id != StreamId::MAX {
                    self.traffic.last_stream_named(stamp);
                }
                self.note_first_goaway(frame, *error);
                self.go_away(GoAway {
                    from: by,
                    stamp,
                    last_stream_id: *last_stream_id,
                    error: *error,
                    debug_data: (*debug_data).into(),
                    streams_beyond: 0,
                    received: None,
                    end: frame.span.end,
                });
            }
            Payload::Malformed(why) => self.malformed(frame, *why, options),
            Payload::Priority(_) | Payload::Unknown => {}
        }
    }

    /// A frame whose payload cannot be read: what its header says still counts.
    fn malformed(&mut self, frame: &Frame<'_>, why: Malformation, options: &Options) {
        let by = frame.direction;
        match frame.header.kind {
            FrameType::HEADERS => {
                let block = match why {
                    Malformation::Incomplete | Malformation::TooLong => Block::Hidden,
                    Malformation::Length | Malformation::Padding => Block::Malformed,
                };
                self.headers(frame, block, options);
            }
            FrameType::CONTINUATION => self.continuation(frame, None, options),
            FrameType::DATA => self.data(frame, None),
            FrameType::PING if frame.header.flags.contains(Flags::ACK) => {
                self.pings.acknowledged_unread(by);
            }
            FrameType::PING if self.pings.sent_unread(by) => {
                self.traffic.count(FloodKind::Ping, frame);
            }
            _ => {}
        }
    }

    /// Keeps what a timeline shows between calls.
    fn note(&mut self, frame: &Frame<'_>, kind: ControlFrameKind, options: &Options) {
        if options.all {
            self.record.control_frames.push(ControlFrame {
                stamp: frame.completed.stamp,
                from: frame.direction,
                kind,
            });
        }
    }

    fn learn_settings(&mut self, direction: Direction, settings: Settings<'_>) {
        let known = self.record.settings[direction].get_or_insert_default();
        for (id, value) in settings.iter() {
            if let Some((_, latest)) = known.iter_mut().find(|(known, _)| *known == id) {
                *latest = value;
            } else if known.len() < MAX_SETTINGS {
                known.push((id, value));
            }
        }
    }
}
