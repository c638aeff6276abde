//! The table `findings`: a row for each finding.
//!
//! In: a finding. Out: its row.

use super::Context;
use super::table::{Column, Value};
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

pub(super) fn row(finding: &Finding, context: &Context<'_>) -> Vec<Value> {
    let named = |name: &'static str| Value::Text(name.to_owned());
    let texts = |texts: &[String]| Value::Texts(texts.iter().map(|text| printable(text)).collect());
    let evidence = finding.evidence.iter().map(|proof| printable(&proof.text));
    vec![
        Value::Text(context.finding_id(finding)),
        Value::Time(context.begin_of(finding)),
        named(finding.rule),
        named(finding.severity.name()),
        named(finding.confidence.name()),
        Value::maybe(finding.server, |server| {
            Value::Text(server.ip().to_string())
        }),
        Value::maybe(finding.server, |server| Value::Small(server.port().into())),
        Value::Whole(finding.connections.len() as i64),
        Value::Whole(finding.rpcs.len() as i64),
        Value::Text(printable(&finding.title)),
        Value::Text(printable(&finding.explanation)),
        Value::Texts(evidence.collect()),
        texts(&finding.ruled_out),
        texts(&finding.advice),
    ]
}
