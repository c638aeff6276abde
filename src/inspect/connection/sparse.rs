//! What few connections have: kept in a place of its own, so that the records of the others stay small.

use std::ops::Deref;
use std::sync::LazyLock;

use super::super::traffic::ack_stall::AckStall;
use super::super::traffic::ping::PingCounts;
use super::super::traffic::ping::keepalive::KeepaliveRecord;
use crate::decode::PerSide;

/// A part of a record that is mostly blank, and then takes no memory.
#[derive(Clone, Debug, Default)]
pub struct Seldom<T>(Option<Box<T>>);

/// What a record's part is where there is nothing to record.
pub trait Blank: Default + PartialEq + 'static {
    /// The one that all blank parts share.
    fn blank() -> &'static Self;
}

impl<T: Blank> From<T> for Seldom<T> {
    fn from(part: T) -> Self {
        Self((part != *T::blank()).then(|| Box::new(part)))
    }
}

impl<T: Blank> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::blank())
    }
}

macro_rules! blank {
    ($($part:ty),+) => {
        $(impl Blank for $part {
            fn blank() -> &'static Self {
                static BLANK: LazyLock<$part> = LazyLock::new(Default::default);
                &BLANK
            }
        })+
    };
}

blank!(PingCounts, KeepaliveRecord, PerSide<Option<AckStall>>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_part_takes_no_memory_and_reads_like_any_other() {
        let blank = Seldom::from(PingCounts::default());
        assert!(blank.0.is_none());
        assert_eq!(blank.unanswered, 0);
        let pinged = Seldom::from(PingCounts {
            unanswered: 2,
            ..PingCounts::default()
        });
        assert_eq!(pinged.unanswered, 2);
    }
}
