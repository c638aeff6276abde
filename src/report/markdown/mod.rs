//! `analyze --format markdown`: the answer for a ticket or a postmortem.
//!
//! In: a [`Report`]. Out: Markdown as GitHub has it, with the same figures as the terminal's text. What
//! a peer sent stands in code spans, where no letter is markup, a link or a mention.

mod section;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::escape::{markdown as sentence, markdown_code};
use super::format::ReportFormat;
use super::prompts::Prompts;
use super::redact::SecretDisplay;
use super::view::{Outline, packet};
use crate::inspect::report::Report;
use crate::units::count;

/// Columns of what a peer sent: methods are shorter, and a table of longer ones cannot be read.
const MAX_COLUMNS: usize = 120;

/// How to print it.
#[derive(Clone, Copy, Debug)]
pub struct Markdown {
    /// How many calls, connections and findings of a kind are shown one by one.
    pub limit: usize,
    /// How secrets are printed.
    pub secrets: SecretDisplay,
    /// What the reader can do next, in the program's words.
    pub prompts: Prompts,
}

/// Three of a kind, secrets redacted, no prompts.
impl Default for Markdown {
    fn default() -> Self {
        Self {
            limit: 3,
            secrets: SecretDisplay::default(),
            prompts: Prompts::default(),
        }
    }
}

impl Markdown {
    /// The report as Markdown.
    #[must_use]
    pub fn render(&self, report: &Report) -> String {
        let outline = Outline::of(report, self.limit, self.secrets);
        let mut out = String::new();
        heading(&mut out, &outline);
        totals(&mut out, &outline);
        let more = More(self.prompts.show_more);
        findings(&mut out, &outline, more);
        for section in &outline.sections {
            section::write(&mut out, section, &outline, more);
        }
        anomalies(&mut out, &outline, more);
        if let Some(next) = self.prompts.next {
            let next = next(&outline.suggestion);
            let command = format!("{} {}", next.command, next.options);
            let command = markdown_code(command.as_bytes(), usize::MAX);
            line(&mut out, &format!("See more: {command}"));
        }
        out
    }
}

impl ReportFormat for Markdown {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(report).as_bytes())
    }
}

/// What a peer sent.
fn code(bytes: &[u8]) -> String {
    markdown_code(bytes, MAX_COLUMNS)
}

/// A paragraph or a block's line.
fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn heading(out: &mut String, outline: &Outline<'_>) {
    let rest = match (outline.totals.share(), outline.totals.well()) {
        (Some(share), _) => format!(" ({share} of {})", count(outline.totals.total)),
        (None, Some(well)) => format!(": {well}"),
        (None, None) => String::new(),
    };
    line(
        out,
        &format!("# {}{}\n", outline.totals.headline(), sentence(&rest)),
    );
    let figures = outline.capture.figures().join(" · ");
    let name = code(outline.capture.name.as_bytes());
    line(
        out,
        &format!("{name}{} · {figures}\n", outline.capture.others()),
    );
    for place in &outline.places {
        line(out, &format!("- {}", sentence(place)));
    }
    if !outline.places.is_empty() {
        line(out, "");
    }
    if let Some(chosen) = &outline.chosen {
        line(out, &format!("{}\n", chosen.line_in(code)));
    }
}

fn totals(out: &mut String, outline: &Outline<'_>) {
    let totals = &outline.totals;
    if !totals.by_verdict.is_empty() {
        line(
            out,
            "| RPCs | what became of them | retry |\n|---:|---|---|",
        );
        for part in &totals.by_verdict {
            line(
                out,
                &format!(
                    "| {} | {} | {} |",
                    count(part.count),
                    part.what(),
                    part.retry()
                ),
            );
        }
        out.push('\n');
    }
    let mut items = Vec::new();
    if totals.unlisted > 0 {
        items.push(format!(
            "{} more died and were counted only",
            count(totals.unlisted)
        ));
    }
    items.extend(totals.failed(code));
    items.extend(totals.harmless());
    items.extend(
        totals
            .in_flight
            .map(|in_flight| sentence(&in_flight.words())),
    );
    items.extend(totals.unjudged.map(|unjudged| sentence(&unjudged.words())));
    for kind in &outline.unreadable {
        items.push(sentence(&format!(
            "{} {}",
            kind.subject(),
            kind.predicate()
        )));
    }
    if outline.is_quiet() {
        items.push(format!(
            "Looked at {}",
            outline.capture.looked_at().join(", ")
        ));
    }
    list(out, items);
}

fn list(out: &mut String, items: Vec<String>) {
    let some = !items.is_empty();
    for item in items {
        line(out, &format!("- {item}"));
    }
    if some {
        out.push('\n');
    }
}

/// All findings, a row each; info has no other place.
fn findings(out: &mut String, outline: &Outline<'_>, more: More) {
    if outline.sections.is_empty() && outline.notes.is_empty() {
        return;
    }
    line(out, "## Findings\n");
    line(out, "| severity | finding | what happened |\n|---|---|---|");
    for section in &outline.sections {
        let (rule, severity) = section.rule();
        row(out, severity.name(), rule, &section.title());
    }
    for note in &outline.notes {
        row(out, note.severity.name(), note.rule, &note.title);
    }
    out.push('\n');
    let mut left = Vec::new();
    for omitted in &outline.omitted {
        let servers: Vec<_> = omitted.servers.iter().map(ToString::to_string).collect();
        let servers = sentence(&servers.join(", "));
        left.push(format!(
            "{} more `{}` of other servers: {servers}, …",
            count(omitted.count),
            omitted.rule
        ));
    }
    if outline.notes_left > 0 {
        left.push(more.words(outline.notes_left));
    }
    list(out, left);
}

fn row(out: &mut String, severity: &str, rule: &str, title: &str) {
    line(
        out,
        &format!("| {severity} | `{rule}` | {} |", sentence(title)),
    );
}

fn anomalies(out: &mut String, outline: &Outline<'_>, more: More) {
    if outline.anomalies.is_empty() {
        return;
    }
    line(out, "## Odd about the capture\n");
    let mut items = Vec::new();
    for anomaly in &outline.anomalies {
        let mut text = sentence(&anomaly.text);
        if let Some(connection) = anomaly.connection {
            text = format!("conn {connection}: {text}");
        }
        if let Some(stamp) = anomaly.stamp {
            text = format!("packet {}: {text}", packet(stamp, outline.files));
        }
        if anomaly.count > 1 {
            text.push_str(&format!(" ({} times)", count(anomaly.count)));
        }
        items.push(text);
    }
    if outline.anomalies_left > 0 {
        items.push(more.words(outline.anomalies_left));
    }
    list(out, items);
}

/// What makes a report show more, if the program has such a thing.
#[derive(Clone, Copy, Debug)]
struct More(Option<&'static str>);

impl More {
    /// How many were left out, and how to see them.
    fn words(self, left: u64) -> String {
        let flag = self.0.map(|flag| format!(" ({})", code(flag.as_bytes())));
        format!("… {} more{}", count(left), flag.unwrap_or_default())
    }
}
