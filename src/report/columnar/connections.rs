//! The table `connections`: a row for each connection.
//!
//! In: a connection's record. Out: its row.

use super::table::{Cell, Column};
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

pub(super) fn row(record: &ConnectionRecord) -> Vec<Cell> {
    let named = |name: &'static str| Cell::Text(name.to_owned());
    let peer = |bytes: &[u8]| Cell::Text(escape::terminal(bytes));
    let count = |count: u64| Cell::Whole(i64::try_from(count).unwrap_or(i64::MAX));
    let grace = record.grace_end.as_deref().map(GraceEnd::duration);
    vec![
        Cell::Whole(record.number.into()),
        Cell::Text(record.client.ip().to_string()),
        Cell::Small(record.client.port().into()),
        Cell::Text(record.server.ip().to_string()),
        Cell::Small(record.server.port().into()),
        named(record.transport.name()),
        Cell::maybe(record.opened, |stamp| Cell::Time(stamp.time)),
        Cell::maybe(record.close, |close| Cell::Time(close.stamp.time)),
        Cell::maybe(record.close, |close| named(close.by.sender())),
        Cell::maybe(record.close, |close| named(close.ending.name())),
        count(record.streams_opened),
        count(record.verdicts.total()),
        count(record.verdicts.deaths()),
        count(record.goaways.len() as u64),
        Cell::maybe(record.final_goaway(), |goaway| {
            Cell::Whole(goaway.last_stream_id.0.into())
        }),
        Cell::maybe(grace, |grace| Cell::Number(grace.as_millis_f64())),
        Cell::maybe(record.round_trip(), |time| {
            Cell::Number(time.as_millis_f64())
        }),
        count(record.network.retransmissions()),
        count(record.missing.bytes),
        Cell::maybe(record.user_agent.as_deref(), peer),
        Cell::maybe(record.server_header.as_deref(), peer),
    ]
}
