//! One thing that went wrong: a heading, two tables, and what they mean.

use super::{More, code, line, list, sentence};
use crate::report::view::{Cell, Grid, Outline, RpcRow, Section, Subject, packet};
use crate::units::{count, counted};

/// Writes a section under its heading.
pub(super) fn write(out: &mut String, told: &Section<'_>, outline: &Outline<'_>, more: More) {
    line(
        out,
        &format!("## {}\n\n{}\n", told.label(), sentence(&told.title())),
    );
    if !told.witnesses.is_empty() {
        let filters = told
            .witnesses
            .iter()
            .map(|witness| filter(witness.record.tcp_stream, None));
        let extra = filters.map(|filter| vec![filter]).collect();
        table(
            out,
            &told.connection_grid(),
            &["Wireshark".to_owned()],
            extra,
        );
        list(out, said(told, more));
    }
    if !told.victims.is_empty() {
        let mut titles = header_names(told);
        titles.push("Wireshark".to_owned());
        let extra = told.victims.iter().map(extra_cells).collect();
        table(out, &told.rpc_grid(outline.files), &titles, extra);
    }
    let mut rest = Vec::new();
    if told.victims_left > 0 {
        rest.push(more.words(told.victims_left));
    }
    if !told.victims.is_empty() || !told.witnesses.is_empty() {
        rest.push(told.since().to_owned());
    }
    if !told.codes.is_empty() {
        let codes = told.codes.iter();
        let codes: Vec<_> = codes
            .map(|(code, number)| format!("{} × {code}", count(*number)))
            .collect();
        rest.push(codes.join(", "));
    }
    list(out, rest);
    let mut rest = Vec::new();
    for proof in &told.evidence {
        let text = sentence(&proof.text);
        rest.push(match proof.stamp {
            Some(stamp) => format!("packet {}: {text}", packet(stamp, outline.files)),
            None => text,
        });
    }
    if !rest.is_empty() {
        line(out, "**Look at:**\n");
    }
    if told.evidence_left > 0 && !told.evidence.is_empty() {
        rest.push(more.words(told.evidence_left));
    }
    list(out, rest);
    let Subject::Finding(finding) = told.subject else {
        return;
    };
    line(
        out,
        &format!("**Why:** {}\n", sentence(&finding.explanation)),
    );
    if !told.heard.is_empty() {
        line(out, "**The application saw:**\n");
        let heard = told.heard.iter().map(|(text, calls)| {
            format!("{} ({})", code(text.as_bytes()), counted(*calls, "call"))
        });
        list(out, heard.collect());
    }
    if !finding.advice.is_empty() {
        line(out, "**Fix:**\n");
        list(
            out,
            finding
                .advice
                .iter()
                .map(|advice| sentence(advice))
                .collect(),
        );
    }
    if !finding.ruled_out.is_empty() {
        line(out, "**Not:**\n");
        let suspects = finding.ruled_out.iter();
        list(out, suspects.map(|suspect| sentence(suspect)).collect());
    }
}

/// Connections beyond the limit, and what the GOAWAYs said.
fn said(told: &Section<'_>, more: More) -> Vec<String> {
    let mut items = Vec::new();
    if told.witnesses_left > 0 {
        items.push(more.words(told.witnesses_left));
    }
    for (error, text, connections) in &told.said {
        let mut words = format!("GOAWAY says {}", sentence(&error.to_string()));
        if !text.is_empty() {
            words.push_str(&format!(" {}", code(text)));
        }
        if *connections > 1 {
            words.push_str(&format!(" on {}", counted(*connections, "connection")));
        }
        items.push(words);
    }
    if told.said_left > 0 {
        items.push(more.words(told.said_left));
    }
    items
}

/// The headers that were asked for, which are the same for each victim.
fn header_names(told: &Section<'_>) -> Vec<String> {
    let headers = told.victims.first().map(|victim| victim.headers.as_slice());
    headers
        .unwrap_or_default()
        .iter()
        .map(|(name, _)| code(name))
        .collect()
}

/// The values of the headers that were asked for, and the call's display filter.
fn extra_cells(victim: &RpcRow<'_>) -> Vec<String> {
    let values = victim.headers.iter().map(|(_, values)| {
        let values = values
            .iter()
            .map(|value| value.as_deref().map_or_else(|| "?".into(), code));
        values.collect::<Vec<_>>().join(", ")
    });
    let mut cells: Vec<_> = values.collect();
    let stream = victim.rpc.id.stream;
    let filter = victim
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
