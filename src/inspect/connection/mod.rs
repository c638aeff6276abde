//! One connection as it goes on: events in, a [`ConnectionRecord`] and its calls out.
//!
//! In: the events of one connection. Out, when it ends: what became of each stream. Calls that were
//! answered, and whose answer arrived, are settled and folded into counts on the way, so that memory
//! follows what is open. What never happens here: judging, which is [`judge`](super::stream::verdict)'s.

mod completion;
pub(in crate::inspect) mod control_frames;
mod early_verdict;
pub(in crate::inspect) mod frame_gaps;
pub(in crate::inspect) mod goaway;
pub(in crate::inspect) mod record;
mod shutdown;
pub(in crate::inspect) mod sparse;

mod bounds;
mod streams;

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::options::Interest;
use super::retry::Attempt;
use super::stream::Stream;
use super::stream::id_set::Opened;
use super::stream::inferred_path::{Shape, UnseenPaths};
use super::stream::interned::Interned;
use super::stream::rpc::{Rpc, Verdict};
use super::stream::verdict::Circumstances;
use super::traffic::ack_stall::Due;
use super::traffic::idle::Idleness;
use super::traffic::ping::Pings;
use super::traffic::ping::keepalive::Keepalive;
use super::traffic::{Follower, Traffic};
use crate::capture::Timestamp;
use crate::decode::http2::{
    Flags, Frame, FrameType, Loss, Malformation, Payload, SettingId, Settings,
};
use crate::decode::{Direction, Event, NetworkPath, Place, Recognition, Transport};
use control_frames::{Passage, Passages, Passing};
use goaway::{GoAway, GoAways};
use record::{ConnectionRecord, Finished, Missing, VerdictCounts};
use sparse::Seldom;

pub(super) use bounds::Load;
pub(super) use early_verdict::GRACE;

/// How many settings of a side are kept; honest peers know nine.
const MAX_SETTINGS: usize = 64;

/// A call that was settled: its method and what became of it.
pub(super) type Counted = (Option<Arc<[u8]>>, Verdict);

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    record: ConnectionRecord,
    /// Where the decoder keeps it.
    place: Option<Place>,
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
    unseen_paths: UnseenPaths,
    /// Settled calls whose method was not read.
    unnamed: Vec<(u32, Shape)>,
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
            pings: Seldom::default(),
            round_trip_nanos: recognition
                .handshake
                .map(|handshake| handshake.round_trip.as_nanos()),
            keepalive: Seldom::default(),
            farewell: None,
            most_open: 0,
            overdue: Seldom::default(),
            nonsense: None,
            network: NetworkPath::default(),
            traffic: Traffic::default(),
            passages: Passages::default(),
            missing: Missing::default(),
            verdicts: VerdictCounts::default(),
            user_agent: None,
            server_header: None,
        };
        Self {
            record,
            place: recognition.place,
            server_begun: recognition.preface_seen,
            round_trip_nanos: recognition
                .handshake
                .map(|handshake| handshake.round_trip.as_nanos()),
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
            unseen_paths: UnseenPaths::default(),
            unnamed: Vec::new(),
            traffic: Follower::new(recognition),
            counted: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// Takes the next event.
    pub fn push(&mut self, event: &Event<'_>, interest: &Interest) {
        match event {
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
        }
    }

    /// What the connection showed of the path below it.
    pub(super) fn learn_network(&mut self, network: NetworkPath) {
        self.record.network = network;
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
        self.name_unnamed();
    }

    /// The connection's record and calls.
    pub(super) fn into_finished(mut self) -> Finished {
        self.settled.sort_by_key(|rpc| rpc.id.stream);
        let mut record = self.record;
        record.streams_opened = self.opened.count();
        record.highest_stream = self.opened.highest();
        record.goaways = self.goaways.into_vec();
        record.pings = self.pings.summary().into();
        record.keepalive = self.keepalive.into_record().into();
        record.most_open = self.idleness.most();
        record.overdue = self.due.latest().into();
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
}
