//! The timeline's own clock, which starts with the capture's first packet.

use crate::capture::Timestamp;
use crate::inspect::report::Report;

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

/// `+31.575 s`: to the millisecond throughout, so that lines one below the other compare.
pub(super) fn elapsed(nanos: i64) -> String {
    let milliseconds = nanos.unsigned_abs().saturating_add(500_000) / 1_000_000;
    let sign = if nanos < 0 { '−' } else { '+' };
    format!(
        "{sign}{}.{:03} s",
        milliseconds / 1_000,
        milliseconds % 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_times_carry_their_sign() {
        assert_eq!(elapsed(31_575_355_295), "+31.575 s");
        assert_eq!(elapsed(0), "+0.000 s");
        assert_eq!(elapsed(-2_600_000), "−0.003 s");
    }
}
