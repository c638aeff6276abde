//! The data that reports print: what is known when an analysis ends, and how far one that goes on has come.
//!
//! In: what the stages found, put together by the pipeline. Out: plain data with public fields. How it is
//! worded or drawn is decided above.

mod call_list;
mod live_status;

use crate::capture::{FileSummary, Timestamp};
use crate::decode::anomaly::Anomaly;
use crate::decode::{self, Tally, Vantage};
use crate::inspect::connection::record::{ConnectionRecord, VerdictCounts};
use crate::inspect::diagnosis::Finding;
use crate::inspect::live::Unlisted;
use crate::inspect::live::methods::Methods;
use crate::inspect::options::filter::Filter;
use crate::inspect::options::passed_over::PassedOver;
use crate::inspect::proxies::Upstream;
use crate::inspect::server::Server;
use crate::inspect::stream::seen_call::SeenCalls;
use crate::inspect::usual_times::UsualTimes;

pub use call_list::CallList;
pub use live_status::{
    DeathCounts, Drops, FindingCounts, GoAwayCounts, LiveStatus, OtlpCounts, SentCount,
    TransportCounts,
};

/// What a capture shows of its HTTP/2 connections.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Analysis {
    /// Connections that are listed, by their number.
    pub connections: Vec<ConnectionRecord>,
    /// Calls that did not simply succeed (all of them if asked for), by connection and stream.
    pub rpcs: CallList,
    /// Servers that were connected to, by address.
    pub servers: Vec<Server>,
    /// Servers behind proxies, and what calls cost at each, where the capture holds both sides of a proxy.
    pub upstreams: Vec<Upstream>,
    /// What went wrong and why, most severe first.
    pub findings: Vec<Finding>,
    /// How many calls had each verdict, listed or not.
    pub verdicts: VerdictCounts,
    /// How long calls take that are answered well.
    pub usual_times: UsualTimes,
    /// What another capture of the same connections is compared with, where there is one.
    pub(crate) seen: SeenCalls,
    /// What is not listed, to stay within bounds.
    pub unlisted: Unlisted,
    /// What the filter left out.
    pub passed_over: PassedOver,
}

/// What a run over one or several captures found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The captures, in the order given.
    pub files: Vec<FileSummary>,
    /// Which of them were taken at the ends of the same connections, and how their clocks stand to each other.
    pub vantages: Vec<Vantage>,
    /// Packets of other captures that filled holes of the one at the client.
    pub filled_packets: u64,
    /// Packets in all of them.
    pub packets: u64,
    /// Bytes of packets in all of them, as captured.
    pub bytes: u64,
    /// Time of the first packet, from which all times count.
    pub first_packet: Option<Timestamp>,
    /// Time of the latest packet.
    pub last_packet: Option<Timestamp>,
    /// Which calls were asked for: only these are counted and reported.
    pub filter: Filter,
    /// Connections, calls, servers and findings.
    pub analysis: Analysis,
    /// What was odd about the captures.
    pub anomalies: Vec<Anomaly>,
    /// Counts of what was found beside HTTP/2.
    pub tally: Tally,
    /// What decoding evicted to stay within its limits.
    pub given_up: decode::GivenUp,
}

/// Whether a packet's number alone says which packet it is, or its file must be named too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// One capture: packet numbers are unique.
    One,
    /// Several captures, each of which numbers its packets from 1.
    Several,
}

impl Files {
    /// For a list of captures: their summaries, or their paths before they are read.
    #[must_use]
    pub const fn of<T>(captures: &[T]) -> Self {
        if captures.len() > 1 {
            Self::Several
        } else {
            Self::One
        }
    }
}

/// How far an analysis that goes on has come.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Progress {
    /// How many packets were analysed.
    pub packets: u64,
    /// Bytes of those packets, as captured.
    pub bytes: u64,
    /// HTTP/2 connections that are open.
    pub open_connections: usize,
    /// Calls in flight: opened, and neither answered nor given up.
    pub calls_in_flight: u64,
    /// Connections evicted because no packet of them came for long.
    pub evicted_connections: u64,
    /// Calls that ended, by method.
    pub methods: Methods,
    /// What is counted but no longer listed, to bound memory.
    pub unlisted: Unlisted,
}
