//! How a connection ends.
//!
//! In: the GOAWAYs of both sides, their FINs and RSTs, and the streams that are opened meanwhile. Out: which
//! streams the server's final GOAWAY condemns, what either end knew when it closed, and whether the client
//! was warned.

use super::goaway::{GoAway, GoAways};
use super::record::{Close, ConnectionRecord};
use super::server_bytes::ServerBytes;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::Direction;
use crate::decode::http2::{Frame, StreamId};
use crate::decode::tcp::Ended;
use crate::inspect::stream::id_set::StreamIdSet;
use crate::inspect::stream::verdict::FinalGoAway;
use crate::inspect::stream::{FromClient, FromServer};

/// How long after the final GOAWAY a stream above its last stream id may still be answered: a server
/// that ran the call all the same has answered by then, or takes longer than anybody waits for a report.
pub(in crate::inspect) const GRACE: TimeDelta = TimeDelta::from_secs(1);

/// What was seen of a connection's end.
#[derive(Clone, Debug)]
pub(in crate::inspect) struct Shutdown {
    goaways: GoAways,
    /// Streams that the server promised: a GOAWAY of the client speaks of these.
    pushed: StreamIdSet,
    /// Whether the server's bytes were seen from the first one on, without a hole.
    server_whole: bool,
    warned: Option<bool>,
    close: Option<Close>,
    pub(super) closed_by_server: Option<FromServer>,
    pub(super) closed_by_client: Option<FromClient>,
}

/// What else there is to judge by whether the client knew that a GOAWAY would come.
#[derive(Clone, Copy, Debug)]
pub(super) struct WarningSigns {
    /// When the server's PING was sent that was answered last.
    pub(super) ping_answered: Option<Stamp>,
    /// The connection's, if it is known.
    pub(super) round_trip: Option<TimeDelta>,
}

impl Shutdown {
    /// Of a connection of which the server's bytes are seen from the first one on, or are not.
    pub(super) fn new(server_whole: bool) -> Self {
        Self {
            goaways: GoAways::default(),
            pushed: StreamIdSet::default(),
            server_whole,
            warned: None,
            close: None,
            closed_by_server: None,
            closed_by_client: None,
        }
    }

    /// Frames of the server are lost.
    pub(super) const fn lose_server(&mut self) {
        self.server_whole = false;
    }

    /// The client opened a stream.
    pub(super) fn stream_opened(&mut self, id: StreamId) {
        self.goaways.stream_opened(id);
    }

    /// The server promised a stream.
    pub(super) fn promised(&mut self, id: StreamId) {
        self.pushed.insert(id.0);
    }

    /// A GOAWAY; `opened` are the streams that the client opened before it.
    pub(super) fn go_away(
        &mut self,
        mut goaway: GoAway,
        opened: &StreamIdSet,
        signs: WarningSigns,
    ) {
        let opened = match goaway.from {
            Direction::ServerToClient => opened,
            Direction::ClientToServer => &self.pushed,
        };
        if !goaway.is_announcement() {
            goaway.streams_beyond = opened.count_above(goaway.last_stream_id.0);
        }
        let warned = self.warned_before(&goaway, signs);
        if self.goaways.push(goaway) {
            self.warned = warned;
        }
    }

    /// Whether the client knew for at least a round trip that a GOAWAY with the real last stream id
    /// would come (RFC 9113, section 6.8); `None` where what came before was not captured.
    fn warned_before(&self, goaway: &GoAway, signs: WarningSigns) -> Option<bool> {
        if goaway.is_announcement() || !self.server_whole {
            return None;
        }
        let mut of_server = self.goaways.iter().filter(|goaway| !goaway.from_client());
        let Some(announcement) = of_server.find(|goaway| goaway.is_announcement()) else {
            return Some(false);
        };
        let answered = signs.ping_answered;
        if answered.is_some_and(|ping| ping >= announcement.stamp) {
            return Some(true);
        }
        let elapsed = goaway.stamp.time - announcement.stamp.time;
        Some(match signs.round_trip {
            Some(round_trip) => elapsed >= round_trip - round_trip / 10,
            None => announcement.received.is_some(),
        })
    }

    /// The receiver of `from`'s GOAWAYs acknowledged its bytes up to `upto`.
    pub(super) fn acknowledge(&mut self, from: Direction, upto: u64, stamp: Stamp) {
        self.goaways.acknowledge(from, upto, stamp);
    }

    /// A FIN or RST; whether it is the connection's first.
    pub(super) fn close(&mut self, ended: Ended<Direction>, bytes: ServerBytes) -> bool {
        let Ended {
            by,
            ending,
            position,
            carrier,
        } = ended;
        let stamp = carrier.stamp;
        match by {
            Direction::ServerToClient => {
                self.closed_by_server.get_or_insert(FromServer {
                    end: position,
                    stamp,
                });
            }
            Direction::ClientToServer => {
                let closed = bytes.received_with(carrier);
                self.closed_by_client.get_or_insert(closed);
            }
        }
        let first = self.close.is_none();
        self.close.get_or_insert(Close { by, ending, stamp });
        first
    }

    /// Whether a side has ended it, or has said farewell while no call is open, `open` being so many.
    pub(super) fn is_over(&self, by: Direction, open: u64) -> bool {
        let closed = match by {
            Direction::ClientToServer => self.closed_by_client.is_some(),
            Direction::ServerToClient => self.closed_by_server.is_some(),
        };
        let mut goaways = self.goaways.iter();
        closed || (open == 0 && goaways.any(|goaway| goaway.from == by))
    }

    /// Whether either side ended it.
    pub(in crate::inspect) const fn is_closed(&self) -> bool {
        self.close.is_some()
    }

    /// The server's final GOAWAY.
    pub(super) fn final_goaway(&self) -> Option<FinalGoAway> {
        self.goaways.final_of_server()
    }

    /// When streams above its last stream id are lost for certain.
    pub(in crate::inspect) fn grace_ends(&self) -> Option<Timestamp> {
        let final_goaway = self.final_goaway()?;
        Some(final_goaway.goaway.stamp.time + GRACE)
    }

    /// Whether it condemns a stream of the client.
    pub(in crate::inspect) fn condemns(&self, stream: StreamId) -> bool {
        let final_goaway = self.final_goaway();
        final_goaway.is_some_and(|goaway| goaway.condemns(stream.0))
    }

    /// The GOAWAY that a frame was.
    pub(in crate::inspect) fn goaway_completed_by(&self, frame: &Frame<'_>) -> Option<&GoAway> {
        let mut goaways = self.goaways.iter();
        goaways.rfind(|goaway| goaway.from == frame.direction && goaway.end == frame.span.end)
    }

    /// Puts what was seen into the record.
    pub(super) fn put_into(&self, record: &mut ConnectionRecord) {
        record.goaways = self.goaways.as_slice().to_vec();
        record.warned = self.warned;
        record.close = self.close;
    }
}
