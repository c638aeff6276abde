//! Understanding to words and pictures.
//!
//! In: a [`Report`] of plain data, frames as they pass, or what becomes certain meanwhile. Out: text for a
//! terminal, Markdown, JSON, and what else there is to read. Each way to print is one type that implements
//! [`ReportFormat`], [`frames::FrameFormat`] or [`live::EventFormat`]. Nothing is decided here: a format
//! prints what the data has.

mod colours;
mod display_width;
pub mod explain;
mod format;
mod no_http2;
mod prompts;
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
pub use colours::Colours;
pub use format::ReportFormat;
pub use no_http2::instead;
pub use prompts::{NextCommand, Prompts, SuggestedSubject, Suggestion};
pub use redact::SecretDisplay;
