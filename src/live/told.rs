//! Which findings were written, so that each is written once, and again when it has grown.
//!
//! In: all findings that there are now, and the time. Out: those to write. Remembered is what is still found:
//! as much as an analysis keeps of ended connections, and not more.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use h2sniff::inspect::CallId;
use h2sniff::inspect::diagnosis::Finding;

/// How often a finding that has grown is written again.
const GROWN_EVERY: Duration = Duration::from_secs(5);

/// What a finding stays the same by while it grows, and while connections at its beginning are forgotten.
type Key = (&'static str, Option<SocketAddr>);

/// The findings that were written, as they were then.
#[derive(Debug, Default)]
pub(super) struct ToldFindings(HashMap<Key, ToldFinding>);

#[derive(Clone, Copy, Debug)]
struct ToldFinding {
    extent: Extent,
    at: Instant,
}

/// What a finding is about, as far as it takes to see that it has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    connections: usize,
    rpcs: usize,
    last_connection: Option<u32>,
    last_rpc: Option<CallId>,
}

/// What is to be written now.
#[derive(Debug, Default)]
pub(super) struct Untold<'a> {
    pub(super) findings: Vec<&'a Finding>,
    /// Whether others have grown that were written not long ago.
    pub(super) more_later: bool,
}

impl ToldFindings {
    /// The findings that are new or have grown, which now count as written.
    pub(super) fn untold<'a>(&mut self, findings: &'a [Finding], now: Instant) -> Untold<'a> {
        let mut before = std::mem::take(&mut self.0);
        let mut untold = Untold::default();
        for finding in findings {
            let key = (finding.rule, finding.server);
            let extent = Extent::of(finding);
            let told = match before.remove(&key) {
                // It may have lost what was forgotten.
                Some(known) if !extent.has_grown(&known.extent) => ToldFinding { extent, ..known },
                Some(known) if now < known.at + GROWN_EVERY => {
                    untold.more_later = true;
                    known
                }
                _ => {
                    untold.findings.push(finding);
                    ToldFinding { extent, at: now }
                }
            };
            self.0.insert(key, told);
        }
        untold
    }

    /// Nothing comes after: whatever has grown is to be written, however soon.
    pub(super) fn hurry(&mut self) {
        for told in self.0.values_mut() {
            told.at = told.at.checked_sub(GROWN_EVERY).unwrap_or(told.at);
        }
    }
}

impl Extent {
    fn of(finding: &Finding) -> Self {
        Self {
            connections: finding.connections.len(),
            rpcs: finding.rpcs.len(),
            last_connection: finding.connections.iter().copied().max(),
            last_rpc: finding.rpcs.iter().copied().max(),
        }
    }

    fn has_grown(&self, before: &Self) -> bool {
        self.connections > before.connections
            || self.rpcs > before.rpcs
            || self.last_connection > before.last_connection
            || self.last_rpc > before.last_rpc
    }
}

#[cfg(test)]
mod tests {
    use h2sniff::capture::{Capture, Stamp};
    use h2sniff::pipeline::{self, Options};

    use super::super::clock::clock;
    use super::*;

    #[test]
    fn more_findings_than_anybody_reads_are_told_once_each() {
        let findings = of_servers(30_000);
        let (mut told, now) = (ToldFindings::default(), clock());
        assert_eq!(told.untold(&findings, now).findings.len(), 30_000);
        for later in 1..4 {
            let again = told.untold(&findings, now + GROWN_EVERY * later);
            assert_eq!(again.findings.len(), 0);
        }
    }

    #[test]
    fn what_is_no_longer_found_is_forgotten_and_what_only_shrank_is_no_news() {
        let mut findings = of_servers(100);
        let (mut told, now) = (ToldFindings::default(), clock());
        told.untold(&findings, now);
        for finding in &mut findings {
            finding.rpcs.remove(0);
            finding.connections.remove(0);
        }
        findings.truncate(10);
        let later = now + GROWN_EVERY;
        assert_eq!(told.untold(&findings, later).findings.len(), 0);
        assert_eq!(told.0.len(), 10);
        findings[3].connections.push(u32::MAX);
        assert_eq!(told.untold(&findings, later).findings.len(), 1);
    }

    #[test]
    fn what_grew_is_told_again_but_not_at_once() {
        let mut findings = of_servers(1);
        let (mut told, now) = (ToldFindings::default(), clock());
        told.untold(&findings, now);
        findings[0].connections.push(u32::MAX);
        let soon = told.untold(&findings, now + GROWN_EVERY / 2);
        assert!(soon.findings.is_empty() && soon.more_later);
        told.hurry();
        assert_eq!(
            told.untold(&findings, now + GROWN_EVERY / 2).findings.len(),
            1
        );
    }

    /// The finding of a recording, at so many servers.
    fn of_servers(count: u32) -> Vec<Finding> {
        let mut capture = Capture::open(&["fixtures/grace-cut.pcap".into()]).unwrap();
        let report = pipeline::analyze(&mut capture, Options::default()).unwrap();
        let one = report.analysis.findings.into_iter().next().unwrap();
        assert!(one.server.is_some() && one.evidence[0].stamp != Some(Stamp::default()));
        let finding = |number: u32| {
            let mut finding = one.clone();
            finding.server = Some((number.to_be_bytes(), 50_051).into());
            finding.connections = vec![number, number + 1];
            finding.rpcs.truncate(3);
            finding
        };
        (0..count).map(finding).collect()
    }
}
