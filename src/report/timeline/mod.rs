//! `timeline`: what happened when, for a postmortem.
//!
//! In: a [`Report`](super::Report) with all calls. Out: a page for a browser, lines of text, or a
//! diagram of one finding.

mod events;
mod labels;
mod lines;
mod sample;
mod window;

mod clock;
mod data;
mod html;
mod mermaid;

mod text;

pub use html::html;
pub use mermaid::mermaid;
pub use text::Text;
pub use window::{Around, Spans, parse_duration};
