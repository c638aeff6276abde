//! What a rule looks at: one server, its connections and their calls.

use std::net::SocketAddr;
use std::time::Duration;

use super::finding::{Evidence, Severity};
use crate::capture::{Stamp, Timestamp};
use crate::inspect::{CallId, ConnectionRecord, Finished, Inferred, Outcome, Rpc, Server};

/// How many packets prove a finding at most; more prove it no better.
const MAX_EVIDENCE: usize = 20;

/// One server with all that was seen of it.
#[derive(Debug)]
pub struct Case<'a> {
    /// The server's address.
    pub server: SocketAddr,
    /// What its settings must be.
    pub inferred: &'a Inferred,
    /// The capture's last moment.
    pub capture_end: Option<Timestamp>,
    connections: Vec<&'a Finished>,
}

impl<'a> Case<'a> {
    /// A server's connections, by number.
    #[must_use]
    pub const fn new(
        server: &'a Server,
        connections: Vec<&'a Finished>,
        capture_end: Option<Timestamp>,
    ) -> Self {
        Self {
            server: server.address,
            inferred: &server.inferred,
            capture_end,
            connections,
        }
    }

    /// Its connections.
    pub fn connections(&self) -> impl Iterator<Item = &'a Finished> {
        self.connections.iter().copied()
    }

    /// Those connections on which `which` picks calls, with the calls it picks.
    pub fn hit(
        &self,
        which: impl Fn(&ConnectionRecord, &Rpc) -> bool,
    ) -> Vec<(&'a ConnectionRecord, Vec<&'a Rpc>)> {
        let hit = self.connections.iter().map(|Finished { record, rpcs }| {
            let picked: Vec<_> = rpcs.iter().filter(|rpc| which(record, rpc)).collect();
            (record, picked)
        });
        hit.filter(|(_, picked)| !picked.is_empty()).collect()
    }
}

/// Calls grouped by connection, as [`Case::hit`] gives them.
pub(super) type Hits<'a> = [(&'a ConnectionRecord, Vec<&'a Rpc>)];

/// The numbers of the connections.
pub(super) fn numbers(hits: &Hits<'_>) -> Vec<u32> {
    hits.iter().map(|(record, _)| record.number).collect()
}

/// The calls.
pub(super) fn calls(hits: &Hits<'_>) -> Vec<CallId> {
    hits.iter()
        .flat_map(|(_, rpcs)| rpcs.iter().map(|rpc| rpc.id))
        .collect()
}

/// How many calls.
pub(super) fn count(hits: &Hits<'_>) -> usize {
    hits.iter().map(|(_, rpcs)| rpcs.len()).sum()
}

/// An error, or a warning where a retry recovered every call.
pub(super) fn severity_unless_recovered(hits: &Hits<'_>) -> Severity {
    let mut rpcs = hits.iter().flat_map(|(_, rpcs)| rpcs);
    if rpcs.all(|rpc| rpc.outcome == Outcome::Recovered) {
        Severity::Warning
    } else {
        Severity::Error
    }
}

/// Collects evidence up to the bound, in the order given.
#[derive(Debug, Default)]
pub(super) struct Proof(Vec<Evidence>);

impl Proof {
    pub(super) fn cite(&mut self, stamp: Option<Stamp>, text: impl Into<String>) {
        if self.0.len() < MAX_EVIDENCE {
            self.0.push(Evidence {
                stamp,
                text: text.into(),
            });
        }
    }

    pub(super) fn into_vec(self) -> Vec<Evidence> {
        self.0
    }
}

/// `1 RPC`, `2 RPCs`.
pub(super) fn plural(count: usize, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

/// A duration with a unit and three figures that mean something: `5.00 s`, `71.2 ms`.
pub(super) fn time(nanos: i64) -> String {
    let duration = Duration::from_nanos(nanos.unsigned_abs());
    let sign = if nanos < 0 { "−" } else { "" };
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        1.0.. => (seconds, "s"),
        0.001..1.0 => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "µs"),
    };
    let decimals = match value {
        100.0.. => 0,
        10.0..100.0 => 1,
        _ => 2,
    };
    format!("{sign}{value:.decimals$} {unit}")
}

/// `5.00 s`, or `4.98 s to 5.02 s` where they differ.
pub(super) fn times(nanos: &[i64]) -> String {
    let shortest = nanos.iter().min().copied().unwrap_or_default();
    let longest = nanos.iter().max().copied().unwrap_or_default();
    match (time(shortest), time(longest)) {
        (one, other) if one == other => one,
        (one, other) => format!("{one} to {other}"),
    }
}
