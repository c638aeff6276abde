//! A report as the page's script reads it: compact JSON, calls in columns.
//!
//! In: a [`Report`] with all calls. Out: one JSON value; moments are whole microseconds since the
//! capture's first packet. What never happens here: a byte from the wire that could move, hide or
//! reorder text; what is secret unless it was asked for; a dead call left out.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::clock::CaptureClock;
use super::labels;
use super::sample::sample;
use super::window::Spans;
use crate::capture::Stamp;
use crate::decode::Direction;
use crate::decode::tcp::Ending;
use crate::inspect::diagnosis::{Evidence, Finding};
use crate::inspect::report::Report;
use crate::inspect::{CallId, ConnectionRecord, GoAway, Link, Passage, Passing, Rpc, Verdict};
use crate::report::redact::Secrets;
use crate::report::{escape, json};

/// Everything the page shows.
pub(super) fn page(report: &Report, spans: Option<&Spans>, secrets: Secrets) -> Value {
    let clock = CaptureClock::of(report);
    let analysis = &report.analysis;
    let drawn = sample(&analysis.rpcs);
    let mut columns = Columns::new(clock, secrets);
    for rpc in &drawn.calls {
        columns.push(rpc);
    }
    json!({
        "tool": format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        "capture": {
            "files": report.files.iter().map(|file| file_name(&file.path)).collect::<Vec<_>>(),
            "packets": report.packets,
            // A string: nanoseconds since 1970 do not fit the numbers of the script.
            "start": report.first_packet.map(|first| first.to_string()),
            "length": report.last_packet.map(|last| clock.micros(last)),
        },
        "around": spans.and_then(|spans| spans.first()).map(|span| [span.start() / 1_000, span.end() / 1_000]),
        "counts": Verdict::ALL.map(|verdict| analysis.verdicts.of(verdict)),
        "verdicts": Verdict::ALL.map(Verdict::name),
        "words": labels::for_page(),
        "deaths": Verdict::ALL.map(Verdict::is_death),
        "thinned": { "of": drawn.healthy, "drawn": drawn.healthy_drawn },
        "connections": analysis.connections.iter().map(|record| connection(record, clock)).collect::<Vec<_>>(),
        "calls": columns.into_value(),
        "findings": analysis.findings.iter().map(|found| finding(found, clock)).collect::<Vec<_>>(),
    })
}

/// The calls, a list for each thing known of them; what many calls share is listed once.
struct Columns {
    clock: CaptureClock,
    secrets: Secrets,
    texts: Interned,
    fates: Interned,
    lists: Vec<(&'static str, Vec<Value>)>,
    /// Requested headers: a name, and the values of each call.
    headers: Vec<(String, Vec<Value>)>,
    /// Links between attempts: a call's place in the lists, and its retry.
    retries: Vec<Value>,
    count: usize,
}

impl Columns {
    fn new(clock: CaptureClock, secrets: Secrets) -> Self {
        Self {
            clock,
            secrets,
            texts: Interned::default(),
            fates: Interned::default(),
            lists: Vec::new(),
            headers: Vec::new(),
            retries: Vec::new(),
            count: 0,
        }
    }

    fn push(&mut self, rpc: &Rpc) {
        let method = self.secrets.method(rpc);
        let method = method.map(|method| escape::terminal(&method));
        let authority = rpc.authority.as_deref().map(escape::terminal);
        let method = self.texts.place(method.map(Value::from));
        let authority = self.texts.place(authority.map(Value::from));
        let fate = self.fates.place(Some(fate(rpc)));
        let micros = |stamp: Option<Stamp>| stamp.map(|stamp| self.clock.micros(stamp.time));
        let packet = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.packet);
        let file = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.file);
        let row = [
            ("conn", json!(rpc.id.connection)),
            ("stream", json!(rpc.id.stream)),
            ("verdict", json!(rpc.verdict as usize)),
            ("method", method),
            ("authority", authority),
            ("opened", json!(micros(rpc.opened))),
            ("ended", json!(micros(rpc.ended))),
            ("openedPacket", json!(packet(rpc.opened))),
            ("endedPacket", json!(packet(rpc.ended))),
            ("openedFile", json!(file(rpc.opened))),
            ("endedFile", json!(file(rpc.ended))),
            ("fate", fate),
            ("late", json!(rpc.late_by_nanos.map(|nanos| nanos / 1_000))),
            ("requests", json!(rpc.request_messages.0)),
            ("requestBytes", json!(rpc.request_messages.1)),
            ("responses", json!(rpc.response_messages.0)),
            ("responseBytes", json!(rpc.response_messages.1)),
        ];
        if self.lists.is_empty() {
            self.lists = row.iter().map(|(name, _)| (*name, Vec::new())).collect();
        }
        for ((_, list), (_, value)) in self.lists.iter_mut().zip(row) {
            list.push(value);
        }
        self.push_headers(rpc);
        if let Some(link) = &rpc.retried_as {
            self.retries.push(retry(self.count, link));
        }
        self.count += 1;
    }

    fn push_headers(&mut self, rpc: &Rpc) {
        if self.headers.is_empty() {
            let named = rpc.headers.iter();
            self.headers = named
                .map(|header| (escape::terminal(&header.name), Vec::new()))
                .collect();
        }
        for ((_, list), header) in self.headers.iter_mut().zip(&rpc.headers) {
            let values = header.values.iter().map(|value| match value {
                Some(value) => escape::terminal(&self.secrets.value(&header.name, value)),
                None => "?".to_owned(),
            });
            list.push(json!(values.collect::<Vec<_>>().join(", ")));
        }
    }

    fn into_value(self) -> Value {
        let same = |list: &[Value]| {
            list.first()
                .is_none_or(|first| list.iter().all(|value| value == first))
        };
        // A column that says the same of every call is said once.
        let lists = self.lists.into_iter().map(|(name, list)| {
            let value = match list.first() {
                Some(first) if same(&list) => json!({ "all": first }),
                _ => Value::Array(list),
            };
            (name.to_owned(), value)
        });
        let headers = self.headers.into_iter();
        json!({
            "count": self.count,
            "texts": self.texts.values,
            "fates": self.fates.values,
            "columns": lists.collect::<Map<_, _>>(),
            "headers": headers.map(|(name, values)| json!({ "name": name, "values": values })).collect::<Vec<_>>(),
            "retries": self.retries,
        })
    }
}

/// Values that many calls share, each kept once.
#[derive(Default)]
struct Interned {
    values: Vec<Value>,
    places: HashMap<String, usize>,
}

impl Interned {
    fn place(&mut self, value: Option<Value>) -> Value {
        let Some(value) = value else {
            return Value::Null;
        };
        let next = self.values.len();
        let place = *self.places.entry(value.to_string()).or_insert(next);
        if place == next {
            self.values.push(value);
        }
        json!(place)
    }
}

/// What else is known of a call's end, in the words of the report.
fn fate(rpc: &Rpc) -> Value {
    let mut known = Map::new();
    let mut tell = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            known.insert(name.to_owned(), value);
        }
    };
    tell("race", rpc.race.map(|race| race.name().into()));
    tell("processed", Some(rpc.processed.name().into()));
    tell("outcome", Some(rpc.outcome.name().into()));
    tell(
        "grpcStatus",
        rpc.grpc_status
            .as_deref()
            .map(|status| escape::terminal(status).into()),
    );
    tell(
        "grpcMessage",
        rpc.grpc_message
            .as_deref()
            .map(|text| escape::terminal(text).into()),
    );
    tell("httpStatus", rpc.http_status.map(Value::from));
    tell("error", rpc.error.map(|error| error.to_string().into()));
    let app_error = rpc.app_error.as_deref();
    tell(
        "appError",
        app_error.map(|text| escape::terminal(text.as_bytes()).into()),
    );
    Value::Object(known)
}

fn retry(place: usize, link: &Link) -> Value {
    let by = escape::terminal(link.by.as_bytes());
    json!([place, link.call.connection, link.call.stream, by])
}

fn connection(record: &ConnectionRecord, clock: CaptureClock) -> Value {
    let seen = |stamp: Stamp| seen(stamp, clock);
    let text = |bytes: &[u8]| escape::terminal(bytes);
    let close = record.close.map(|close| {
        json!({
            "by": close.by.sender(),
            "how": match close.ending { Ending::Fin => "FIN", Ending::Rst => "RST" },
            "seen": seen(close.stamp),
        })
    });
    let passages = record.passages.kept().iter();
    json!({
        "number": record.number,
        "tcpStream": record.tcp_stream,
        "client": record.client.to_string(),
        "server": record.server.to_string(),
        "transport": json::transport(record.transport),
        "opened": record.opened.map(seen),
        "recognised": seen(record.recognised),
        "close": close,
        "goaways": record.goaways.iter().map(|goaway| go_away(record, goaway, clock)).collect::<Vec<_>>(),
        "warned": record.warned,
        "settings": {
            "client": json::settings(record.client_settings.as_deref()),
            "server": json::settings(record.server_settings.as_deref()),
        },
        "pings": [record.pings.client, record.pings.server, record.pings.unanswered],
        "passages": passages.map(|passage| passing(passage, clock)).collect::<Vec<_>>(),
        "passagesLeftOut": record.passages.left_out(),
        "roundTrip": record.handshake.map(|handshake| handshake.nanos / 1_000),
        "retransmissions": record.network.retransmissions(),
        "missingBytes": record.missing.bytes,
        "counts": Verdict::ALL.map(|verdict| record.verdicts.of(verdict)),
        "clientStack": record.user_agent.as_deref().map(text),
        "serverStack": record.server_header.as_deref().map(text),
    })
}

fn go_away(record: &ConnectionRecord, goaway: &GoAway, clock: CaptureClock) -> Value {
    let at = clock.micros(goaway.stamp.time);
    // The handshake tells how far the capture was from either end, so when it left and arrived.
    let share = |nanos: Option<i64>| nanos.map(|nanos| nanos / 1_000);
    let from_server = share(
        record
            .handshake
            .and_then(|handshake| handshake.server_share_nanos()),
    );
    let to_client = share(
        record
            .handshake
            .and_then(|handshake| handshake.client_share_nanos()),
    );
    let (before, after) = match goaway.from {
        Direction::ServerToClient => (from_server, to_client),
        Direction::ClientToServer => (to_client, from_server),
    };
    json!({
        "from": goaway.from.sender(),
        "seen": seen(goaway.stamp, clock),
        "left": before.map(|before| at - before),
        "arrived": after.map(|after| at + after),
        "acknowledged": goaway.received.map(|stamp| seen(stamp, clock)),
        "last": goaway.last_stream_id.0,
        "announcement": goaway.is_announcement(),
        "final": record.final_goaway() == Some(goaway),
        "error": goaway.error.to_string(),
        "debug": escape::terminal(&goaway.debug_data),
        "beyond": goaway.streams_beyond,
    })
}

/// Microseconds, packet, and whether the server sent it; then which it was, and a ping's payload.
fn passing(passage: &Passage, clock: CaptureClock) -> Value {
    let (kind, payload) = match passage.passing {
        Passing::Settings => ("settings", None),
        Passing::SettingsAck => ("settings ack", None),
        Passing::Ping(payload) => ("ping", Some(payload)),
        Passing::PingAck(payload) => ("ping ack", Some(payload)),
    };
    let payload = payload.map(|payload| payload.map(|byte| format!("{byte:02x}")).concat());
    let micros = clock.micros(passage.stamp.time);
    let server = u8::from(passage.from == Direction::ServerToClient);
    json!([micros, passage.stamp.packet, server, kind, payload])
}

fn finding(finding: &Finding, clock: CaptureClock) -> Value {
    let plain = |text: &str| escape::terminal(text.as_bytes());
    let evidence = |proof: &Evidence| json!({ "seen": proof.stamp.map(|stamp| seen(stamp, clock)), "text": plain(&proof.text) });
    let call = |call: &CallId| json!([call.connection, call.stream]);
    json!({
        "rule": finding.rule,
        "severity": finding.severity.name(),
        "confidence": finding.confidence.name(),
        "title": plain(&finding.title),
        "connections": finding.connections,
        "calls": finding.rpcs.iter().map(call).collect::<Vec<_>>(),
        "evidence": finding.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "explanation": plain(&finding.explanation),
        "ruledOut": finding.ruled_out.iter().map(|text| plain(text)).collect::<Vec<_>>(),
        "advice": finding.advice.iter().map(|text| plain(text)).collect::<Vec<_>>(),
    })
}

/// Where and when: microseconds, packet, file.
fn seen(stamp: Stamp, clock: CaptureClock) -> Value {
    json!([clock.micros(stamp.time), stamp.packet, stamp.file])
}

/// The last part of a path: a page is passed on, and need not tell whose folder it was made in.
fn file_name(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    escape::terminal(name.as_bytes())
}
