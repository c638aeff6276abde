//! The clocks and the memory figure of the operating system, which the library never asks itself.

use std::time::{Instant, SystemTime};

use h2sniff::capture::Timestamp;

/// The clock that runs evenly.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the caller, which passes time to the stages"
)]
pub(super) fn clock() -> Instant {
    Instant::now()
}

/// The clock that packets are stamped by.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the caller, which passes time to the stages"
)]
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Resident memory in bytes, where the operating system gives it (Linux: proc(5)).
pub(super) fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
