//! `analyze --find`: the calls that a pasted line is about, and what became of each.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::Page;
use super::section::mark;
use super::table::{Fit, Table};
use super::{Text, capture, next};
use crate::inspect::report::{Files, Report};
use crate::inspect::{CallId, Rpc};
use crate::report::colours::Style;
use crate::report::escape;
use crate::report::prompts::{SuggestedSubject, Suggestion};
use crate::report::redact::SecretDisplay;
use crate::report::view::found::{FoundBy, FoundCalls, app_errors};
use crate::report::view::{Outline, label, packet, title};
use crate::report::words;
use crate::units::{counted, duration, moment};

/// How many calls are shown at least: whoever asks for them wants to see them.
const LEAST_SHOWN: usize = 20;

/// How many different errors or identifiers are shown.
const GROUPS: usize = 10;

/// How many errors are named where none was found.
const NAMED: usize = 5;

/// Whether the same became of all calls that are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fates {
    Alike,
    Apart,
}

impl Text {
    /// What was found of a pasted line.
    #[must_use]
    pub fn render_found(&self, report: &Report, found: &[FoundCalls]) -> String {
        let outline = Outline::of(report, self.limit, self.secrets);
        let mut page = Page::new(self.columns, self.colours, self.prompts.show_more);
        capture(&mut page, &outline);
        let calls: BTreeMap<CallId, &Rpc> = report
            .analysis
            .rpcs
            .iter()
            .map(|rpc| (rpc.id, rpc))
            .collect();
        for group in found.iter().take(GROUPS) {
            self.group(&mut page, group, &calls, report);
        }
        page.more(found.len().saturating_sub(GROUPS) as u64);
        if found.is_empty() {
            nothing(&mut page, report, self.secrets);
        }
        if !found.is_empty() {
            let since = page.paint(Style::DIM, "times since the capture began");
            page.line(format!("    {since}"));
        }
        findings(&mut page, found, report);
        let first = found.first().and_then(|group| group.calls.first());
        if let (Some(command), Some(call)) = (self.prompts.next, first) {
            let suggestion = Suggestion {
                subject: SuggestedSubject::Call(*call),
                ..outline.suggestion
            };
            next(&mut page, &command(&suggestion));
        }
        page.into_text()
    }

    fn group(
        &self,
        page: &mut Page,
        group: &FoundCalls,
        calls: &BTreeMap<CallId, &Rpc>,
        report: &Report,
    ) {
        page.blank();
        let first = group.calls.first().and_then(|call| calls.get(call));
        let (what, text) = match &group.by {
            FoundBy::Header { name, value } => {
                let value = self.secrets.value(name.as_bytes(), value);
                let name = escape::terminal(name.as_bytes());
                ("sent with", format!("{name}: {}", escape::terminal(&value)))
            }
            FoundBy::AppError(error) => {
                let printed = first.and_then(|rpc| self.secrets.app_error(rpc));
                let printed = printed.map_or_else(|| error.clone(), Into::into);
                (
                    "whose application got",
                    escape::terminal(printed.as_bytes()),
                )
            }
        };
        let number = counted(group.calls.len(), "RPC");
        page.paragraph("", "  ", &format!("{number} {what}"), Style::BOLD);
        page.paragraph("  ", "  ", &text, Style::PLAIN);
        page.blank();
        let most = self.limit.max(LEAST_SHOWN);
        let shown = group.calls.iter().take(most);
        let shown: Vec<_> = shown.filter_map(|call| calls.get(call).copied()).collect();
        let fates: BTreeSet<_> = shown.iter().map(|rpc| (fate(rpc), retry(rpc))).collect();
        let common = fates.first().filter(|_| fates.len() == 1);
        if let Some((fate, retry)) = common {
            let words = [fate.as_str(), retry.as_str()];
            let words = words.into_iter().filter(|words| !words.is_empty());
            let all = if shown.len() == 1 { "" } else { "all " };
            let words = format!("{all}{}", words.collect::<Vec<_>>().join(", "));
            page.paragraph("  → ", "    ", &words, Style::PLAIN);
            page.blank();
        }
        let (header, rows) = self
            .table(
                &shown,
                report,
                if common.is_some() {
                    Fates::Alike
                } else {
                    Fates::Apart
                },
            )
            .lines(page.width());
        page.line(page.paint(Style::DIM, &header));
        for line in rows.iter().flatten() {
            page.line(line);
        }
        page.more(group.calls.len().saturating_sub(most) as u64);
    }

    /// The calls, each in its row; what became of them only where that differs.
    fn table(&self, rpcs: &[&Rpc], report: &Report, fates: Fates) -> Table {
        let mut table = Table::default();
        let columns = [
            ("stream", Fit::Whole),
            ("method", Fit::Shorten),
            ("opened", Fit::Whole),
            ("took", Fit::Whole),
            ("packets", Fit::Overflow),
            ("what became of it", Fit::Overflow),
            ("retry", Fit::Overflow),
        ];
        let number = match fates {
            Fates::Alike => 5,
            Fates::Apart => columns.len(),
        };
        for (name, fit) in columns.into_iter().take(number) {
            table.column(name, fit);
        }
        let files = Files::of(&report.files);
        for rpc in rpcs {
            let method = self.secrets.method(rpc);
            let opened = rpc.opened.zip(report.first_packet);
            let at = |stamp| packet(stamp, files);
            let packets = [rpc.opened.map(at), rpc.ended.map(at)];
            let packets: Vec<_> = packets.into_iter().flatten().collect();
            let mut cells = vec![
                format!("{}:{}", rpc.id.connection, rpc.id.stream),
                method.map_or_else(|| "?".to_owned(), |method| escape::terminal(&method)),
                opened.map_or_else(String::new, |(stamp, begin)| moment(stamp.time - begin)),
                rpc.duration().map_or_else(String::new, duration),
                packets.join(" → "),
                fate(rpc),
                retry(rpc),
            ];
            cells.truncate(number);
            table.row(cells);
        }
        table
    }
}

/// What became of a call, with the status or the code that says so.
fn fate(rpc: &Rpc) -> String {
    let mut words = words::verdict(rpc.verdict).to_owned();
    if let Some(status) = rpc.grpc_status.as_deref().filter(|status| *status != b"0") {
        words.push_str(&format!(", grpc-status {}", escape::terminal(status)));
    }
    if let Some(error) = rpc.error {
        words.push_str(&format!(", {error}"));
    }
    words
}

/// What that means for a retry, or which one there was.
fn retry(rpc: &Rpc) -> String {
    match &rpc.retried_as {
        Some(link) => format!("retried as {}:{}", link.call.connection, link.call.stream),
        None if rpc.verdict == crate::inspect::Verdict::Ok => String::new(),
        None => words::retry(rpc.processed).to_owned(),
    }
}

/// No call is known to be what was asked for: what there is instead.
fn nothing(page: &mut Page, report: &Report, secrets: SecretDisplay) {
    page.blank();
    let words = "No RPC is known to have that error, or that identifier";
    page.paragraph("", "  ", words, Style::BOLD);
    let errors = app_errors(report);
    if errors.is_empty() || secrets == SecretDisplay::MessagesRedacted {
        return;
    }
    page.blank();
    page.line("What client libraries told their applications here:");
    for (error, calls) in errors.iter().take(NAMED) {
        let text = format!(
            "{} ({})",
            escape::terminal(error.as_bytes()),
            counted(*calls, "RPC")
        );
        page.paragraph("  · ", "    ", &text, Style::PLAIN);
    }
    if errors.len() > NAMED {
        page.line(format!(
            "    and {}",
            counted(errors.len() - NAMED, "other")
        ));
    }
}

/// The findings that name what was found.
fn findings(page: &mut Page, found: &[FoundCalls], report: &Report) {
    let calls: BTreeSet<_> = found.iter().flat_map(|group| &group.calls).collect();
    let all = report.analysis.findings.iter();
    let naming = all.filter(|finding| finding.rpcs.iter().any(|call| calls.contains(call)));
    for (place, finding) in naming.enumerate() {
        if place == 0 {
            page.blank();
        }
        let title = escape::terminal(title(finding).as_bytes());
        let (mark, style) = mark(finding.severity);
        page.labelled(mark, &label(finding.rule), &title, style);
    }
}
