//! A finding: plain data that says what went wrong, with its evidence.

use std::net::SocketAddr;

use crate::capture::Stamp;
use crate::inspect::peer::confidence::Confidence;
use crate::inspect::stream::rpc::CallId;

/// How bad a finding is; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Calls died, or something broke that kills calls.
    Error,
    /// Something is wrong that did not kill calls, or whose deaths were healed.
    Warning,
    /// Nothing is wrong, but a reader of the capture should know it.
    Info,
}

impl Severity {
    /// `error`, `warning` or `info`, as reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A packet that proves something, or a statement about the whole capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Where to look; `None` for what no single packet shows.
    pub stamp: Option<Stamp>,
    /// What it shows, in a line.
    pub text: String,
}

/// Between whom something happened: groups of pods as a rule, or what else is known by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedPair {
    /// Both in words: `shop: checkout → inventory`, or `web/checkout → shop/inventory`.
    pub text: String,
    /// How many calls of the finding.
    pub calls: u64,
    /// How many connections of the finding.
    pub connections: u64,
}

/// What went wrong at one server, as one rule sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The name of the rule, one of [`RULES`](super::RULES).
    pub rule: &'static str,
    /// How bad it is, which decides where it stands in a report.
    pub severity: Severity,
    /// How sure the conclusion is.
    pub confidence: Confidence,
    /// What happened, in a line.
    pub title: String,
    /// Where it happened; `None` for what concerns several servers.
    pub server: Option<SocketAddr>,
    /// Between whom it happened, those first that it hit most; empty where nobody is known by name.
    pub between: Vec<NamedPair>,
    /// The numbers of the connections it happened on.
    pub connections: Vec<u32>,
    /// The calls it happened to; empty where it happened to none.
    pub rpcs: Vec<CallId>,
    /// What proves it; never empty.
    pub evidence: Vec<Evidence>,
    /// Why it happened, in sentences.
    pub explanation: String,
    /// What it was not, each with the figures that show it.
    pub ruled_out: Vec<String>,
    /// What to do about it, most useful first.
    pub advice: Vec<String>,
}

impl Finding {
    /// A finding that says no more yet than which rule speaks: certain, of an error, and of nobody.
    pub(super) const fn of_rule(rule: &'static str) -> Self {
        Self {
            rule,
            severity: Severity::Error,
            confidence: Confidence::Certain,
            title: String::new(),
            server: None,
            between: Vec::new(),
            connections: Vec::new(),
            rpcs: Vec::new(),
            evidence: Vec::new(),
            explanation: String::new(),
            ruled_out: Vec::new(),
            advice: Vec::new(),
        }
    }
}
