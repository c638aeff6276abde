//! `analyze`: the answer for someone with ten minutes, on a terminal of 80 columns.
//!
//! In: a [`Report`]. Out: text; the first lines are the answer, the last one is what to type next.
//! What never happens here: a colour that means what no word says, or a width measured on anything
//! but the plain text.

mod section;

mod layout;
mod table;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use colored::Colorize as _;

use super::display_width::width;
use super::escape;
use super::format::ReportFormat;
use super::redact::SecretDisplay;
use super::view::{Fate, Next, Story, Toll, label, packet};
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
}

impl Text {
    /// The report as text.
    #[must_use]
    pub fn render(&self, report: &Report) -> String {
        let story = Story::of(report, self.limit, self.secrets);
        let mut page = Page::default();
        scope(&mut page, &story);
        toll(&mut page, &story.toll);
        silences(&mut page, &story);
        if story.is_quiet() {
            let looked_at = story.scope.looked_at().join(", ");
            page.paragraph("  ", "  ", &format!("Looked at {looked_at}."), |text| {
                text.dimmed()
            });
        }
        for told in &story.chapters {
            section::write(&mut page, told, story.files);
        }
        untold(&mut page, &story);
        notes(&mut page, &story);
        oddities(&mut page, &story);
        next(&mut page, &story.next);
        page.into_text()
    }
}

impl ReportFormat for Text {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(report).as_bytes())
    }
}

fn scope(page: &mut Page, story: &Story<'_>) {
    let name = escape::terminal(story.scope.name.as_bytes());
    let mut parts = vec![format!("{name}{}", story.scope.others())];
    parts.extend(story.scope.figures());
    for line in wrapped("", "  ", &parts.join(" · ")) {
        page.line(line);
    }
    page.blank();
}

fn toll(page: &mut Page, toll: &Toll) {
    let headline = toll.headline();
    let lost = toll.died.saturating_sub(toll.recovered);
    match toll.share() {
        Some(share) => {
            let gap = WIDTH
                .saturating_sub(width(&headline) + width(&share))
                .max(2);
            let headline = if lost > 0 {
                headline.red()
            } else {
                headline.yellow()
            };
            page.line(format!("{}{}{share}", headline.bold(), " ".repeat(gap)));
        }
        None if toll.total == 0 => page.line(headline.bold().to_string()),
        None => {
            let rest = toll
                .well()
                .map(|well| format!(": {well}"))
                .unwrap_or_default();
            page.line(format!("{} {}{rest}", "✓".green(), headline.bold()));
        }
    }
    let number = |fate: &Fate| width(&count(fate.count));
    let numbers = toll.fates.iter().map(number).max().unwrap_or_default();
    let what = toll
        .fates
        .iter()
        .map(|fate| width(fate.what()))
        .max()
        .unwrap_or_default();
    for fate in &toll.fates {
        let mark = if fate.recovered {
            "✓".green()
        } else {
            "✗".red()
        };
        let retry = match (fate.recovered, fate.processed) {
            (false, Processed::Yes) => fate.retry().red(),
            (false, Processed::Maybe) => fate.retry().yellow(),
            _ => fate.retry().green(),
        };
        let (count, died) = (count(fate.count), fate.what());
        let before = format!("{count:>numbers$}  {died:<what$}");
        if 4 + width(&before) + 2 + width(fate.retry()) <= WIDTH {
            page.line(format!("  {mark} {before}  {retry}"));
        } else {
            page.line(format!("  {mark} {}", before.trim_end()));
            page.line(format!("    {:numbers$}  {retry}", ""));
        }
    }
    if toll.unlisted > 0 {
        page.line(format!(
            "    and {} more, counted only",
            count(toll.unlisted)
        ));
    }
    if let Some(failed) = toll.failed(escape::terminal) {
        page.paragraph("  ! ", "    ", &failed, |text| text.normal());
    }
    if let Some(unjudged) = toll.unjudged {
        page.paragraph("  ? ", "    ", &unjudged.words(), |text| text.normal());
    }
}

fn silences(page: &mut Page, story: &Story<'_>) {
    for silence in &story.silences {
        let text = format!("{} {}", silence.who(), silence.what());
        page.paragraph("  ! ", "    ", &text, |text| text.normal());
    }
}

fn untold(page: &mut Page, story: &Story<'_>) {
    if story.untold.is_empty() {
        return;
    }
    page.blank();
    for untold in &story.untold {
        let servers: Vec<_> = untold.servers.iter().map(ToString::to_string).collect();
        let text = format!(
            "{} {} of other servers: {}, … (--limit)",
            count(untold.count),
            label(untold.rule),
            servers.join(", "),
        );
        page.paragraph("… ", "  ", &text, |text| text.normal());
    }
}

fn notes(page: &mut Page, story: &Story<'_>) {
    if story.notes.is_empty() {
        return;
    }
    page.blank();
    for note in &story.notes {
        let title = escape::terminal(note.title.as_bytes());
        let label = label(note.rule);
        page.labelled("·", &label, &title, |text| text.bold());
    }
    page.more(story.notes_left);
}

fn oddities(page: &mut Page, story: &Story<'_>) {
    if story.oddities.is_empty() {
        return;
    }
    page.blank();
    let kinds = story.oddities.len() as u64 + story.oddities_left;
    page.line(format!(
        "Odd about the capture: {}",
        counted(kinds, "thing")
    ));
    for anomaly in &story.oddities {
        let mut text = escape::terminal(anomaly.text.as_bytes());
        if let Some(connection) = anomaly.connection {
            text = format!("conn {connection}: {text}");
        }
        if let Some(stamp) = anomaly.stamp {
            text = format!("packet {}: {text}", packet(stamp, story.files));
        }
        if anomaly.count > 1 {
            text.push_str(&format!(" ({} times)", count(anomaly.count)));
        }
        page.paragraph("  ~ ", "    ", &text, |text| text.normal());
    }
    page.more(story.oddities_left);
}

fn next(page: &mut Page, next: &Next) {
    page.blank();
    let Next { command, options } = next;
    let line = format!("See more: {command} {options}");
    if width(&line) <= WIDTH {
        page.line(line);
    } else {
        // A shell reads it all the same.
        page.line(format!("See more: {command} \\"));
        page.line(format!("  {options}"));
    }
}
