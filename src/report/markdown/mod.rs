//! `analyze --format markdown`: the answer for a ticket or a postmortem.
//!
//! In: a [`Report`]. Out: Markdown as GitHub has it. What a peer sent stands in code spans, where no
//! letter is markup, a link or a mention. What never happens here: a figure that the terminal's text
//! would not tell.

mod section;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::escape::{markdown as sentence, markdown_code};
use super::format::ReportFormat;
use super::redact::SecretDisplay;
use super::view::{Story, packet};
use crate::inspect::report::Report;
use crate::units::count;

/// Columns of what a peer sent: methods are shorter, and a table of longer ones cannot be read.
const MAX_COLUMNS: usize = 120;

/// How to print it.
#[derive(Clone, Copy, Debug)]
pub struct Markdown {
    /// How many victims of a kind are shown.
    pub limit: usize,
    /// Whether secrets are shown.
    pub secrets: SecretDisplay,
}

impl Markdown {
    /// The report as Markdown.
    #[must_use]
    pub fn render(&self, report: &Report) -> String {
        let story = Story::of(report, self.limit, self.secrets);
        let mut out = String::new();
        heading(&mut out, &story);
        toll(&mut out, &story);
        findings(&mut out, &story);
        for told in &story.chapters {
            section::write(&mut out, told, &story);
        }
        oddities(&mut out, &story);
        let command = format!("{} {}", story.next.command, story.next.options);
        line(
            &mut out,
            &format!(
                "See more: {}",
                markdown_code(command.as_bytes(), usize::MAX)
            ),
        );
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

fn heading(out: &mut String, story: &Story<'_>) {
    let rest = match (story.toll.share(), story.toll.well()) {
        (Some(share), _) => format!(" ({share} of {})", count(story.toll.total)),
        (None, Some(well)) => format!(": {well}"),
        (None, None) => String::new(),
    };
    line(
        out,
        &format!("# {}{}\n", story.toll.headline(), sentence(&rest)),
    );
    let figures = story.scope.figures().join(" · ");
    let name = code(story.scope.name.as_bytes());
    line(
        out,
        &format!("{name}{} · {figures}\n", story.scope.others()),
    );
}

fn toll(out: &mut String, story: &Story<'_>) {
    let toll = &story.toll;
    if !toll.fates.is_empty() {
        line(
            out,
            "| RPCs | what became of them | retry |\n|---:|---|---|",
        );
        for fate in &toll.fates {
            line(
                out,
                &format!(
                    "| {} | {} | {} |",
                    count(fate.count),
                    fate.what(),
                    fate.retry()
                ),
            );
        }
        out.push('\n');
    }
    let mut items = Vec::new();
    if toll.unlisted > 0 {
        items.push(format!(
            "{} more died and were counted only",
            count(toll.unlisted)
        ));
    }
    items.extend(toll.failed(code));
    items.extend(toll.unjudged.map(|unjudged| sentence(&unjudged.words())));
    for silence in &story.silences {
        items.push(sentence(&format!("{} {}", silence.who(), silence.what())));
    }
    if story.is_quiet() {
        items.push(format!("Looked at {}", story.scope.looked_at().join(", ")));
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
fn findings(out: &mut String, story: &Story<'_>) {
    if story.chapters.is_empty() && story.notes.is_empty() {
        return;
    }
    line(out, "## Findings\n");
    line(out, "| severity | finding | what happened |\n|---|---|---|");
    for told in &story.chapters {
        let (rule, severity) = told.rule();
        row(out, severity.name(), rule, &told.title());
    }
    for note in &story.notes {
        row(out, note.severity.name(), note.rule, &note.title);
    }
    out.push('\n');
    let mut left = Vec::new();
    for untold in &story.untold {
        let servers: Vec<_> = untold.servers.iter().map(ToString::to_string).collect();
        let servers = sentence(&servers.join(", "));
        left.push(format!(
            "{} more `{}` of other servers: {servers}, …",
            count(untold.count),
            untold.rule
        ));
    }
    if story.notes_left > 0 {
        left.push(more(story.notes_left));
    }
    list(out, left);
}

fn row(out: &mut String, severity: &str, rule: &str, title: &str) {
    line(
        out,
        &format!("| {severity} | `{rule}` | {} |", sentence(title)),
    );
}

fn oddities(out: &mut String, story: &Story<'_>) {
    if story.oddities.is_empty() {
        return;
    }
    line(out, "## Odd about the capture\n");
    let mut items = Vec::new();
    for anomaly in &story.oddities {
        let mut text = sentence(&anomaly.text);
        if let Some(connection) = anomaly.connection {
            text = format!("conn {connection}: {text}");
        }
        if let Some(stamp) = anomaly.stamp {
            text = format!("packet {}: {text}", packet(stamp, story.files));
        }
        if anomaly.count > 1 {
            text.push_str(&format!(" ({} times)", count(anomaly.count)));
        }
        items.push(text);
    }
    if story.oddities_left > 0 {
        items.push(more(story.oddities_left));
    }
    list(out, items);
}

fn more(left: u64) -> String {
    format!("… {} more (`--limit`)", count(left))
}
