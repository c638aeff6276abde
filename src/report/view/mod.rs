//! What a report shows, in the order in which it is shown, before it is words.
//!
//! In: a [`Report`], how many of a kind to show one by one, and whether secrets are shown. Out: an
//! [`Outline`], which the terminal's text and the Markdown put into words, so that they group, count
//! and leave out alike. Verdicts, reasons and advice are the report's own.
//!
//! Bytes from the wire are still bytes here, with secrets taken out: each format has an escape of its
//! own.

mod capture_line;
mod chosen;
mod connection_row;
pub mod found;
mod grid;
mod in_flight;
mod rpc_row;
mod section;
mod suggestion;
#[cfg(test)]
pub(super) mod tests;
mod totals;
mod unreadable_connections;
mod upstream_lines;
mod vantage_lines;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

pub(super) use capture_line::CaptureLine;
pub(super) use chosen::Chosen;
pub(super) use connection_row::{Closed, ConnectionRow};
pub(super) use grid::{Cell, Column, Grid, packet};
pub(super) use rpc_row::RpcRow;
pub(super) use section::{Section, Subject, label, title};
pub(super) use totals::{Totals, VerdictCount};
pub(super) use unreadable_connections::{UnreadableConnections, UnreadableReason};

use super::named_end::named_end;
use super::prompts::Suggestion;
use super::redact::SecretDisplay;
use crate::capture::{Stamp, Timestamp};
use crate::decode::Transport;
use crate::decode::anomaly::Anomaly;
use crate::inspect::diagnosis::{Finding, Severity};
use crate::inspect::report::{CallList, Files, Report};
use crate::inspect::{CallId, ConnectionRecord, Outcome, Rpc, Verdict};
use crate::units::count;

/// How much of a report is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detail {
    /// How many of a kind are shown one by one.
    pub(super) limit: usize,
    /// Whether secrets are shown.
    pub(super) secrets: SecretDisplay,
}

/// How many sections there are at least, whatever is shown of a kind.
const LEAST_SECTIONS: usize = 9;

impl Detail {
    /// How many things that went wrong have a section of their own: a page that grows with their number is read by
    /// nobody.
    fn max_sections(self) -> usize {
        self.limit.saturating_mul(3).max(LEAST_SECTIONS)
    }
}

/// What a report shows, section by section.
#[derive(Debug)]
pub(super) struct Outline<'a> {
    /// Whether packets need their file named.
    pub(super) files: Files,
    /// What was looked at.
    pub(super) capture: CaptureLine,
    /// Where captures of the same connections were taken, and which servers stand behind proxies in them.
    pub(super) places: Vec<String>,
    /// Which part of it was asked for; `None` for all.
    pub(super) chosen: Option<Chosen>,
    /// What became of the calls.
    pub(super) totals: Totals,
    /// What went wrong, most severe first.
    pub(super) sections: Vec<Section<'a>>,
    /// Findings of rules that have as many sections as the limit allows.
    pub(super) omitted: Vec<OmittedFindings>,
    /// What is worth knowing.
    pub(super) notes: Vec<&'a Finding>,
    /// Notes beyond the limit.
    pub(super) notes_left: u64,
    /// Connections without a readable call, a kind each.
    pub(super) unreadable: Vec<UnreadableConnections>,
    /// What was odd about the capture, the first ones.
    pub(super) anomalies: Vec<&'a Anomaly>,
    /// Oddities beyond the limit.
    pub(super) anomalies_left: u64,
    /// Where a closer look is worth most.
    pub(super) suggestion: Suggestion<'a>,
}

/// Findings of one rule that have no section: there are too many alike.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OmittedFindings {
    pub(super) rule: &'static str,
    pub(super) count: u64,
    /// The first few servers they are about.
    pub(super) servers: Vec<String>,
    /// Whether others of the rule have a section.
    is_shown: bool,
}

impl OmittedFindings {
    /// `97 GRACE EXPIRED of other servers: 10.0.0.4:80, …`.
    pub(super) fn words(&self) -> String {
        let servers = &self.servers;
        let more = if servers.len() as u64 == self.count {
            ""
        } else {
            ", …"
        };
        format!(
            "{} {} of {}: {}{more}",
            count(self.count),
            label(self.rule),
            if self.is_shown {
                "other servers"
            } else {
                "servers"
            },
            servers.join(", "),
        )
    }
}

impl<'a> Outline<'a> {
    /// The outline of a report.
    pub(super) fn of(report: &'a Report, limit: usize, secrets: SecretDisplay) -> Self {
        let detail = Detail { limit, secrets };
        let index = Index::of(report);
        let mut builder = SectionBuilder {
            detail,
            index: &index,
            shown: AlreadyShown::default(),
            sections: Vec::new(),
            omitted: BTreeMap::new(),
        };
        let findings = |severity| by_harm(report, &index, severity).into_iter();
        for finding in findings(Severity::Error) {
            builder.add(finding);
        }
        builder.add_unexplained(report);
        for finding in findings(Severity::Warning) {
            builder.add(finding);
        }
        // Where every connection is TLS, what TCP shows of them is all there is.
        let (tls, notes): (Vec<_>, Vec<_>) = findings(Severity::Info).partition(|finding| {
            let mut known = report.analysis.connections.iter();
            let records = finding.connections.iter();
            let mut records = records.filter_map(|number| index.connections.get(number));
            known.all(|record| matches!(record.transport, Transport::Tls | Transport::None))
                && records.any(|record| record.is_hidden())
        });
        let mut unreadable = UnreadableConnections::all_of(report);
        if !tls.is_empty() {
            unreadable.retain(|kind| kind.reason != UnreadableReason::Encrypted);
        }
        for finding in tls {
            builder.add(finding);
        }
        let SectionBuilder {
            sections, omitted, ..
        } = builder;
        Self {
            files: Files::of(&report.files),
            capture: CaptureLine::of(report),
            places: places(report),
            chosen: Chosen::of(report),
            totals: Totals::of(report, limit),
            suggestion: suggestion::suggestion(report, &sections, unreadable.first()),
            sections,
            omitted: omitted.into_values().collect(),
            notes_left: beyond(notes.len(), limit.max(1)),
            notes: notes.into_iter().take(limit.max(1)).collect(),
            unreadable,
            anomalies: report.anomalies.iter().take(limit).collect(),
            anomalies_left: beyond(report.anomalies.len(), limit),
        }
    }
}

/// Where the captures were taken, and which servers stand behind proxies in them.
fn places(report: &Report) -> Vec<String> {
    let mut places = vantage_lines::of(report);
    places.extend(upstream_lines::of(report));
    places
}

impl Outline<'_> {
    /// Whether calls were seen and there is nothing to say of them.
    pub(super) fn is_quiet(&self) -> bool {
        let nothing_wrong = self.totals.died == 0 && self.sections.is_empty();
        nothing_wrong && self.unreadable.is_empty()
    }
}

/// The findings of a severity, those first that cost most calls: what a retry saved costs nothing.
fn by_harm<'a>(report: &'a Report, index: &Index<'a>, severity: Severity) -> Vec<&'a Finding> {
    let is_saved = |found: &Option<(usize, &Rpc)>| {
        found.is_some_and(|(_, rpc)| rpc.outcome == Outcome::Recovered)
    };
    let all = report.analysis.findings.iter();
    let mut findings: Vec<_> = all.filter(|one| one.severity == severity).collect();
    findings.sort_by_cached_key(|finding| {
        let calls = index.rpcs.find_all(&finding.rpcs);
        let cost = calls.filter(|found| !is_saved(found)).count();
        Reverse(cost)
    });
    findings
}

/// How many of `length` are not among the first `limit`.
fn beyond(length: usize, limit: usize) -> u64 {
    u64::try_from(length.saturating_sub(limit)).unwrap_or(u64::MAX)
}

/// Calls and connections by what names them.
#[derive(Debug)]
struct Index<'a> {
    connections: FxHashMap<u32, &'a ConnectionRecord>,
    rpcs: &'a CallList,
    epoch: Option<Timestamp>,
}

impl<'a> Index<'a> {
    fn of(report: &'a Report) -> Self {
        let connections = report.analysis.connections.iter();
        Self {
            connections: connections.map(|record| (record.number, record)).collect(),
            rpcs: &report.analysis.rpcs,
            epoch: report.first_packet,
        }
    }
}

/// What earlier sections have shown already.
#[derive(Debug, Default)]
struct AlreadyShown<'a> {
    connections: FxHashSet<u32>,
    rpcs: FxHashSet<CallId>,
    /// Those that are not among them yet: nobody asks for them until another finding has calls.
    latest_rpcs: Vec<&'a [CallId]>,
    packets: FxHashSet<Stamp>,
    rules: BTreeMap<&'static str, usize>,
    /// How often each reason, advice and suspect was told.
    told: FxHashMap<&'a str, usize>,
}

/// How often a reason or an advice is told in the same words; after that it is as above.
const MAX_TOLD: usize = 2;

impl AlreadyShown<'_> {
    fn times(&self, words: &str) -> usize {
        self.told.get(words).copied().unwrap_or_default()
    }
}

/// Puts sections together; what one has shown is not shown again.
#[derive(Debug)]
struct SectionBuilder<'a, 'b> {
    detail: Detail,
    index: &'b Index<'a>,
    shown: AlreadyShown<'a>,
    sections: Vec<Section<'a>>,
    omitted: BTreeMap<&'static str, OmittedFindings>,
}

impl<'a> SectionBuilder<'a, '_> {
    fn add(&mut self, finding: &'a Finding) {
        let times = self.shown.rules.entry(finding.rule).or_default();
        *times += 1;
        if *times > self.detail.limit.max(1) || self.sections.len() >= self.detail.max_sections() {
            self.omit(finding);
            return;
        }
        if !finding.rpcs.is_empty() {
            let latest = std::mem::take(&mut self.shown.latest_rpcs);
            self.shown.rpcs.extend(latest.into_iter().flatten());
        }
        let section = Section::of_finding(finding, self.index, self.detail, &self.shown);
        self.shown.packets.extend(section.packets());
        self.sections.push(section);
        let ruled_out = finding.ruled_out.iter();
        let words = ruled_out
            .chain(&finding.advice)
            .chain([&finding.explanation]);
        for words in words {
            *self.shown.told.entry(words).or_default() += 1;
        }
        self.shown.connections.extend(&finding.connections);
        self.shown.latest_rpcs.push(&finding.rpcs);
    }

    fn omit(&mut self, finding: &Finding) {
        let omitted = self.omitted.entry(finding.rule).or_insert(OmittedFindings {
            rule: finding.rule,
            count: 0,
            servers: Vec::new(),
            is_shown: self.sections.iter().any(|one| one.rule().0 == finding.rule),
        });
        omitted.count += 1;
        let first = finding.connections.first();
        let server = first.and_then(|number| self.index.connections.get(number));
        if let Some(record) = server.filter(|_| omitted.servers.len() < self.detail.limit) {
            let name = record.names.server.as_deref();
            omitted.servers.push(named_end(name, record.server));
        }
    }

    /// Calls that died and that no finding accounts for, by verdict.
    fn add_unexplained(&mut self, report: &'a Report) {
        let calls = &report.analysis.rpcs;
        let mut explained = vec![false; calls.len()];
        let findings = report.analysis.findings.iter();
        for finding in findings.filter(|finding| finding.severity != Severity::Info) {
            for (place, _) in calls.find_all(&finding.rpcs).flatten() {
                if let Some(explained) = explained.get_mut(place) {
                    *explained = true;
                }
            }
        }
        let mut unexplained: BTreeMap<Verdict, Vec<&Rpc>> = BTreeMap::new();
        for (rpc, explained) in calls.iter().zip(explained) {
            if !explained && rpc.died() {
                unexplained.entry(rpc.verdict).or_default().push(rpc);
            }
        }
        for (verdict, unexplained) in unexplained {
            let section = Section::of_unexplained(verdict, &unexplained, self.index, self.detail);
            self.sections.push(section);
        }
    }
}
