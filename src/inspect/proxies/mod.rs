//! Calls on their way through proxies: one call is a call on each connection that it passes.
//!
//! In: all connections of a capture, and every attempt of a call that is remembered. Out: which call a proxy made for
//! which, where on the way one that failed did so, and how long calls stay where. What could be two calls is not
//! linked.

mod clocks;
mod failed;
mod links;
mod places;
mod upstreams;

use rustc_hash::FxHashMap;

use super::connection::record::{Finished, calls_mut};
use super::stream::attempt::Attempt;
use super::stream::hops::{FailedHop, ForwardedCall, Hops};
use super::stream::rpc::{CallId, Contradiction, Processed, Rpc, Verdict};
use crate::capture::TimeDelta;

pub use upstreams::{HopTime, Upstream};

use failed::Failures;
use links::{HopLink, PassedCall, PassedCalls};
use places::Places;

/// A call behind a proxy, with the times that a clock for both shows.
fn forwarded(
    (before, behind, link): PassedCall<'_>,
    passed: &PassedCalls<'_>,
    places: &Places,
) -> ForwardedCall {
    let share_clock = places
        .of_call(before)
        .zip(places.of_call(behind))
        .is_some_and(|(before, behind)| passed.share_clock(before, behind));
    let timed = |times: Option<TimeDelta>| times.filter(|_| share_clock);
    let ends = before.ended.zip(behind.ended);
    ForwardedCall {
        link: link.to(behind),
        held: timed(Some(behind.opened - before.opened)),
        took: behind.ended.map(|ended| ended - behind.opened),
        returned: timed(ends.map(|(before, behind)| before - behind)),
    }
}

/// Links the calls of proxies, and says of the listed ones what that shows; `are_all` tells whether every attempt is
/// remembered. What calls cost at each proxy is returned.
pub(super) fn tell(
    finished: &mut [Finished],
    remembered: impl FnOnce() -> Vec<Attempt>,
    are_all: bool,
) -> Vec<Upstream> {
    if !places::may_hold_hops(finished) {
        return Vec::new();
    }
    let places = Places::of(finished);
    let remembered = remembered();
    let passed = PassedCalls::find(&remembered, &places);
    if passed.is_empty() {
        return Vec::new();
    }
    let mut found = {
        let failures = Failures::new(finished, &passed, &places, are_all);
        let rpcs = finished.iter().flat_map(|finished| &finished.rpcs);
        let found =
            rpcs.filter_map(|rpc| Some((rpc.id, of_call(rpc, &passed, &failures, &places)?)));
        found.collect::<FxHashMap<CallId, Hops>>()
    };
    for rpc in calls_mut(finished) {
        if let Some(hops) = found.remove(&rpc.id) {
            judge_again(rpc, &hops, &passed);
            rpc.hops = Some(Box::new(hops));
        }
    }
    upstreams::of(&passed, &places)
}

/// Whether a call can have run, by what became of those that a proxy made for it.
fn judge_again(rpc: &mut Rpc, hops: &Hops, passed: &PassedCalls<'_>) {
    let mut behind = passed.behind(rpc.id);
    let reached = behind.any(|(_, behind, _)| !behind.is_unprocessed());
    // The proxy's word is not the server's.
    if rpc.processed == Processed::No && reached {
        rpc.processed = Processed::Maybe;
        rpc.contradiction.get_or_insert(Contradiction::PassedOn);
    }
    let by_own_id = passed
        .behind(rpc.id)
        .all(|(_, _, link)| link == HopLink::RequestId);
    // Downstream of a call behind the proxy: that was answered.
    if rpc.processed == Processed::Maybe
        && by_own_id
        && matches!(hops.failed_at, Some(FailedHop::Downstream(Some(_))))
    {
        rpc.processed = Processed::Yes;
    }
}

fn of_call(
    rpc: &Rpc,
    passed: &PassedCalls<'_>,
    failures: &Failures<'_>,
    places: &Places,
) -> Option<Hops> {
    let forwarded_as = passed
        .behind(rpc.id)
        .map(|pair| forwarded(pair, passed, places));
    let hops = Hops {
        forwarded_from: passed.before(rpc.id).map(|(before, link)| link.to(before)),
        forwarded_as: forwarded_as.collect(),
        failed_at: match rpc.verdict {
            Verdict::Ok | Verdict::Unknown | Verdict::Unanswered => None,
            _ => failures.of(rpc),
        },
    };
    (hops != Hops::default()).then_some(hops)
}

#[cfg(test)]
mod tests;
