//! One thing that went wrong: a heading, two tables, and what they mean.

use super::{More, code, line, list, sentence};
use crate::report::view::{Cell, Grid, Outline, RpcRow, Section, Subject, packet};
use crate::report::words::AS_ABOVE;
use crate::units::{count, counted};

/// Writes a section under its heading.
pub(super) fn write(out: &mut String, section: &Section<'_>, outline: &Outline<'_>, more: More) {
    line(
        out,
        &format!("## {}\n\n{}\n", section.label(), sentence(&section.title())),
    );
    if let Some(pairs) = section.between() {
        line(out, &format!("**Who:** {}\n", sentence(&pairs)));
    }
    if !section.connection_rows.is_empty() {
        let filters = section
            .connection_rows
            .iter()
            .map(|row| filter(row.record.tcp_stream, None));
        let extra = filters.map(|filter| vec![filter]).collect();
        table(
            out,
            &section.connection_grid(),
            &["Wireshark".to_owned()],
            extra,
        );
        list(out, goaway_texts(section, more));
    }
    if !section.rpc_rows.is_empty() {
        let mut titles = header_names(section);
        titles.push("Wireshark".to_owned());
        let extra = section.rpc_rows.iter().map(extra_cells).collect();
        table(out, &section.rpc_grid(outline.files), &titles, extra);
    }
    let mut rest = Vec::new();
    if section.rpcs_left > 0 {
        rest.push(more.words(section.rpcs_left));
    }
    if !section.rpc_rows.is_empty() || !section.connection_rows.is_empty() {
        rest.push(section.since().to_owned());
    }
    if !section.codes.is_empty() {
        let codes = section.codes.iter();
        let codes: Vec<_> = codes
            .map(|(code, number)| format!("{} × {code}", count(*number)))
            .collect();
        rest.push(codes.join(", "));
    }
    list(out, rest);
    let mut rest = Vec::new();
    for evidence in &section.evidence {
        let text = sentence(&evidence.text);
        rest.push(match evidence.stamp {
            Some(stamp) => format!("packet {}: {text}", packet(stamp, outline.files)),
            None => text,
        });
    }
    if !rest.is_empty() {
        line(out, "**Look at:**\n");
    }
    if section.evidence_left > 0 && !section.evidence.is_empty() {
        rest.push(more.words(section.evidence_left));
    }
    list(out, rest);
    if !matches!(section.subject, Subject::Finding(_)) {
        return;
    }
    let why = section.explanation.unwrap_or(AS_ABOVE);
    line(out, &format!("**Why:** {}\n", sentence(why)));
    if !section.app_errors.is_empty() {
        line(out, "**The application saw:**\n");
        let app_errors = section.app_errors.iter().map(|(text, calls)| {
            format!("{} ({})", code(text.as_bytes()), counted(*calls, "call"))
        });
        list(out, app_errors.collect());
    }
    let as_above = [AS_ABOVE];
    let advice = section.advice.as_deref().unwrap_or(&as_above);
    if !advice.is_empty() {
        line(out, "**Fix:**\n");
        list(out, advice.iter().map(|advice| sentence(advice)).collect());
    }
    if !section.ruled_out.is_empty() {
        line(out, "**Not:**\n");
        let suspects = section.ruled_out.iter();
        list(out, suspects.map(|suspect| sentence(suspect)).collect());
    }
}

/// Connections beyond the limit, and what the GOAWAYs said.
fn goaway_texts(section: &Section<'_>, more: More) -> Vec<String> {
    let mut items = Vec::new();
    if section.connections_left > 0 {
        items.push(more.words(section.connections_left));
    }
    for (error, text, connections) in &section.goaway_texts {
        let mut words = format!("GOAWAY says {}", sentence(&error.to_string()));
        if !text.is_empty() {
            words.push_str(&format!(" {}", code(text)));
        }
        if *connections > 1 {
            words.push_str(&format!(" on {}", counted(*connections, "connection")));
        }
        items.push(words);
    }
    if section.goaway_texts_left > 0 {
        items.push(more.words(section.goaway_texts_left));
    }
    items
}

/// The headers that were asked for, which are the same for each call.
fn header_names(section: &Section<'_>) -> Vec<String> {
    let headers = section.rpc_rows.first().map(|row| row.headers.as_slice());
    headers
        .unwrap_or_default()
        .iter()
        .map(|(name, _)| code(name))
        .collect()
}

/// The values of the headers that were asked for, and the call's display filter.
fn extra_cells(row: &RpcRow<'_>) -> Vec<String> {
    let values = row.headers.iter().map(|(_, values)| {
        let values = values
            .iter()
            .map(|value| value.as_deref().map_or_else(|| "?".into(), code));
        values.collect::<Vec<_>>().join(", ")
    });
    let mut cells: Vec<_> = values.collect();
    let stream = row.rpc.id.stream;
    let filter = row
        .tcp_stream
        .map(|tcp_stream| filter(tcp_stream, Some(stream)));
    cells.push(filter.unwrap_or_default());
    cells
}

/// A display filter of Wireshark's.
fn filter(tcp_stream: u32, stream: Option<u32>) -> String {
    match stream {
        Some(stream) => format!("`tcp.stream == {tcp_stream} && http2.streamid == {stream}`"),
        None => format!("`tcp.stream == {tcp_stream}`"),
    }
}

/// A table with further columns on its right.
fn table(out: &mut String, grid: &Grid<'_>, titles: &[String], extra: Vec<Vec<String>>) {
    let columns = grid.columns.iter().map(|column| column.title().to_owned());
    let columns: Vec<_> = columns.chain(titles.iter().cloned()).collect();
    line(out, &format!("| {} |", columns.join(" | ")));
    line(out, &format!("|{}", "---|".repeat(columns.len())));
    for (row, extra) in grid.rows.iter().zip(extra) {
        let cells = row.iter().map(|cell| match cell {
            Cell::Words(words) => sentence(words),
            Cell::Wire(bytes) => code(bytes),
        });
        let cells: Vec<_> = cells.chain(extra).collect();
        line(out, &format!("| {} |", cells.join(" | ")));
    }
    out.push('\n');
}
