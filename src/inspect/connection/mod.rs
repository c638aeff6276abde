//! One connection as it goes on: events in, a [`ConnectionRecord`] and its calls out.
//!
//! In: the events of one connection. Out, when it ends: what became of each stream, as
//! [`verdict::of`](super::stream::verdict::of) says. Calls that were answered, and whose answer arrived, are settled
//! and folded into counts on the way, so that memory follows what is open.

mod awaiting;
mod block;
pub(in crate::inspect) mod capture_gaps;
pub(in crate::inspect) mod control_frames;
mod early_verdict;
pub(in crate::inspect) mod goaway;
pub(in crate::inspect) mod grace_end;
mod in_progress;
mod inference;
pub(in crate::inspect) mod late_opens;
pub(in crate::inspect) mod load;
pub(in crate::inspect) mod recent_frames;
pub(in crate::inspect) mod record;
mod server_bytes;
mod settled;
pub(in crate::inspect) mod shutdown;
pub(in crate::inspect) mod sparse;
mod streams;
mod verdict_counts;

use super::options::Options;
use super::stream::client_standing::ClientStanding;
use super::stream::connection_context::ConnectionContext;
use super::stream::frame_gaps::FrameGaps;
use super::stream::server_progress::ServerProgress;
use super::stream::verdict::REJECTED_WITHIN;
use super::traffic::ack_stall::AckStalls;
use super::traffic::ping::PingLog;
use super::traffic::quiet::LastFrames;
use crate::capture::{Stamp, Timestamp};
use crate::decode::http2::{
    ErrorCode, Flags, Frame, FrameType, Loss, Malformation, Payload, StreamId,
};
use crate::decode::tcp::{Acknowledged, Ended};
use crate::decode::{Carrier, Direction, Event, NetworkPath, Place, Recognition, Transport};
use awaiting::AwaitingStatus;
use block::Block;
use control_frames::{ControlFrame, ControlFrameKind};
use goaway::GoAway;
use recent_frames::RecentFrames;
use record::{ConnectionRecord, Finished, Instead};
use server_bytes::ServerBytes;
use settled::SettledCalls;
use shutdown::{Shutdown, WarningSigns};
use streams::Streams;

/// What is known of one connection so far, and of its calls.
#[derive(Clone, Debug)]
pub struct Connection {
    /// What its parts below do not keep.
    record: ConnectionRecord,
    /// Where the decoder keeps it.
    place: Option<Place>,
    streams: Streams,
    settled: SettledCalls,
    awaiting: AwaitingStatus,
    shutdown: Shutdown,
    server_bytes: ServerBytes,
    pings: PingLog,
    ack_stalls: AckStalls,
    last_frames: LastFrames,
    recent_frames: RecentFrames,
    /// What was lost of it so far.
    gaps: FrameGaps,
    /// How far the server was seen to have come with what the client sent.
    server_progress: ServerProgress,
    /// Where the client stood when nothing of what it had sent was missing.
    client_standing: ClientStanding,
    /// The capture's last moment, once it is known.
    capture_end: Option<Timestamp>,
}

impl Connection {
    /// A connection that was just recognised; `capture_begin` is the capture's first moment.
    #[must_use]
    pub fn new(recognition: &Recognition, capture_begin: Timestamp) -> Self {
        Self {
            record: ConnectionRecord::new(recognition),
            place: recognition.place,
            streams: Streams::new(recognition),
            settled: SettledCalls::new(recognition.number, capture_begin),
            awaiting: AwaitingStatus::default(),
            shutdown: Shutdown::new(recognition.beginning_seen),
            server_bytes: ServerBytes::default(),
            pings: PingLog::default(),
            ack_stalls: AckStalls::default(),
            last_frames: LastFrames::default(),
            recent_frames: RecentFrames::default(),
            gaps: FrameGaps::default(),
            server_progress: ServerProgress::default(),
            client_standing: ClientStanding::default(),
            capture_end: None,
        }
    }

    /// Takes the next event of this connection.
    pub fn push(&mut self, event: &Event<'_>, options: &Options) {
        match event {
            Event::Failed {
                by,
                instead,
                carrier,
            } => {
                self.record.set_instead(Instead {
                    by: *by,
                    protocol: *instead,
                    stamp: carrier.stamp,
                });
            }
            Event::Upgraded { request, carrier } => {
                if self.streams.upgrade(request, *carrier, options) {
                    self.shutdown.stream_opened(StreamId(1), *carrier);
                }
            }
            Event::Frame(frame) => self.push_frame(frame, options),
            Event::LargeFrame {
                direction,
                header,
                began,
            } => self.streams.large_frame(*direction, *header, *began),
            Event::Data {
                direction,
                stream,
                bytes,
            } => self.streams.message_bytes(*direction, *stream, bytes),
            Event::DataMissing {
                direction,
                stream,
                length,
            } => self.streams.message_gap(*direction, *stream, *length),
            Event::Acknowledged(acknowledged) => self.acknowledged(acknowledged, options),
            Event::Gap {
                direction,
                length,
                carrier,
            } => self.record.missing.add(*direction, *length, carrier.stamp),
            Event::Lost {
                direction,
                cause,
                carrier,
            } => self.lose(*direction, *cause, carrier.stamp),
            // Streams that were opened meanwhile may have lost frames too.
            Event::Found { direction, carrier } => self.gaps.end(*direction, carrier.stamp),
            Event::InferenceBegins => self.awaiting.open = true,
            Event::InferenceEnds => self.infer_no_more(options),
            Event::StatusInferred { stream, status } => self.infer(*stream, *status, options),
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
        self.take_finished()
    }

    /// Judges what is still open.
    pub(super) fn conclude(&mut self, capture_end: Option<Timestamp>, options: &Options) {
        self.capture_end = capture_end;
        if self.record.transport.is_http2()
            && let Some(uncaptured) = self.record.uncaptured()
        {
            self.gaps
                .begin(uncaptured, self.server_bytes.sent(), (None, None));
        }
        let context = self.context();
        let received = self.ack_stalls.known_received_of(Direction::ClientToServer);
        self.infer_no_more(options);
        self.settle_open(received, &context, options);
        self.settled.name_unnamed(|| self.streams.inferred_paths());
    }

    /// The connection's record and calls; nothing more is asked of it.
    pub(super) fn take_finished(&mut self) -> Finished {
        let record = self.so_far();
        let mut rpcs = self.settled.take_listed();
        // A call is half a kilobyte: the keys are sorted, and each call is moved once.
        rpcs.sort_by_cached_key(|rpc| rpc.id.stream);
        Finished { record, rpcs }
    }

    /// The connection as its record would be if it ended now, its open streams aside.
    pub(in crate::inspect) fn so_far(&self) -> ConnectionRecord {
        let mut record = self.record.clone();
        record.pings = self.pings.counts().into();
        record.keepalive = self.pings.keepalive().into();
        record.ack_stalls = self.ack_stalls.latest().into();
        self.shutdown.put_into(&mut record);
        self.settled.put_into(&mut record);
        let closed = record.close.map(|close| close.stamp.time);
        let ended = closed.or(self.capture_end);
        let ended = ended.unwrap_or(record.recognised.time);
        self.streams.put_into(&mut record, ended);
        // A server that speaks HTTP/2 sends SETTINGS first (RFC 9113, section 3.4). One that closes
        // without a byte has not understood the preface.
        let unanswered =
            record.preface_seen && self.server_bytes.sent() == 0 && record.missing.bytes == 0;
        if unanswered
            && record
                .close
                .is_some_and(|close| close.by == Direction::ServerToClient)
        {
            record.transport = Transport::NotHttp2;
        }
        record.judge_transport();
        record.forget_silence();
        record
    }

    /// What is known of the connection when a stream of it is judged.
    fn context(&self) -> ConnectionContext {
        ConnectionContext {
            final_goaway: self.shutdown.final_goaway(),
            closed_by_server: self.shutdown.closed_by_server,
            closed_by_client: self.shutdown.closed_by_client,
            reset_by_client: self.shutdown.reset_by_client,
            found_gone: self.shutdown.found_gone,
            client_fin_acknowledged: self.shutdown.client_fin_acknowledged,
            client_error: self.shutdown.client_error,
            broke_its_word: self.shutdown.broke_its_word,
            acknowledged: self.server_bytes.acknowledged(),
            resent_in_vain: self.record.server_resent_in_vain(),
            round_trip: self.record.round_trip(),
            highest_answered: self.server_progress.highest_answered(),
            gaps: self.gaps.clone(),
            begun: self.record.beginning_seen,
            capture_end: self.capture_end,
        }
    }

    fn acknowledged(&mut self, acknowledged: &Acknowledged<Direction>, options: &Options) {
        let (by, upto, stamp) = (acknowledged.by, acknowledged.upto, acknowledged.stamp);
        let sender = by.reverse();
        self.ack_stalls.acknowledged(sender, upto, stamp);
        self.shutdown.acknowledge(sender, upto, stamp);
        if by == Direction::ServerToClient {
            self.streams.acknowledged_by_server(upto);
            self.server_progress.acknowledge(upto, stamp);
            if let Some(gaps) = self.gaps.of_client_mut() {
                gaps.acknowledged(upto, stamp);
            }
            return;
        }
        self.server_bytes.acknowledge(upto);
        self.streams.received(upto, stamp);
        // A RST_STREAM may stand where the client's own bytes are missing so far.
        let Some(place) = acknowledged.whole_to else {
            return;
        };
        self.client_standing.acknowledged(place, upto, stamp);
        self.server_progress.is_caught_up();
        self.streams.table.delivered(upto, stamp.time);
        self.settle_accepted(Some(stamp.time - REJECTED_WITHIN), options);
    }

    /// Settles the calls whose answers were delivered by then, so that the client had time to throw them away; all
    /// of them without a time.
    fn settle_accepted(&mut self, by: Option<Timestamp>, options: &Options) {
        let Some(mut accepted) = self.streams.table.take_accepted(by) else {
            return;
        };
        let context = self.context();
        loop {
            let (id, call) = accepted;
            self.settle(id, call, &context, options);
            match self.streams.table.take_accepted(by) {
                Some(next) => accepted = next,
                None => return,
            }
        }
    }

    /// The boundaries of the frames that a side sent were lost.
    fn lose(&mut self, from: Direction, cause: Loss, stamp: Stamp) {
        if cause == Loss::Nonsense {
            self.record
                .nonsense
                .get_or_insert_with(|| Box::new((from, stamp)));
        }
        self.streams.lose_frames(stamp);
        self.record.missing.lose(cause);
        let client = match cause {
            Loss::Gap => {
                let upto = self.client_standing.frames_end();
                let in_cleartext = self.record.transport == Transport::H2c;
                (self.client_standing.last(), in_cleartext.then_some(upto))
            }
            // What is missing may have begun before.
            Loss::TornFrame | Loss::Nonsense | Loss::GivenUp => (None, None),
        };
        self.gaps.begin(from, self.server_bytes.sent(), client);
        if from == Direction::ServerToClient {
            self.shutdown.lose_server();
        }
    }

    fn close(&mut self, ended: Ended<Direction>) {
        let (by, stamp) = (ended.by, ended.carrier.stamp);
        let silence = self.last_frames.silence(by, ended.carrier);
        let quiet = silence.map(|silence| self.streams.quiet_close(by, ended.carrier, silence));
        self.shutdown.find_gone(&ended, &self.server_progress);
        if self.shutdown.close(ended, self.server_bytes) {
            self.record.quiet_close = quiet;
            self.ack_stalls.closed(stamp);
            let received = self.ack_stalls.received_of(by);
            self.pings.closed(by, stamp, received);
        }
    }

    fn push_frame(&mut self, frame: &Frame<'_>, options: &Options) {
        let (by, kind) = (frame.direction, frame.header.kind);
        if by == Direction::ServerToClient {
            self.server_bytes.seen(frame.span.end);
            self.gaps.server_frame(frame.span.start);
            self.record.server_last_frame = Some(frame.completed.stamp.time);
        } else {
            self.client_frame(frame);
        }
        let stamp = frame.completed.stamp;
        let message = matches!(kind, FrameType::HEADERS | FrameType::DATA);
        if message && by == Direction::ServerToClient {
            self.answered_on(frame.header.stream, stamp);
        }
        self.streams.conform(frame);
        self.pings.frame(by, stamp, message);
        self.ack_stalls.sent(by, frame.span.end, stamp);
        let received = self.ack_stalls.received_of(by);
        self.last_frames.sent(by, frame.span.end, stamp, received);
        self.recent_frames.sent(frame);
        let acknowledges = frame.header.flags.contains(Flags::ACK);
        match &frame.payload {
            Payload::Headers { block, .. } => {
                let block = block.map_or(Block::Unfinished, Block::Read);
                self.headers(frame, block, options);
            }
            Payload::Continuation { block } => self.streams.continuation(frame, *block, options),
            Payload::Data { length, .. } => self.streams.data(frame, Some(*length)),
            Payload::ResetStream { error } => {
                let by_client = self.server_bytes.received_with(frame.began);
                let request = self.ack_stalls.known_received_of(Direction::ClientToServer);
                self.streams.reset(frame, *error, by_client, request);
            }
            Payload::WindowUpdate { increment } => self.streams.window_update(frame, *increment),
            Payload::PushPromise { promised, .. } => self.shutdown.promised(*promised),
            Payload::Settings(_) if acknowledges => {
                self.note(frame, ControlFrameKind::SettingsAck, options)
            }
            Payload::Settings(settings) => {
                self.note(frame, ControlFrameKind::Settings, options);
                self.record.learn_settings(by, *settings, stamp.time);
                self.streams.settings(frame, *settings);
            }
            Payload::Ping(payload) if acknowledges => {
                self.note(frame, ControlFrameKind::PingAck(*payload), options);
                let round_trip = self.record.round_trip();
                self.pings.acknowledged(by, *payload, stamp, round_trip);
            }
            Payload::Ping(payload) => {
                self.note(frame, ControlFrameKind::Ping(*payload), options);
                if self.pings.sent(by, *payload, stamp, frame.span.end) {
                    self.streams.ping_ahead(frame);
                }
            }
            Payload::GoAway {
                last_stream_id,
                error,
                debug_data,
            } => {
                if by == Direction::ClientToServer && *error != ErrorCode::NO_ERROR {
                    let received = self.server_bytes.received_with(frame.began);
                    self.shutdown
                        .client_failed(*error, received, self.server_bytes);
                }
                self.go_away(
                    frame.completed,
                    GoAway {
                        from: by,
                        stamp,
                        last_stream_id: *last_stream_id,
                        error: *error,
                        debug_data: (*debug_data).into(),
                        streams_beyond: 0,
                        received: None,
                        end: frame.span.end,
                        answers: match *error {
                            ErrorCode::NO_ERROR => Box::default(),
                            _ => self.recent_frames.received_by(frame.began, by.reverse()),
                        },
                        after_end: self.shutdown.is_ended_by(by.reverse(), self.streams.open()),
                    },
                );
            }
            Payload::Malformed(why) => self.malformed(frame, *why, options),
            Payload::Priority(_) | Payload::Unknown => {}
        }
    }

    /// A frame of the client: where it stands.
    fn client_frame(&mut self, frame: &Frame<'_>) {
        self.client_standing.frame(frame.span.end, frame.completed);
        self.gaps.client_frame(frame, &self.server_progress);
    }

    /// The server answers on a stream.
    fn answered_on(&mut self, id: StreamId, stamp: Stamp) {
        self.shutdown.answered_on(id);
        if id.is_client_initiated()
            && self.server_progress.answer(id.0, stamp)
            && let Some(gaps) = self.gaps.of_client_mut()
        {
            gaps.answered(id.0, stamp);
        }
    }

    fn headers(&mut self, frame: &Frame<'_>, block: Block<'_>, options: &Options) {
        if frame.direction == Direction::ClientToServer && frame.header.stream.is_client_initiated()
        {
            let id = frame.header.stream.0;
            self.gaps.client_opened(id, &self.server_progress);
        }
        if self.streams.headers(frame, block, options) {
            self.shutdown
                .stream_opened(frame.header.stream, frame.began);
        }
    }

    fn go_away(&mut self, carrier: Carrier, goaway: GoAway) {
        // Nothing is opened after it, and what is above its last stream id stays open for ever.
        if !goaway.is_announcement() {
            self.streams.last_stream_named(goaway.stamp);
        }
        if goaway.from == Direction::ServerToClient {
            if goaway.error == ErrorCode::ENHANCE_YOUR_CALM {
                self.pings.enhance_your_calm();
            }
            let first_goaway = self.streams.first_goaway(carrier);
            if !goaway.after_end {
                self.record
                    .first_goaway
                    .get_or_insert_with(|| Box::new(first_goaway));
            }
        }
        let signs = WarningSigns {
            ping_answered: self.pings.last_answered(Direction::ServerToClient),
            round_trip: self.record.round_trip(),
        };
        let opened = self.streams.table.opened();
        self.shutdown.go_away(goaway, opened, signs);
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
            FrameType::CONTINUATION => self.streams.continuation(frame, None, options),
            FrameType::DATA => self.streams.data(frame, None),
            FrameType::PING if frame.header.flags.contains(Flags::ACK) => {
                self.pings.acknowledged_unread(by);
            }
            FrameType::PING if self.pings.sent_unread(by) => {
                self.streams.ping_ahead(frame);
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
}
