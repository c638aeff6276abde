//! Why calls died: rules over what became of connections and calls.
//!
//! In: the records of all connections. Out: [`Finding`]s. A rule is a file of this folder with a
//! constant `RULE`, and a line in the list below. What never happens here: a verdict on a single
//! call; that was given before.

mod case;
mod client_stack;
mod finding;
mod ruled_out;
#[cfg(test)]
mod tests;

pub use case::Case;
pub use finding::{Confidence, Evidence, Finding, Severity};

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name in reports.
    pub name: &'static str,
    /// When it fires, in a sentence.
    pub meaning: &'static str,
    /// Looks at one server.
    pub check: fn(&Case<'_>) -> Option<Finding>,
}

macro_rules! rules {
    ($($file:ident),+ $(,)?) => {
        $(mod $file;)+

        /// All rules; among findings of equal severity the order here is the order of reports.
        pub const RULES: &[Rule] = &[$($file::RULE),+];
    };
}

rules! {
    goaway_race,
    grace_expired,
    abrupt_close,
    keepalive_timeout,
    too_many_pings,
    refused_stream,
    stream_reset,
    deadline_exceeded,
    connection_error,
    not_http2,
    connect_failed,
    late_open,
    single_goaway,
    capture_incomplete,
    request_limit,
    max_age,
    idle_close,
}

/// Runs all rules over each server; the most severe findings come first.
#[must_use]
pub fn diagnose(cases: &[Case<'_>]) -> Vec<Finding> {
    let mut findings: Vec<_> = cases.iter().flat_map(diagnose_server).collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// Runs all rules over one server, and says of each finding what it was not.
fn diagnose_server(case: &Case<'_>) -> Vec<Finding> {
    let mut findings: Vec<_> = RULES.iter().filter_map(|rule| (rule.check)(case)).collect();
    let fired: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    for finding in &mut findings {
        finding.ruled_out = ruled_out::suspects(case, finding, &fired);
    }
    findings
}
