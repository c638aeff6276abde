//! What a format is.
//!
//! In: a [`Report`]. Out: its bytes, in the order in which they are written. The options of a format
//! (limits, secrets, which part) are the fields of its type. To add one: its file, a `mod` line, its name
//! among the options of the command line, and one arm where the command makes it.

use std::io::{self, Write};

use crate::inspect::report::Report;

/// A way to print a report, all of it at once: [`Text`](super::text::Text),
/// [`Markdown`](super::markdown::Markdown), [`Json`](super::json::Json) and those of
/// [`timeline`](super::timeline).
///
/// Frames are printed as they pass, by a [`FrameFormat`](super::frames::FrameFormat), and what becomes
/// certain during a live capture by a [`EventFormat`](super::live::EventFormat).
pub trait ReportFormat {
    /// Writes `report`, with a line feed at its end.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()>;
}
