//! GOAWAYs of a connection, and which of them is final.

use super::super::stream::FromServer;
use super::super::stream::connection_context::FinalGoAway;
use super::recent_frames::SentFrame;
use crate::capture::Stamp;
use crate::decode::http2::{ErrorCode, StreamId};
use crate::decode::{Carrier, Direction};

/// How much debug data is kept, in bytes. Stacks send a few words; proxies a sentence.
const MAX_DEBUG_DATA: usize = 1_024;

/// The same of all GOAWAYs of a connection together. Two is what an honest one has.
const MAX_DEBUG_DATA_IN_ALL: usize = 4 * MAX_DEBUG_DATA;

/// How many GOAWAYs of a connection are kept; the first ones, and always the final one.
const MAX_GOAWAYS: usize = 64;

/// One GOAWAY (RFC 9113, section 6.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoAway {
    /// The side that sent it.
    pub from: Direction,
    /// The packet that completed it.
    pub stamp: Stamp,
    /// The highest stream its sender may have processed.
    pub last_stream_id: StreamId,
    /// Its error code; NO_ERROR where it ends the connection gracefully.
    pub error: ErrorCode,
    /// Opaque bytes for humans; only the first ones are kept.
    pub debug_data: Box<[u8]>,
    /// How many streams its receiver had opened, or opened later, above the last stream id.
    pub streams_beyond: u64,
    /// The first segment of the receiver that acknowledges the whole of it.
    pub received: Option<Stamp>,
    /// Whether the other side had ended the connection, or had said farewell with no call open: such a
    /// GOAWAY ends nothing, whatever its code.
    pub after_end: bool,
    /// With an error code: the last frames that its sender had received, in order; one of them is what it answers.
    pub answers: Box<[SentFrame]>,
    /// Position of its end in its sender's byte stream.
    pub(crate) end: u64,
}

impl GoAway {
    /// Whether it only announces that another will follow.
    #[must_use]
    pub fn is_announcement(&self) -> bool {
        self.last_stream_id == StreamId::MAX
    }

    /// Whether the client sent it: then it speaks of pushed streams.
    #[must_use]
    pub fn from_client(&self) -> bool {
        self.from == Direction::ClientToServer
    }
}

/// All GOAWAYs of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct GoAways {
    all: Vec<GoAway>,
    /// Where the server's final one is among them.
    final_index: Option<usize>,
}

impl GoAways {
    /// Adds one; whether it is the server's final one so far.
    pub(crate) fn push(&mut self, mut goaway: GoAway) -> bool {
        let mut debug_data = std::mem::take(&mut goaway.debug_data).into_vec();
        let kept: usize = self.all.iter().map(|kept| kept.debug_data.len()).sum();
        debug_data.truncate(MAX_DEBUG_DATA.min(MAX_DEBUG_DATA_IN_ALL.saturating_sub(kept)));
        goaway.debug_data = debug_data.into();
        let smallest = self.final_of_server().map(|last| last.last_stream_id);
        let is_final = goaway.from == Direction::ServerToClient
            && smallest.is_none_or(|smallest| goaway.last_stream_id.0 < smallest);
        if self.all.len() < MAX_GOAWAYS {
            self.all.push(goaway);
        } else if is_final && let Some(last) = self.all.last_mut() {
            *last = goaway;
        } else {
            return false;
        }
        if is_final {
            self.final_index = Some(self.all.len() - 1);
        }
        is_final
    }

    pub(crate) fn final_of_server(&self) -> Option<FinalGoAway> {
        let goaway = self.all.get(self.final_index?)?;
        Some(FinalGoAway {
            last_stream_id: goaway.last_stream_id.0,
            goaway: FromServer {
                end: goaway.end,
                stamp: goaway.stamp,
            },
            received: goaway.received,
        })
    }

    /// The receiver of `from`'s GOAWAYs acknowledged its bytes up to `upto`.
    pub(crate) fn acknowledge(&mut self, from: Direction, upto: u64, stamp: Stamp) {
        for goaway in &mut self.all {
            if goaway.from == from && goaway.received.is_none() && goaway.end <= upto {
                goaway.received = Some(stamp);
            }
        }
    }

    /// When the client's kernel first had a whole GOAWAY of the server, if it had one when it sent a
    /// segment for the first time.
    pub(crate) fn received_before(&self, carrier: Carrier) -> Option<Stamp> {
        let acknowledged = carrier.acknowledged.filter(|_| carrier.original)?;
        let had = |goaway: &&GoAway| !goaway.from_client() && goaway.end <= acknowledged;
        self.all.iter().find(had)?.received
    }

    /// The client opened a stream.
    pub(crate) fn stream_opened(&mut self, id: StreamId) {
        for goaway in &mut self.all {
            let beyond = goaway.from == Direction::ServerToClient
                && id > goaway.last_stream_id
                && !goaway.is_announcement();
            goaway.streams_beyond += u64::from(beyond);
        }
    }

    /// Those that are kept, in order.
    pub(crate) fn as_slice(&self) -> &[GoAway] {
        &self.all
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &GoAway> {
        self.all.iter()
    }
}
