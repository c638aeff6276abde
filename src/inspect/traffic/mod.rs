//! What both sides send, as far as it matters for windows, limits and floods.
//!
//! In: the frames of one connection. Out: a [`Traffic`] when it ends. What never happens here: a look
//! at what became of a call. Memory follows the streams that are open.
//!
//! Where a connection's beginning was not captured, or frames of it are lost, neither the windows nor
//! the number of open streams can be known; then only floods are counted.

pub(in crate::inspect) mod ack_stall;
pub(in crate::inspect) mod concurrency;
pub(in crate::inspect) mod floods;
pub(in crate::inspect) mod flow_control;
pub(in crate::inspect) mod idle;
pub(in crate::inspect) mod ping;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::options::limits::MAX_OPEN_STREAMS;
use crate::capture::{Stamp, Timestamp};
use crate::decode::http2::{Flags, Frame, FrameType, Payload, SettingId, Settings, StreamId};
use crate::decode::{Direction, Recognition};
use concurrency::{AtLimit, Concurrency};
use floods::{Abuse, Burst, Bursts};
use flow_control::{Allowance, Sender, Waits};

/// How many streams that closed may wait for the client to acknowledge it. Where its acknowledgements
/// were not captured they would wait for ever.
const MAX_CLOSING: usize = MAX_OPEN_STREAMS;

/// How much work a side may make by resizing the windows of all its open streams, in streams. An honest
/// one does so a few times; a flood of SETTINGS over many open streams would take hours.
const MAX_RESIZED: usize = 1 << 24;

/// What both sides sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// What the client waited before full windows; `None` if the windows could not be followed.
    pub client_waits: Option<Waits>,
    /// What the server waited.
    pub server_waits: Option<Waits>,
    /// The time at the server's limit of concurrent streams, if it was ever reached.
    pub at_limit: Option<AtLimit>,
    /// Kinds of frames of which there were too many in a second.
    pub bursts: Vec<Burst>,
}

/// Follows what both sides send.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    /// `None` where the windows and the streams that are open cannot be known.
    open: Option<Open>,
    /// Where in the server's byte stream those frames end that closed streams and that the client has
    /// not yet acknowledged. To the client these streams are open.
    closing: VecDeque<u64>,
    /// How many streams were resized so far.
    resized: usize,
    concurrency: Concurrency,
    bursts: Bursts,
}

/// The streams that are open, and what may be sent on them.
#[derive(Clone, Debug)]
struct Open {
    streams: FxHashMap<u32, OpenStream>,
    client: Sender,
    server: Sender,
}

#[derive(Clone, Copy, Debug)]
struct OpenStream {
    opened: Timestamp,
    client: Half,
    server: Half,
}

/// What one side does on a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    ended: bool,
    allowance: Allowance,
}

impl Follower {
    /// Of a connection that was just recognised.
    pub(crate) fn new(recognition: &Recognition) -> Self {
        let open = recognition.preface_seen.then(|| Open {
            streams: FxHashMap::default(),
            client: Sender::new(Direction::ClientToServer),
            server: Sender::new(Direction::ServerToClient),
        });
        Self {
            open,
            closing: VecDeque::new(),
            resized: 0,
            concurrency: Concurrency::default(),
            bursts: Bursts::default(),
        }
    }

    /// Frames are lost.
    pub(crate) fn lose(&mut self, stamp: Stamp) {
        self.concurrency.end(stamp);
        self.open = None;
        self.closing = VecDeque::new();
    }

    /// The client has received the server's bytes up to `upto`.
    pub(crate) fn received(&mut self, upto: u64, stamp: Stamp) {
        while self.closing.front().is_some_and(|end| *end <= upto) {
            self.closing.pop_front();
            self.concurrency.closed(self.open_to_client(), stamp);
        }
    }

    /// Takes the next frame.
    pub(crate) fn push(&mut self, frame: &Frame<'_>) {
        let (by, stamp) = (frame.direction, frame.completed.stamp);
        let flagged = |flag| frame.header.flags.contains(flag);
        match frame.header.kind {
            FrameType::HEADERS => {
                self.bursts.block_begins(by, stamp);
                self.open_stream(frame);
                if flagged(Flags::END_STREAM) {
                    self.end(frame);
                }
            }
            FrameType::CONTINUATION => self.bursts.add(Abuse::Continuation, by, stamp),
            FrameType::DATA => {
                let ends = flagged(Flags::END_STREAM);
                self.sent(frame);
                if ends {
                    self.end(frame);
                } else if matches!(frame.payload, Payload::Data { length: 0, .. }) {
                    self.bursts.add(Abuse::EmptyData, by, stamp);
                }
            }
            FrameType::PING if flagged(Flags::ACK) => self.bursts.pong(by.reverse()),
            FrameType::PING => self.bursts.ping(by, stamp),
            _ => match frame.payload {
                Payload::ResetStream { .. } => self.reset(frame),
                Payload::WindowUpdate { increment } => {
                    self.grant(by.reverse(), frame.header.stream, increment, stamp);
                }
                Payload::Settings(settings) if !flagged(Flags::ACK) => {
                    self.bursts.add(Abuse::Settings, by, stamp);
                    self.apply(by, settings, stamp);
                }
                // Nothing is opened after it, and what is above its last stream id stays open for ever.
                Payload::GoAway { last_stream_id, .. } if last_stream_id != StreamId::MAX => {
                    self.concurrency.end(stamp);
                }
                _ => {}
            },
        }
    }

    /// Nothing more will come after `end`.
    pub(crate) fn finish(mut self, end: Timestamp) -> Traffic {
        let end = Stamp {
            time: end,
            ..Stamp::default()
        };
        self.concurrency.end(end);
        let mut traffic = Traffic {
            at_limit: self.concurrency.seen(),
            bursts: self.bursts.notable(),
            ..Traffic::default()
        };
        let Some(Open {
            streams,
            mut client,
            mut server,
        }) = self.open
        else {
            return traffic;
        };
        let mut left: Vec<_> = streams.into_iter().collect();
        left.sort_unstable_by_key(|(id, _)| *id);
        let (mut client_sends, mut server_sends) = (false, false);
        for (_, stream) in left {
            if !stream.client.ended {
                client_sends = true;
                client.ended(&stream.client.allowance, end);
            }
            if !stream.server.ended {
                server_sends = true;
                server.ended(&stream.server.allowance, end);
            }
        }
        traffic.client_waits = Some(client.finish(client_sends, end));
        traffic.server_waits = Some(server.finish(server_sends, end));
        traffic
    }

    fn open_stream(&mut self, frame: &Frame<'_>) {
        let id = frame.header.stream;
        let Some(open) = &mut self.open else { return };
        let opens = frame.direction == Direction::ClientToServer && id.is_client_initiated();
        if !opens || open.streams.len() >= MAX_OPEN_STREAMS {
            return;
        }
        let stamp = frame.began.stamp;
        let before = open.streams.len();
        open.streams.entry(id.0).or_insert(OpenStream {
            opened: stamp.time,
            client: Half::default(),
            server: Half::default(),
        });
        if open.streams.len() > before {
            self.concurrency.opened(self.open_to_client(), stamp);
        }
    }

    fn sent(&mut self, frame: &Frame<'_>) {
        let Some(Open {
            streams,
            client,
            server,
        }) = &mut self.open
        else {
            return;
        };
        let stream = streams.get_mut(&frame.header.stream.0);
        match frame.direction {
            Direction::ClientToServer => {
                client.sent(frame, stream.map(|stream| &mut stream.client.allowance));
            }
            Direction::ServerToClient => {
                server.sent(frame, stream.map(|stream| &mut stream.server.allowance));
            }
        }
    }

    fn grant(&mut self, sender: Direction, id: StreamId, increment: u32, stamp: Stamp) {
        let Some(open) = &mut self.open else { return };
        let side = match sender {
            Direction::ClientToServer => &mut open.client,
            Direction::ServerToClient => &mut open.server,
        };
        if id == StreamId::CONNECTION {
            side.granted_to_all(increment, stamp);
        } else if let Some(stream) = open.streams.get_mut(&id.0) {
            side.granted(&mut stream.half_mut(sender).allowance, increment, stamp);
        }
    }

    fn apply(&mut self, by: Direction, settings: Settings<'_>, stamp: Stamp) {
        let mut size = None;
        for (id, value) in settings.iter() {
            match id {
                SettingId::MAX_CONCURRENT_STREAMS if by == Direction::ServerToClient => {
                    self.concurrency.limit(value, stamp);
                }
                // Of several the last one stays (RFC 9113, section 6.5.3).
                SettingId::INITIAL_WINDOW_SIZE => size = Some(value),
                _ => {}
            }
        }
        if let Some(size) = size {
            self.resize(by.reverse(), size, stamp);
        }
    }

    fn resize(&mut self, sender: Direction, size: u32, stamp: Stamp) {
        self.resized = self.resized.saturating_add(self.open_to_client());
        if self.resized > MAX_RESIZED {
            self.lose(stamp);
            return;
        }
        let Some(Open {
            streams,
            client,
            server,
        }) = &mut self.open
        else {
            return;
        };
        let side = match sender {
            Direction::ClientToServer => client,
            Direction::ServerToClient => server,
        };
        let open = streams
            .values_mut()
            .map(|stream| &mut stream.half_mut(sender).allowance);
        side.resized(size, stamp, open);
    }

    /// END_STREAM: with that of both sides the stream is closed (RFC 9113, section 5.1).
    fn end(&mut self, frame: &Frame<'_>) {
        let Some(open) = &mut self.open else { return };
        let Some(stream) = open.streams.get_mut(&frame.header.stream.0) else {
            return;
        };
        stream.half_mut(frame.direction).ended = true;
        if stream.client.ended && stream.server.ended {
            self.close(frame);
        }
    }

    fn reset(&mut self, frame: &Frame<'_>) {
        let stamp = frame.completed.stamp;
        let stream = self
            .open
            .as_ref()
            .and_then(|open| open.streams.get(&frame.header.stream.0));
        if let Some(stream) = stream
            && frame.direction == Direction::ClientToServer
            // grpc-go resets a stream that is answered before it has sent all of its request.
            && !stream.server.ended
        {
            self.bursts.reset(stream.opened, stamp);
        }
        self.close(frame);
    }

    fn close(&mut self, frame: &Frame<'_>) {
        let stamp = frame.completed.stamp;
        let Some(Open {
            streams,
            client,
            server,
        }) = &mut self.open
        else {
            return;
        };
        let Some(stream) = streams.remove(&frame.header.stream.0) else {
            return;
        };
        if !stream.client.ended {
            client.ended(&stream.client.allowance, stamp);
        }
        if !stream.server.ended {
            server.ended(&stream.server.allowance, stamp);
        }
        match frame.direction {
            Direction::ServerToClient if self.closing.len() >= MAX_CLOSING => self.lose(stamp),
            Direction::ServerToClient => self.closing.push_back(frame.span.end),
            Direction::ClientToServer => self.concurrency.closed(self.open_to_client(), stamp),
        }
    }

    /// How many streams are open as the client's end sees it.
    fn open_to_client(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.streams.len()) + self.closing.len()
    }
}

impl OpenStream {
    const fn half_mut(&mut self, side: Direction) -> &mut Half {
        match side {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }
}
