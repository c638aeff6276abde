//! What tests are written with: packets built by hand, and connections as scenarios.

pub(crate) mod dice;
pub(crate) mod scenario;
pub(crate) mod wire;

use crate::capture::{Stamp, Timestamp};

/// A moment so many milliseconds after 1970, for what is tested without packets.
pub(crate) fn at(millis: i64) -> Stamp {
    Stamp {
        time: Timestamp::from_nanos(millis * 1_000_000),
        packet: 1,
        file: 0,
    }
}
