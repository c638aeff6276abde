//! A connection as reports tell it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::goaway::GoAway;
use super::idleness::Farewell;
use super::keepalive::KeepaliveRecord;
use super::pings::PingCounts;
use super::rpc::{Rpc, Verdict};
use super::stall::Stalls;
use crate::capture::Stamp;
use crate::decode::http2::SettingId;
use crate::decode::tcp::Ending;
use crate::decode::{Direction, Guess, Instead, Transport};

/// Who ended a connection, how and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// Who.
    pub by: Direction,
    /// How.
    pub ending: Ending,
    /// The segment.
    pub stamp: Stamp,
}

/// What is missing of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Bytes of TCP payload that were not captured, both ways.
    pub bytes: u64,
    /// How often frames could not be told apart because of that.
    pub losses: u32,
    /// Where bytes were first found missing.
    pub first: Option<Stamp>,
}

/// Calls by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerdictCounts([u64; Verdict::ALL.len()]);

impl VerdictCounts {
    /// Counts one.
    pub fn add(&mut self, verdict: Verdict) {
        if let Some(count) = self.0.get_mut(verdict as usize) {
            *count += 1;
        }
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// How many had this verdict.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.0.get(verdict as usize).copied().unwrap_or_default()
    }

    /// How many died.
    #[must_use]
    pub fn deaths(&self) -> u64 {
        Verdict::ALL
            .iter()
            .filter(|verdict| verdict.is_death())
            .map(|verdict| self.of(*verdict))
            .sum()
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// One connection, from its first packet to its last.
#[derive(Clone, Debug)]
pub struct ConnectionRecord {
    /// Its number in this analysis.
    pub number: u32,
    /// Wireshark's `tcp.stream` index.
    pub tcp_stream: u32,
    /// The side that opened it.
    pub client: SocketAddr,
    /// The side that accepted it.
    pub server: SocketAddr,
    /// What it speaks.
    pub transport: Transport,
    /// What its server spoke instead of HTTP/2, and where.
    pub instead: Option<(Instead, Stamp)>,
    /// Whether the client's preface was seen.
    pub preface_seen: bool,
    /// How it was recognised without one.
    pub guess: Option<Guess>,
    /// Its SYN.
    pub opened: Option<Stamp>,
    /// The packet that gave it away.
    pub recognised: Stamp,
    /// Its first FIN or RST.
    pub close: Option<Close>,
    /// Streams that the client opened, and the highest of their ids.
    pub streams_opened: u64,
    /// The highest id of those.
    pub highest_stream: u32,
    /// GOAWAYs of both sides, in order.
    pub goaways: Vec<GoAway>,
    /// For the server's final GOAWAY: whether the client had a round trip's warning before it;
    /// `None` where that cannot be judged, or there is none.
    pub warned: Option<bool>,
    /// The client's settings, the latest value of each; `None` if none were seen.
    pub client_settings: Option<Vec<(SettingId, u32)>>,
    /// The server's settings.
    pub server_settings: Option<Vec<(SettingId, u32)>>,
    /// PINGs.
    pub pings: PingCounts,
    /// How long the handshake took, in nanoseconds: a round trip.
    pub round_trip_nanos: Option<i64>,
    /// What PINGs say of keepalive.
    pub keepalive: KeepaliveRecord,
    /// The server's first GOAWAY, and how busy it was then.
    pub farewell: Option<Farewell>,
    /// How many streams were open at the same time at most.
    pub most_open: u64,
    /// Bytes that stayed unacknowledged.
    pub stalls: Stalls,
    /// Who first sent bytes that are not valid HTTP/2, though nothing of them is missing, and where.
    pub nonsense: Option<(Direction, Stamp)>,
    /// Segments that carried nothing new, both ways.
    pub retransmissions: u64,
    /// What is missing.
    pub missing: Missing,
    /// Calls by verdict.
    pub verdicts: VerdictCounts,
    /// The first `user-agent` seen.
    pub user_agent: Option<Arc<[u8]>>,
    /// The first `server` header seen.
    pub server_header: Option<Arc<[u8]>>,
}

impl ConnectionRecord {
    /// The server's final GOAWAY.
    #[must_use]
    pub fn final_goaway(&self) -> Option<&GoAway> {
        // `min_by_key` gives the first of equal ones.
        self.server_goaways()
            .min_by_key(|goaway| goaway.last_stream_id)
    }

    /// The server's GOAWAYs in order.
    pub fn server_goaways(&self) -> impl Iterator<Item = &GoAway> {
        self.goaways
            .iter()
            .filter(|goaway| goaway.from == Direction::ServerToClient)
    }
}

/// A connection and those of its calls that are to be reported.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The connection.
    pub record: ConnectionRecord,
    /// Its calls, by stream.
    pub rpcs: Vec<Rpc>,
}
