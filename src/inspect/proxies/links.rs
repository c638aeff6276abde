//! Which call a proxy made for which.
//!
//! A proxy passes on a call's method, its body, and the ids that it has; its own call begins and ends within the one that
//! it is made for.
//!
//! ```text
//! client to proxy  |----------- before -----------|
//! proxy to server     |---- behind ----|
//! ```

use std::net::{IpAddr, SocketAddr};

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::stream::attempt::Attempt;
use super::super::stream::fingerprint::IdKind;
use super::super::stream::rpc::{CallId, Link, Verdict};
use super::clocks::{Clocks, lies_within};
use super::places::{Ends, Places, may_lead_on};
use crate::capture::Timestamp;

/// An id that more calls have than this says nothing of any of them.
const MAX_OF_ONE_ID: usize = 64;

/// By what a call behind a proxy was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::inspect) enum HopLink {
    /// They have an id of the call in common.
    RequestId,
    /// They have a trace's id in common, and no other call could be meant.
    TraceId,
    /// Method, body and time fit these two and no others.
    Content,
}

impl HopLink {
    pub(super) fn to(self, attempt: &Attempt) -> Link {
        let by = match self {
            Self::RequestId => "request id",
            Self::TraceId => "trace id",
            Self::Content => "method, body and time",
        };
        Link {
            call: attempt.call,
            opened: Some(attempt.opened),
            by: by.to_owned(),
        }
    }
}

/// Calls that proxies passed on. Calls are named by their place among those that are remembered.
#[derive(Debug)]
pub(in crate::inspect) struct PassedCalls<'a> {
    attempts: &'a [Attempt],
    clocks: Clocks,
    by_call: FxHashMap<CallId, usize>,
    /// Of a call behind a proxy, that before it.
    before: FxHashMap<usize, (usize, HopLink)>,
    /// Of a call before a proxy, those behind it, in order of time.
    behind: FxHashMap<usize, Vec<usize>>,
}

/// A call before a proxy, one that the proxy made for it, and by what they were linked.
pub(super) type PassedCall<'a> = (&'a Attempt, &'a Attempt, HopLink);

/// What was found of a call behind a proxy: that before it, or that it may be several.
type BehindAndBefore = FxHashMap<usize, Option<(usize, HopLink)>>;

impl<'a> PassedCalls<'a> {
    pub(super) fn find(attempts: &'a [Attempt], places: &Places) -> Self {
        let [of_calls, of_traces] = by_ids(attempts);
        let clocks = Clocks::of(attempts, &of_calls, places);
        let known = Compared {
            places,
            clocks: &clocks,
        };
        let mut found = BehindAndBefore::default();
        for (groups, link) in [
            (of_calls, HopLink::RequestId),
            (of_traces, HopLink::TraceId),
        ] {
            for group in groups.values() {
                if (2..=MAX_OF_ONE_ID).contains(&group.len()) {
                    of_one_id(attempts, &known, group, link, &mut found);
                }
            }
        }
        by_content(attempts, &known, &mut found);
        let certain = found
            .into_iter()
            .filter_map(|(behind, before)| Some((behind, before?)));
        let mut before: FxHashMap<usize, (usize, HopLink)> = certain.collect();
        drop_both_ways(&mut before, attempts, places);
        let mut passed = Self {
            attempts,
            clocks,
            by_call: (0..)
                .zip(attempts)
                .map(|(place, attempt)| (attempt.call, place))
                .collect(),
            before,
            behind: FxHashMap::default(),
        };
        for (behind, (before, _)) in &passed.before {
            passed.behind.entry(*before).or_default().push(*behind);
        }
        for calls in passed.behind.values_mut() {
            calls.sort_unstable_by_key(|call| {
                attempts.get(*call).map(|call| (call.opened, call.call))
            });
        }
        passed.drop_unlikely(places);
        passed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty()
    }

    /// The call before the proxy, of one behind it.
    pub(super) fn before(&self, call: CallId) -> Option<(&'a Attempt, HopLink)> {
        let (before, _, link) = self.pair(*self.by_call.get(&call)?)?;
        Some((before, link))
    }

    /// A pair, by the place of the call behind: before, behind, and by what they were linked.
    fn pair(&self, behind: usize) -> Option<PassedCall<'a>> {
        let (before, link) = self.before.get(&behind)?;
        Some((
            self.attempts.get(*before)?,
            self.attempts.get(behind)?,
            *link,
        ))
    }

    /// Calls behind a proxy, of one before it: that one, each of them, and by what it was recognised.
    pub(super) fn behind(&self, call: CallId) -> impl Iterator<Item = PassedCall<'a>> {
        let place = self.by_call.get(&call);
        let behind = place.and_then(|place| self.behind.get(place));
        let behind = behind.into_iter().flatten();
        behind.filter_map(|behind| self.pair(*behind))
    }

    /// All pairs: before, behind, and by what they were linked.
    pub(super) fn pairs(&self) -> impl Iterator<Item = PassedCall<'a>> {
        self.before.keys().filter_map(|behind| self.pair(*behind))
    }

    /// Calls that are not known to be behind a proxy.
    pub(super) fn not_behind(&self) -> impl Iterator<Item = &'a Attempt> {
        let calls = self.attempts.iter().enumerate();
        calls.filter_map(|(place, call)| (!self.before.contains_key(&place)).then_some(call))
    }

    /// Whether times between two calls mean something.
    pub(super) fn share_clock(&self, one: Ends, other: Ends) -> bool {
        self.clocks.are_one(one.file, other.file)
    }

    /// A call as it is remembered.
    pub(super) fn attempt(&self, call: CallId) -> Option<&'a Attempt> {
        self.attempts.get(*self.by_call.get(&call)?)
    }

    /// Two calls at once of one trace may be two calls; one that succeeded was answered behind the proxy too; and a
    /// client that calls two servers at once takes one back when the other has answered.
    fn drop_unlikely(&mut self, places: &Places) {
        let attempts = self.attempts;
        let wrong = |before: &usize, behind: &[usize]| {
            let Some(outer) = attempts.get(*before) else {
                return true;
            };
            let calls: Vec<_> = behind
                .iter()
                .filter_map(|call| attempts.get(*call))
                .collect();
            let by_trace = behind.iter().any(|call| {
                self.before
                    .get(call)
                    .is_some_and(|(_, link)| *link != HopLink::RequestId)
            });
            let at_once = calls.windows(2).any(|pair| match pair {
                [first, second] => first.ended.is_none_or(|ended| ended > second.opened),
                _ => false,
            });
            let answered = calls.iter().any(|call| call.verdict == Verdict::Ok);
            let unanswered = outer.verdict == Verdict::Ok && !answered && known(&calls);
            let one_client = calls.iter().any(|call| {
                let ends = places.of_call(outer).zip(places.of_call(call));
                ends.is_some_and(|(outer, call)| outer.client == call.client)
            });
            by_trace && at_once || unanswered || one_client && outer.cancelled && answered
        };
        let wrong: Vec<_> = self
            .behind
            .iter()
            .filter(|(before, behind)| wrong(before, behind))
            .collect();
        let wrong: Vec<usize> = wrong.into_iter().map(|(before, _)| *before).collect();
        for before in wrong {
            for behind in self.behind.remove(&before).unwrap_or_default() {
                self.before.remove(&behind);
            }
        }
    }
}

/// Whether it is known of all of them what became of them.
fn known(calls: &[&Attempt]) -> bool {
    let open = |call: &&Attempt| matches!(call.verdict, Verdict::Unknown | Verdict::Unanswered);
    !calls.iter().any(open)
}

/// What calls are compared by, apart from what they say.
struct Compared<'a> {
    places: &'a Places,
    clocks: &'a Clocks,
}

impl Compared<'_> {
    /// Whether the second may be what a proxy made of the first.
    fn may_be_passed_on(&self, before: &Attempt, behind: &Attempt) -> bool {
        let ends = self.places.of_call(before).zip(self.places.of_call(behind));
        let leads_on = ends.is_some_and(|(before, behind)| {
            may_lead_on(before, behind) && self.clocks.agree(before.file, behind.file)
        });
        before.call.connection != behind.call.connection && leads_on && lies_within(before, behind)
    }
}

/// The places of attempts, by ids that they have in common.
pub(super) type SharedIds = FxHashMap<u32, Vec<usize>>;

/// The attempts that have ids, by ids of calls and by those of traces.
fn by_ids(attempts: &[Attempt]) -> [SharedIds; 2] {
    let [mut of_calls, mut of_traces] = [SharedIds::default(), SharedIds::default()];
    for (place, attempt) in attempts.iter().enumerate() {
        for (id, kind) in attempt.identity.passed_on.ids() {
            let groups = match kind {
                IdKind::Request => &mut of_calls,
                IdKind::Trace => &mut of_traces,
            };
            groups.entry(id).or_default().push(place);
        }
    }
    [of_calls, of_traces]
}

/// Links calls that have an id in common.
fn of_one_id(
    attempts: &[Attempt],
    known: &Compared<'_>,
    group: &[usize],
    link: HopLink,
    found: &mut BehindAndBefore,
) {
    let calls: Vec<_> = group
        .iter()
        .filter_map(|place| Some((*place, attempts.get(*place)?)))
        .collect();
    for (place, behind) in &calls {
        let outer = calls
            .iter()
            .filter(|(_, before)| known.may_be_passed_on(before, behind));
        let outer: Vec<_> = outer.collect();
        let Some((nearest, inner)) = outer
            .iter()
            .max_by_key(|(_, call)| (call.opened, call.call))
        else {
            continue;
        };
        // Behind several proxies in a row each lies within the one before.
        let in_a_row = outer
            .iter()
            .filter(|(other, _)| other != nearest)
            .all(|(_, before)| known.may_be_passed_on(before, inner));
        let before = in_a_row.then_some((*nearest, link));
        match found.get_mut(place) {
            // What a call's own id says, a trace's cannot make doubtful.
            Some(Some((_, HopLink::RequestId))) if link != HopLink::RequestId => {}
            Some(earlier) if earlier.map(|(call, _)| call) != before.map(|(call, _)| call) => {
                *earlier = None;
            }
            Some(_) => {}
            None => {
                found.insert(*place, before);
            }
        }
    }
}

/// Calls of one method and body at one host of one capture: those that it accepted, and those that it made.
#[derive(Debug, Default)]
struct Alike {
    accepted: Vec<usize>,
    made: Vec<usize>,
}

/// Links calls without an id that are alike and fit no others.
fn by_content(attempts: &[Attempt], known: &Compared<'_>, found: &mut BehindAndBefore) {
    let places = known.places;
    let linked: FxHashSet<usize> = found
        .values()
        .flatten()
        .map(|(before, _)| *before)
        .collect();
    let mut groups: FxHashMap<(u32, IpAddr, u32), Alike> = FxHashMap::default();
    for (number, attempt) in attempts.iter().enumerate() {
        let Some(place) = places.of_call(attempt) else {
            continue;
        };
        let content = attempt.identity.content;
        if !linked.contains(&number) {
            let host = (content, place.server.ip(), place.file);
            groups.entry(host).or_default().accepted.push(number);
        }
        if !found.contains_key(&number)
            && let Some(host) = places.host_of_client(place)
        {
            let host = (content, host, place.file);
            groups.entry(host).or_default().made.push(number);
        }
    }
    let links: Vec<_> = groups
        .into_values()
        .flat_map(|alike| of_alike(attempts, known, alike))
        .collect();
    for (behind, before) in links {
        found.insert(behind, Some((before, HopLink::Content)));
    }
}

/// The pairs of calls that fit only each other in time: of one made, the call that it was made for.
fn of_alike(attempts: &[Attempt], known: &Compared<'_>, alike: Alike) -> Vec<(usize, usize)> {
    let opened = |call: &usize| attempts.get(*call).map(|call| call.opened);
    let Alike { accepted, mut made } = alike;
    made.sort_unstable_by_key(opened);
    let within = |call: &Attempt| {
        let begin = made.partition_point(|made| opened(made) <= Some(call.opened));
        let latest = Timestamp::from_nanos(i64::MAX);
        let end = made.partition_point(|made| opened(made) <= Some(call.ended.unwrap_or(latest)));
        begin..end.max(begin)
    };
    // How many of those accepted each may have been made for, as steps up and down.
    let mut steps = vec![0_i64; made.len() + 1];
    let accepted: Vec<_> = accepted
        .into_iter()
        .filter_map(|call| Some((call, attempts.get(call)?)))
        .collect();
    for (_, call) in &accepted {
        let range = within(call);
        for (place, step) in [(range.start, 1), (range.end, -1)] {
            if let Some(steps) = steps.get_mut(place) {
                *steps += step;
            }
        }
    }
    let claims: Vec<_> = steps
        .iter()
        .scan(0, |sum, step| {
            *sum += step;
            Some(*sum)
        })
        .collect();
    let fits = accepted.iter().filter_map(|(number, call)| {
        let range = within(call);
        let behind = *made.get(range.start)?;
        let only = range.len() == 1 && claims.get(range.start) == Some(&1);
        let inner = attempts.get(behind)?;
        let fit = only && known.may_be_passed_on(call, inner) && !say_otherwise(call, inner);
        fit.then_some((behind, *number))
    });
    fits.collect()
}

/// Whether the ids of two calls show that they are not one: a proxy adds ids, and takes none away.
fn say_otherwise(before: &Attempt, behind: &Attempt) -> bool {
    let ids = before.identity.passed_on.ids();
    let mut own = ids.filter(|(_, kind)| *kind == IdKind::Request);
    own.any(|(id, _)| {
        !behind
            .identity
            .passed_on
            .ids()
            .any(|(other, _)| other == id)
    })
}

/// Where calls seem to go from one server to a second and from there to the first, nothing is known.
fn drop_both_ways(
    before: &mut FxHashMap<usize, (usize, HopLink)>,
    attempts: &[Attempt],
    places: &Places,
) {
    let way = |behind: &usize, before: &usize| -> Option<(SocketAddr, SocketAddr)> {
        let server = |call: &usize| -> Option<Ends> { places.of_call(attempts.get(*call)?) };
        Some((server(before)?.server, server(behind)?.server))
    };
    let ways: FxHashSet<_> = before
        .iter()
        .filter_map(|(behind, (before, _))| way(behind, before))
        .collect();
    before.retain(|behind, (before, _)| {
        way(behind, before).is_some_and(|(from, to)| !ways.contains(&(to, from)))
    });
}
