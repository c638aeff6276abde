//! Which calls the page draws where there are too many: every one that matters, and some of the
//! healthy.

use crate::inspect::report::CallList;
use crate::inspect::{Rpc, Verdict};

/// How many calls are drawn before the healthy are thinned: so many stay smooth in a browser, in a
/// file of some ten megabytes.
pub(super) const MAX_DRAWN: usize = 100_000;

/// The calls to draw.
pub(super) struct Drawn<'a> {
    /// In their order.
    pub(super) calls: Vec<&'a Rpc>,
    /// How many calls succeeded or cannot be judged, and are no part of a retry.
    pub(super) healthy: usize,
    /// How many of those are drawn.
    pub(super) healthy_drawn: usize,
}

/// Keeps all calls that died, failed or were attempted again, and of the others as many as fit,
/// evenly.
pub(super) fn sample(calls: &CallList) -> Drawn<'_> {
    let healthy = calls.iter().filter(|rpc| is_healthy(rpc)).count();
    let room = MAX_DRAWN.saturating_sub(calls.len() - healthy).min(healthy);
    let mut met = 0;
    let kept = calls.iter().filter(|rpc| {
        if !is_healthy(rpc) {
            return true;
        }
        // As a line is drawn on a grid: `room` of `healthy` steps go up, evenly spread.
        let (before, after) = (met * room / healthy, (met + 1) * room / healthy);
        met += 1;
        after > before
    });
    Drawn {
        calls: kept.collect(),
        healthy,
        healthy_drawn: room,
    }
}

fn is_healthy(rpc: &Rpc) -> bool {
    let dull = matches!(rpc.verdict, Verdict::Ok | Verdict::Unknown);
    dull && rpc.retry_of.is_none() && rpc.retried_as.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::CallId;

    fn call(stream: u32, verdict: Verdict) -> Rpc {
        let id = CallId {
            connection: 0,
            stream,
        };
        Rpc::bare(id, verdict)
    }

    #[test]
    fn few_calls_are_all_drawn() {
        let calls: Vec<_> = (0..50).map(|stream| call(stream, Verdict::Ok)).collect();
        let calls = calls.into();
        let drawn = sample(&calls);
        assert_eq!(
            (drawn.calls.len(), drawn.healthy, drawn.healthy_drawn),
            (50, 50, 50)
        );
    }

    #[test]
    fn the_dead_are_never_thinned() {
        let verdict = |stream: u32| {
            if stream.is_multiple_of(5) {
                Verdict::CutByClose
            } else {
                Verdict::Ok
            }
        };
        let calls: Vec<_> = (0..250_000)
            .map(|stream| call(stream, verdict(stream)))
            .collect();
        let calls = calls.into();
        let drawn = sample(&calls);
        let dead = drawn.calls.iter().filter(|rpc| rpc.died()).count();
        assert_eq!(
            (dead, drawn.calls.len(), drawn.healthy_drawn),
            (50_000, MAX_DRAWN, 50_000)
        );
        let first_half = drawn
            .calls
            .iter()
            .filter(|rpc| rpc.id.stream < 125_000)
            .count();
        assert_eq!(first_half, MAX_DRAWN / 2, "the healthy are thinned evenly");
    }

    #[test]
    fn more_dead_than_fit_are_drawn_all_the_same() {
        let calls: Vec<_> = (0..120_000)
            .map(|stream| call(stream, Verdict::Refused))
            .collect();
        assert_eq!(sample(&calls.into()).calls.len(), 120_000);
    }
}
