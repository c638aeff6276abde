//! How a connection ends.
//!
//! In: the GOAWAYs of both sides, their FINs and RSTs, and the streams that are opened meanwhile. Out: which
//! streams the server's final GOAWAY condemns, what either end knew when it closed, and whether the client
//! was warned.

use super::goaway::{GoAway, GoAways};
use super::late_opens::LateOpens;
use super::record::{Close, ConnectionRecord};
use super::server_bytes::ServerBytes;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::http2::{ErrorCode, Frame, StreamId};
use crate::decode::tcp::{Ended, Ending};
use crate::decode::{Carrier, Direction};
use crate::inspect::stream::connection_context::{ClientError, FinalGoAway};
use crate::inspect::stream::id_set::StreamIdSet;
use crate::inspect::stream::server_progress::ServerProgress;
use crate::inspect::stream::verdict::SETTLED;
use crate::inspect::stream::{FromClient, FromServer};

/// What was seen of a connection's end.
#[derive(Clone, Debug)]
pub(in crate::inspect) struct Shutdown {
    goaways: GoAways,
    /// Streams that the server promised: a GOAWAY of the client speaks of these.
    pushed: StreamIdSet,
    /// Whether the server's bytes were seen from the first one on, without a hole.
    server_whole: bool,
    warned: Option<bool>,
    late_opens: Option<Box<LateOpens>>,
    close: Option<Close>,
    pub(super) closed_by_server: Option<FromServer>,
    /// The client's first FIN or RST.
    pub(super) closed_by_client: Option<FromClient>,
    /// The client's first RST.
    pub(super) reset_by_client: Option<FromClient>,
    /// From when on the server sent what that RST can be the answer to, if nothing was seen before of how the client's
    /// end went.
    pub(super) found_gone: Option<Stamp>,
    /// Where the client's bytes end, by its FIN.
    client_fin: Option<u64>,
    /// Whether the server has acknowledged that FIN.
    pub(super) client_fin_acknowledged: bool,
    /// The client's first GOAWAY with an error.
    pub(super) client_error: Option<ClientError>,
    /// Whether the server answered above its own last stream id, or raised it.
    pub(super) broke_its_word: bool,
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
            late_opens: None,
            close: None,
            closed_by_server: None,
            closed_by_client: None,
            reset_by_client: None,
            found_gone: None,
            client_fin: None,
            client_fin_acknowledged: false,
            client_error: None,
            broke_its_word: false,
        }
    }

    /// Frames of the server are lost.
    pub(super) const fn lose_server(&mut self) {
        self.server_whole = false;
    }

    /// The client opened a stream.
    pub(super) fn stream_opened(&mut self, id: StreamId, carrier: Carrier) {
        if let Some(received) = self.goaways.received_before(carrier) {
            self.late_opens
                .get_or_insert_default()
                .opened(id.0, carrier.stamp, received);
        }
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
        if goaway.from == Direction::ServerToClient {
            let mut earlier = self.goaways.iter().filter(|goaway| !goaway.from_client());
            self.broke_its_word |= earlier.any(|one| one.last_stream_id < goaway.last_stream_id);
        }
        if !goaway.is_announcement() {
            goaway.streams_beyond = opened.count_above(goaway.last_stream_id.0);
        }
        let warned = self.warned_before(&goaway, signs);
        if self.goaways.push(goaway) {
            self.warned = warned;
        }
    }

    /// The server answers on a stream.
    pub(super) fn answered_on(&mut self, id: StreamId) {
        self.broke_its_word |= self.condemns(id);
    }

    /// The client ended the connection because of what it had received.
    pub(super) fn client_failed(&mut self, error: ErrorCode, by: FromClient, bytes: ServerBytes) {
        self.client_error.get_or_insert(ClientError {
            by,
            error,
            last_frame: bytes.last_frame_of(by),
        });
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
        // A FIN takes a sequence number of its own (RFC 9293, section 3.4).
        let client = from == Direction::ClientToServer;
        self.client_fin_acknowledged |= client && self.client_fin.is_some_and(|fin| upto > fin);
    }

    /// What the client's RST shows, if it comes first: that its end was gone.
    pub(super) fn find_gone(&mut self, ended: &Ended<Direction>, server: &ServerProgress) {
        if ended.by == Direction::ClientToServer
            && self.closed_by_client.is_none()
            && let Some(number) = ended.answers
        {
            let sent = server.acknowledged_at(number);
            self.found_gone = Some(sent.unwrap_or(ended.carrier.stamp));
        }
    }

    /// A FIN, a RST or a close_notify; whether it is the connection's first.
    pub(super) fn close(&mut self, ended: Ended<Direction>, bytes: ServerBytes) -> bool {
        let Ended {
            by,
            ending,
            position,
            carrier,
            answers: _,
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
                match ending {
                    Ending::Fin => self.client_fin = Some(position),
                    Ending::CloseNotify => {}
                    Ending::Rst => {
                        self.reset_by_client.get_or_insert(closed);
                    }
                }
            }
        }
        let first = self.close.is_none();
        let close = self.close.get_or_insert(Close { by, ending, stamp });
        // Its segment is told, though TLS had said it before.
        if close.ending == Ending::CloseNotify && close.by == by {
            *close = Close { by, ending, stamp };
        }
        first
    }

    /// Whether nothing can come any more that counts: a client's FIN alone ends one direction only.
    pub(in crate::inspect) const fn is_over(&self) -> bool {
        self.closed_by_server.is_some() || self.reset_by_client.is_some()
    }

    /// Whether a side has ended it, or has said farewell while no call is open, `open` being so many.
    pub(super) fn is_ended_by(&self, by: Direction, open: u64) -> bool {
        let closed = match by {
            Direction::ClientToServer => self.closed_by_client.is_some(),
            Direction::ServerToClient => self.closed_by_server.is_some(),
        };
        let mut goaways = self.goaways.iter();
        closed || (open == 0 && goaways.any(|goaway| goaway.from == by))
    }

    /// The server's final GOAWAY.
    pub(super) fn final_goaway(&self) -> Option<FinalGoAway> {
        self.goaways.final_of_server()
    }

    /// When streams above its last stream id are lost for certain.
    pub(in crate::inspect) fn grace_ends(&self) -> Option<Timestamp> {
        let final_goaway = self.final_goaway()?;
        Some(final_goaway.goaway.stamp.time + SETTLED)
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
        let late_opens = self.late_opens.as_deref().cloned();
        record.late_opens = late_opens.unwrap_or_default().into();
    }
}
