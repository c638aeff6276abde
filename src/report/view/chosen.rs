//! Which part of a capture a report is about, where somebody chose one.
//!
//! In: a [`Report`] and the filter that it was made under. Out: the filter in words, and how many calls that chose
//! of how many.

use crate::inspect::Filter;
use crate::inspect::report::Report;
use crate::report::escape;
use crate::units::{count, counted};

/// What was chosen, and how much that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) struct Chosen {
    filter: Filter,
    calls: u64,
    of: u64,
}

impl Chosen {
    /// `None` where the report is about all of the capture.
    pub(in crate::report) fn of(report: &Report) -> Option<Self> {
        let analysis = &report.analysis;
        let calls = analysis.verdicts.total();
        report.filter.is_set().then(|| Self {
            filter: report.filter.clone(),
            calls,
            of: calls.saturating_add(analysis.passed_over.calls),
        })
    }

    /// `120 of 300 RPCs`.
    pub(in crate::report) fn share(&self) -> String {
        format!("{} of {}", count(self.calls), counted(self.of, "RPC"))
    }

    /// `connection 0, method Reserve, from +1.5 s`; `escape` makes of what was typed what may be printed.
    fn words(&self, escape: fn(&[u8]) -> String) -> String {
        let Filter {
            connection,
            stream,
            method,
            since,
            until,
        } = &self.filter;
        let words = [
            connection.map(|number| format!("connection {number}")),
            stream.map(|number| format!("stream {number}")),
            method
                .as_deref()
                .map(|method| format!("method {}", escape(method))),
            since.map(|moment| format!("from {moment}")),
            until.map(|moment| format!("up to {moment}")),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// `Only connection 0, method Reserve: 120 of 300 RPCs`, for a terminal.
    pub(in crate::report) fn line(&self) -> String {
        format!("Only {}: {}", self.words(escape::terminal), self.share())
    }

    /// The same, with what was typed escaped otherwise.
    pub(in crate::report) fn line_in(&self, escape: fn(&[u8]) -> String) -> String {
        format!("Only {}: {}", self.words(escape), self.share())
    }
}
