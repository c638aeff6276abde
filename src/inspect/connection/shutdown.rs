//! How a connection ends: GOAWAY, FIN and RST of either side come in, and what both ends knew by then goes
//! into the record and into the context of verdicts.

use super::Connection;
use crate::decode::http2::{ErrorCode, Frame};
use crate::decode::tcp::Ended;
use crate::decode::{Carrier, Direction};
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::connection::record::Close;
use crate::inspect::stream::{FromClient, FromServer};

impl Connection {
    /// What a GOAWAY of the server says of its settings.
    pub(super) fn note_first_goaway(&mut self, frame: &Frame<'_>, error: ErrorCode) {
        if frame.direction == Direction::ClientToServer {
            return;
        }
        if error == ErrorCode::ENHANCE_YOUR_CALM {
            self.pings.calmed();
        }
        let first_goaway = self.idleness.first_goaway(frame.completed);
        self.record.first_goaway.get_or_insert(first_goaway);
    }

    pub(super) fn go_away(&mut self, mut goaway: GoAway) {
        let opened = match goaway.from {
            Direction::ServerToClient => self.streams.opened(),
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
        let elapsed = goaway.stamp.time - announcement.stamp.time;
        Some(match self.record.round_trip() {
            Some(round_trip) => elapsed >= round_trip - round_trip / 10,
            None => announcement.received.is_some(),
        })
    }

    pub(super) fn close(&mut self, ended: Ended<Direction>) {
        let Ended {
            by,
            ending,
            position,
            carrier,
        } = ended;
        let stamp = carrier.stamp;
        if self.record.close.is_none() {
            self.record.close = Some(Close { by, ending, stamp });
            self.ack_stalls.closed(stamp);
            let received = self.ack_stalls.received_of(by);
            self.pings.closed(by, stamp, received);
        }
        match by {
            Direction::ServerToClient => {
                let closed = FromServer {
                    end: position,
                    stamp,
                };
                self.context.closed_by_server.get_or_insert(closed);
            }
            Direction::ClientToServer => {
                let closed = self.received_with(carrier);
                self.context.closed_by_client.get_or_insert(closed);
            }
        }
    }

    /// What the client had received when it sent something: what that segment acknowledges, else
    /// what it had acknowledged before, else what was seen to have been sent.
    pub(super) fn received_with(&self, carrier: Carrier) -> FromClient {
        let acknowledged = carrier.acknowledged.or(self.received_by_client);
        let received = acknowledged.unwrap_or(self.sent_by_server);
        FromClient {
            received,
            stamp: carrier.stamp,
        }
    }
}
