//! What a format of `live` is.

use std::io::{self, Write};

use super::Incident;
use crate::capture::Timestamp;
use crate::inspect::News;
use crate::inspect::report::{LiveStatus, Report};

/// A way to print what becomes certain during a live capture: [`Text`](crate::report::text::Text) and
/// [`Json`](crate::report::json::Json).
///
/// Each method writes whole lines, or nothing where the format does not print such a thing.
pub trait EventFormat {
    /// Something became certain of a connection or a call.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    fn news(&self, news: &News, out: &mut dyn Write) -> io::Result<()>;

    /// An incident is new or has grown, for programs.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    fn incident(&self, _incident: &Incident<'_>, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// The same in one line for a person, without a line feed and in so many columns at most: each takes the
    /// place of the one before of the same incident. `None` where the format is read by programs.
    fn incident_line(&self, _incident: &Incident<'_>, _columns: Option<usize>) -> Option<String> {
        None
    }

    /// The last packets were written to a file.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    fn recorded(&self, _recorded: &WrittenRecording<'_>, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// The numbers of the capture, at regular intervals.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    fn status(&self, _status: &LiveStatus, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// The whole report, last of all.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    fn report(&self, time: Timestamp, report: &Report, out: &mut dyn Write) -> io::Result<()>;

    /// The numbers of the capture in one line for a person at a terminal, without a line feed: each
    /// overwrites the one before. `None` where the format is read by programs.
    fn status_line(&self, _status: &LiveStatus) -> Option<String> {
        None
    }
}

/// A recording that was written.
#[derive(Clone, Copy, Debug)]
pub struct WrittenRecording<'a> {
    /// When it was triggered.
    pub time: Timestamp,
    /// The path of the file, in the directory that recordings go to.
    pub path: &'a str,
    /// What triggered it: a rule's name, or a signal.
    pub reason: &'a str,
    /// How many packets it has.
    pub packets: u64,
    /// Whether it was there before and has more of the same incident now.
    pub has_grown: bool,
    /// Paths of older recordings that were removed to make room for it.
    pub pruned: &'a [String],
}
