//! No small capture costs much.
//!
//! In: captures built to make the program do or hold more than their size lets expect. Out: a failure
//! for each run of the real binary that exceeds what every capture is held to. They are apart from the
//! [hostile ones](../hostile/main.rs) because building them takes memory, and a process begins with
//! the peak of the one that started it.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "what is not there fails the test, and figures are for whoever runs it"
)]

mod bombs;
#[path = "../../src/testing/wire.rs"]
mod wire;
#[path = "../hostile/witness.rs"]
mod witness;
