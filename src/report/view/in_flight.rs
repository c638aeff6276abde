//! The calls that are still open when the capture ends: no deaths, but some may have waited for too long.

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use crate::capture::{TimeDelta, Timestamp};
use crate::inspect::report::Report;
use crate::inspect::{Rpc, Verdict};
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
        let connections = report.analysis.connections.iter();
        let servers = connections.map(|record| (record.number, record.server));
        let servers: FxHashMap<_, _> = servers.collect();
        let mut overdue: Option<Overdue> = None;
        for rpc in in_flight() {
            let Some((waited, usual)) = waited(rpc, end).zip(usual(rpc, report, &servers)) else {
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

/// How long calls of its method take.
fn usual(rpc: &Rpc, report: &Report, servers: &FxHashMap<u32, SocketAddr>) -> Option<TimeDelta> {
    let server = servers.get(&rpc.id.connection)?;
    let times = &report.analysis.usual_times;
    let (calls, longest) = times.of(*server, rpc.method.as_ref()?)?;
    (calls >= MIN_CALLS).then_some(longest)
}
