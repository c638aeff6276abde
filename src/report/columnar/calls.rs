//! The table `calls`: a row for each call, those that went well included.
//!
//! In: a call and its connection. Out: its row.

use super::Context;
use super::table::{Column, Value};
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

pub(super) fn row(rpc: &Rpc, record: &ConnectionRecord, context: &Context<'_>) -> Vec<Value> {
    let named = |name: &'static str| Value::Text(name.to_owned());
    let method = context
        .secrets
        .method(rpc)
        .map(|path| escape::terminal(&path));
    let service = method.as_deref().and_then(|method| {
        let (service, _) = method.strip_prefix('/')?.split_once('/')?;
        Some(service.to_owned())
    });
    let found = context.found.get(&rpc.id).map_or(&[][..], Vec::as_slice);
    let peer = |bytes: &[u8]| Value::Text(escape::terminal(bytes));
    let packet = |packet: u64| Value::Whole(i64::try_from(packet).unwrap_or(i64::MAX));
    let final_goaway = record.final_goaway();
    vec![
        Value::Whole(rpc.id.connection.into()),
        Value::Whole(rpc.id.stream.into()),
        Value::Text(record.client.ip().to_string()),
        Value::Small(record.client.port().into()),
        Value::Text(record.server.ip().to_string()),
        Value::Small(record.server.port().into()),
        Value::maybe(rpc.authority.as_deref(), peer),
        Value::maybe(service, Value::Text),
        Value::maybe(method, Value::Text),
        Value::maybe(rpc.opened, |stamp| Value::Time(stamp.time)),
        Value::maybe(rpc.ended, |stamp| Value::Time(stamp.time)),
        Value::maybe(rpc.duration().map(TimeDelta::as_millis_f64), Value::Number),
        named(rpc.verdict.name()),
        Value::Flag(rpc.died()),
        Value::maybe(rpc.race.map(Race::name), named),
        named(rpc.processed.name()),
        named(rpc.outcome.name()),
        Value::maybe(rpc.doubt.map(Doubt::name), named),
        Value::maybe(rpc.taken_back.map(TakenBack::name), named),
        Value::maybe(rpc.grpc_status.as_deref(), peer),
        Value::maybe(rpc.http_status, |status| Value::Small(status.into())),
        Value::maybe(found.first(), |(rule, _)| named(rule)),
        Value::Texts(found.iter().map(|(rule, _)| (*rule).to_owned()).collect()),
        Value::Texts(found.iter().map(|(_, id)| id.clone()).collect()),
        Value::maybe(rpc.retried_as.as_ref(), call),
        Value::maybe(rpc.retry_of.as_ref(), call),
        Value::maybe(rpc.previous_attempts, |count| Value::Small(count.into())),
        Value::maybe(record.user_agent.as_deref(), peer),
        Value::maybe(record.server_header.as_deref(), peer),
        Value::maybe(final_goaway, |goaway| {
            Value::Whole(goaway.last_stream_id.0.into())
        }),
        Value::maybe(rpc.late_by.map(TimeDelta::as_millis_f64), Value::Number),
        Value::maybe(rpc.opened.map(|stamp| stamp.packet), packet),
        Value::maybe(rpc.ended.map(|stamp| stamp.packet), packet),
    ]
}

/// As `--around` takes it: `CONN:STREAM`.
fn call(link: &Link) -> Value {
    let call = link.call;
    Value::Text(format!("{}:{}", call.connection, call.stream))
}
