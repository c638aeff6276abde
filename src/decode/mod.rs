//! Bytes to events: no I/O, no clock, and never an `Err`.

pub mod anomaly;
pub mod http2;
pub mod link;
