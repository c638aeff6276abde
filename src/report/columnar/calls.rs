//! The table `calls`: a row for each call, those that went well included.
//!
//! In: a call and its connection. Out: its row.

use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::pool::TextPool;
use super::table::{RowCells, TableCell, TableColumn};
use super::told::CallFacts;
use super::{TableContext, ends};
use crate::capture::{Stamp, TimeDelta};
use crate::inspect::{CallId, ConnectionRecord, Doubt, Verdict};
use crate::report::escape;
use crate::report::redact::SecretDisplay;

pub(super) fn columns() -> Vec<TableColumn> {
    let mut columns = vec![TableColumn::whole("conn"), TableColumn::whole("stream")];
    columns.extend(ends::columns());
    columns.extend([
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
    ]);
    columns
}

/// By the bytes of a path, and whether it was inferred.
type MethodsByPath = FxHashMap<(Arc<[u8]>, bool), MethodCells>;

/// Makes rows; what many of them say is made once.
pub(super) struct CallRows<'a> {
    context: &'a TableContext<'a>,
    methods: MethodsByPath,
    peers: FxHashMap<Arc<[u8]>, TableCell>,
    connections: FxHashMap<u32, ConnectionCells>,
    texts: TextPool,
}

/// How many of each are kept.
const MAX_KEPT: usize = 1 << 14;

struct MethodCells {
    service: TableCell,
    method: TableCell,
}

/// What all calls of a connection say.
struct ConnectionCells {
    ends: Vec<TableCell>,
    client_stack: TableCell,
    server_stack: TableCell,
    last_stream_id: TableCell,
}

impl ConnectionCells {
    fn of(record: &ConnectionRecord, texts: &mut TextPool) -> Self {
        let mut peer = |bytes: Option<&[u8]>| {
            TableCell::maybe(bytes, |bytes| texts.cell(&escape::terminal(bytes)))
        };
        Self {
            client_stack: peer(record.user_agent.as_deref()),
            server_stack: peer(record.server_header.as_deref()),
            last_stream_id: TableCell::maybe(record.final_goaway(), |goaway| {
                TableCell::Whole(goaway.last_stream_id.0.into())
            }),
            ends: ends::cells(record, texts),
        }
    }
}

impl<'a> CallRows<'a> {
    pub(super) fn new(context: &'a TableContext<'a>) -> Self {
        Self {
            context,
            methods: FxHashMap::default(),
            peers: FxHashMap::default(),
            connections: FxHashMap::default(),
            texts: TextPool::default(),
        }
    }

    /// Makes the row of a call.
    pub(super) fn row(
        &mut self,
        call: &CallFacts,
        record: &ConnectionRecord,
        row: &mut RowCells<'_>,
    ) {
        let Self {
            context,
            methods,
            peers,
            connections,
            texts,
        } = self;
        let found = context.found.get(&call.id);
        let found = found.map_or(&[][..], Vec::as_slice);
        let doubt = (call.verdict == Verdict::Unknown.name())
            .then(|| record.doubt_about(call.opened, call.doubt));
        let packet = |packet: u64| TableCell::Whole(i64::try_from(packet).unwrap_or(i64::MAX));
        let word = |word: Option<&'static str>| TableCell::maybe(word, TableCell::word);
        let time = |stamp: Option<Stamp>| TableCell::maybe(stamp, |at| TableCell::Time(at.time));
        let milliseconds = |time: Option<TimeDelta>| {
            TableCell::maybe(time.map(TimeDelta::as_millis_f64), TableCell::Number)
        };
        let rules = found.iter().map(|(rule, _)| (*rule).to_owned());
        let ids = found.iter().map(|(_, id)| id.clone());
        let of_connection = kept(connections, record.number, || {
            ConnectionCells::of(record, texts)
        });
        row.push(&TableCell::Whole(call.id.connection.into()));
        row.push(&TableCell::Whole(call.id.stream.into()));
        row.extend(&of_connection.ends);
        row.push(peer(peers, call.authority.as_ref()));
        let MethodCells { service, method } = method_of(methods, call, context.secrets);
        row.push(service);
        row.push(method);
        row.push(&time(call.opened));
        row.push(&time(call.ended));
        row.push(&milliseconds(call.duration()));
        row.push(&TableCell::word(call.verdict));
        row.push(&TableCell::Flag(call.died));
        row.push(&word(call.race));
        row.push(&TableCell::word(call.processed));
        row.push(&TableCell::word(call.outcome));
        row.push(&word(doubt.map(Doubt::name)));
        row.push(&word(call.taken_back));
        row.push(peer(peers, call.grpc_status.as_ref()));
        row.push(&TableCell::maybe(call.http_status, |status| {
            TableCell::Small(status.into())
        }));
        row.push(&word(found.first().map(|(rule, _)| *rule)));
        row.push(&TableCell::texts(rules));
        row.push(&TableCell::texts(ids));
        row.push(&TableCell::maybe(call.retried_as, attempt));
        row.push(&TableCell::maybe(call.retry_of, attempt));
        row.push(&TableCell::maybe(call.previous_attempts, |count| {
            TableCell::Small(count.into())
        }));
        row.push(&of_connection.client_stack);
        row.push(&of_connection.server_stack);
        row.push(&of_connection.last_stream_id);
        row.push(&milliseconds(call.late_by));
        row.push(&TableCell::maybe(call.opened, |at| packet(at.packet)));
        row.push(&TableCell::maybe(call.ended, |at| packet(at.packet)));
    }
}

fn method_of<'m>(
    methods: &'m mut MethodsByPath,
    call: &CallFacts,
    secrets: SecretDisplay,
) -> &'m MethodCells {
    const NONE: &MethodCells = &MethodCells {
        service: TableCell::Null,
        method: TableCell::Null,
    };
    let Some(path) = &call.method else {
        return NONE;
    };
    let inferred = call.method_inferred;
    kept(methods, (Arc::clone(path), inferred), || {
        let method = escape::terminal(&secrets.named_method(path, inferred));
        let service = method
            .strip_prefix('/')
            .and_then(|path| path.split_once('/'));
        MethodCells {
            service: TableCell::maybe(service, |(service, _)| TableCell::text(service)),
            method: TableCell::text(method),
        }
    })
}

/// What a peer said.
fn peer<'p>(
    peers: &'p mut FxHashMap<Arc<[u8]>, TableCell>,
    bytes: Option<&Arc<[u8]>>,
) -> &'p TableCell {
    let Some(bytes) = bytes else {
        return &TableCell::Null;
    };
    kept(peers, Arc::clone(bytes), || {
        TableCell::text(escape::terminal(bytes))
    })
}

/// What is known by `key`, or what `make` makes of it. When too many are kept all are forgotten.
fn kept<K: Eq + Hash, T>(all: &mut FxHashMap<K, T>, key: K, make: impl FnOnce() -> T) -> &T {
    if all.len() >= MAX_KEPT && !all.contains_key(&key) {
        all.clear();
    }
    all.entry(key).or_insert_with(make)
}

/// As `--around` takes it: `CONN:STREAM`.
fn attempt(call: CallId) -> TableCell {
    TableCell::text(format!("{}:{}", call.connection, call.stream))
}
