//! One thing that went wrong: a heading, two tables, and what they mean.

use super::layout::Page;
use super::table::{Fit, Table};
use crate::inspect::diagnosis::Severity;
use crate::inspect::report::Files;
use crate::report::colours::Style;
use crate::report::display_width::{shortened, width};
use crate::report::escape;
use crate::report::view::{Cell, Column, Grid, RpcRow, Section, Subject, packet};
use crate::report::words::AS_ABOVE;
use crate::units::{count, counted};

/// Writes a section after an empty line.
pub(super) fn write(page: &mut Page, section: &Section<'_>, files: Files) {
    page.blank();
    heading(page, section);
    if let Some(pairs) = section.between() {
        aside(page, "who", &pairs);
    }
    connection_rows(page, section);
    rpc_rows(page, section, files);
    if !matches!(section.subject, Subject::Finding(_)) {
        return;
    }
    page.blank();
    aside(page, "why", section.explanation.unwrap_or(AS_ABOVE));
    for (place, (text, calls)) in section.app_errors.iter().enumerate() {
        let text = format!("{text} ({})", counted(*calls, "call"));
        aside(page, if place == 0 { "saw" } else { "" }, &text);
    }
    let as_above = [AS_ABOVE];
    let advice = section.advice.as_deref().unwrap_or(&as_above);
    for (place, advice) in advice.iter().enumerate() {
        aside(page, if place == 0 { "fix" } else { "" }, advice);
    }
    for (place, suspect) in section.ruled_out.iter().enumerate() {
        aside(page, if place == 0 { "not" } else { "" }, suspect);
    }
    look(page, section, files);
}

fn heading(page: &mut Page, section: &Section<'_>) {
    let title = escape::terminal(section.title().as_bytes());
    let (_, severity) = section.rule();
    let (mark, style) = mark(severity);
    page.labelled(mark, &section.label(), &title, style);
}

/// How a heading begins, by how bad it is.
pub(in crate::report) const fn mark(severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Error => ("✗", Style::RED.bold()),
        Severity::Warning => ("⚠", Style::YELLOW.bold()),
        Severity::Info => ("·", Style::BOLD),
    }
}

fn connection_rows(page: &mut Page, section: &Section<'_>) {
    if section.connection_rows.is_empty() {
        return;
    }
    page.blank();
    let (header, rows) = table(&section.connection_grid()).lines(page.width());
    page.line(page.paint(Style::DIM, &header));
    for line in rows.iter().flatten() {
        page.line(line);
    }
    page.more(section.connections_left);
    for (error, text, connections) in &section.goaway_texts {
        let mut words = format!("GOAWAY says {error}");
        if !text.is_empty() {
            words.push_str(&format!(" \"{}\"", escape::terminal(text)));
        }
        if *connections > 1 {
            words.push_str(&format!(" on {}", counted(*connections, "connection")));
        }
        page.line(format!("    {}", shortened(&words, page.width() - 4)));
    }
    if section.goaway_texts_left > 0 {
        page.line(format!(
            "    and {}{}",
            counted(section.goaway_texts_left, "other text"),
            page.show_more()
        ));
    }
}

fn rpc_rows(page: &mut Page, section: &Section<'_>, files: Files) {
    if !section.rpc_rows.is_empty() {
        page.blank();
        let (header, rows) = table(&section.rpc_grid(files)).lines(page.width());
        page.line(page.paint(Style::DIM, &header));
        for (lines, row) in rows.iter().zip(&section.rpc_rows) {
            for line in lines {
                page.line(line);
            }
            headers(page, row);
        }
    }
    if section.rpc_rows.is_empty() && section.connection_rows.is_empty() {
        return;
    }
    codes(page, section);
    let since = page.paint(Style::DIM, section.since());
    if section.rpcs_left == 0 {
        page.line(format!("    {since}"));
        return;
    }
    let left = page.more_words(section.rpcs_left);
    let taken = 4 + width(&left) + width(section.since());
    match page.width().checked_sub(taken).filter(|gap| *gap > 1) {
        Some(gap) => {
            let left = page.paint(Style::DIM, &left);
            page.line(format!("    {left}{}{since}", " ".repeat(gap)));
        }
        None => {
            page.more(section.rpcs_left);
            page.line(format!("    {since}"));
        }
    }
}

fn codes(page: &mut Page, section: &Section<'_>) {
    if section.codes.is_empty() {
        return;
    }
    let codes = section.codes.iter();
    let codes: Vec<_> = codes
        .map(|(code, number)| format!("{} × {code}", count(*number)))
        .collect();
    page.paragraph("    ", "    ", &codes.join(", "), Style::PLAIN);
}

/// The headers that were asked for, in one line if it is long enough.
fn headers(page: &mut Page, row: &RpcRow<'_>) {
    let headers = row.headers.iter().map(|(name, values)| {
        let values: Vec<_> = values
            .iter()
            .map(|value| {
                value
                    .as_deref()
                    .map_or_else(|| "?".to_owned(), escape::terminal)
            })
            .collect();
        let values = match values.as_slice() {
            [] => "(absent)".to_owned(),
            values => values.join(", "),
        };
        format!("{}: {values}", escape::terminal(name))
    });
    let headers: Vec<_> = headers.collect();
    let together = headers.join("  ");
    if headers.is_empty() {
        return;
    }
    if width(&together) <= page.width() - 6 {
        page.line(format!("      {together}"));
        return;
    }
    for header in headers {
        page.line(format!("      {}", shortened(&header, page.width() - 6)));
    }
}

fn table(grid: &Grid<'_>) -> Table {
    let mut table = Table::default();
    for column in &grid.columns {
        let fit = match column {
            Column::Method => Fit::Shorten,
            Column::Client
            | Column::Closed
            | Column::Race
            | Column::Error
            | Column::RetriedAs
            | Column::Packets => Fit::Overflow,
            _ => Fit::Whole,
        };
        table.column(column.title(), fit);
    }
    for row in &grid.rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Words(words) => words.clone(),
            Cell::Wire(bytes) => escape::terminal(bytes),
        });
        table.row(cells.collect());
    }
    table
}

/// A paragraph with its label before it.
fn aside(page: &mut Page, label: &str, text: &str) {
    let text = escape::terminal(text.as_bytes());
    page.labelled(" ", &format!("{label:<4}"), &text, Style::BOLD);
}

fn look(page: &mut Page, section: &Section<'_>, files: Files) {
    for (place, evidence) in section.evidence.iter().enumerate() {
        let text = match evidence.stamp {
            Some(stamp) => format!("packet {}: {}", packet(stamp, files), evidence.text),
            None => evidence.text.clone(),
        };
        aside(page, if place == 0 { "look" } else { "" }, &text);
    }
    if section.evidence_left > 0 && !section.evidence.is_empty() {
        let left = page.more_words(section.evidence_left);
        aside(page, "", &left);
    }
}
