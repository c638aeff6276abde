//! The table `findings`: a row for each finding.
//!
//! In: a finding. Out: its row.

use super::TableContext;
use super::table::{Cell, Column};
use crate::inspect::diagnosis::Finding;
use crate::report::escape::printable;

pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::text("finding_id"),
        Column::time("began"),
        Column::text("rule"),
        Column::text("severity"),
        Column::text("confidence"),
        Column::text("server_ip"),
        Column::small("server_port"),
        Column::whole("connections"),
        Column::whole("calls"),
        Column::text("title"),
        Column::text("explanation"),
        Column::texts("evidence"),
        Column::texts("ruled_out"),
        Column::texts("advice"),
    ]
}

pub(super) fn row(finding: &Finding, context: &TableContext<'_>) -> Vec<Cell> {
    let named = |name: &'static str| Cell::Text(name.to_owned());
    let texts = |texts: &[String]| Cell::Texts(texts.iter().map(|text| printable(text)).collect());
    let evidence = finding.evidence.iter().map(|proof| printable(&proof.text));
    vec![
        Cell::Text(context.finding_id(finding)),
        Cell::Time(context.begin_of(finding)),
        named(finding.rule),
        named(finding.severity.name()),
        named(finding.confidence.name()),
        Cell::maybe(finding.server, |server| Cell::Text(server.ip().to_string())),
        Cell::maybe(finding.server, |server| Cell::Small(server.port().into())),
        Cell::Whole(finding.connections.len() as i64),
        Cell::Whole(finding.rpcs.len() as i64),
        Cell::Text(printable(&finding.title)),
        Cell::Text(printable(&finding.explanation)),
        Cell::Texts(evidence.collect()),
        texts(&finding.ruled_out),
        texts(&finding.advice),
    ]
}
