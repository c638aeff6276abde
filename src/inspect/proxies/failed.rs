//! Where on its way through proxies a call that did not succeed was ended.
//!
//! In: a call, those that a proxy made for it, and the proxy's connections. Out: the hop. The innermost that failed
//! names it: what a proxy says is what happened behind it, unless it gave up by itself.

use std::net::SocketAddr;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::connection::record::{ConnectionRecord, Finished};
use super::super::stream::attempt::Attempt;
use super::super::stream::fingerprint::IdKind;
use super::super::stream::hops::{FailedHop, UpstreamFailure};
use super::super::stream::rpc::{CallId, Rpc, Verdict};
use super::links::{HopLink, PassedCalls};
use super::places::{Ends, Places, may_lead_on};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::{Direction, Transport};

/// How many proxies in a row are looked behind.
const MAX_HOPS: usize = 8;

/// A proxy that stops closes its connections on both sides within this time.
const AT_ONCE: TimeDelta = TimeDelta::from_millis(10);

/// How many refused connects are looked at for a call: those of its own proxy are among them.
const MAX_REFUSED: usize = 256;

/// A connect that was refused.
#[derive(Clone, Copy, Debug)]
struct Refused {
    stamp: Stamp,
    place: Ends,
    connection: u32,
}

/// What is known of a proxy.
#[derive(Debug, Default)]
struct ProxySide {
    upstreams: FxHashSet<SocketAddr>,
    /// Whether all that was linked was linked by the calls' own ids, so that another call would be as well.
    by_own_ids: bool,
    /// Whether the capture shows all that passed between it and its upstreams.
    is_whole: bool,
    /// The first and the last that is seen of its upstreams.
    seen: Option<(Timestamp, Timestamp)>,
}

/// What calls may have failed of behind proxies.
#[derive(Debug)]
pub(super) struct Failures<'a> {
    passed: &'a PassedCalls<'a>,
    places: &'a Places,
    records: FxHashMap<u32, &'a ConnectionRecord>,
    /// The calls that are listed.
    calls: FxHashMap<CallId, &'a Rpc>,
    proxies: FxHashMap<SocketAddr, ProxySide>,
    /// Connects that were refused, in order of time.
    refused: Vec<Refused>,
    /// When calls to upstreams were opened that were not linked.
    loose: Vec<Timestamp>,
}

impl<'a> Failures<'a> {
    /// `all` says that every call is remembered.
    pub(super) fn new(
        finished: &'a [Finished],
        passed: &'a PassedCalls<'a>,
        places: &'a Places,
        all: bool,
    ) -> Self {
        let mut proxies: FxHashMap<SocketAddr, ProxySide> = FxHashMap::default();
        for (before, behind, link) in passed.pairs() {
            let ends = places.of_call(before).zip(places.of_call(behind));
            let Some((before, place)) = ends else {
                continue;
            };
            let proxy = proxies.entry(before.server).or_insert_with(|| ProxySide {
                by_own_ids: true,
                is_whole: all,
                ..ProxySide::default()
            });
            proxy.upstreams.insert(place.server);
            proxy.by_own_ids &= link == HopLink::RequestId;
            proxy.see(behind.opened);
            proxy.see(behind.ended.unwrap_or(behind.opened));
        }
        let records = || finished.iter().map(|finished| &finished.record);
        let mut to: FxHashMap<SocketAddr, Vec<&ConnectionRecord>> = FxHashMap::default();
        for record in records() {
            to.entry(record.server).or_default().push(record);
        }
        for proxy in proxies.values_mut() {
            let upstreams = proxy.upstreams.iter();
            let behind: Vec<_> = upstreams
                .filter_map(|server| to.get(server))
                .flatten()
                .collect();
            proxy.is_whole &= behind.iter().all(|record| is_whole(record));
            for close in behind.iter().filter_map(|record| record.close) {
                proxy.see(close.stamp.time);
            }
        }
        let mut refused: Vec<_> = records()
            .filter_map(|record| {
                let place = places.of_connection(record.number)?;
                record.refused().map(|stamp| Refused {
                    stamp,
                    place,
                    connection: record.number,
                })
            })
            .collect();
        refused.sort_unstable_by_key(|refused| (refused.stamp, refused.connection));
        let calls = finished.iter().flat_map(|finished| &finished.rpcs);
        let upstreams: FxHashSet<_> = proxies
            .values()
            .flat_map(|proxy| &proxy.upstreams)
            .copied()
            .collect();
        let to_upstreams = passed.not_behind().filter(|call| {
            places
                .of_call(call)
                .is_some_and(|place| upstreams.contains(&place.server))
        });
        let mut loose: Vec<_> = to_upstreams.map(|call| call.opened).collect();
        loose.sort_unstable();
        Self {
            passed,
            places,
            records: records().map(|record| (record.number, record)).collect(),
            calls: calls.map(|rpc| (rpc.id, rpc)).collect(),
            proxies,
            refused,
            loose,
        }
    }

    /// Where a call was ended; `None` where it passed no proxy that the capture shows, or that cannot be said.
    pub(super) fn of(&self, rpc: &Rpc) -> Option<FailedHop> {
        self.of_attempt(self.passed.attempt(rpc.id)?, MAX_HOPS)
    }

    fn of_attempt(&self, before: &Attempt, hops: usize) -> Option<FailedHop> {
        let proxy = self.proxies.get(&self.places.of_call(before)?.server)?;
        let Some((_, behind, _)) = self.passed.behind(before.call).last() else {
            return self.not_passed_on(before, proxy);
        };
        let hop = self.by_last(before, behind);
        // What happened further behind says more.
        let deeper = || self.of_attempt(behind, hops.checked_sub(1)?);
        match hop {
            Some(FailedHop::Upstream(_) | FailedHop::Server { .. }) => deeper().or(hop),
            _ => hop,
        }
    }

    /// By the last call that the proxy made for one.
    fn by_last(&self, before: &Attempt, behind: &Attempt) -> Option<FailedHop> {
        let call = behind.call;
        let ended_first = ended_first(before, behind);
        let answered = matches!(behind.verdict, Verdict::Ok | Verdict::Status) && ended_first;
        let failed = self.upstream_failure(behind).filter(|_| ended_first);
        if behind.verdict == Verdict::Unknown {
            return None;
        }
        Some(match before.verdict {
            _ if failed.is_some() => FailedHop::Upstream(failed?),
            Verdict::Status if answered && behind.verdict == Verdict::Status => FailedHop::Server {
                call,
                upstream: self.places.of_call(behind)?.server,
                stamp: self.calls.get(&call).and_then(|rpc| rpc.ended),
            },
            Verdict::Status => FailedHop::Proxy(Some(call)),
            _ if self.is_clients_doing(before) => FailedHop::Client(Some(call)),
            _ if answered => FailedHop::Downstream(Some(call)),
            _ => FailedHop::Proxy(Some(call)),
        })
    }

    /// Of a call that no call behind the proxy was made for.
    fn not_passed_on(&self, before: &Attempt, proxy: &ProxySide) -> Option<FailedHop> {
        let mut ids = before.identity.passed_on.ids();
        let by_own_id = proxy.by_own_ids && ids.any(|(_, kind)| kind == IdKind::Request);
        if !proxy.is_whole || !by_own_id && self.may_be_loose(before) {
            return None;
        }
        let clients_doing = self.is_clients_doing(before);
        if !clients_doing && let Some(refused) = self.refused_for(before, proxy) {
            return Some(FailedHop::Connect {
                upstream: refused.place.server,
                connection: refused.connection,
                stamp: refused.stamp,
            });
        }
        (by_own_id && proxy.covers(before)).then_some(match before.verdict {
            _ if clients_doing => FailedHop::Client(None),
            Verdict::Status => FailedHop::Proxy(None),
            _ => FailedHop::Downstream(None),
        })
    }

    /// Whether one of the calls behind proxies that could not be linked may have been made for a call.
    fn may_be_loose(&self, call: &Attempt) -> bool {
        let since = self.loose.partition_point(|opened| *opened < call.opened);
        let next = self.loose.get(since);
        next.is_some_and(|next| call.ended.is_none_or(|ended| *next <= ended))
    }

    /// Whether its client ended a call, by taking it back or by closing.
    fn is_clients_doing(&self, call: &Attempt) -> bool {
        match call.verdict {
            Verdict::ResetByClient | Verdict::DeadlineExceeded => true,
            Verdict::CutByClose => self.closed_by(call) == Some(Direction::ClientToServer),
            _ => false,
        }
    }

    fn closed_by(&self, call: &Attempt) -> Option<Direction> {
        let record = self.records.get(&call.call.connection)?;
        Some(record.close?.by)
    }

    /// How a call ended that its server, or what is before it, did not answer.
    fn upstream_failure(&self, call: &Attempt) -> Option<UpstreamFailure> {
        let rpc = self.calls.get(&call.call);
        let by_server = match call.verdict {
            Verdict::BeyondLastStreamId | Verdict::Refused | Verdict::ResetByServer => true,
            // Servers know the deadline too.
            Verdict::DeadlineExceeded => rpc.is_some_and(|rpc| rpc.server_reset.is_some()),
            Verdict::CutByClose => self.closed_by(call) == Some(Direction::ServerToClient),
            _ => false,
        };
        let record = self.records.get(&call.call.connection)?;
        by_server.then_some(UpstreamFailure {
            call: call.call,
            upstream: record.server,
            verdict: call.verdict,
            ending: record
                .close
                .filter(|_| call.verdict == Verdict::CutByClose)
                .map(|close| close.ending),
            stamp: rpc.and_then(|rpc| rpc.ended),
        })
    }

    /// The connect of the proxy that was refused last before a call ended.
    fn refused_for(&self, call: &Attempt, proxy: &ProxySide) -> Option<&Refused> {
        let place = self.places.of_call(call)?;
        let ended = call.ended?;
        let end = self
            .refused
            .partition_point(|refused| refused.stamp.time <= ended);
        let mut before = self.refused.iter().take(end).rev().take(MAX_REFUSED);
        before.find(|refused| {
            let of_proxy = proxy.upstreams.contains(&refused.place.server)
                && may_lead_on(place, refused.place);
            of_proxy && refused.stamp.time >= call.opened
        })
    }
}

impl ProxySide {
    /// Whether its upstreams are seen at work before a call and until it ended, or it was over before it could be passed
    /// on.
    fn covers(&self, call: &Attempt) -> bool {
        let ended = call.ended.unwrap_or(call.opened);
        ended < call.opened
            || self
                .seen
                .is_some_and(|(first, last)| first <= call.opened && ended <= last + AT_ONCE)
    }

    fn see(&mut self, moment: Timestamp) {
        let (first, last) = self.seen.get_or_insert((moment, moment));
        *first = moment.min(*first);
        *last = moment.max(*last);
    }
}

/// Whether the capture shows all of a connection's calls.
fn is_whole(record: &ConnectionRecord) -> bool {
    let missing = &record.missing;
    let has_calls = record.transport != Transport::None;
    let is_readable = !record.is_hidden() && record.uncaptured().is_none();
    !has_calls || is_readable && (missing.bytes, missing.losses, missing.streams) == (0, 0, 0)
}

/// Whether the call behind the proxy had ended when that before it did.
fn ended_first(before: &Attempt, behind: &Attempt) -> bool {
    behind
        .ended
        .is_some_and(|behind| before.ended.is_none_or(|before| behind <= before))
}
