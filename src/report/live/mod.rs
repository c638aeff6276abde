//! `live`: what became certain, as it becomes certain, and the numbers of a capture that goes on.
//!
//! In: [`News`](crate::inspect::News), [`Incident`]s, a [`LiveStatus`](crate::inspect::report::LiveStatus).
//! Out: lines in a [`EventFormat`], and all numbers for Prometheus ([`prometheus`]), whose labels have a
//! bounded number of values.

mod format;
mod incident;
pub mod prometheus;
mod text;

pub use format::{EventFormat, WrittenRecording};
pub use incident::{CommonTraits, Incident};
