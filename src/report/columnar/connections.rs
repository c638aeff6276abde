//! The table `connections`: a row for each connection.
//!
//! In: a connection's record. Out: its row.

use super::table::{Column, Value};
use crate::inspect::{ConnectionRecord, GraceEnd};
use crate::report::escape;

pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::whole("conn"),
        Column::text("client_ip"),
        Column::small("client_port"),
        Column::text("server_ip"),
        Column::small("server_port"),
        Column::text("transport"),
        Column::time("opened"),
        Column::time("closed"),
        Column::text("closed_by"),
        Column::text("closed_how"),
        Column::whole("streams"),
        Column::whole("calls"),
        Column::whole("died"),
        Column::whole("goaways"),
        Column::whole("last_stream_id"),
        Column::number("grace_ms"),
        Column::number("round_trip_ms"),
        Column::whole("retransmissions"),
        Column::whole("missing_bytes"),
        Column::text("client_stack"),
        Column::text("server_stack"),
    ]
}

pub(super) fn row(record: &ConnectionRecord) -> Vec<Value> {
    let named = |name: &'static str| Value::Text(name.to_owned());
    let peer = |bytes: &[u8]| Value::Text(escape::terminal(bytes));
    let count = |count: u64| Value::Whole(i64::try_from(count).unwrap_or(i64::MAX));
    let grace = record.grace_end.as_deref().map(GraceEnd::duration);
    vec![
        Value::Whole(record.number.into()),
        Value::Text(record.client.ip().to_string()),
        Value::Small(record.client.port().into()),
        Value::Text(record.server.ip().to_string()),
        Value::Small(record.server.port().into()),
        named(record.transport.name()),
        Value::maybe(record.opened, |stamp| Value::Time(stamp.time)),
        Value::maybe(record.close, |close| Value::Time(close.stamp.time)),
        Value::maybe(record.close, |close| named(close.by.sender())),
        Value::maybe(record.close, |close| named(close.ending.name())),
        count(record.streams_opened),
        count(record.verdicts.total()),
        count(record.verdicts.deaths()),
        count(record.goaways.len() as u64),
        Value::maybe(record.final_goaway(), |goaway| {
            Value::Whole(goaway.last_stream_id.0.into())
        }),
        Value::maybe(grace, |grace| Value::Number(grace.as_millis_f64())),
        Value::maybe(record.round_trip(), |time| {
            Value::Number(time.as_millis_f64())
        }),
        count(record.network.retransmissions()),
        count(record.missing.bytes),
        Value::maybe(record.user_agent.as_deref(), peer),
        Value::maybe(record.server_header.as_deref(), peer),
    ]
}
