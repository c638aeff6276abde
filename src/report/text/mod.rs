//! `analyze`: the answer for someone with ten minutes, on a terminal.
//!
//! In: a [`Report`]. Out: text; the first lines are the answer, the last one is what to type next.
//! Colours only repeat what a word says, and widths are measured on the plain text.

mod found;
mod section;

mod layout;
mod table;

#[cfg(test)]
mod tests;

pub(super) use section::mark;

use std::io::{self, Write};

use super::colours::{Colours, Style};
use super::display_width::width;
use super::escape;
use super::format::ReportFormat;
use super::line_width::LineWidth;
use super::prompts::{NextCommand, Prompts};
use super::redact::SecretDisplay;
use super::view::{Outline, Totals, VerdictCount, label, packet};
use crate::inspect::Processed;
use crate::inspect::report::Report;
use crate::units::{count, counted};
use layout::Page;

/// How to print it.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// How many calls, connections and findings of a kind are shown one by one.
    pub limit: usize,
    /// How secrets are printed.
    pub secrets: SecretDisplay,
    /// How wide its lines are.
    pub columns: LineWidth,
    /// Whether it has colours.
    pub colours: Colours,
    /// What the reader can do next, in the program's words.
    pub prompts: Prompts,
}

/// Three of a kind, secrets redacted, 80 columns, no colours, no prompts.
impl Default for Text {
    fn default() -> Self {
        Self {
            limit: 3,
            secrets: SecretDisplay::default(),
            columns: LineWidth::default(),
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
        let mut page = Page::new(self.columns, self.colours, self.prompts.show_more);
        capture(&mut page, &outline);
        totals(&mut page, &outline.totals);
        unreadable(&mut page, &outline);
        if outline.is_quiet() {
            let looked_at = outline.capture.looked_at().join(", ");
            let text = format!("Looked at {looked_at}.");
            page.paragraph("  ", "  ", &text, Style::DIM);
        }
        for section in &outline.sections {
            section::write(&mut page, section, outline.files);
        }
        omitted(&mut page, &outline);
        notes(&mut page, &outline);
        anomalies(&mut page, &outline);
        if let Some(command) = self.prompts.next {
            next(&mut page, &command(&outline.suggestion));
        }
        page.into_text()
    }
}

impl ReportFormat for Text {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(report).as_bytes())
    }
}

fn capture(page: &mut Page, outline: &Outline<'_>) {
    let name = escape::terminal(outline.capture.name.as_bytes());
    let mut parts = vec![format!("{name}{}", outline.capture.others())];
    parts.extend(outline.capture.figures());
    for line in page.wrapped("", "  ", &parts.join(" · ")) {
        page.line(line);
    }
    for place in &outline.places {
        let place = escape::terminal(place.as_bytes());
        page.paragraph("  ", "    ", &place, Style::DIM);
    }
    if let Some(chosen) = &outline.chosen {
        page.paragraph("", "  ", &chosen.line(), Style::BOLD);
    }
    page.blank();
}

fn totals(page: &mut Page, totals: &Totals) {
    let headline = totals.headline();
    let not_recovered = totals.died.saturating_sub(totals.recovered);
    match totals.share() {
        Some(share) => {
            let gap = page
                .width()
                .saturating_sub(width(&headline) + width(&share))
                .max(2);
            let style = if not_recovered > 0 {
                Style::RED
            } else {
                Style::YELLOW
            };
            let headline = page.paint(style.bold(), &headline);
            page.line(format!("{headline}{}{share}", " ".repeat(gap)));
        }
        None if totals.total == 0 || totals.is_all_in_doubt() => {
            page.line(page.paint(Style::BOLD, &headline))
        }
        None => {
            let rest = totals
                .well()
                .map(|well| format!(": {well}"))
                .unwrap_or_default();
            let mark = match totals.failed {
                0 => page.paint(Style::GREEN, "✓"),
                _ => page.paint(Style::YELLOW, "!"),
            };
            let headline = page.paint(Style::BOLD, &headline);
            page.line(format!("{mark} {headline}{rest}"));
        }
    }
    let number = |part: &VerdictCount| width(&count(part.count));
    let numbers = totals
        .by_verdict
        .iter()
        .map(number)
        .max()
        .unwrap_or_default();
    let what = totals
        .by_verdict
        .iter()
        .map(|part| width(part.what()))
        .max()
        .unwrap_or_default();
    for part in &totals.by_verdict {
        let mark = if part.recovered {
            page.paint(Style::GREEN, "✓")
        } else {
            page.paint(Style::RED, "✗")
        };
        let style = match (part.recovered, part.processed) {
            (false, Processed::Yes) => Style::RED,
            (false, Processed::Maybe) => Style::YELLOW,
            _ => Style::GREEN,
        };
        let retry = page.paint(style, part.retry());
        let (count, died) = (count(part.count), part.what());
        let before = format!("{count:>numbers$}  {died:<what$}");
        if 4 + width(&before) + 2 + width(part.retry()) <= page.width() {
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
    for harmless in totals.harmless() {
        page.paragraph("  · ", "    ", &harmless, Style::PLAIN);
    }
    if let Some(in_flight) = totals.in_flight {
        page.paragraph("  · ", "    ", &in_flight.words(), Style::PLAIN);
    }
    if let Some(unjudged) = totals.unjudged {
        page.paragraph("  ? ", "    ", &unjudged.words(), Style::PLAIN);
    }
}

fn unreadable(page: &mut Page, outline: &Outline<'_>) {
    for kind in &outline.unreadable {
        let text = format!("{} {}", kind.subject(), kind.predicate());
        page.paragraph("  ! ", "    ", &text, Style::PLAIN);
    }
}

fn omitted(page: &mut Page, outline: &Outline<'_>) {
    if outline.omitted.is_empty() {
        return;
    }
    page.blank();
    for omitted in &outline.omitted {
        let text = format!("{}{}", omitted.words(), page.show_more());
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

fn anomalies(page: &mut Page, outline: &Outline<'_>) {
    if outline.anomalies.is_empty() {
        return;
    }
    page.blank();
    let kinds = outline.anomalies.len() as u64 + outline.anomalies_left;
    page.line(format!(
        "Odd about the capture: {}",
        counted(kinds, "thing")
    ));
    for anomaly in &outline.anomalies {
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
    page.more(outline.anomalies_left);
}

fn next(page: &mut Page, next: &NextCommand) {
    page.blank();
    let NextCommand { command, options } = next;
    let line = format!("See more: {command} {options}");
    if width(&line) <= page.width() {
        page.line(line);
    } else {
        // A shell reads it all the same.
        page.line(format!("See more: {command} \\"));
        page.line(format!("  {options}"));
    }
}
