//! The table `connections`: a row for each connection.
//!
//! In: a connection's record. Out: its row.

use super::ends;
use super::pool::TextPool;
use super::table::{TableCell, TableColumn};
use crate::inspect::{ConnectionRecord, GraceEnd};
use crate::report::escape;

pub(super) fn columns() -> Vec<TableColumn> {
    let mut columns = vec![TableColumn::whole("conn")];
    columns.extend(ends::columns());
    columns.extend([
        TableColumn::text("transport"),
        TableColumn::time("opened"),
        TableColumn::time("closed"),
        TableColumn::text("closed_by"),
        TableColumn::text("closed_how"),
        TableColumn::whole("streams"),
        TableColumn::whole("calls"),
        TableColumn::whole("died"),
        TableColumn::whole("goaways"),
        TableColumn::whole("last_stream_id"),
        TableColumn::number("grace_ms"),
        TableColumn::number("round_trip_ms"),
        TableColumn::whole("retransmissions"),
        TableColumn::whole("missing_bytes"),
        TableColumn::text("client_stack"),
        TableColumn::text("server_stack"),
    ]);
    columns
}

pub(super) fn row(record: &ConnectionRecord, texts: &mut TextPool) -> Vec<TableCell> {
    let named = |name: &'static str| TableCell::word(name);
    let peer = |bytes: &[u8]| TableCell::text(escape::terminal(bytes));
    let count = |count: u64| TableCell::Whole(i64::try_from(count).unwrap_or(i64::MAX));
    let grace = record.grace_end.as_deref().map(GraceEnd::duration);
    let mut cells = vec![TableCell::Whole(record.number.into())];
    cells.extend(ends::cells(record, texts));
    cells.extend([
        named(record.transport.name()),
        TableCell::maybe(record.opened, |stamp| TableCell::Time(stamp.time)),
        TableCell::maybe(record.close, |close| TableCell::Time(close.stamp.time)),
        TableCell::maybe(record.close, |close| named(close.by.sender())),
        TableCell::maybe(record.close, |close| named(close.ending.name())),
        count(record.streams_opened),
        count(record.verdicts.total()),
        count(record.verdicts.deaths()),
        count(record.goaways.len() as u64),
        TableCell::maybe(record.final_goaway(), |goaway| {
            TableCell::Whole(goaway.last_stream_id.0.into())
        }),
        TableCell::maybe(grace, |grace| TableCell::Number(grace.as_millis_f64())),
        TableCell::maybe(record.round_trip(), |time| {
            TableCell::Number(time.as_millis_f64())
        }),
        count(record.network.retransmissions()),
        count(record.missing.bytes),
        TableCell::maybe(record.user_agent.as_deref(), peer),
        TableCell::maybe(record.server_header.as_deref(), peer),
    ]);
    cells
}
