//! Why calls died: rules over what became of connections and calls.
//!
//! In: the records of all connections. Out: [`Finding`]s. A rule is a file of this folder with a
//! constant `RULE`, and a line in the list below. What never happens here: a verdict on a single
//! call; that was given before.

mod abuse;
mod case;
mod client_stack;
mod finding;
mod network;
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
    /// What proves it, in a sentence.
    pub evidence: &'static str,
    /// What to do about it in general; a finding knows better.
    pub fixes: &'static [&'static str],
    /// What it looks at.
    pub check: Check,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// One server, with its connections and calls: at most one finding.
    Server(fn(&Case<'_>) -> Option<Finding>),
    /// All servers at once.
    AllServers(fn(&[Case<'_>]) -> Vec<Finding>),
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
    network_loss,
    flow_control_stall,
    concurrency_limit,
    rapid_reset,
    continuation_flood,
    settings_flood,
    ping_flood,
    empty_data_flood,
    capture_incomplete,
    request_limit,
    max_age,
    idle_close,
    uneven_load,
}

/// Runs all rules over the servers; the most severe findings come first.
#[must_use]
pub fn diagnose(cases: &[Case<'_>]) -> Vec<Finding> {
    let mut findings: Vec<_> = cases.iter().flat_map(diagnose_server).collect();
    for rule in RULES {
        if let Check::AllServers(check) = rule.check {
            findings.extend(check(cases));
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// Runs the rules for one server over one, and says of each finding what it was not.
fn diagnose_server(case: &Case<'_>) -> Vec<Finding> {
    let found = RULES.iter().filter_map(|rule| match rule.check {
        Check::Server(check) => check(case),
        Check::AllServers(_) => None,
    });
    let mut findings: Vec<_> = found.collect();
    let fired: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    for finding in &mut findings {
        finding.ruled_out = ruled_out::suspects(case, finding, &fired);
    }
    findings
}
