//! Calls that were repeated at once, again and again: what a client without back-off does to a server in trouble.
//!
//! In: calls that failed alike. Out: a sentence, where attempts of the same call follow each other without a pause. One
//! repetition at once is right (gRFC A6 has transparent retries); more are not.

use rustc_hash::FxHashMap;

use super::Finding;
use super::server_view::{self, Affected};
use crate::capture::TimeDelta;
use crate::inspect::stream::rpc::{CallId, Rpc};
use crate::units::{count, counted, duration};

/// A shorter pause between the end of an attempt and the next one is none: gRPC's first back-off is up to a second, and
/// retry policies begin at 10 ms or more.
const AT_ONCE: TimeDelta = TimeDelta::from_millis(10);

/// How many attempts in a row without a pause show a habit.
const HABIT: u64 = 3;

/// What to do about it.
const ADVICE: &str = "Client: wait longer before each further attempt, with jitter (gRPC: retryPolicy with initialBackoff, \
     maxBackoff and backoffMultiplier; retryThrottling), and give up after a few";

/// A finding of these calls, with what it says of the habit, if that shows.
pub(super) fn told(mut finding: Finding, affected: &Affected<'_>) -> Finding {
    if let Some(sentence) = sentence(affected) {
        finding.explanation = format!("{} {sentence}", finding.explanation);
        finding.advice.push(ADVICE.to_owned());
    }
    finding
}

fn sentence(affected: &Affected<'_>) -> Option<String> {
    let mut known: FxHashMap<CallId, (&Rpc, u64)> = FxHashMap::default();
    let mut rpcs: Vec<_> = server_view::rpcs(affected).collect();
    rpcs.sort_by_key(|rpc| rpc.opened);
    let (mut longest, mut repeated, mut pause) = (0, 0, TimeDelta::ZERO);
    for rpc in rpcs {
        let before = rpc.retry_of.as_ref().and_then(|link| known.get(&link.call));
        let waited = before.and_then(|(before, _)| Some(rpc.opened?.time - before.ended?.time));
        let attempts = match (before, waited) {
            (Some((_, attempts)), Some(waited)) if waited <= AT_ONCE => {
                repeated += 1;
                pause = pause.max(waited);
                attempts + 1
            }
            _ => 1,
        };
        longest = longest.max(attempts);
        known.insert(rpc.id, (rpc, attempts));
    }
    (longest >= HABIT).then(|| {
        format!(
            "{} of these were repeated within {} of the failure, up to {} in a row: the client retries without \
             back-off, which keeps a server in trouble there.",
            count(repeated),
            duration(pause),
            counted(longest, "attempt"),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use crate::testing::scenario::analysis;

    /// A call that is answered UNAVAILABLE five times, each attempt so many milliseconds after the last failed.
    fn explanation(pause: u32) -> String {
        let mut script = String::new();
        for attempt in 0..5_u32 {
            let (id, at) = (1 + 2 * attempt, f64::from(attempt * (20 + pause)) / 1_000.0);
            writeln!(
                script,
                "C {at:.3} HEADERS {id} x-request-id=7f grpc-previous-rpc-attempts={attempt}"
            )
            .unwrap();
            writeln!(script, "S {:.3} ANSWER {id} grpc-status=14", at + 0.02).unwrap();
        }
        let findings = analysis(&script).findings;
        let found = findings
            .iter()
            .find(|finding| finding.rule == "error-status");
        found.unwrap().explanation.clone()
    }

    #[test]
    fn five_attempts_without_a_pause_are_told() {
        let text = explanation(1);
        assert!(text.contains("up to 5 attempts in a row"), "{text}");
        assert!(text.contains("without back-off"), "{text}");
    }

    #[test]
    fn attempts_that_wait_are_not() {
        let text = explanation(200);
        assert!(!text.contains("back-off"), "{text}");
    }
}
