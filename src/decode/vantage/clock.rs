//! How two clocks stand to each other, as bounds.
//!
//! In: segments that both captures have, each with both stamps and its way. Out: for each stretch of time what one clock
//! shows more than the other, at least and at most; where one of them was set.

use std::sync::Arc;

use crate::capture::{TimeDelta, Timestamp};
use crate::decode::PerSide;

/// How much clocks drift apart at most, in millionths: NTP slews by no more (RFC 5905, section 11.3), and crystals are an
/// order of magnitude better.
const MAX_DRIFT_PPM: i64 = 500;

/// Stretches in which bounds are looked for: the shortest in which most segments find their counterpart counts.
const STRETCHES: [TimeDelta; 4] = [
    TimeDelta::from_millis(100),
    TimeDelta::from_secs(1),
    TimeDelta::from_secs(10),
    TimeDelta::from_secs(600),
];

/// A segment that two captures have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SharedSegment {
    /// When the capture nearer to the client has it, by that one's clock.
    pub(super) at_client: Timestamp,
    /// When the other one has it, by the other one's.
    pub(super) at_other: Timestamp,
    /// Whether the client sent it: then it was at the client first.
    pub(super) from_client: bool,
}

impl SharedSegment {
    pub(super) fn difference(&self) -> TimeDelta {
        self.at_other - self.at_client
    }
}

/// One of the clocks was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// When, by the clock that is told about: after this moment.
    pub after: Timestamp,
    /// By how much it was set forward, at least and at most.
    pub by: (TimeDelta, TimeDelta),
}

/// How much longer segments took from one capture to the other than the one that took least: exact whatever the clocks
/// show, since both differences are by the same two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueingDelay {
    /// Of the middle one.
    pub median: TimeDelta,
    /// Of the one that took most.
    pub most: TimeDelta,
}

impl QueueingDelay {
    fn of(stretches: &[Bounds], segments: &[SharedSegment], from_client: bool) -> Option<Self> {
        let mut delays = Vec::new();
        for bounds in stretches {
            let from = segments.partition_point(|one| *one < bounds.from);
            let until = segments.partition_point(|one| *one <= bounds.until);
            let those = segments.get(from..until).unwrap_or_default().iter();
            delays.extend(
                those
                    .filter(|one| one.from_client == from_client)
                    .map(|one| match from_client {
                        true => one.difference() - (bounds.high - bounds.drift),
                        false => bounds.low + bounds.drift - one.difference(),
                    }),
            );
        }
        let most = delays.iter().copied().max()?;
        let middle = delays.len() / 2;
        let (_, median, _) = delays.select_nth_unstable(middle);
        Some(Self {
            median: *median,
            most,
        })
    }
}

/// Bounds for a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    from: SharedSegment,
    until: SharedSegment,
    low: TimeDelta,
    high: TimeDelta,
    /// What the bounds allow for drift within the stretch.
    drift: TimeDelta,
}

/// The clock of a capture, as that of the capture at the client shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct VantageClock(Arc<ClockBounds>);

impl VantageClock {
    pub(super) const fn new(bounds: Arc<ClockBounds>) -> Self {
        Self(bounds)
    }

    /// What the clock at the client showed at a moment of this one, at the earliest and at the latest.
    #[must_use]
    pub fn at_client(&self, moment: Timestamp) -> (Timestamp, Timestamp) {
        self.0.bounds_at_client(moment)
    }
}

/// What one clock shows more than another one, over a capture.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ClockBounds {
    /// In order of time.
    stretches: Vec<Bounds>,
    steps: Vec<ClockStep>,
    queueing: PerSide<Option<QueueingDelay>>,
}

impl ClockBounds {
    /// Bounds from what both have, in order; `None` if nothing bounds them.
    pub(super) fn of(segments: &[SharedSegment]) -> Option<Self> {
        let stretches = STRETCHES.iter().find_map(|length| {
            let found = stretches(segments, *length);
            let bounded: usize = found.iter().map(|(_, segments)| segments).sum();
            (bounded * 2 >= segments.len()).then_some(found)
        });
        let stretches = stretches.unwrap_or_else(|| {
            let mut all = Vec::new();
            bound(segments, &mut all);
            all
        });
        let stretches: Vec<_> = stretches.into_iter().map(|(bounds, _)| bounds).collect();
        let steps = stretches.iter().zip(stretches.iter().skip(1));
        let steps = steps
            .filter_map(|(before, after)| step(before, after))
            .collect();
        let queueing = PerSide {
            client: QueueingDelay::of(&stretches, segments, true),
            server: QueueingDelay::of(&stretches, segments, false),
        };
        (!stretches.is_empty()).then_some(Self {
            stretches,
            steps,
            queueing,
        })
    }

    /// The least and the most that it shows more, over all the time.
    pub(super) fn range(&self) -> (TimeDelta, TimeDelta) {
        let low = self.stretches.iter().map(|bounds| bounds.low).min();
        let high = self.stretches.iter().map(|bounds| bounds.high).max();
        (
            low.unwrap_or(TimeDelta::ZERO),
            high.unwrap_or(TimeDelta::ZERO),
        )
    }

    /// How much longer segments of each side took than the shortest.
    pub(super) const fn queueing(&self) -> PerSide<Option<QueueingDelay>> {
        self.queueing
    }

    pub(super) fn steps(&self) -> &[ClockStep] {
        &self.steps
    }

    /// By how many millionths it goes faster, where the bounds exclude that both go alike; unknown where one was set.
    pub(super) fn drift_ppm(&self) -> Option<(f64, f64)> {
        let (first, last) = self.stretches.first().zip(self.stretches.last())?;
        let between = (last.from.at_client - first.until.at_client).as_secs_f64();
        let between_most = (last.until.at_client - first.from.at_client).as_secs_f64();
        if !self.steps.is_empty() || between <= 0.0 {
            return None;
        }
        let (least, most) = (
            (last.low - first.high).as_secs_f64() * 1e6,
            (last.high - first.low).as_secs_f64() * 1e6,
        );
        let bound =
            |change: f64, outward: bool| change / if outward { between } else { between_most };
        let drift = (bound(least, least < 0.0), bound(most, most > 0.0));
        (drift.0 > 0.0 || drift.1 < 0.0).then_some(drift)
    }

    /// When the capture at the client had, or would have had, what the other one has at a moment: at the latest what the
    /// client sent, and at the earliest what it received, so that it stands before what follows from it.
    pub(super) fn at_client(&self, at_other: Timestamp, from_client: bool) -> Timestamp {
        let Some(bounds) = self.stretch_of(at_other) else {
            return at_other;
        };
        if from_client {
            return at_other - (bounds.high - bounds.drift);
        }
        // Acknowledgements follow at once: a stamp that is a little early harms nothing.
        let early = TimeDelta::from_nanos((bounds.high - bounds.low).as_nanos() / 4);
        at_other - (bounds.low + bounds.drift) - early
    }

    /// What the clock at the client showed at a moment of the other one, at the earliest and at the latest.
    fn bounds_at_client(&self, at_other: Timestamp) -> (Timestamp, Timestamp) {
        match self.stretch_of(at_other) {
            Some(bounds) => (at_other - bounds.high, at_other - bounds.low),
            None => (at_other, at_other),
        }
    }

    /// The stretch that holds a moment of the other clock, or the nearest before it.
    fn stretch_of(&self, at_other: Timestamp) -> Option<&Bounds> {
        let place = self
            .stretches
            .partition_point(|bounds| bounds.from.at_other <= at_other);
        self.stretches.get(place.saturating_sub(1))
    }
}

/// The bounds in stretches of a length, each with how many segments it is of.
fn stretches(segments: &[SharedSegment], length: TimeDelta) -> Vec<(Bounds, usize)> {
    let mut found = Vec::new();
    let mut rest = segments;
    while let Some(first) = rest.first() {
        let end = rest.partition_point(|one| one.at_client - first.at_client < length);
        let (these, later) = rest.split_at_checked(end.max(1)).unwrap_or((rest, &[]));
        bound(these, &mut found);
        rest = later;
    }
    found
}

/// The bounds of a stretch; where they contradict each other a clock was set within, and it is divided there.
fn bound(segments: &[SharedSegment], found: &mut Vec<(Bounds, usize)>) {
    let Some((first, last)) = segments.first().zip(segments.last()) else {
        return;
    };
    let differences = |from_client| {
        let those = segments
            .iter()
            .filter(move |one| one.from_client == from_client);
        those.map(SharedSegment::difference)
    };
    // What the client sent came later than it shows; what the server sent came earlier.
    let Some((high, low)) = differences(true).min().zip(differences(false).max()) else {
        return;
    };
    let drift = drift_within(last.at_client - first.at_client);
    if low > high + drift {
        let (before, after) = segments
            .split_at_checked(segments.len() / 2)
            .unwrap_or((segments, &[]));
        if !before.is_empty() && !after.is_empty() {
            bound(before, found);
            bound(after, found);
        }
        return;
    }
    let bounds = Bounds {
        from: *first,
        until: *last,
        low: low.min(high) - drift,
        high: high.max(low) + drift,
        drift,
    };
    found.push((bounds, segments.len()));
}

/// How far two clocks drift apart within a time, at most.
fn drift_within(time: TimeDelta) -> TimeDelta {
    TimeDelta::from_nanos(time.abs().as_nanos() / 1_000_000 * MAX_DRIFT_PPM)
}

/// What happened to a clock between two stretches whose bounds no drift explains.
fn step(before: &Bounds, after: &Bounds) -> Option<ClockStep> {
    let by = (after.low - before.high, after.high - before.low);
    let drift = drift_within(after.from.at_client - before.until.at_client);
    (by.0 > drift || by.1 < TimeDelta::ZERO - drift).then_some(ClockStep {
        after: before.until.at_other,
        by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: i64 = 1_000_000;

    /// Segments each way every 10 ms, with delays of 8 and 3 ms and some jitter; the other clock shows `ahead(time)` more.
    fn talk(seconds: i64, ahead: impl Fn(i64) -> i64) -> Vec<SharedSegment> {
        let mut segments = Vec::new();
        for number in 0..seconds * 100 {
            let time = number * 10 * MILLISECOND;
            let jitter = number * 7_919 % 100 * 20_000;
            for (from_client, delay) in [
                (true, 8 * MILLISECOND + jitter),
                (false, 3 * MILLISECOND + jitter),
            ] {
                let (left, came) = (time, time + delay);
                let (at_client, at_other) = if from_client {
                    (left, came)
                } else {
                    (came, left)
                };
                segments.push(SharedSegment {
                    at_client: Timestamp::from_nanos(at_client),
                    at_other: Timestamp::from_nanos(at_other + ahead(at_other)),
                    from_client,
                });
            }
        }
        segments.sort_unstable();
        segments
    }

    fn holds(bounds: &ClockBounds, nanos: i64) -> bool {
        let (low, high) = bounds.range();
        low.as_nanos() <= nanos && nanos <= high.as_nanos()
    }

    #[test]
    fn an_offset_lies_within_its_bounds_which_are_the_two_delays_apart() {
        let ahead = 137 * MILLISECOND;
        let bounds = ClockBounds::of(&talk(8, |_| ahead)).unwrap();
        assert!(holds(&bounds, ahead));
        let (low, high) = bounds.range();
        assert!((high - low).as_nanos() < 12 * MILLISECOND);
        assert!(bounds.steps().is_empty());
        assert_eq!(bounds.drift_ppm(), None);
        for queueing in [bounds.queueing().client, bounds.queueing().server] {
            let queueing = queueing.unwrap();
            assert!(
                (500..=1_500).contains(&queueing.median.as_micros()),
                "{queueing:?}"
            );
            assert!(
                (1_800..=1_980).contains(&queueing.most.as_micros()),
                "{queueing:?}"
            );
        }
    }

    #[test]
    fn a_drift_is_told_where_it_is_certain() {
        let ppm = 80;
        let bounds = ClockBounds::of(&talk(400, |time| time / 1_000_000 * ppm)).unwrap();
        let (low, high) = bounds.drift_ppm().unwrap();
        assert!(low > 0.0 && low <= 80.0 && 80.0 <= high, "{low} to {high}");
        assert!(holds(&bounds, 0) && holds(&bounds, 400 * 1_000 * ppm));
        assert!(bounds.steps().is_empty());
    }

    #[test]
    fn a_clock_that_was_set_is_seen_where_it_was() {
        let set = |time| {
            if time > 3_333 * MILLISECOND {
                500 * MILLISECOND
            } else {
                0
            }
        };
        let bounds = ClockBounds::of(&talk(8, set)).unwrap();
        assert!(holds(&bounds, 0) && holds(&bounds, 500 * MILLISECOND));
        let [step] = bounds.steps() else {
            panic!("{:?}", bounds.steps());
        };
        assert!(
            step.by.0.as_nanos() <= 500 * MILLISECOND && 500 * MILLISECOND <= step.by.1.as_nanos()
        );
        let away = step.after.nanos() - 3_333 * MILLISECOND;
        assert!(away.abs() < 150 * MILLISECOND, "{away}");
    }

    #[test]
    fn one_way_alone_bounds_nothing() {
        let mut segments = talk(1, |_| 0);
        segments.retain(|one| one.from_client);
        assert!(ClockBounds::of(&segments).is_none());
    }
}
