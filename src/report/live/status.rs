//! The numbers of a watch that goes on.

use std::collections::BTreeMap;

use crate::capture::Timestamp;
use crate::decode::http2::ErrorCode;
use crate::inspect::diagnosis::{Finding, Severity};
use crate::inspect::{GoAway, Methods, Unlisted};

/// Packets that were not analysed, by the place that lost them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// The kernel's ring was full.
    pub kernel: u64,
    /// The interface or its driver.
    pub interface: u64,
    /// Our own queue was full.
    pub queue: u64,
}

impl Drops {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.kernel + self.interface + self.queue
    }
}

/// A kind of GOAWAY: who sent it, whether it only announces, and its error code.
pub(super) type GoAwayKind = (&'static str, bool, Option<ErrorCode>);

/// GOAWAYs by who sent them, whether they only announce, and error code.
#[derive(Clone, Debug, Default)]
pub struct GoAwayCounts(BTreeMap<GoAwayKind, u64>);

/// How many kinds of GOAWAY are told apart: those of RFC 9113's fourteen error codes, each of two
/// senders and two sorts. A peer that makes up codes must not make up time series.
const MAX_KINDS: usize = 64;

impl GoAwayCounts {
    /// Counts one.
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

    pub(super) fn iter(&self) -> impl Iterator<Item = (&GoAwayKind, &u64)> {
        self.0.iter()
    }
}

/// Findings told, by rule and severity.
#[derive(Clone, Debug, Default)]
pub struct FindingCounts(BTreeMap<(&'static str, Severity), u64>);

impl FindingCounts {
    /// Counts one.
    pub fn add(&mut self, finding: &Finding) {
        *self.0.entry((finding.rule, finding.severity)).or_default() += 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&(&'static str, Severity), &u64)> {
        self.0.iter()
    }
}

/// How far an analysis has come.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Packets.
    pub packets: u64,
    /// Bytes of packets, as captured.
    pub bytes: u64,
    /// Connections that are open.
    pub open_connections: usize,
    /// Connections let go because nothing was heard of them.
    pub evicted_connections: u64,
    /// Calls by method.
    pub methods: Methods,
    /// What was given up to stay small.
    pub given_up: Unlisted,
}

/// How a watch is doing.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The moment.
    pub time: Timestamp,
    /// How far the analysis has come.
    pub progress: Progress,
    /// Packets that passed the filter, as the kernel counted them.
    pub received: u64,
    /// Packets that were not analysed.
    pub drops: Drops,
    /// Interfaces that are away.
    pub interfaces_away: u64,
    /// Calls ended, per second since the last status.
    pub rpcs_per_second: f64,
    /// Bytes of memory in use; `None` where the operating system does not tell.
    pub memory: Option<u64>,
    /// Connections seen.
    pub connections: u64,
    /// GOAWAYs.
    pub goaways: GoAwayCounts,
    /// Findings told.
    pub findings: FindingCounts,
    /// Recordings written.
    pub recordings: u64,
    /// Recordings that could not be written.
    pub recordings_failed: u64,
}
