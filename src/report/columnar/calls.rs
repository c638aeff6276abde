//! The table `calls`: a row for each call, those that went well included.
//!
//! In: a call and its connection. Out: its row.

use super::TableContext;
use super::table::{TableCell, TableColumn};
use crate::capture::TimeDelta;
use crate::inspect::{ConnectionRecord, Doubt, Link, Race, Rpc, TakenBack};
use crate::report::escape;

pub(super) fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::whole("conn"),
        TableColumn::whole("stream"),
        TableColumn::text("client_ip"),
        TableColumn::small("client_port"),
        TableColumn::text("server_ip"),
        TableColumn::small("server_port"),
        TableColumn::text("authority"),
        TableColumn::text("service"),
        TableColumn::text("method"),
        TableColumn::time("opened"),
        TableColumn::time("ended"),
        TableColumn::number("duration_ms"),
        TableColumn::text("verdict"),
        TableColumn::flag("died"),
        TableColumn::text("race"),
        TableColumn::text("processed"),
        TableColumn::text("outcome"),
        TableColumn::text("doubt"),
        TableColumn::text("taken_back"),
        TableColumn::text("grpc_status"),
        TableColumn::small("http_status"),
        TableColumn::text("first_rule"),
        TableColumn::texts("rules"),
        TableColumn::texts("finding_ids"),
        TableColumn::text("retried_as"),
        TableColumn::text("retry_of"),
        TableColumn::small("previous_attempts"),
        TableColumn::text("client_stack"),
        TableColumn::text("server_stack"),
        TableColumn::whole("last_stream_id"),
        TableColumn::number("late_by_ms"),
        TableColumn::whole("packet_opened"),
        TableColumn::whole("packet_ended"),
    ]
}

pub(super) fn row(
    rpc: &Rpc,
    record: &ConnectionRecord,
    context: &TableContext<'_>,
) -> Vec<TableCell> {
    let named = |name: &'static str| TableCell::Text(name.to_owned());
    let method = context
        .secrets
        .method(rpc)
        .map(|path| escape::terminal(&path));
    let service = method.as_deref().and_then(|method| {
        let (service, _) = method.strip_prefix('/')?.split_once('/')?;
        Some(service.to_owned())
    });
    let found = context.found.get(&rpc.id).map_or(&[][..], Vec::as_slice);
    let peer = |bytes: &[u8]| TableCell::Text(escape::terminal(bytes));
    let packet = |packet: u64| TableCell::Whole(i64::try_from(packet).unwrap_or(i64::MAX));
    let final_goaway = record.final_goaway();
    vec![
        TableCell::Whole(rpc.id.connection.into()),
        TableCell::Whole(rpc.id.stream.into()),
        TableCell::Text(record.client.ip().to_string()),
        TableCell::Small(record.client.port().into()),
        TableCell::Text(record.server.ip().to_string()),
        TableCell::Small(record.server.port().into()),
        TableCell::maybe(rpc.authority.as_deref(), peer),
        TableCell::maybe(service, TableCell::Text),
        TableCell::maybe(method, TableCell::Text),
        TableCell::maybe(rpc.opened, |stamp| TableCell::Time(stamp.time)),
        TableCell::maybe(rpc.ended, |stamp| TableCell::Time(stamp.time)),
        TableCell::maybe(
            rpc.duration().map(TimeDelta::as_millis_f64),
            TableCell::Number,
        ),
        named(rpc.verdict.name()),
        TableCell::Flag(rpc.died()),
        TableCell::maybe(rpc.race.map(Race::name), named),
        named(rpc.processed.name()),
        named(rpc.outcome.name()),
        TableCell::maybe(rpc.doubt.map(Doubt::name), named),
        TableCell::maybe(rpc.taken_back.map(TakenBack::name), named),
        TableCell::maybe(rpc.grpc_status.as_deref(), peer),
        TableCell::maybe(rpc.http_status, |status| TableCell::Small(status.into())),
        TableCell::maybe(found.first(), |(rule, _)| named(rule)),
        TableCell::Texts(found.iter().map(|(rule, _)| (*rule).to_owned()).collect()),
        TableCell::Texts(found.iter().map(|(_, id)| id.clone()).collect()),
        TableCell::maybe(rpc.retried_as.as_ref(), call),
        TableCell::maybe(rpc.retry_of.as_ref(), call),
        TableCell::maybe(rpc.previous_attempts, |count| {
            TableCell::Small(count.into())
        }),
        TableCell::maybe(record.user_agent.as_deref(), peer),
        TableCell::maybe(record.server_header.as_deref(), peer),
        TableCell::maybe(final_goaway, |goaway| {
            TableCell::Whole(goaway.last_stream_id.0.into())
        }),
        TableCell::maybe(rpc.late_by.map(TimeDelta::as_millis_f64), TableCell::Number),
        TableCell::maybe(rpc.opened.map(|stamp| stamp.packet), packet),
        TableCell::maybe(rpc.ended.map(|stamp| stamp.packet), packet),
    ]
}

/// As `--around` takes it: `CONN:STREAM`.
fn call(link: &Link) -> TableCell {
    let call = link.call;
    TableCell::Text(format!("{}:{}", call.connection, call.stream))
}
