//! How long it is since a collector was asked: the clock that only goes forward.
//!
//! In: nothing. Out: its time.

use std::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "how long to wait for somebody else is no matter of packets"
)]
pub(super) fn clock() -> Instant {
    Instant::now()
}
