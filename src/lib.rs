//! Says which HTTP/2 and gRPC calls died on the wire, of what, and whether a retry is safe.
//!
//! The modules stand in the order in which data flows; each uses only those before it:
//!
//! 1. [`capture`]: packets in, the only I/O
//! 2. [`decode`]: bytes to events
//! 3. [`inspect`]: events to understanding
//! 4. [`report`]: understanding to words
//!
//! [`pipeline`] joins them, and is what a program that embeds this crate begins with.

pub mod capture;
pub mod decode;
pub mod inspect;
pub mod report;

pub mod pipeline;

pub(crate) mod units;

#[cfg(test)]
pub(crate) mod testing;
