//! The table `findings`: a row for each finding.
//!
//! In: a finding. Out: its row.

use super::TableContext;
use super::table::{TableCell, TableColumn};
use crate::inspect::diagnosis::Finding;
use crate::report::escape::printable;

pub(super) fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("finding_id"),
        TableColumn::time("began"),
        TableColumn::text("rule"),
        TableColumn::text("severity"),
        TableColumn::text("confidence"),
        TableColumn::text("server_ip"),
        TableColumn::small("server_port"),
        TableColumn::whole("connections"),
        TableColumn::whole("calls"),
        TableColumn::text("title"),
        TableColumn::text("explanation"),
        TableColumn::texts("evidence"),
        TableColumn::texts("ruled_out"),
        TableColumn::texts("advice"),
        TableColumn::texts("between"),
    ]
}

pub(super) fn row(finding: &Finding, context: &TableContext<'_>) -> Vec<TableCell> {
    let named = |name: &'static str| TableCell::word(name);
    let texts = |texts: &[String]| TableCell::texts(texts.iter().map(|text| printable(text)));
    let evidence = finding.evidence.iter().map(|proof| printable(&proof.text));
    vec![
        TableCell::text(context.finding_id(finding)),
        TableCell::Time(context.begin_of(finding)),
        named(finding.rule),
        named(finding.severity.name()),
        named(finding.confidence.name()),
        TableCell::maybe(finding.server, |server| {
            TableCell::text(server.ip().to_string())
        }),
        TableCell::maybe(finding.server, |server| {
            TableCell::Small(server.port().into())
        }),
        TableCell::Whole(finding.connections.len() as i64),
        TableCell::Whole(finding.rpcs.len() as i64),
        TableCell::text(printable(&finding.title)),
        TableCell::text(printable(&finding.explanation)),
        TableCell::texts(evidence),
        texts(&finding.ruled_out),
        texts(&finding.advice),
        TableCell::texts(finding.between.iter().map(|pair| printable(&pair.text))),
    ]
}
