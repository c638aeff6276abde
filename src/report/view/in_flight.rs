//! The calls that are still open when the capture ends: no deaths, but some may have waited for too long.

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use crate::capture::{TimeDelta, Timestamp};
use crate::inspect::report::Report;
use crate::inspect::{ConnectionRecord, Rpc, Verdict};
use crate::units::{count, counted, duration};

/// A call waits for too long if it waits so many times as long as the longest of its method took…
const TOO_LONG: i64 = 3;

/// … of at least so many…
const MIN_CALLS: u64 = 10;

/// … and longer than this.
const MIN_WAIT: TimeDelta = TimeDelta::from_secs(1);

/// Calls in flight when the capture ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) struct InFlight {
    pub(in crate::report) count: u64,
    /// How long the oldest of those that are listed had been open.
    oldest: Option<TimeDelta>,
    overdue: Option<Overdue>,
}

/// Those of them that have waited far longer than calls of their method take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Overdue {
    count: u64,
    /// The longest wait, and how long the longest answered call of that method took.
    waited: TimeDelta,
    usual: TimeDelta,
}

impl InFlight {
    pub(super) fn of(report: &Report) -> Option<Self> {
        let count = report.analysis.verdicts.of(Verdict::Unanswered);
        if count == 0 {
            return None;
        }
        let end = report.last_packet?;
        let in_flight = || {
            let rpcs = report.analysis.rpcs.iter();
            rpcs.filter(|rpc| rpc.verdict == Verdict::Unanswered)
        };
        let oldest = in_flight().filter_map(|rpc| waited(rpc, end)).max();
        let usual = UsualTimes::of(&report.analysis.connections);
        let mut overdue: Option<Overdue> = None;
        for rpc in in_flight() {
            let Some((waited, usual)) = waited(rpc, end).zip(usual.of_call(rpc)) else {
                continue;
            };
            if waited < MIN_WAIT || waited < usual * TOO_LONG {
                continue;
            }
            let known = overdue.get_or_insert(Overdue {
                count: 0,
                waited,
                usual,
            });
            known.count += 1;
            if waited > known.waited {
                (known.waited, known.usual) = (waited, usual);
            }
        }
        Some(Self {
            count,
            oldest,
            overdue,
        })
    }

    /// In words; `more`, if others were named before.
    pub(in crate::report) fn words(&self) -> String {
        let mut words = format!(
            "{} still in flight when the capture ends",
            counted(self.count, "RPC")
        );
        match (self.oldest, self.count) {
            (None, _) => {}
            (Some(oldest), 1) => words.push_str(&format!(", opened {} before", duration(oldest))),
            (Some(oldest), _) => {
                words.push_str(&format!(", the oldest opened {} before", duration(oldest)));
            }
        }
        if let Some(Overdue {
            count: overdue,
            waited,
            usual,
        }) = self.overdue
        {
            let which = if overdue == self.count {
                "waited".to_owned()
            } else {
                format!("{} of them waited", count(overdue))
            };
            words.push_str(&format!(
                "; {which} far longer than their method takes: up to {}, answers took {} at most",
                duration(waited),
                duration(usual),
            ));
        }
        words
    }
}

fn waited(rpc: &Rpc, end: Timestamp) -> Option<TimeDelta> {
    Some(end - rpc.opened?.time)
}

/// How long calls to a server take, by method.
struct UsualTimes<'a> {
    servers: FxHashMap<u32, SocketAddr>,
    times: FxHashMap<(SocketAddr, &'a [u8]), (u64, TimeDelta)>,
}

impl<'a> UsualTimes<'a> {
    fn of(connections: &'a [ConnectionRecord]) -> Self {
        let mut times: FxHashMap<_, (u64, TimeDelta)> = FxHashMap::default();
        for record in connections {
            for usual in &record.usual_times {
                let (calls, longest) = times.entry((record.server, &*usual.method)).or_default();
                *calls += usual.calls;
                *longest = usual.longest.max(*longest);
            }
        }
        let servers = connections.iter();
        let servers = servers.map(|record| (record.number, record.server));
        Self {
            servers: servers.collect(),
            times,
        }
    }

    fn of_call(&self, rpc: &Rpc) -> Option<TimeDelta> {
        let server = self.servers.get(&rpc.id.connection)?;
        let (calls, longest) = self.times.get(&(*server, rpc.method.as_deref()?))?;
        (*calls >= MIN_CALLS).then_some(*longest)
    }
}
