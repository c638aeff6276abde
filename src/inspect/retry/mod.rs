//! Attempts of one call, linked across connections.
//!
//! In: every call's identity, as it ends. Out: which attempt followed which, which were lost to a twin, and
//! what became of each call as a whole. What could be two equal calls is not linked.
//!
//! Client libraries repeat a call that a GOAWAY, a refusal or a close took from them, mostly without a
//! mark. Attempts of one call come from one client: the same request before and behind a proxy is no retry.

mod chain;
mod hedge;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::IpAddr;

use foldhash::quality::RandomState;
use rustc_hash::{FxHashMap, FxHashSet};

use super::connection::record::{Finished, calls_mut};
use super::stream::attempt::{Attempt, AttemptNews};
use super::stream::fingerprint::IdKind;
use super::stream::rpc::{CallId, Link, Outcome, Rpc, TakenBack, Verdict};
use super::threads::Threads;
use crate::capture::{TimeDelta, Timestamp};

/// How many attempts are remembered, so that a retry of a call that is found dead later can still be
/// linked to it: half a minute at 8,000 calls a second.
const MAX_REMEMBERED: usize = 1 << 18;

/// How many attempts equal to a dead call are kept beyond that.
const MAX_EQUAL_TO_LOST: usize = 1 << 16;

/// How many identities of lost attempts are kept until those are dropped whose attempts are no longer
/// remembered.
const MAX_LOST: usize = 2 * (MAX_REMEMBERED + MAX_EQUAL_TO_LOST);

/// A call without a retry this long after it was lost was abandoned: far longer than the first attempts
/// of every client library wait.
const ABANDONED_AFTER: TimeDelta = TimeDelta::from_secs(5);

/// The same of a call that was never processed and whose id shows that nothing followed: a transparent retry
/// is sent at once.
const REPEATED_AT_ONCE: TimeDelta = TimeDelta::from_secs(1);

/// Remembers attempts and links them.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    recent: VecDeque<Attempt>,
    kept: Vec<Attempt>,
    /// Those that are lost for certain while their streams are still followed: no more than those.
    provisional: BTreeMap<CallId, Attempt>,
    /// What identifies attempts that were lost, or taken back. Keyed: peers can choose hashes that collide.
    lost: HashSet<u64, RandomState>,
    /// Whether any was forgotten.
    forgot: bool,
}

/// Links between attempts: the next of each, and by what it was recognised.
type Links = FxHashMap<CallId, (Attempt, String)>;

impl Attempts {
    pub(crate) fn learn(&mut self, news: AttemptNews) {
        match news {
            AttemptNews::Lost(attempt) => {
                self.note_lost(&attempt);
                self.provisional.insert(attempt.call, attempt);
            }
            AttemptNews::Over(call, attempt) => {
                self.provisional.remove(&call);
                if let Some(attempt) = attempt {
                    self.push(attempt);
                }
            }
        }
        // As many as those that are remembered can have, twice over.
        if self.lost.len() > MAX_LOST + 2 * self.provisional.len() {
            self.forget_lost();
        }
    }

    fn push(&mut self, attempt: Attempt) {
        self.note_lost(&attempt);
        if self.recent.len() >= MAX_REMEMBERED
            && let Some(oldest) = self.recent.pop_front()
        {
            self.forgot = true;
            if self.is_like_lost(&oldest) && self.kept.len() < MAX_EQUAL_TO_LOST {
                self.kept.push(oldest);
            }
        }
        self.recent.push_back(attempt);
    }

    fn note_lost(&mut self, attempt: &Attempt) {
        if is_of_interest(attempt) {
            self.lost.extend(keys(attempt));
        }
    }

    /// Keeps the identities only of what is remembered.
    fn forget_lost(&mut self) {
        let lost = self.remembered().filter(|attempt| is_of_interest(attempt));
        self.lost = lost.flat_map(keys).collect();
    }

    /// Whether no attempt was forgotten.
    pub(crate) fn are_all(&self) -> bool {
        !self.forgot
    }

    /// All that are remembered.
    pub(crate) fn remembered(&self) -> impl Iterator<Item = &Attempt> {
        let settled = self.kept.iter().chain(&self.recent);
        settled.chain(self.provisional.values())
    }

    fn is_like_lost(&self, attempt: &Attempt) -> bool {
        keys(attempt).any(|key| self.lost.contains(&key))
    }

    /// Gives the attempts the numbers of their connections, by those that they had; what belongs to none is
    /// forgotten.
    pub(crate) fn renumber(&mut self, numbers: &BTreeMap<u32, u32>) {
        let known = |attempt: &mut Attempt| {
            let number = numbers.get(&attempt.call.connection);
            number
                .map(|number| attempt.call.connection = *number)
                .is_some()
        };
        self.recent.retain_mut(known);
        self.kept.retain_mut(known);
        let provisional = std::mem::take(&mut self.provisional).into_values();
        let known = provisional.filter_map(|mut attempt| known(&mut attempt).then_some(attempt));
        self.provisional = known.map(|attempt| (attempt.call, attempt)).collect();
    }

    /// Forgets attempts that began before a moment. What is linked among them has to be linked before.
    pub(crate) fn forget_before(&mut self, moment: Timestamp) {
        let old = |attempt: &Attempt| attempt.opened < moment;
        self.forgot |= self.recent.front().is_some_and(old);
        while self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
        self.kept.retain(|attempt| attempt.opened >= moment);
        self.forget_lost();
    }

    /// Links what was remembered, and says of each call what became of it as a whole. `capture_end`
    /// is the capture's last moment.
    pub(crate) fn link(
        &self,
        connections: &mut [Finished],
        capture_end: Option<Timestamp>,
        threads: Threads,
    ) {
        if self.lost.is_empty() {
            return;
        }
        let clients = Clients::of(connections);
        let steps = LinkStep::all(threads);
        let found_by = threads.map(steps, |step| match step {
            LinkStep::ById(share) => self.link_by_id(share, &clients, capture_end),
            LinkStep::Equal => self.link_equal(&clients, capture_end),
        });
        let mut found = FoundLinks::default();
        // Where a call is linked both ways, what is equal has the last word.
        for more in found_by {
            found.add(more);
        }
        let piece = threads.piece(connections.len());
        // Only what was linked before is taken back.
        let linked = threads.map(connections.chunks(piece), |connections| {
            let mut calls = connections.iter().flat_map(|finished| &finished.rpcs);
            calls.any(is_linked)
        });
        if linked.contains(&true) {
            let compared = self
                .remembered()
                .filter(|attempt| self.is_like_lost(attempt));
            found.compared = compared.map(|attempt| attempt.call).collect();
        }
        apply(connections, &found, threads);
    }

    /// Links attempts that share an id, of a share of the ids.
    fn link_by_id(
        &self,
        ids: ShareOfIds,
        clients: &Clients,
        capture_end: Option<Timestamp>,
    ) -> FoundLinks {
        let mut found = FoundLinks::default();
        let is_lost = |key: u64| self.lost.contains(&key);
        let by_id = self.remembered().filter_map(|attempt| {
            let id = id_key(attempt).filter(|id| ids.has(*id) && is_lost(*id))?;
            Some(Keyed::new(id, clients, attempt))
        });
        for_each_group(by_id.collect(), |attempts| {
            // Most ids are of one attempt, which has none to be linked to.
            if attempts.len() > 1 {
                hedge::find(attempts, &mut found.hedged);
                chain::of_one_id(attempts, &mut found.links);
            }
            found.abandon(attempts.last().copied(), capture_end);
        });
        found
    }

    /// Links requests of a client that are equal, whatever their ids.
    fn link_equal(&self, clients: &Clients, capture_end: Option<Timestamp>) -> FoundLinks {
        let mut found = FoundLinks::default();
        let mut requests: BTreeMap<_, EqualRequests<'_>> = BTreeMap::new();
        for attempt in self.remembered() {
            let key = (attempt.identity.request, clients.of_attempt(attempt));
            requests.entry(key).or_default().add(attempt);
        }
        // As a rule all have ids of their own, and were compared by those.
        requests.retain(|(request, _), equal| {
            if self.lost.contains(request) {
                found.abandon(equal.last, capture_end);
            }
            equal.is_compared && self.lost.contains(request)
        });
        let compared = self.remembered().filter_map(|attempt| {
            let keyed = Keyed::new(attempt.identity.request, clients, attempt);
            requests.contains_key(&keyed.key).then_some(keyed)
        });
        let compared = match requests.is_empty() {
            true => Vec::new(),
            false => compared.collect(),
        };
        for_each_group(compared, |attempts| {
            hedge::find(attempts, &mut found.hedged);
            chain::of_equal(attempts, &mut found.links);
        });
        found
    }
}

/// What links attempts, and knows nothing of what else does.
enum LinkStep {
    ById(ShareOfIds),
    Equal,
}

impl LinkStep {
    /// All that there are, for so many threads.
    fn all(threads: Threads) -> impl Iterator<Item = Self> {
        let shares = threads.count() as u64;
        let by_id = (0..shares).map(move |number| Self::ById(ShareOfIds { number, shares }));
        by_id.chain([Self::Equal])
    }
}

/// Every so many-th id.
#[derive(Clone, Copy)]
struct ShareOfIds {
    number: u64,
    shares: u64,
}

impl ShareOfIds {
    const fn has(self, id: u64) -> bool {
        id % self.shares == self.number
    }
}

/// What equal requests of a client need to be looked at for.
#[derive(Default)]
struct EqualRequests<'a> {
    /// The one that was opened last.
    last: Option<&'a Attempt>,
    /// Whether they have to be compared in order of time.
    is_compared: bool,
}

impl<'a> EqualRequests<'a> {
    fn add(&mut self, attempt: &'a Attempt) {
        let order = |attempt: &Attempt| (attempt.opened, attempt.call);
        if self.last.is_none_or(|last| order(last) <= order(attempt)) {
            self.last = Some(attempt);
        }
        self.is_compared |=
            attempt.cancelled || attempt.misdirected || attempt.identity.call_id().is_none();
    }
}

/// The client of each connection, as a number; `None` stands for all whose connections are not known.
struct Clients(FxHashMap<u32, u32>);

impl Clients {
    fn of(connections: &[Finished]) -> Self {
        let mut numbers: BTreeMap<IpAddr, u32> = BTreeMap::new();
        let clients = connections.iter().map(|Finished { record, .. }| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let client = numbers.entry(record.client.ip()).or_insert(next);
            (record.number, *client)
        });
        Self(clients.collect())
    }

    fn of_attempt(&self, attempt: &Attempt) -> Option<u32> {
        self.0.get(&attempt.call.connection).copied()
    }
}

/// An attempt by what it has in common with others: there may be as many groups as attempts, so they are sorted where
/// they lie, and by what lies beside them.
struct Keyed<'a> {
    key: (u64, Option<u32>),
    order: (Timestamp, CallId),
    attempt: &'a Attempt,
}

impl<'a> Keyed<'a> {
    fn new(key: u64, clients: &Clients, attempt: &'a Attempt) -> Self {
        Self {
            key: (key, clients.of_attempt(attempt)),
            order: (attempt.opened, attempt.call),
            attempt,
        }
    }
}

/// Hands the attempts that have a key in common to `each`, in order of time.
fn for_each_group(mut attempts: Vec<Keyed<'_>>, mut each: impl FnMut(&[&Attempt])) {
    attempts.sort_unstable_by_key(|keyed| (keyed.key, keyed.order));
    let mut group = Vec::new();
    for alike in attempts.chunk_by(|one, other| one.key == other.key) {
        group.clear();
        group.extend(alike.iter().map(|keyed| keyed.attempt));
        each(&group);
    }
}

/// What was found of all calls together.
#[derive(Debug, Default)]
struct FoundLinks {
    /// All that were looked at, where any was linked before.
    compared: FxHashSet<CallId>,
    links: Links,
    abandoned: FxHashSet<CallId>,
    hedged: FxHashSet<CallId>,
}

impl FoundLinks {
    /// Adds what was found beside it.
    fn add(&mut self, more: Self) {
        if self.abandoned.is_empty() {
            self.abandoned = more.abandoned;
        } else {
            self.abandoned.extend(more.abandoned);
        }
        self.links.extend(more.links);
        self.hedged.extend(more.hedged);
    }

    /// The last of some attempts may have been the last of all.
    fn abandon(&mut self, last: Option<&Attempt>, capture_end: Option<Timestamp>) {
        let last = last.filter(|last| is_abandoned(last, capture_end));
        self.abandoned.extend(last.map(|last| last.call));
    }
}

/// Whether an attempt's like may be attempts of the same call.
fn is_of_interest(attempt: &Attempt) -> bool {
    attempt.lost().is_some() || attempt.cancelled
}

/// By what attempts of the same call are found: what they ask for, and their id.
fn keys(attempt: &Attempt) -> impl Iterator<Item = u64> + use<> {
    [Some(attempt.identity.request), id_key(attempt)]
        .into_iter()
        .flatten()
}

/// The method, the authority and the id, as one number.
fn id_key(attempt: &Attempt) -> Option<u64> {
    let (id, _) = attempt.identity.call_id()?;
    Some(id)
}

/// Whether the last of equal requests was lost, and the capture goes on long enough to show a retry
/// if there had been one.
fn is_abandoned(last: &Attempt, capture_end: Option<Timestamp>) -> bool {
    let (Some(lost), Some(end)) = (last.lost(), capture_end) else {
        return false;
    };
    let unprocessed = matches!(last.verdict, Verdict::BeyondLastStreamId | Verdict::Refused);
    let waits = match last.identity.call_id() {
        Some((_, IdKind::Request)) if unprocessed => REPEATED_AT_ONCE,
        _ => ABANDONED_AFTER,
    };
    end - lost >= waits
}

fn apply(connections: &mut [Finished], found: &FoundLinks, threads: Threads) {
    let FoundLinks {
        compared,
        links,
        abandoned,
        hedged,
    } = found;
    let last = last_attempts(links);
    let before: FxHashMap<CallId, (CallId, &String)> = links
        .iter()
        .map(|(lost, (next, by))| (next.call, (*lost, by)))
        .collect();
    let piece = threads.piece(connections.len());
    let add = |rpc: &mut Rpc| {
        forget_links(rpc, compared);
        if abandoned.contains(&rpc.id) {
            rpc.outcome = Outcome::Failed;
        }
        if hedged.contains(&rpc.id) {
            rpc.taken_back.get_or_insert(TakenBack::TwinAnswered);
            rpc.outcome = Outcome::Recovered;
        }
        if let Some((next, by)) = links.get(&rpc.id) {
            rpc.retried_as = Some(Link {
                call: next.call,
                opened: Some(next.opened),
                by: by.clone(),
            });
            rpc.outcome = outcome(last.get(&rpc.id).unwrap_or(next), abandoned);
        }
        if let Some((lost, by)) = before.get(&rpc.id) {
            rpc.retry_of = Some(Link {
                call: *lost,
                opened: None,
                by: (*by).clone(),
            });
        }
    };
    threads.map(connections.chunks_mut(piece), |connections| {
        calls_mut(connections).for_each(add);
    });
}

/// Whether something that links make of a call was made of it before.
fn is_linked(rpc: &Rpc) -> bool {
    rpc.retried_as.is_some()
        || rpc.retry_of.is_some()
        || rpc.taken_back == Some(TakenBack::TwinAnswered)
        || rpc.outcome != Outcome::alone(rpc.verdict, rpc.taken_back)
}

/// What was found of a call when less was known holds no longer, where its attempts are compared again.
fn forget_links(rpc: &mut Rpc, compared: &FxHashSet<CallId>) {
    if compared.contains(&rpc.id) {
        rpc.retried_as = None;
        rpc.taken_back = rpc.taken_back.filter(|why| *why != TakenBack::TwinAnswered);
        rpc.outcome = Outcome::alone(rpc.verdict, rpc.taken_back);
    }
    let first = rpc.retry_of.take();
    rpc.retry_of = first.filter(|first| !compared.contains(&first.call));
}

/// The last attempt of each call that was repeated. A chain goes forward in time and so ends; each is
/// walked once, for it may be as long as the capture.
fn last_attempts(links: &Links) -> FxHashMap<CallId, Attempt> {
    let mut last: FxHashMap<CallId, Attempt> = FxHashMap::default();
    for (first, (next, _)) in links {
        let (mut walked, mut attempt) = (vec![*first], *next);
        while let Some((next, _)) = links.get(&attempt.call) {
            if let Some(known) = last.get(&attempt.call) {
                attempt = *known;
                break;
            }
            walked.push(attempt.call);
            attempt = *next;
        }
        last.extend(walked.into_iter().map(|call| (call, attempt)));
    }
    last
}

/// What became of a call whose last attempt this is.
fn outcome(last: &Attempt, abandoned: &FxHashSet<CallId>) -> Outcome {
    match last.verdict {
        Verdict::Ok => Outcome::Recovered,
        Verdict::Status | Verdict::ResetByClient | Verdict::DeadlineExceeded => Outcome::Failed,
        _ if abandoned.contains(&last.call) => Outcome::Failed,
        _ => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests;
