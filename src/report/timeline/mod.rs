//! `timeline`: what happened when, for a postmortem.
//!
//! In: a [`Report`](super::Report) with all calls. Out: a page for a browser, lines of text, or
//! a diagram of one finding, in the [`ReportFormat`](super::ReportFormat)s of this module. A call is drawn
//! as it was judged.

mod astray;
mod events;
mod hop_links;
mod labels;
mod lines;
mod sample;
mod ways;
mod window;

mod both_ends;
mod calls;
mod clock;
mod data;
mod html;
mod mermaid;

mod text;

pub use html::Html;
pub use mermaid::Mermaid;
pub use text::TimelineText;
pub use window::{Around, Spans};
