//! `analyze`: the answer for someone with ten minutes, on a terminal of 80 columns.
//!
//! In: a [`Report`]. Out: text; the first lines are the answer, the last one is what to type next.
//! Colours only repeat what a word says, and widths are measured on the plain text.

mod section;

mod layout;
mod table;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::colours::{Colours, Style};
use super::display_width::width;
use super::escape;
use super::format::ReportFormat;
use super::prompts::{NextCommand, Prompts};
use super::redact::SecretDisplay;
use super::view::{Outline, Totals, VerdictCount, label, packet};
use crate::inspect::Processed;
use crate::inspect::report::Report;
use crate::units::{count, counted};
use layout::{Page, WIDTH, wrapped};

/// How to print it.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// How many victims of a kind are shown.
    pub limit: usize,
    /// Whether secrets are shown.
    pub secrets: SecretDisplay,
    /// Whether it has colours.
    pub colours: Colours,
    /// What the reader can do next, in the program's words.
    pub prompts: Prompts,
}

/// Three of a kind, secrets redacted, no colours, no prompts.
impl Default for Text {
    fn default() -> Self {
        Self {
            limit: 3,
            secrets: SecretDisplay::default(),
            colours: Colours::default(),
            prompts: Prompts::default(),
        }
    }
}

impl Text {
    /// The report as text.
    #[must_use]
    pub fn render(&self, report: &Report) -> String {
        let outline = Outline::of(report, self.limit, self.secrets);
        let mut page = Page::new(self.colours, self.prompts.show_more);
        scope(&mut page, &outline);
        totals(&mut page, &outline.totals);
        silences(&mut page, &outline);
        if outline.is_quiet() {
            let looked_at = outline.scope.looked_at().join(", ");
            let text = format!("Looked at {looked_at}.");
            page.paragraph("  ", "  ", &text, Style::DIM);
        }
        for told in &outline.sections {
            section::write(&mut page, told, outline.files);
        }
        untold(&mut page, &outline);
        notes(&mut page, &outline);
        oddities(&mut page, &outline);
        if let Some(command) = self.prompts.next {
            next(&mut page, &command(&outline.next));
        }
        page.into_text()
    }
}

impl ReportFormat for Text {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(report).as_bytes())
    }
}

fn scope(page: &mut Page, outline: &Outline<'_>) {
    let name = escape::terminal(outline.scope.name.as_bytes());
    let mut parts = vec![format!("{name}{}", outline.scope.others())];
    parts.extend(outline.scope.figures());
    for line in wrapped("", "  ", &parts.join(" · ")) {
        page.line(line);
    }
    page.blank();
}

fn totals(page: &mut Page, totals: &Totals) {
    let headline = totals.headline();
    let lost = totals.died.saturating_sub(totals.recovered);
    match totals.share() {
        Some(share) => {
            let gap = WIDTH
                .saturating_sub(width(&headline) + width(&share))
                .max(2);
            let style = if lost > 0 { Style::RED } else { Style::YELLOW };
            let headline = page.paint(style.bold(), &headline);
            page.line(format!("{headline}{}{share}", " ".repeat(gap)));
        }
        None if totals.total == 0 => page.line(page.paint(Style::BOLD, &headline)),
        None => {
            let rest = totals
                .well()
                .map(|well| format!(": {well}"))
                .unwrap_or_default();
            let (mark, headline) = (
                page.paint(Style::GREEN, "✓"),
                page.paint(Style::BOLD, &headline),
            );
            page.line(format!("{mark} {headline}{rest}"));
        }
    }
    let number = |fate: &VerdictCount| width(&count(fate.count));
    let numbers = totals.fates.iter().map(number).max().unwrap_or_default();
    let what = totals
        .fates
        .iter()
        .map(|fate| width(fate.what()))
        .max()
        .unwrap_or_default();
    for fate in &totals.fates {
        let mark = if fate.recovered {
            page.paint(Style::GREEN, "✓")
        } else {
            page.paint(Style::RED, "✗")
        };
        let style = match (fate.recovered, fate.processed) {
            (false, Processed::Yes) => Style::RED,
            (false, Processed::Maybe) => Style::YELLOW,
            _ => Style::GREEN,
        };
        let retry = page.paint(style, fate.retry());
        let (count, died) = (count(fate.count), fate.what());
        let before = format!("{count:>numbers$}  {died:<what$}");
        if 4 + width(&before) + 2 + width(fate.retry()) <= WIDTH {
            page.line(format!("  {mark} {before}  {retry}"));
        } else {
            page.line(format!("  {mark} {}", before.trim_end()));
            page.line(format!("    {:numbers$}  {retry}", ""));
        }
    }
    if totals.unlisted > 0 {
        page.line(format!(
            "    and {} more, counted only",
            count(totals.unlisted)
        ));
    }
    if let Some(failed) = totals.failed(escape::terminal) {
        page.paragraph("  ! ", "    ", &failed, Style::PLAIN);
    }
    if let Some(unjudged) = totals.unjudged {
        page.paragraph("  ? ", "    ", &unjudged.words(), Style::PLAIN);
    }
}

fn silences(page: &mut Page, outline: &Outline<'_>) {
    for silence in &outline.silences {
        let text = format!("{} {}", silence.who(), silence.what());
        page.paragraph("  ! ", "    ", &text, Style::PLAIN);
    }
}

fn untold(page: &mut Page, outline: &Outline<'_>) {
    if outline.untold.is_empty() {
        return;
    }
    page.blank();
    for untold in &outline.untold {
        let servers: Vec<_> = untold.servers.iter().map(ToString::to_string).collect();
        let text = format!(
            "{} {} of other servers: {}, …{}",
            count(untold.count),
            label(untold.rule),
            servers.join(", "),
            page.show_more(),
        );
        page.paragraph("… ", "  ", &text, Style::PLAIN);
    }
}

fn notes(page: &mut Page, outline: &Outline<'_>) {
    if outline.notes.is_empty() {
        return;
    }
    page.blank();
    for note in &outline.notes {
        let title = escape::terminal(note.title.as_bytes());
        let label = label(note.rule);
        page.labelled("·", &label, &title, Style::BOLD);
    }
    page.more(outline.notes_left);
}

fn oddities(page: &mut Page, outline: &Outline<'_>) {
    if outline.oddities.is_empty() {
        return;
    }
    page.blank();
    let kinds = outline.oddities.len() as u64 + outline.oddities_left;
    page.line(format!(
        "Odd about the capture: {}",
        counted(kinds, "thing")
    ));
    for anomaly in &outline.oddities {
        let mut text = escape::terminal(anomaly.text.as_bytes());
        if let Some(connection) = anomaly.connection {
            text = format!("conn {connection}: {text}");
        }
        if let Some(stamp) = anomaly.stamp {
            text = format!("packet {}: {text}", packet(stamp, outline.files));
        }
        if anomaly.count > 1 {
            text.push_str(&format!(" ({} times)", count(anomaly.count)));
        }
        page.paragraph("  ~ ", "    ", &text, Style::PLAIN);
    }
    page.more(outline.oddities_left);
}

fn next(page: &mut Page, next: &NextCommand) {
    page.blank();
    let NextCommand { command, options } = next;
    let line = format!("See more: {command} {options}");
    if width(&line) <= WIDTH {
        page.line(line);
    } else {
        // A shell reads it all the same.
        page.line(format!("See more: {command} \\"));
        page.line(format!("  {options}"));
    }
}
