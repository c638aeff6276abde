//! Attempts of one call, linked across connections.
//!
//! In: every call's identity, as it ends. Out: which attempt followed which. What could be two equal calls
//! is not linked.
//!
//! Client libraries repeat a call that a GOAWAY, a refusal or a close took from them, mostly without a
//! mark. Two requests are taken for attempts of one call if the first had died when the second was
//! opened, no third is equal to them at a time that would confuse the two, and they share more than
//! what they say: a request id, a mark, the moment of their deadline, or a gap too short for chance.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::connection::record::Finished;
use super::stream::attempt::Attempt;
use super::stream::rpc::{CallId, Link, Outcome, Verdict};
use crate::capture::{TimeDelta, Timestamp};

/// How many attempts are remembered, so that a retry of a call that is found dead later can still be
/// linked to it: half a minute at 8,000 calls a second.
const MAX_REMEMBERED: usize = 1 << 18;

/// How many attempts equal to a dead call are kept beyond that.
const MAX_EQUAL_TO_LOST: usize = 1 << 16;

/// How many identities of lost attempts are kept until those are dropped whose attempts are no longer
/// remembered: twice as many as can be.
const MAX_LOST: usize = 2 * (MAX_REMEMBERED + MAX_EQUAL_TO_LOST);

/// Attempts further apart than this are not linked.
const LINKED_WITHIN: TimeDelta = TimeDelta::from_secs(30);

/// Two attempts of one call share its deadline to within this: the time that bytes wait in sockets, and
/// for a lost packet to be sent again.
const SAME_DEADLINE: TimeDelta = TimeDelta::from_millis(300);

/// Without a deadline to compare, a retry must follow this soon: gRPC's first backoff.
const PROMPT: TimeDelta = TimeDelta::from_secs(1);

/// A call without a retry this long after it was lost was abandoned: far longer than the first attempts
/// of every client library wait.
const ABANDONED_AFTER: TimeDelta = TimeDelta::from_secs(5);

/// Without an id or a deadline to compare, a body must have this many bytes to be distinctive.
const DISTINCTIVE_BODY: u64 = 16;

/// Remembers attempts and links them.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    recent: VecDeque<Attempt>,
    kept: Vec<Attempt>,
    /// Identities of attempts that were lost.
    lost: FxHashSet<u64>,
}

impl Attempts {
    pub(crate) fn push(&mut self, attempt: Attempt) {
        if attempt.lost.is_some() {
            self.lost.insert(attempt.identity.request);
        }
        if self.recent.len() >= MAX_REMEMBERED
            && let Some(oldest) = self.recent.pop_front()
            && self.lost.contains(&oldest.identity.request)
            && self.kept.len() < MAX_EQUAL_TO_LOST
        {
            self.kept.push(oldest);
        }
        self.recent.push_back(attempt);
        if self.lost.len() > MAX_LOST {
            self.forget_lost();
        }
    }

    /// Keeps the identities only of what is remembered.
    fn forget_lost(&mut self) {
        let remembered = self.kept.iter().chain(&self.recent);
        let lost = remembered.filter(|attempt| attempt.lost.is_some());
        self.lost = lost.map(|attempt| attempt.identity.request).collect();
    }

    /// Forgets attempts that began before a moment. What is linked among them has to be linked before.
    pub(crate) fn forget_before(&mut self, moment: Timestamp) {
        let old = |attempt: &Attempt| attempt.opened < moment;
        while self.recent.front().is_some_and(old) {
            self.recent.pop_front();
        }
        self.kept.retain(|attempt| attempt.opened >= moment);
        self.forget_lost();
    }

    /// Links what was remembered, and says of each call what became of it as a whole. `capture_end`
    /// is the capture's last moment.
    pub(crate) fn link(&self, connections: &mut [Finished], capture_end: Option<Timestamp>) {
        let mut groups: FxHashMap<u64, Vec<Attempt>> = FxHashMap::default();
        let lost = &self.lost;
        let remembered = self.kept.iter().chain(&self.recent).copied();
        for attempt in remembered.filter(|attempt| lost.contains(&attempt.identity.request)) {
            groups
                .entry(attempt.identity.request)
                .or_default()
                .push(attempt);
        }
        let mut links: FxHashMap<CallId, (Attempt, String)> = FxHashMap::default();
        let mut abandoned = FxHashSet::default();
        for mut group in groups.into_values() {
            group.sort_by_key(|attempt| (attempt.opened, attempt.call));
            link_group(&group, &mut links);
            if let Some(last) = group.last().filter(|last| was_abandoned(last, capture_end)) {
                abandoned.insert(last.call);
            }
        }
        apply(connections, &links, &abandoned);
    }
}

/// Links the attempts of equal requests: first those that share an id, then, where an id cannot be
/// read on every attempt, all of them if that leaves no doubt.
fn link_group(group: &[Attempt], links: &mut FxHashMap<CallId, (Attempt, String)>) {
    let mut by_id: FxHashMap<u64, Vec<Attempt>> = FxHashMap::default();
    for attempt in group {
        if let Some((id, _)) = attempt.identity.call_id {
            by_id.entry(id).or_default().push(*attempt);
        }
    }
    for chain in by_id.into_values() {
        link_chain(&chain, links);
    }
    if group
        .iter()
        .any(|attempt| attempt.identity.call_id.is_none())
    {
        link_chain(group, links);
    }
}

/// Links attempts in a row, unless any two of them could be calls of their own.
fn link_chain(chain: &[Attempt], links: &mut FxHashMap<CallId, (Attempt, String)>) {
    let pairs = chain.iter().zip(chain.iter().skip(1));
    let linked: Option<Vec<_>> = pairs
        .map(|(lost, next)| same_call(lost, next).map(|by| (*lost, *next, by)))
        .collect();
    for (lost, next, by) in linked.unwrap_or_default() {
        links.insert(lost.call, (next, by));
    }
}

/// By what two attempts are known for the same call, if they are.
fn same_call(lost: &Attempt, next: &Attempt) -> Option<String> {
    let since = next.opened - lost.lost?;
    if !(TimeDelta::ZERO..=LINKED_WITHIN).contains(&since) {
        return None;
    }
    let body = format!("equal request of {} bytes", next.identity.body_length);
    match (lost.identity.call_id, next.identity.call_id) {
        (Some((one, kind)), Some((other, _))) if one == other => {
            return Some(format!("{kind}, {body}"));
        }
        (Some(_), Some(_)) => return None,
        _ => {}
    }
    if next.identity.is_retry {
        return Some(format!("grpc-previous-rpc-attempts, {body}"));
    }
    match lost.deadline.zip(next.deadline) {
        Some((one, other)) if (one - other).abs() <= SAME_DEADLINE => {
            Some(format!("{body}, same deadline"))
        }
        Some(_) => None,
        None if since <= PROMPT && next.identity.body_length >= DISTINCTIVE_BODY => {
            Some(format!("{body}, {} ms later", since.as_nanos() / 1_000_000))
        }
        None => None,
    }
}

/// Whether the last of equal requests was lost, and the capture goes on long enough to show a retry
/// if there had been one.
fn was_abandoned(last: &Attempt, capture_end: Option<Timestamp>) -> bool {
    let (Some(lost), Some(end)) = (last.lost, capture_end) else {
        return false;
    };
    end - lost >= ABANDONED_AFTER
}

fn apply(
    connections: &mut [Finished],
    links: &FxHashMap<CallId, (Attempt, String)>,
    abandoned: &FxHashSet<CallId>,
) {
    let last = last_attempts(links);
    let before: FxHashMap<CallId, (CallId, &String)> = links
        .iter()
        .map(|(lost, (next, by))| (next.call, (*lost, by)))
        .collect();
    for rpc in connections
        .iter_mut()
        .flat_map(|connection| &mut connection.rpcs)
    {
        if abandoned.contains(&rpc.id) {
            rpc.outcome = Outcome::Failed;
        }
        if let Some((next, by)) = links.get(&rpc.id) {
            rpc.retried_as = Some(Link {
                call: next.call,
                by: by.clone(),
            });
            rpc.outcome = outcome(last.get(&rpc.id).unwrap_or(next), abandoned);
        }
        if let Some((lost, by)) = before.get(&rpc.id) {
            rpc.retry_of = Some(Link {
                call: *lost,
                by: (*by).clone(),
            });
        }
    }
}

/// The last attempt of each call that was repeated. A chain goes forward in time and so ends; each is
/// walked once, for it may be as long as the capture.
fn last_attempts(links: &FxHashMap<CallId, (Attempt, String)>) -> FxHashMap<CallId, Attempt> {
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
mod tests {
    use super::*;
    use crate::inspect::stream::fingerprint::Identity;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_nanos(milliseconds * 1_000_000)
    }

    /// An attempt of one request at these milliseconds, lost or not.
    fn attempt(stream: u32, opened: i64, lost: Option<i64>) -> Attempt {
        Attempt {
            call: CallId {
                connection: 0,
                stream,
            },
            identity: Identity {
                request: 7,
                call_id: None,
                body_length: 40,
                is_retry: false,
            },
            opened: at(opened),
            lost: lost.map(at),
            deadline: None,
            verdict: if lost.is_some() {
                Verdict::BeyondLastStreamId
            } else {
                Verdict::Ok
            },
        }
    }

    fn with_deadline(attempt: Attempt, milliseconds: i64) -> Attempt {
        Attempt {
            deadline: Some(at(milliseconds)),
            ..attempt
        }
    }

    fn with_id(mut attempt: Attempt, id: u64) -> Attempt {
        attempt.identity.call_id = Some((id, "request id"));
        attempt
    }

    /// Which stream followed which.
    fn linked(attempts: &[Attempt]) -> Vec<(u32, u32)> {
        let mut links = FxHashMap::default();
        link_group(attempts, &mut links);
        let pairs = links
            .iter()
            .map(|(lost, (next, _))| (lost.stream, next.call.stream));
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn a_prompt_repetition_of_a_distinctive_request_is_its_retry() {
        assert_eq!(
            linked(&[attempt(1, 0, Some(50)), attempt(3, 60, None)]),
            [(1, 3)]
        );
    }

    #[test]
    fn two_equal_calls_are_never_linked() {
        let third = [
            attempt(1, 0, Some(50)),
            attempt(3, 60, None),
            attempt(5, 70, None),
        ];
        assert_eq!(linked(&third), [], "which of the two repeats it?");
        let at_once = [
            attempt(1, 0, Some(50)),
            attempt(3, 10, Some(50)),
            attempt(5, 60, None),
        ];
        assert_eq!(linked(&at_once), [], "which of the two is repeated?");
        let before = [attempt(1, 0, Some(50)), attempt(3, 40, None)];
        assert_eq!(linked(&before), [], "it was sent before the first was lost");
        let later = [attempt(1, 0, Some(50)), attempt(3, 5_000, None)];
        assert_eq!(linked(&later), [], "somebody may have asked the same again");
        let mut small = [attempt(1, 0, Some(50)), attempt(3, 60, None)];
        for attempt in &mut small {
            attempt.identity.body_length = 5;
        }
        assert_eq!(linked(&small), [], "an empty message is everybody's");
    }

    #[test]
    fn every_attempt_of_a_long_chain_knows_the_last_one() {
        let attempts: Vec<_> = (0..100_000)
            .map(|number| {
                let opened = i64::from(number) * 100;
                attempt(number, opened, (number < 99_999).then_some(opened + 50))
            })
            .collect();
        let mut links = FxHashMap::default();
        link_group(&attempts, &mut links);
        let last = last_attempts(&links);
        assert_eq!(last.len(), 99_999);
        assert!(last.values().all(|last| last.call.stream == 99_999));
    }

    #[test]
    fn a_deadline_tells_attempts_from_equal_calls() {
        let lost = with_deadline(attempt(1, 0, Some(50)), 5_000);
        let same = with_deadline(attempt(3, 2_000, None), 5_010);
        let other = with_deadline(attempt(3, 60, None), 7_000);
        assert_eq!(linked(&[lost, same]), [(1, 3)]);
        assert_eq!(linked(&[lost, other]), []);
    }

    #[test]
    fn moments_centuries_apart_are_compared_and_not_linked() {
        let long_ago = Attempt {
            lost: Some(Timestamp::from_nanos(i64::MIN)),
            deadline: Some(Timestamp::from_nanos(i64::MIN)),
            ..attempt(1, 0, None)
        };
        let at_last = Attempt {
            opened: Timestamp::from_nanos(i64::MAX),
            deadline: Some(Timestamp::from_nanos(i64::MAX)),
            ..attempt(3, 0, None)
        };
        assert_eq!(linked(&[long_ago, at_last]), []);
        let prompt = Attempt {
            opened: Timestamp::from_nanos(i64::MIN),
            ..at_last
        };
        assert_eq!(linked(&[long_ago, prompt]), [], "another deadline");
        let end = Timestamp::from_nanos(i64::MAX);
        assert!(was_abandoned(&long_ago, Some(end)));
    }

    #[test]
    fn an_id_tells_equal_calls_apart() {
        let attempts = [
            with_id(attempt(1, 0, Some(50)), 1),
            with_id(attempt(3, 10, Some(50)), 2),
            with_id(attempt(5, 60, None), 2),
            with_id(attempt(7, 70, None), 1),
        ];
        assert_eq!(linked(&attempts), [(1, 7), (3, 5)]);
    }
}
