//! Moments on the timeline's own clock, which starts with the capture's first packet.

use crate::capture::Timestamp;
use crate::report::document::Report;

/// When the timeline begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    start: Timestamp,
}

impl Clock {
    pub(super) fn of(report: &Report) -> Self {
        Self {
            start: report.first_packet.unwrap_or_default(),
        }
    }

    /// Nanoseconds since the start.
    pub(super) const fn nanos(self, time: Timestamp) -> i64 {
        time.nanos_since(self.start)
    }

    /// Whole microseconds since the start: as exact as most captures, and short to write.
    pub(super) const fn micros(self, time: Timestamp) -> i64 {
        self.nanos(time).div_euclid(1_000)
    }
}

/// `+31.575 s`: since the capture's first packet, to the millisecond, finer where that is early.
pub(super) fn elapsed(nanos: i64) -> String {
    let seconds = seconds(nanos);
    if nanos.unsigned_abs() < 10_000_000 {
        format!("{seconds:+.6} s")
    } else {
        format!("{seconds:+.3} s")
    }
}

/// A duration with a unit and three figures that mean something: `5.00 s`, `71.2 ms`.
pub(super) fn duration(nanos: i64) -> String {
    let seconds = seconds(nanos);
    let (value, unit) = match seconds.abs() {
        1.0.. => (seconds, "s"),
        0.001.. => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "µs"),
    };
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

/// `1,113`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[allow(clippy::cast_precision_loss, reason = "for print, to six figures")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_figures() {
        assert_eq!(duration(4_999_900_000), "5.00 s");
        assert_eq!(duration(71_234_567), "71.2 ms");
        assert_eq!(duration(1_500), "1.50 µs");
        assert_eq!(duration(125_000_000_000), "125 s");
    }

    #[test]
    fn elapsed_times_carry_their_sign() {
        assert_eq!(elapsed(31_575_355_295), "+31.575 s");
        assert_eq!(elapsed(0), "+0.000000 s");
        assert_eq!(elapsed(-2_000), "-0.000002 s");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_113), "1,113");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
