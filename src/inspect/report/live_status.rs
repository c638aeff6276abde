//! The numbers of a live capture: the progress of its analysis, and what its program counts beside.
//!
//! In: one by one what was received, dropped and found. Out: one [`LiveStatus`] for all formats.

use std::collections::BTreeMap;

use crate::capture::Timestamp;
use crate::decode::Transport;
use crate::decode::http2::ErrorCode;
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::diagnosis::{Finding, Severity};
use crate::inspect::live::methods::{MAX_METHODS, Method};
use crate::inspect::report::Progress;

/// Packets that were not analysed, by the place that lost them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// By the kernel, whose ring was full.
    pub kernel: u64,
    /// By the interface or its driver.
    pub interface: u64,
    /// By this program, whose queue was full.
    pub queue: u64,
}

impl Drops {
    /// Packets lost in all three places together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.kernel + self.interface + self.queue
    }
}

/// A kind of GOAWAY: who sent it, whether it only announces, and its error code.
pub(crate) type GoAwayKind = (&'static str, bool, Option<ErrorCode>);

/// GOAWAYs by who sent them, whether they only announce, and error code.
#[derive(Clone, Debug, Default)]
pub struct GoAwayCounts(BTreeMap<GoAwayKind, u64>);

/// How many kinds of GOAWAY are counted apart: those of RFC 9113's fourteen error codes, each of two
/// senders and two sorts. A peer that makes up codes must not make up time series.
const MAX_KINDS: usize = 64;

impl GoAwayCounts {
    /// Counts one GOAWAY.
    pub fn add(&mut self, goaway: &GoAway) {
        let sender = goaway.from.sender();
        let kind = (sender, goaway.is_announcement(), Some(goaway.error));
        let room = self.0.contains_key(&kind) || self.0.len() < MAX_KINDS;
        let kind = if room {
            kind
        } else {
            (sender, goaway.is_announcement(), None)
        };
        *self.0.entry(kind).or_default() += 1;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&GoAwayKind, &u64)> {
        self.0.iter()
    }
}

/// Connections by what they speak.
#[derive(Clone, Debug, Default)]
pub struct TransportCounts(BTreeMap<Transport, u64>);

impl TransportCounts {
    /// Counts a connection that was recognised.
    pub fn add(&mut self, transport: Transport) {
        *self.0.entry(transport).or_default() += 1;
    }

    /// How many speak so.
    #[must_use]
    pub fn of(&self, transport: Transport) -> u64 {
        self.0.get(&transport).copied().unwrap_or_default()
    }

    /// All of them together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// Deaths by the rule that explains them and by method.
#[derive(Clone, Debug, Default)]
pub struct DeathCounts(BTreeMap<(&'static str, CountedMethod), u64>);

/// What a call is counted as: an owned [`Method`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum CountedMethod {
    Path(Box<[u8]>),
    Other,
    Unknown,
}

/// How many series of deaths there are: those of five rules for each method that is counted apart. What is counted
/// apart changes over a month.
const MAX_DEATH_SERIES: usize = 5 * MAX_METHODS;

impl DeathCounts {
    /// Counts a death that a rule explains.
    pub fn add(&mut self, rule: &'static str, method: Method<'_>) {
        let method = match method {
            Method::Path(path) => CountedMethod::Path(path.into()),
            Method::Other => CountedMethod::Other,
            Method::Unknown => CountedMethod::Unknown,
        };
        let key = (rule, method);
        let room = self.0.contains_key(&key) || self.0.len() < MAX_DEATH_SERIES;
        let key = if room {
            key
        } else {
            (rule, CountedMethod::Other)
        };
        *self.0.entry(key).or_default() += 1;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, Method<'_>, u64)> {
        self.0.iter().map(|((rule, method), count)| {
            let method = match method {
                CountedMethod::Path(path) => Method::Path(path),
                CountedMethod::Other => Method::Other,
                CountedMethod::Unknown => Method::Unknown,
            };
            (*rule, method, *count)
        })
    }
}

/// Findings printed, by rule and severity.
#[derive(Clone, Debug, Default)]
pub struct FindingCounts(BTreeMap<(&'static str, Severity), u64>);

impl FindingCounts {
    /// Counts one finding that was printed.
    pub fn add(&mut self, finding: &Finding) {
        *self.0.entry((finding.rule, finding.severity)).or_default() += 1;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&(&'static str, Severity), &u64)> {
        self.0.iter()
    }
}

/// Records of one kind that go to a collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentCount {
    /// How many it took.
    pub sent: u64,
    /// How many it never took: refused, or left out because it was away for too long.
    pub lost: u64,
}

/// What went to a collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtlpCounts {
    /// Spans.
    pub spans: SentCount,
    /// Log records.
    pub logs: SentCount,
    /// Records of both kinds that wait.
    pub waiting: u64,
}

/// The state of a live capture at one moment.
#[derive(Clone, Debug, Default)]
pub struct LiveStatus {
    /// When these numbers were taken.
    pub time: Timestamp,
    /// How far the analysis has come.
    pub progress: Progress,
    /// Packets that passed the filter, as the kernel counted them.
    pub received: u64,
    /// Packets that passed the filter and were not analysed.
    pub drops: Drops,
    /// Interfaces that are down or gone at present.
    pub interfaces_away: u64,
    /// Calls ended, per second since the last status.
    pub rpcs_per_second: f64,
    /// Resident memory in bytes; `None` where the operating system does not say.
    pub memory: Option<u64>,
    /// Connections seen since the start that speak HTTP/2, or visibly tried to.
    pub connections: TransportCounts,
    /// GOAWAY frames seen since the start.
    pub goaways: GoAwayCounts,
    /// Findings printed, counted again whenever one has grown.
    pub findings: FindingCounts,
    /// Deaths that a rule explains, by that rule: one that several explain counts for each.
    pub deaths: DeathCounts,
    /// Pieces of output left out because nobody read them.
    pub output_left_out: u64,
    /// Recordings written since the start.
    pub recordings: u64,
    /// Recordings that could not be written.
    pub recordings_failed: u64,
    /// What went to a collector, where there is one.
    pub otlp: Option<OtlpCounts>,
}
