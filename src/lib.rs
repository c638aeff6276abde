//! Says which HTTP/2 and gRPC calls died on the wire, of what, and whether a retry is safe.
//!
//! The modules stand in the order in which data flows; each uses only those before it:
//!
//! 1. [`capture`]: packets in, the only I/O
//! 2. [`decode`]: bytes to events

pub mod capture;
pub mod decode;
