//! The timeline's own clock, which starts with the capture's first packet.

use crate::capture::{TimeDelta, Timestamp};
use crate::inspect::report::Report;

/// When the timeline begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CaptureClock {
    start: Timestamp,
}

impl CaptureClock {
    pub(super) fn of(report: &Report) -> Self {
        Self {
            start: report.first_packet.unwrap_or_default(),
        }
    }

    /// How long after the start a moment was.
    pub(super) fn since_start(self, time: Timestamp) -> TimeDelta {
        time - self.start
    }

    /// Whole microseconds since the start: as exact as most captures, and short to write.
    pub(super) fn micros(self, time: Timestamp) -> i64 {
        self.since_start(time).as_micros()
    }
}
