//! Understanding to words and pictures.
//!
//! In: a [`Report`] of plain data, or frames as they pass. Out: text for a terminal, Markdown, JSON,
//! and what else there is to read. What never happens here: a decision; what is not in the data is not said.

pub mod frames;
pub mod live;
pub mod manual;
pub mod markdown;
pub mod text;
pub mod timeline;

mod columns;
mod document;
mod escape;
mod instead;
mod json;
mod network;
mod redact;
mod story;
mod units;

pub use document::Report;
pub use instead::{instead, instead_hint};
pub use json::{Files, connection, finding, report as to_json, rpc, write as write_json};
pub use redact::Secrets;
