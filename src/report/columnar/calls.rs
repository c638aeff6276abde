//! The table `calls`: a row for each call, those that went well included.
//!
//! In: a call and its connection. Out: its row.

use super::TableContext;
use super::table::{Cell, Column};
use crate::capture::TimeDelta;
use crate::inspect::{ConnectionRecord, Doubt, Link, Race, Rpc, TakenBack};
use crate::report::escape;

pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::whole("conn"),
        Column::whole("stream"),
        Column::text("client_ip"),
        Column::small("client_port"),
        Column::text("server_ip"),
        Column::small("server_port"),
        Column::text("authority"),
        Column::text("service"),
        Column::text("method"),
        Column::time("opened"),
        Column::time("ended"),
        Column::number("duration_ms"),
        Column::text("verdict"),
        Column::flag("died"),
        Column::text("race"),
        Column::text("processed"),
        Column::text("outcome"),
        Column::text("doubt"),
        Column::text("taken_back"),
        Column::text("grpc_status"),
        Column::small("http_status"),
        Column::text("first_rule"),
        Column::texts("rules"),
        Column::texts("finding_ids"),
        Column::text("retried_as"),
        Column::text("retry_of"),
        Column::small("previous_attempts"),
        Column::text("client_stack"),
        Column::text("server_stack"),
        Column::whole("last_stream_id"),
        Column::number("late_by_ms"),
        Column::whole("packet_opened"),
        Column::whole("packet_ended"),
    ]
}

pub(super) fn row(rpc: &Rpc, record: &ConnectionRecord, context: &TableContext<'_>) -> Vec<Cell> {
    let named = |name: &'static str| Cell::Text(name.to_owned());
    let method = context
        .secrets
        .method(rpc)
        .map(|path| escape::terminal(&path));
    let service = method.as_deref().and_then(|method| {
        let (service, _) = method.strip_prefix('/')?.split_once('/')?;
        Some(service.to_owned())
    });
    let found = context.found.get(&rpc.id).map_or(&[][..], Vec::as_slice);
    let peer = |bytes: &[u8]| Cell::Text(escape::terminal(bytes));
    let packet = |packet: u64| Cell::Whole(i64::try_from(packet).unwrap_or(i64::MAX));
    let final_goaway = record.final_goaway();
    vec![
        Cell::Whole(rpc.id.connection.into()),
        Cell::Whole(rpc.id.stream.into()),
        Cell::Text(record.client.ip().to_string()),
        Cell::Small(record.client.port().into()),
        Cell::Text(record.server.ip().to_string()),
        Cell::Small(record.server.port().into()),
        Cell::maybe(rpc.authority.as_deref(), peer),
        Cell::maybe(service, Cell::Text),
        Cell::maybe(method, Cell::Text),
        Cell::maybe(rpc.opened, |stamp| Cell::Time(stamp.time)),
        Cell::maybe(rpc.ended, |stamp| Cell::Time(stamp.time)),
        Cell::maybe(rpc.duration().map(TimeDelta::as_millis_f64), Cell::Number),
        named(rpc.verdict.name()),
        Cell::Flag(rpc.died()),
        Cell::maybe(rpc.race.map(Race::name), named),
        named(rpc.processed.name()),
        named(rpc.outcome.name()),
        Cell::maybe(rpc.doubt.map(Doubt::name), named),
        Cell::maybe(rpc.taken_back.map(TakenBack::name), named),
        Cell::maybe(rpc.grpc_status.as_deref(), peer),
        Cell::maybe(rpc.http_status, |status| Cell::Small(status.into())),
        Cell::maybe(found.first(), |(rule, _)| named(rule)),
        Cell::Texts(found.iter().map(|(rule, _)| (*rule).to_owned()).collect()),
        Cell::Texts(found.iter().map(|(_, id)| id.clone()).collect()),
        Cell::maybe(rpc.retried_as.as_ref(), call),
        Cell::maybe(rpc.retry_of.as_ref(), call),
        Cell::maybe(rpc.previous_attempts, |count| Cell::Small(count.into())),
        Cell::maybe(record.user_agent.as_deref(), peer),
        Cell::maybe(record.server_header.as_deref(), peer),
        Cell::maybe(final_goaway, |goaway| {
            Cell::Whole(goaway.last_stream_id.0.into())
        }),
        Cell::maybe(rpc.late_by.map(TimeDelta::as_millis_f64), Cell::Number),
        Cell::maybe(rpc.opened.map(|stamp| stamp.packet), packet),
        Cell::maybe(rpc.ended.map(|stamp| stamp.packet), packet),
    ]
}

/// As `--around` takes it: `CONN:STREAM`.
fn call(link: &Link) -> Cell {
    let call = link.call;
    Cell::Text(format!("{}:{}", call.connection, call.stream))
}
