//! What calls cost at each proxy: how long it holds them, and how long its upstreams take.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::super::stream::rpc::Verdict;
use super::links::PassedCalls;
use super::places::Places;
use crate::capture::TimeDelta;

/// A server behind a proxy, as one capture that holds both sides shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// The proxy, as its clients connect to it.
    pub proxy: SocketAddr,
    /// The server that it passes calls on to.
    pub server: SocketAddr,
    /// How many calls are linked.
    pub calls: u64,
    /// From the request before the proxy to that behind it, of calls that succeeded.
    pub held: Option<HopTime>,
    /// How long the calls behind the proxy took.
    pub took: Option<HopTime>,
    /// From the end behind the proxy to the end before it.
    pub returned: Option<HopTime>,
}

/// Times of many calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopTime {
    /// The time that half of them needed at most.
    pub median: TimeDelta,
    /// The time that 99 of 100 needed at most.
    pub p99: TimeDelta,
}

impl HopTime {
    fn of(mut times: Vec<TimeDelta>) -> Option<Self> {
        times.sort_unstable();
        let at = |share: usize| {
            times
                .get((times.len() * share / 100).min(times.len().checked_sub(1)?))
                .copied()
        };
        Some(Self {
            median: at(50)?,
            p99: at(99)?,
        })
    }
}

/// The times of calls from one proxy to one server.
#[derive(Debug, Default)]
struct Times {
    calls: u64,
    held: Vec<TimeDelta>,
    took: Vec<TimeDelta>,
    returned: Vec<TimeDelta>,
}

/// Those of all calls that proxies passed on.
pub(super) fn of(passed: &PassedCalls<'_>, places: &Places) -> Vec<Upstream> {
    let mut times: BTreeMap<(SocketAddr, SocketAddr), Times> = BTreeMap::new();
    for (before, behind, _) in passed.pairs() {
        let Some((from, to)) = places.of_call(before).zip(places.of_call(behind)) else {
            continue;
        };
        let times = times.entry((from.server, to.server)).or_default();
        times.calls += 1;
        let ends = before.ended.zip(behind.ended);
        let succeeded = (before.verdict, behind.verdict) == (Verdict::Ok, Verdict::Ok);
        if let Some((outer, inner)) = ends.filter(|_| succeeded && passed.share_clock(from, to)) {
            times.held.push(behind.opened - before.opened);
            times.took.push(inner - behind.opened);
            times.returned.push(outer - inner);
        }
    }
    let known = times.into_iter().map(|((proxy, server), times)| Upstream {
        proxy,
        server,
        calls: times.calls,
        held: HopTime::of(times.held),
        took: HopTime::of(times.took),
        returned: HopTime::of(times.returned),
    });
    known.collect()
}
