//! `analyze`: the answer for someone with ten minutes.

use super::document::Report;
use super::redact::Secrets;

/// How to print it.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// How many victims of a kind are shown.
    pub limit: usize,
    /// Whether secrets are shown.
    pub secrets: Secrets,
}

impl Text {
    /// The report as text.
    #[must_use]
    pub fn render(&self, report: &Report) -> String {
        format!("{} RPCs died\n", report.analysis.verdicts.deaths())
    }
}
