//! Attempts that lost to a twin: hedging (gRFC A6).
//!
//! In: attempts of one client that share an id, or that are equal. Out: those that their client took back
//! because another attempt of the call had been answered.
//!
//! ```text
//! HEADERS a ........................ RST_STREAM a CANCEL
//!           HEADERS b ..... answer b ^
//! ```

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::super::stream::attempt::Attempt;
use super::super::stream::rpc::{CallId, Verdict};
use crate::capture::{TimeDelta, Timestamp};

/// How soon after its twin's answer a client takes an attempt back.
const TAKEN_BACK_WITHIN: TimeDelta = TimeDelta::from_millis(100);

/// With how many equal calls one is compared that were answered before it was taken back, the latest first: no
/// client hedges with more (gRFC A6 allows five attempts).
const MAX_COMPARED: usize = 64;

/// The same of twins that nothing marks as such: the loser of a race goes as soon as the other is answered.
const RACE_LOST_WITHIN: TimeDelta = TimeDelta::from_millis(20);

/// Two attempts of one call share its deadline to within this.
const SAME_DEADLINE: TimeDelta = TimeDelta::from_millis(300);

/// Finds those that lost to a twin.
pub(super) fn find(attempts: &[&Attempt], hedged: &mut FxHashSet<CallId>) {
    if !attempts.iter().any(|attempt| attempt.cancelled) {
        return;
    }
    let mut winners: BTreeMap<_, Vec<(Timestamp, &Attempt)>> = BTreeMap::new();
    for &attempt in attempts {
        if let Some(answered) = attempt.ended.filter(|_| attempt.verdict == Verdict::Ok) {
            winners
                .entry(call(attempt))
                .or_default()
                .push((answered, attempt));
        }
    }
    for winners in winners.values_mut() {
        winners.sort_by_key(|(answered, _)| *answered);
    }
    let cancelled = attempts.iter().filter(|attempt| attempt.cancelled);
    let lost = cancelled.filter(|loser| {
        let twins = winners.get(&call(loser)).zip(loser.ended);
        twins.is_some_and(|(winners, cancelled)| {
            let before = winners.partition_point(|(answered, _)| *answered <= cancelled);
            let latest = winners.iter().take(before).rev().take(MAX_COMPARED);
            latest.into_iter().any(|(_, winner)| is_twin(loser, winner))
        })
    });
    hedged.extend(lost.map(|loser| loser.call));
}

/// What twins have in common.
fn call(attempt: &Attempt) -> (u64, Option<u64>) {
    let identity = attempt.identity;
    (identity.request, identity.call_id().map(|(id, _)| id))
}

fn is_twin(loser: &Attempt, winner: &Attempt) -> bool {
    let (Some(cancelled), Some(answered)) = (loser.ended, winner.ended) else {
        return false;
    };
    let since = cancelled - answered;
    let in_time = (TimeDelta::ZERO..=TAKEN_BACK_WITHIN).contains(&since);
    in_time && loser.opened < answered && is_same_call(loser, winner, since)
}

fn is_same_call(one: &Attempt, other: &Attempt, since: TimeDelta) -> bool {
    if one.identity.request != other.identity.request {
        return false;
    }
    match (one.identity.call_id(), other.identity.call_id()) {
        (Some((one, _)), Some((other, _))) => one == other,
        (None, None) => {
            let marked = one.identity.is_retry || other.identity.is_retry;
            match one.deadline.zip(other.deadline) {
                Some((one, other)) => marked && (one - other).abs() <= SAME_DEADLINE,
                None => since <= RACE_LOST_WITHIN,
            }
        }
        _ => false,
    }
}
