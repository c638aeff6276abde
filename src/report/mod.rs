//! Understanding to words and pictures.
//!
//! In: a [`Report`] of plain data, or frames as they pass. Out: text for a terminal, Markdown, JSON,
//! and other formats. Nothing is decided here: what the data does not hold is not printed.

mod display_width;
pub mod explain;
mod no_http2;
mod view;

pub mod frames;
pub mod live;
pub mod markdown;
pub mod text;
pub mod timeline;

mod escape;
pub mod json;
mod redact;
mod words;

pub use crate::inspect::report::Report;
pub use json::{Files, connection, finding, report as to_json, rpc, write as write_json};
pub use no_http2::{instead, instead_hint};
pub use redact::Secrets;
