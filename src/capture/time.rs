//! Moments and spans, as captures stamp them: types with units, so that no number is taken for another.

use std::fmt;
use std::iter::Sum;
use std::num::NonZero;
use std::ops::{Add, AddAssign, Div, Mul, Sub};
use std::time::Duration;

/// A moment in nanoseconds since 1970-01-01T00:00:00Z, as the capture recorded it.
///
/// An optional one takes no more memory than one: most of what is kept of calls and connections is moments
/// that may be unknown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(
    /// The nanoseconds above the least `i64`, in the same order; the least itself, in 1677, is no moment.
    NonZero<u64>,
);

impl Timestamp {
    /// The moment `nanoseconds` after (or, negative, before) the epoch.
    #[must_use]
    pub const fn from_nanos(nanoseconds: i64) -> Self {
        let above_least = nanoseconds.wrapping_sub(i64::MIN).cast_unsigned();
        match NonZero::new(above_least) {
            Some(above_least) => Self(above_least),
            None => Self(NonZero::<u64>::MIN),
        }
    }

    /// Reads RFC 3339, such as [`Display`](fmt::Display) writes; `None` if it is not that.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment: jiff::Timestamp = text.parse().ok()?;
        let nanoseconds = i64::try_from(moment.as_nanosecond());
        nanoseconds.ok().map(Self::from_nanos)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0.get().cast_signed().wrapping_add(i64::MIN)
    }
}

/// The epoch.
impl Default for Timestamp {
    fn default() -> Self {
        Self::from_nanos(0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = formatter.debug_tuple("Timestamp");
        tuple.field(&self.nanos()).finish()
    }
}

/// RFC 3339 in UTC with nanoseconds: `2026-11-22T06:50:53.295471000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.nanos())) {
            Ok(moment) => write!(formatter, "{moment:.9}"),
            Err(_) => formatter.write_str("1970-01-01T00:00:00.000000000Z"),
        }
    }
}

/// A signed span of time with nanosecond resolution: the difference of two [`Timestamp`]s.
///
/// Negative where a capture's clock ran backwards between the two. Saturates at some 292 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeDelta(i64);

impl TimeDelta {
    /// No time at all: the span between a moment and itself.
    pub const ZERO: Self = Self(0);

    /// The longest span: some 292 years.
    pub const MAX: Self = Self(i64::MAX);

    /// A span of this many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// A span of this many microseconds; saturates.
    #[must_use]
    pub const fn from_micros(microseconds: i64) -> Self {
        Self(microseconds.saturating_mul(1_000))
    }

    /// A span of this many milliseconds; saturates.
    #[must_use]
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds.saturating_mul(1_000_000))
    }

    /// A span of this many seconds; saturates.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// The span in nanoseconds; negative where it goes backwards.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The span in whole microseconds, its fraction cut off.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0 / 1_000
    }

    /// The span in milliseconds with their fraction, as reports give it.
    #[must_use]
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The span in seconds with their fraction.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Its size, whichever way it goes.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Whether it goes backwards.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

/// A duration longer than the longest span is that.
impl From<Duration> for TimeDelta {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Add for TimeDelta {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for TimeDelta {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for TimeDelta {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<i64> for TimeDelta {
    type Output = Self;

    fn mul(self, times: i64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

/// By 0 it is no time at all.
impl Div<i64> for TimeDelta {
    type Output = Self;

    fn div(self, parts: i64) -> Self {
        Self(self.0.checked_div(parts).unwrap_or(0))
    }
}

impl Sum for TimeDelta {
    fn sum<I: Iterator<Item = Self>>(spans: I) -> Self {
        spans.fold(Self::ZERO, Add::add)
    }
}

impl Sub for Timestamp {
    type Output = TimeDelta;

    /// From `earlier` to here; negative where `earlier` is later.
    fn sub(self, earlier: Self) -> TimeDelta {
        TimeDelta(self.nanos().saturating_sub(earlier.nanos()))
    }
}

impl Add<TimeDelta> for Timestamp {
    type Output = Self;

    fn add(self, span: TimeDelta) -> Self {
        Self::from_nanos(self.nanos().saturating_add(span.0))
    }
}

impl Sub<TimeDelta> for Timestamp {
    type Output = Self;

    fn sub(self, span: TimeDelta) -> Self {
        Self::from_nanos(self.nanos().saturating_sub(span.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_their_order_and_an_unknown_one_takes_no_room() {
        let nanos = [i64::MIN + 1, -1, 0, 1, i64::MAX];
        let moments = nanos.map(Timestamp::from_nanos);
        assert_eq!(moments.map(Timestamp::nanos), nanos);
        assert!(moments.is_sorted());
        assert_eq!(Timestamp::default().nanos(), 0);
        assert_eq!(Timestamp::from_nanos(i64::MIN), moments[0]);
        assert_eq!(size_of::<Option<Timestamp>>(), size_of::<Timestamp>());
    }
}
