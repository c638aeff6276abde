//! Parts of a record that few connections have: allocated only where there is something to record, so that
//! the records of all others stay small.

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use super::super::traffic::ack_stall::AckStall;
use super::super::traffic::conformance::Conformance;
use super::super::traffic::ping::PingCounts;
use super::super::traffic::ping::keepalive::KeepaliveRecord;
use super::capture_gaps::CaptureGaps;
use super::control_frames::ControlFrameLog;
use super::late_opens::LateOpens;
use super::record::EndNames;
use crate::decode::PerSide;

/// A part of a record that mostly is the default, and then is not allocated.
#[derive(Clone, Debug, Default)]
pub struct Sparse<T>(Option<Box<T>>);

/// A part whose default all records share that have none of their own.
pub trait SparseDefault: Default + PartialEq + 'static {
    /// The default that is shared.
    fn shared() -> &'static Self;
}

impl<T: SparseDefault> From<T> for Sparse<T> {
    fn from(part: T) -> Self {
        Self((part != *T::shared()).then(|| Box::new(part)))
    }
}

impl<T: SparseDefault> Deref for Sparse<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::shared())
    }
}

/// To change it is to have one of its own.
impl<T: SparseDefault> DerefMut for Sparse<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

macro_rules! sparse {
    ($($part:ty),+) => {
        $(impl SparseDefault for $part {
            fn shared() -> &'static Self {
                static SHARED: LazyLock<$part> = LazyLock::new(Default::default);
                &SHARED
            }
        })+
    };
}

sparse!(
    ControlFrameLog,
    PingCounts,
    KeepaliveRecord,
    LateOpens,
    PerSide<Option<AckStall>>,
    EndNames,
    Conformance,
    CaptureGaps
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_part_takes_no_memory_and_reads_like_any_other() {
        let none = Sparse::from(PingCounts::default());
        assert!(none.0.is_none());
        assert_eq!(none.unanswered, 0);
        let pinged = Sparse::from(PingCounts {
            unanswered: 2,
            ..PingCounts::default()
        });
        assert_eq!(pinged.unanswered, 2);
    }
}
