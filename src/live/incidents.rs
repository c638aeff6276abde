//! Incidents: what is found at one server by one rule, from its first call until none comes any more.
//!
//! In: all findings that there are now, and the time. Out: those that are new or have grown, and whether that
//! is to be told: at once where it is new, and ever more rarely while it grows. Remembered is what is still found:
//! as much as an analysis keeps of ended connections, and not more.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use h2sniff::capture::Timestamp;
use h2sniff::inspect::CallId;
use h2sniff::inspect::diagnosis::{Confidence, Finding, Severity};
use rustc_hash::FxHashSet;

/// How soon a finding that has grown is told again; each time it takes twice as long, up to the most.
const TOLD_AGAIN: Duration = Duration::from_secs(5);
const TOLD_AGAIN_AT_MOST: Duration = Duration::from_secs(300);

/// How long nothing has to come for an incident to be over: what comes after is another one.
pub(super) const OVER_AFTER: Duration = Duration::from_secs(60);

/// What a finding stays the same by while it grows, and while connections at its beginning are forgotten.
pub(super) type IncidentKey = (&'static str, Option<SocketAddr>);

/// The incidents that go on, or went on for as long as their findings are found.
#[derive(Debug, Default)]
pub(super) struct Incidents(HashMap<IncidentKey, KnownIncident>);

#[derive(Debug)]
struct KnownIncident {
    extent: Extent,
    calls: FxHashSet<CallId>,
    count: u64,
    since: Timestamp,
    grown: Instant,
    told: Instant,
    told_again: Duration,
    /// Whether it has grown since it was told.
    untold: bool,
    is_new: bool,
}

/// What a finding is about, as far as it takes to see that it has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    connections: usize,
    rpcs: usize,
    last_connection: Option<u32>,
    last_rpc: Option<CallId>,
    certainty: (Severity, Confidence),
}

/// An incident that is new or has grown, or of which there is something to tell.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) key: IncidentKey,
    pub(super) finding: &'a Finding,
    pub(super) since: Timestamp,
    /// How many calls since then.
    pub(super) calls: u64,
    pub(super) new_calls: Vec<CallId>,
    pub(super) has_grown: bool,
    pub(super) is_told: bool,
}

/// What has changed.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    pub(super) incidents: Vec<Change<'a>>,
    /// Whether others have grown that were told not long ago.
    pub(super) more_later: bool,
}

impl Incidents {
    /// What has changed by `now`, in the clock of packets `time`.
    pub(super) fn update<'a>(
        &mut self,
        findings: &'a [Finding],
        now: Instant,
        time: Timestamp,
    ) -> Changes<'a> {
        let mut before = std::mem::take(&mut self.0);
        let mut changes = Changes::default();
        for finding in findings {
            let key = (finding.rule, finding.server);
            let mut known = match before.remove(&key) {
                Some(known) => known,
                None => KnownIncident::new(finding, now, time),
            };
            if let Some(change) = known.change(key, finding, now, time) {
                changes.incidents.push(change);
            }
            changes.more_later |= known.untold;
            self.0.insert(key, known);
        }
        changes
    }

    /// Nothing comes after: whatever has grown is to be told, however soon.
    pub(super) fn hurry(&mut self) {
        for known in self.0.values_mut() {
            known.told_again = Duration::ZERO;
        }
    }
}

impl KnownIncident {
    fn new(finding: &Finding, now: Instant, time: Timestamp) -> Self {
        Self {
            extent: Extent {
                connections: 0,
                rpcs: 0,
                last_connection: None,
                last_rpc: None,
                certainty: (finding.severity, finding.confidence),
            },
            calls: FxHashSet::default(),
            count: 0,
            since: time,
            grown: now,
            told: now,
            told_again: Duration::ZERO,
            untold: true,
            is_new: true,
        }
    }

    fn change<'a>(
        &mut self,
        key: IncidentKey,
        finding: &'a Finding,
        now: Instant,
        time: Timestamp,
    ) -> Option<Change<'a>> {
        let extent = Extent::of(finding);
        // It may have lost what was forgotten, or be worded differently.
        let has_grown = std::mem::take(&mut self.is_new) || extent.has_grown(&self.extent);
        let mut new_calls = Vec::new();
        if has_grown {
            if now.duration_since(self.grown) >= OVER_AFTER {
                self.since = time;
                self.count = 0;
                self.told_again = Duration::ZERO;
            }
            let calls = finding.rpcs.iter().copied();
            new_calls.extend(calls.filter(|call| !self.calls.contains(call)));
            self.calls = finding.rpcs.iter().copied().collect();
            self.count += new_calls.len() as u64;
            self.grown = now;
            self.untold = true;
            self.extent = extent;
        }
        let is_told = self.untold && now.duration_since(self.told) >= self.told_again;
        if is_told {
            self.untold = false;
            self.told = now;
            self.told_again = (self.told_again * 2).clamp(TOLD_AGAIN, TOLD_AGAIN_AT_MOST);
        }
        (has_grown || is_told).then_some(Change {
            key,
            finding,
            since: self.since,
            calls: self.count,
            new_calls,
            has_grown,
            is_told,
        })
    }
}

impl Extent {
    fn of(finding: &Finding) -> Self {
        Self {
            connections: finding.connections.len(),
            rpcs: finding.rpcs.len(),
            last_connection: finding.connections.iter().copied().max(),
            last_rpc: finding.rpcs.iter().copied().max(),
            certainty: (finding.severity, finding.confidence),
        }
    }

    fn has_grown(&self, before: &Self) -> bool {
        self.connections > before.connections
            || self.rpcs > before.rpcs
            || self.last_connection > before.last_connection
            || self.last_rpc > before.last_rpc
            || self.certainty != before.certainty
    }
}

#[cfg(test)]
mod tests {
    use h2sniff::capture::{Capture, Stamp};
    use h2sniff::pipeline::{self, Options};

    use super::super::clock::clock;
    use super::*;

    /// How many are told, and how many have grown.
    fn updated(
        incidents: &mut Incidents,
        findings: &[Finding],
        now: Instant,
    ) -> (usize, usize, bool) {
        let changes = incidents.update(findings, now, Timestamp::default());
        let told = changes.incidents.iter().filter(|change| change.is_told);
        let grown = changes.incidents.iter().filter(|change| change.has_grown);
        (told.count(), grown.count(), changes.more_later)
    }

    #[test]
    fn more_findings_than_anybody_reads_are_told_once_each() {
        let findings = of_servers(30_000);
        let (mut incidents, now) = (Incidents::default(), clock());
        assert_eq!(
            updated(&mut incidents, &findings, now),
            (30_000, 30_000, false)
        );
        for later in 1..4 {
            let again = updated(&mut incidents, &findings, now + TOLD_AGAIN * later);
            assert_eq!(again, (0, 0, false));
        }
    }

    #[test]
    fn what_is_no_longer_found_is_forgotten_and_what_only_shrank_is_no_news() {
        let mut findings = of_servers(100);
        let (mut incidents, now) = (Incidents::default(), clock());
        updated(&mut incidents, &findings, now);
        for finding in &mut findings {
            finding.rpcs.remove(0);
            finding.connections.remove(0);
        }
        findings.truncate(10);
        let later = now + TOLD_AGAIN;
        assert_eq!(updated(&mut incidents, &findings, later), (0, 0, false));
        assert_eq!(incidents.0.len(), 10);
        findings[3].connections.push(u32::MAX);
        assert_eq!(updated(&mut incidents, &findings, later), (1, 1, false));
    }

    #[test]
    fn what_grows_is_told_again_ever_more_rarely_and_at_the_end() {
        let mut findings = of_servers(1);
        let (mut incidents, begun) = (Incidents::default(), clock());
        updated(&mut incidents, &findings, begun);
        let mut told = 0;
        // It grows once a second for ten minutes.
        for second in 1..=600 {
            findings[0].connections.push(1_000 + second);
            let now = begun + Duration::from_secs(second.into());
            told += updated(&mut incidents, &findings, now).0;
        }
        assert_eq!(
            told, 6,
            "after 5, 15, 35, 75, 155 and 315 seconds, and not yet after 615"
        );
        incidents.hurry();
        let end = begun + Duration::from_secs(600);
        assert_eq!(updated(&mut incidents, &findings, end), (1, 0, false));
    }

    #[test]
    fn calls_are_counted_though_their_finding_forgets_them() {
        let mut findings = of_servers(1);
        let (mut incidents, now) = (Incidents::default(), clock());
        let mut count = 0;
        for stream in 1..100 {
            let mut call = findings[0].rpcs[0];
            call.stream = 1_000 + stream;
            findings[0].rpcs = vec![call];
            let changes = incidents.update(&findings, now, Timestamp::default());
            count = changes.incidents[0].calls;
        }
        assert_eq!(count, 99);
    }

    #[test]
    fn what_comes_after_a_long_silence_is_another_incident() {
        let mut findings = of_servers(1);
        let (mut incidents, now) = (Incidents::default(), clock());
        let first = incidents.update(&findings, now, Timestamp::from_nanos(1));
        assert_eq!(first.incidents[0].calls, 3);
        let mut call = findings[0].rpcs[0];
        call.connection = u32::MAX;
        findings[0].rpcs.push(call);
        let second = incidents.update(&findings, now + OVER_AFTER, Timestamp::from_nanos(2));
        let second = &second.incidents[0];
        assert!(second.is_told);
        assert_eq!((second.calls, second.since), (1, Timestamp::from_nanos(2)));
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
