//! How long to wait before a server is asked again that was asked in vain: a collector, an API server.
//!
//! In: how often it was asked in vain, and what it said. Out: times that double up to a bound, each shortened by chance, so
//! that many nodes do not come back at once.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// The first time, and the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// What a server asks for is taken up to this.
const ASKED_AT_MOST: Duration = Duration::from_secs(300);

/// What is waited next.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    longest: Duration,
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::between(FIRST, LONGEST)
    }
}

impl Backoff {
    pub(crate) const fn between(first: Duration, longest: Duration) -> Self {
        Self {
            longest,
            next: first,
        }
    }

    /// It was asked in vain, and may have said when to come back.
    pub(crate) fn wait(&mut self, asked: Option<Duration>) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.longest);
        match asked {
            Some(asked) => asked.min(ASKED_AT_MOST).max(wait),
            None => shortened(wait),
        }
    }
}

/// By up to a quarter.
fn shortened(wait: Duration) -> Duration {
    let chance = RandomState::new().build_hasher().finish() % 256;
    wait - wait / 1_024 * u32::try_from(chance).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let near = |wait: Duration, seconds: f64| {
            let wait = wait.as_secs_f64();
            assert!((seconds * 0.75..=seconds).contains(&wait), "{wait}");
        };
        for seconds in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            near(backoff.wait(None), seconds);
        }
    }

    #[test]
    fn what_the_collector_asks_for_is_heeded_within_bounds() {
        let mut backoff = Backoff::default();
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(backoff.wait(asked(7)), Duration::from_secs(7));
        assert_eq!(backoff.wait(asked(0)), Duration::from_secs(1));
        assert_eq!(backoff.wait(asked(86_400)), ASKED_AT_MOST);
    }
}
