//! What a run may take of memory and time, whatever its capture holds.
//!
//! These tests are a process of their own, and hold little themselves, because they measure the peak
//! memory of the program: Linux lets a process begin with the peak of the one that started it, so a
//! test that holds much finds all its children large.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "what is not there fails the test, and figures are for whoever runs it"
)]

mod bombs;
mod bounds;
mod hostile;

mod witness;

#[path = "../it/shared_material.rs"]
mod shared_material;
#[path = "../../src/testing/wire.rs"]
mod wire;
