//! `live`: what became certain, as it becomes certain, and the numbers of a watch that goes on.
//!
//! In: [`News`](crate::inspect::News), findings, a [`Status`]. Out: a line of JSON or of text for each
//! ([`json`], [`text`]), and all numbers for Prometheus ([`prometheus`]). What never happens here: a
//! clock, or a label whose values have no bound.

pub mod prometheus;
pub mod text;

mod status;

pub use status::{Drops, FindingCounts, GoAwayCounts, Progress, Status};
