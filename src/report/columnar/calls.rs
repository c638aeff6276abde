//! The table `calls`: a row for each call, those that went well included.
//!
//! In: a call and its connection. Out: its row.

use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::pool::TextPool;
use super::table::{TableCell, TableColumn};
use super::told::CallFacts;
use super::{TableContext, ends};
use crate::capture::TimeDelta;
use crate::inspect::{CallId, ConnectionRecord, Doubt, Verdict};
use crate::report::escape;

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

/// Makes rows; what many of them say is made once.
pub(super) struct CallRows<'a> {
    context: &'a TableContext<'a>,
    /// By the bytes of a path, and whether it was inferred.
    methods: FxHashMap<(Arc<[u8]>, bool), MethodCells>,
    peers: FxHashMap<Arc<[u8]>, TableCell>,
    connections: FxHashMap<u32, ConnectionCells>,
    texts: TextPool,
}

/// How many of each are kept.
const MAX_KEPT: usize = 1 << 14;

#[derive(Clone)]
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

    /// Makes the row of a call in `row`, which is empty.
    pub(super) fn row(
        &mut self,
        call: &CallFacts,
        record: &ConnectionRecord,
        row: &mut Vec<TableCell>,
    ) {
        let MethodCells { service, method } = self.method(call);
        let authority = self.peer(call.authority.as_ref());
        let grpc_status = self.peer(call.grpc_status.as_ref());
        let found = self.context.found.get(&call.id);
        let found = found.map_or(&[][..], Vec::as_slice);
        let doubt = (call.verdict == Verdict::Unknown.name())
            .then(|| record.doubt_about(call.opened, call.doubt));
        let packet = |packet: u64| TableCell::Whole(i64::try_from(packet).unwrap_or(i64::MAX));
        let rules = found.iter().map(|(rule, _)| (*rule).to_owned());
        let ids = found.iter().map(|(_, id)| id.clone());
        let Self {
            connections, texts, ..
        } = self;
        let cells = kept(connections, record.number, || {
            ConnectionCells::of(record, texts)
        });
        row.extend([
            TableCell::Whole(call.id.connection.into()),
            TableCell::Whole(call.id.stream.into()),
        ]);
        row.extend_from_slice(&cells.ends);
        row.extend([
            authority,
            service,
            method,
            TableCell::maybe(call.opened, |stamp| TableCell::Time(stamp.time)),
            TableCell::maybe(call.ended, |stamp| TableCell::Time(stamp.time)),
            TableCell::maybe(
                call.duration().map(TimeDelta::as_millis_f64),
                TableCell::Number,
            ),
            TableCell::word(call.verdict),
            TableCell::Flag(call.died),
            TableCell::maybe(call.race, TableCell::word),
            TableCell::word(call.processed),
            TableCell::word(call.outcome),
            TableCell::maybe(doubt.map(Doubt::name), TableCell::word),
            TableCell::maybe(call.taken_back, TableCell::word),
            grpc_status,
            TableCell::maybe(call.http_status, |status| TableCell::Small(status.into())),
            TableCell::maybe(found.first(), |(rule, _)| TableCell::word(rule)),
            TableCell::texts(rules),
            TableCell::texts(ids),
            TableCell::maybe(call.retried_as, attempt),
            TableCell::maybe(call.retry_of, attempt),
            TableCell::maybe(call.previous_attempts, |count| {
                TableCell::Small(count.into())
            }),
            cells.client_stack.clone(),
            cells.server_stack.clone(),
            cells.last_stream_id.clone(),
            TableCell::maybe(
                call.late_by.map(TimeDelta::as_millis_f64),
                TableCell::Number,
            ),
            TableCell::maybe(call.opened.map(|stamp| stamp.packet), packet),
            TableCell::maybe(call.ended.map(|stamp| stamp.packet), packet),
        ]);
    }

    fn method(&mut self, call: &CallFacts) -> MethodCells {
        let Some(path) = &call.method else {
            return MethodCells {
                service: TableCell::Null,
                method: TableCell::Null,
            };
        };
        let secrets = self.context.secrets;
        let inferred = call.method_inferred;
        let key = (Arc::clone(path), inferred);
        kept(&mut self.methods, key, || {
            let method = escape::terminal(&secrets.named_method(path, inferred));
            let service = method
                .strip_prefix('/')
                .and_then(|path| path.split_once('/'));
            MethodCells {
                service: TableCell::maybe(service, |(service, _)| TableCell::text(service)),
                method: TableCell::text(method),
            }
        })
        .clone()
    }

    fn peer(&mut self, bytes: Option<&Arc<[u8]>>) -> TableCell {
        let Some(bytes) = bytes else {
            return TableCell::Null;
        };
        kept(&mut self.peers, Arc::clone(bytes), || {
            TableCell::text(escape::terminal(bytes))
        })
        .clone()
    }
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
