//! What both sides send, as far as it matters for windows, limits and floods.
//!
//! In: the frames of one connection. Out: a [`Traffic`] when it ends. What became of a call plays no part.
//! Memory follows the streams that are open.
//!
//! Where a connection's beginning was not captured, or frames of it are lost, neither the windows nor
//! the number of open streams can be known; then only floods are counted.

pub(in crate::inspect) mod ack_stall;
pub(in crate::inspect) mod concurrency;
pub(in crate::inspect) mod conformance;
pub(in crate::inspect) mod floods;
pub(in crate::inspect) mod flow_control;
pub(in crate::inspect) mod idle;
pub(in crate::inspect) mod ping;
pub(in crate::inspect) mod quiet;
pub(in crate::inspect) mod stream_table;
pub(in crate::inspect) mod window_holders;

use std::collections::VecDeque;

use super::options::limits::MAX_OPEN_STREAMS;
use crate::capture::{Stamp, Timestamp};
use crate::decode::http2::{Frame, FrameType, SettingId, Settings, StreamId};
use crate::decode::{Direction, PerSide, Recognition};
use concurrency::{AtLimit, Concurrency};
use floods::{Burst, FloodKind, Floods};
use flow_control::{SideFlow, StreamFlow, Waits, WindowedSender};
use stream_table::{Followed, StreamTable};

/// How many streams that closed may wait for the client to acknowledge it. Where its acknowledgements
/// were not captured they would wait for ever.
const MAX_CLOSING: usize = MAX_OPEN_STREAMS;

/// How much work a side may make by resizing the windows of all its open streams, in streams. An honest
/// one does so a few times; a flood of SETTINGS over many open streams would take hours.
const MAX_RESIZED: usize = 1 << 24;

/// What both sides sent, as far as it matters for windows, limits and floods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// What each side waited before full windows; `None` if the windows could not be followed.
    pub waits: Option<PerSide<Waits>>,
    /// The time at the server's limit of concurrent streams, if it was ever reached.
    pub at_limit: Option<Box<AtLimit>>,
    /// Kinds of frames of which there were too many in a second.
    pub bursts: Vec<Burst>,
}

/// Follows what both sides send.
#[derive(Clone, Debug)]
pub(crate) struct TrafficTracker {
    /// `None` where the windows and the streams that are open cannot be known.
    senders: Option<PerSide<WindowedSender>>,
    /// Where in the server's byte stream those frames end that closed streams and that the client has
    /// not yet acknowledged. To the client these streams are open.
    closing: VecDeque<u64>,
    /// How many streams were resized, or asked what they hold, so far.
    resized: usize,
    concurrency: Concurrency,
    floods: Floods,
    /// The stream of each side's latest DATA that said nothing.
    empty: PerSide<StreamId>,
}

/// More streams that closed wait for an acknowledgement than are remembered: flows cannot be followed any
/// longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl TrafficTracker {
    /// Of a connection that was just recognised.
    pub(crate) fn new(recognition: &Recognition) -> Self {
        let senders = recognition.beginning_seen.then(|| PerSide {
            client: WindowedSender::new(Direction::ClientToServer),
            server: WindowedSender::new(Direction::ServerToClient),
        });
        Self {
            senders,
            closing: VecDeque::new(),
            resized: 0,
            concurrency: Concurrency::default(),
            floods: Floods::default(),
            empty: PerSide::default(),
        }
    }

    /// Whether flows of streams can be known so far.
    pub(crate) const fn follows_flows(&self) -> bool {
        self.senders.is_some()
    }

    /// Frames are lost.
    pub(crate) fn lose(&mut self, streams: &mut StreamTable, stamp: Stamp) {
        self.concurrency.end(stamp);
        self.senders = None;
        self.closing = VecDeque::new();
        streams.drop_flows();
    }

    /// The client has received the server's bytes up to `upto`.
    pub(crate) fn received(&mut self, streams: &StreamTable, upto: u64, stamp: Stamp) {
        while self.closing.front().is_some_and(|end| *end <= upto) {
            self.closing.pop_front();
            let open = streams.flow_count() + self.closing.len();
            self.concurrency.closed(open, stamp);
        }
    }

    /// A frame that can be abused.
    pub(crate) fn count(&mut self, kind: FloodKind, frame: &Frame<'_>) {
        self.floods
            .add(kind, frame.direction, frame.completed.stamp);
    }

    /// The server reset a stream because of what its client had sent on it.
    pub(crate) fn provoked(&mut self, frame: &Frame<'_>) {
        let stamp = frame.completed.stamp;
        self.floods
            .add(FloodKind::ProvokedReset, Direction::ClientToServer, stamp);
    }

    /// HEADERS begin a header block.
    pub(crate) fn block_begins(&mut self, frame: &Frame<'_>) {
        self.floods
            .block_begins(frame.direction, frame.completed.stamp);
    }

    /// HEADERS opened a stream, whose flow is followed; `flows` are. Whether as many are open now as the
    /// server allows, or more.
    pub(crate) fn opened(&mut self, flows: usize, frame: &Frame<'_>) -> bool {
        let open = flows + self.closing.len();
        self.concurrency.opened(open, frame.began.stamp)
    }

    /// HEADERS on a stream after which its sender has DATA to send.
    pub(crate) fn begun(&self, frame: &Frame<'_>, flow: &mut StreamFlow) {
        if let Some(senders) = &self.senders {
            let by = frame.direction;
            let (stream, stamp) = (frame.header.stream.0, frame.completed.stamp);
            senders[by].begun(stream, &mut flow.sides[by], stamp);
        }
    }

    /// DATA comes next: asks who held the connection's window, if it ends a long wait before that.
    pub(crate) fn sending(&mut self, frame: &Frame<'_>, streams: &StreamTable) {
        let by = frame.direction;
        let Some(senders) = &mut self.senders else {
            return;
        };
        if !senders[by].ends_long_wait(frame.began.stamp) || self.resized > MAX_RESIZED {
            return;
        }
        self.resized = self.resized.saturating_add(streams.flow_count());
        senders[by].name_parties(sides(streams, by));
    }

    /// DATA on a stream; what is left of the windows, if that is known: of the connection's, and of the
    /// stream's what was granted beside its initial size.
    pub(crate) fn sent(
        &mut self,
        frame: &Frame<'_>,
        flow: Option<&mut StreamFlow>,
    ) -> Option<(i64, Option<i64>)> {
        let senders = self.senders.as_mut()?;
        let by = frame.direction;
        let mut side = flow.map(|flow| &mut flow.sides[by]);
        senders[by].sent(frame, side.as_deref_mut());
        Some(senders[by].left(side.as_deref().map(|side| &side.allowance)))
    }

    /// DATA without a byte that does not end its stream. A stream's first one does not count: honest proxies
    /// (Apache httpd's mod_proxy_http2) send one before the trailers of every answer.
    pub(crate) fn sent_nothing(&mut self, frame: &Frame<'_>, flow: Option<&mut StreamFlow>) {
        let by = frame.direction;
        let stream = std::mem::replace(&mut self.empty[by], frame.header.stream);
        let again = match flow {
            Some(flow) => std::mem::replace(&mut flow.sides[by].said_nothing, true),
            None => stream == frame.header.stream,
        };
        if again {
            self.count(FloodKind::EmptyData, frame);
        }
    }

    /// END_STREAM: with that of both sides the stream is closed (RFC 9113, section 5.1).
    pub(crate) fn ended(
        &mut self,
        frame: &Frame<'_>,
        mut stream: Followed<'_>,
    ) -> Result<(), Overflow> {
        let Some(flow) = stream.flow() else {
            return Ok(());
        };
        flow.sides[frame.direction].ended = true;
        if flow.sides.client.ended && flow.sides.server.ended {
            return self.close(frame, stream);
        }
        Ok(())
    }

    /// RST_STREAM.
    pub(crate) fn reset(
        &mut self,
        frame: &Frame<'_>,
        mut stream: Followed<'_>,
    ) -> Result<(), Overflow> {
        if let Some(flow) = stream.flow()
            && frame.direction == Direction::ClientToServer
            // grpc-go resets a stream that is answered before it has sent all of its request.
            && !flow.sides.server.ended
        {
            self.floods.reset(flow.opened, frame.completed.stamp);
        }
        self.close(frame, stream)
    }

    fn close(&mut self, frame: &Frame<'_>, stream: Followed<'_>) -> Result<(), Overflow> {
        let Some(senders) = &mut self.senders else {
            return Ok(());
        };
        let Some((flow, left)) = stream.take_flow() else {
            return Ok(());
        };
        let stamp = frame.completed.stamp;
        let id = frame.header.stream.0;
        let reset = frame.header.kind == FrameType::RST_STREAM;
        for (by, side) in flow.sides.iter() {
            if !side.ended {
                senders[by].ended(id, side, stamp);
            }
            let dropped = reset && by != frame.direction;
            senders[by].closed(id, side, dropped);
        }
        match frame.direction {
            Direction::ServerToClient if self.closing.len() >= MAX_CLOSING => return Err(Overflow),
            Direction::ServerToClient => self.closing.push_back(frame.span.end),
            Direction::ClientToServer => {
                let open = left + self.closing.len();
                self.concurrency.closed(open, stamp);
            }
        }
        Ok(())
    }

    /// WINDOW_UPDATE of a stream; how large its window is then, if that is known.
    pub(crate) fn granted(
        &mut self,
        frame: &Frame<'_>,
        increment: u32,
        flow: &mut StreamFlow,
    ) -> Option<i64> {
        let sender = frame.direction.reverse();
        let allowance = &mut flow.sides[sender].allowance;
        let senders = self.senders.as_mut()?;
        Some(senders[sender].granted(allowance, increment, frame.completed.stamp))
    }

    /// WINDOW_UPDATE of the connection; how large its window is then, if that is known.
    pub(crate) fn granted_to_all(&mut self, frame: &Frame<'_>, increment: u32) -> Option<i64> {
        let sender = &mut self.senders.as_mut()?[frame.direction.reverse()];
        Some(sender.granted_to_all(increment, frame.completed.stamp))
    }

    /// SETTINGS; how large the largest window is that they change, if that is known.
    pub(crate) fn apply(
        &mut self,
        streams: &mut StreamTable,
        frame: &Frame<'_>,
        settings: Settings<'_>,
    ) -> Option<i64> {
        let (by, stamp) = (frame.direction, frame.completed.stamp);
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
        self.resize(streams, by.reverse(), size?, stamp)
    }

    fn resize(
        &mut self,
        streams: &mut StreamTable,
        sender: Direction,
        size: u32,
        stamp: Stamp,
    ) -> Option<i64> {
        let open = streams.flow_count() + self.closing.len();
        self.resized = self.resized.saturating_add(open);
        if self.resized > MAX_RESIZED {
            self.lose(streams, stamp);
            return None;
        }
        let senders = self.senders.as_mut()?;
        let flows = streams.flows_mut();
        let open = flows.map(|(id, flow)| (id, &mut flow.sides[sender]));
        Some(senders[sender].resized(size, stamp, open))
    }

    /// GOAWAY with a last stream id: nothing is opened after it, and what is above that id stays open for
    /// ever.
    pub(crate) fn last_stream_named(&mut self, stamp: Stamp) {
        self.concurrency.end(stamp);
    }

    /// What is known, if nothing more comes after `end`.
    pub(crate) fn so_far(&self, streams: &StreamTable, end: Timestamp) -> Traffic {
        let end = Stamp {
            time: end,
            ..Stamp::default()
        };
        let mut concurrency = self.concurrency.clone();
        concurrency.end(end);
        let mut traffic = Traffic {
            at_limit: concurrency.seen().map(Box::new),
            bursts: self.floods.notable(),
            ..Traffic::default()
        };
        let Some(mut senders) = self.senders.clone() else {
            return traffic;
        };
        let (mut sending, mut both) = (PerSide::<bool>::default(), PerSide::<bool>::default());
        for by in [Direction::ClientToServer, Direction::ServerToClient] {
            if senders[by].waits_long(end) {
                senders[by].name_parties(sides(streams, by));
            }
        }
        for (id, flow) in streams.flows() {
            for (by, side) in flow.sides.iter().filter(|(_, side)| !side.ended) {
                sending[by] = true;
                both[by] |= senders[by].fills_both(side);
                senders[by].ended(id, side, end);
            }
        }
        traffic.waits = Some(PerSide {
            client: senders.client.finish(sending.client, both.client, end),
            server: senders.server.finish(sending.server, both.server, end),
        });
        traffic
    }
}

/// What a side does on the streams that are open.
fn sides(streams: &StreamTable, by: Direction) -> impl Iterator<Item = (u32, &SideFlow)> {
    let flows = streams.flows().into_iter();
    flows.map(move |(id, flow)| (id, &flow.sides[by]))
}
