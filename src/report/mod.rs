//! Understanding to words and pictures.
//!
//! In: a [`Report`] of plain data, frames as they pass, or what becomes certain meanwhile. Out: text for a
//! terminal, Markdown, JSON, and what else there is to read. Each way to print is one type that implements
//! [`ReportFormat`], [`frames::FrameFormat`] or [`live::EventFormat`]. Nothing is decided here: a format
//! prints what the data has.

mod colours;
mod display_width;
mod escape;
mod format;
mod hex;
#[cfg(feature = "otlp")]
mod key;
mod line_width;
mod named_end;
mod prompts;
mod redact;
mod words;

mod view;

pub mod explain;
pub mod markdown;
mod no_http2;
pub mod text;

pub mod frames;
pub mod live;

pub mod json;

#[cfg(feature = "export")]
pub mod columnar;
#[cfg(feature = "otlp")]
pub mod otlp;

pub mod timeline;

pub use crate::inspect::report::Report;
pub use colours::Colours;
pub use escape::printable;
pub use format::ReportFormat;
#[cfg(feature = "otlp")]
pub use key::Shard;
pub use line_width::LineWidth;
pub use no_http2::instead;
pub use prompts::{NextCommand, Prompts, SuggestedSubject, Suggestion};
pub use redact::SecretDisplay;
pub use view::found;
