//! A call as a span.
//!
//! In: a call, what is known of its connection, and where its retry stands. Out: a span after OpenTelemetry's semantic
//! conventions for RPC (1.45); what those have no name for is under `h2sniff.` and `http2.`.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::place::{SpanPlace, first_value};
use super::value::{attribute, nanos, text, whole};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::tcp::Handshake;
use crate::decode::{PerSide, Recognition};
use crate::inspect::{EndNames, GRPC_STATUSES, GoAway, Rpc, Verdict};
use crate::names::{IsServer, Name};
use crate::report::escape::terminal;
use crate::report::redact::SecretDisplay;
use crate::report::words;

/// STATUS_CODE_ERROR; what is no error has no status.
const ERROR: u8 = 2;

/// The statuses that are errors of a server too, after the conventions: the others are its client's.
const ERRORS_OF_SERVERS: [&str; 6] = [
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
];

/// A round trip shorter than this says nothing about where the capture was made.
const SHORT: TimeDelta = TimeDelta::from_micros(200);

/// What a span says of the connection that its call was on.
#[derive(Clone, Copy, Debug)]
pub struct SpanConnection<'a> {
    /// Its ends.
    pub ends: PerSide<SocketAddr>,
    /// Who is at them, as far as known.
    pub names: PerSide<Option<&'a Name>>,
    /// When it was recognised.
    pub recognised: Timestamp,
    /// How far the capture was from both ends.
    pub handshake: Option<Handshake>,
    /// Its GOAWAYs so far.
    pub goaways: &'a [GoAway],
}

impl<'a> SpanConnection<'a> {
    /// Of one that was recognised, with its names and its GOAWAYs so far.
    #[must_use]
    pub fn of(recognition: &Recognition, names: &'a EndNames, goaways: &'a [GoAway]) -> Self {
        Self {
            ends: PerSide {
                client: recognition.client,
                server: recognition.server,
            },
            names: of_names(names),
            recognised: recognition.recognised.time,
            handshake: recognition.handshake,
            goaways,
        }
    }

    /// When a call on it began, as far as the capture shows it.
    pub(super) fn began(&self, rpc: &Rpc) -> Timestamp {
        let stamp = rpc.opened.or(rpc.ended);
        stamp.map_or(self.recognised, |stamp| stamp.time)
    }

    pub(super) fn place(&self, rpc: &Rpc) -> SpanPlace {
        SpanPlace::of(rpc, self.ends, self.began(rpc))
    }

    /// Whose span it is: the client's, unless the server was far nearer to the capture.
    const fn kind(&self) -> SpanKind {
        let Some(Handshake {
            round_trip,
            beyond: Some(beyond),
        }) = self.handshake
        else {
            return SpanKind::Client;
        };
        let (all, beyond) = (round_trip.as_nanos(), beyond.as_nanos());
        if beyond >= 0 && all >= SHORT.as_nanos() && beyond <= all / 4 {
            SpanKind::Server
        } else {
            SpanKind::Client
        }
    }
}

/// The names of both ends, as a span takes them.
pub(super) fn of_names(names: &EndNames) -> PerSide<Option<&Name>> {
    PerSide {
        client: names.client.as_deref(),
        server: names.server.as_deref(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SpanKind {
    Server,
    Client,
}

impl SpanKind {
    /// SPAN_KIND_SERVER and SPAN_KIND_CLIENT.
    const fn number(self) -> u8 {
        match self {
            Self::Server => 2,
            Self::Client => 3,
        }
    }
}

/// The span of a call; `retry` is where the attempt stands that followed it.
pub(super) fn span(
    rpc: &Rpc,
    connection: &SpanConnection<'_>,
    retry: Option<SpanPlace>,
    secrets: SecretDisplay,
) -> Value {
    let place = connection.place(rpc);
    let kind = connection.kind();
    let begin = connection.began(rpc);
    let end = rpc.ended.map_or(begin, |stamp| stamp.time.max(begin));
    let method = secrets.method(rpc).map(|path| terminal(&path));
    // As the conventions have it: without the slash before the service.
    let method = method.map(|path| path.trim_start_matches('/').to_owned());
    let goaways = connection.goaways.iter().map(event);
    let links = retry.map(|retry| {
        let attributes = [attribute("h2sniff.link", text("retried_as"))];
        json!({"traceId": retry.trace, "spanId": retry.span, "attributes": attributes})
    });
    let mut span = json!({
        "traceId": place.trace,
        "spanId": place.span,
        "name": method.as_deref().unwrap_or("unknown"),
        "kind": kind.number(),
        "startTimeUnixNano": nanos(begin),
        "endTimeUnixNano": nanos(end),
        "attributes": attributes(rpc, connection, kind, method.as_deref()),
        "events": goaways.collect::<Vec<_>>(),
        "links": links.into_iter().collect::<Vec<_>>(),
    });
    if let Some(span) = span.as_object_mut() {
        if error_type(rpc, kind).is_some() {
            let status = json!({"code": ERROR, "message": words::verdict(rpc.verdict)});
            span.insert("status".to_owned(), status);
        }
        if let Some(parent) = place.parent {
            span.insert("parentSpanId".to_owned(), parent.into());
        }
    }
    span
}

fn attributes(
    rpc: &Rpc,
    connection: &SpanConnection<'_>,
    kind: SpanKind,
    method: Option<&str>,
) -> Vec<Value> {
    let PerSide { client, server } = connection.ends;
    let peer = match kind {
        SpanKind::Server => client,
        SpanKind::Client => server,
    };
    let (name, port) = authority(rpc, server);
    let mut attributes = vec![
        attribute("server.address", text(&name)),
        attribute("server.port", whole(port)),
        attribute("client.address", text(&client.ip().to_string())),
        attribute("client.port", whole(client.port())),
        attribute("network.peer.address", text(&peer.ip().to_string())),
        attribute("network.peer.port", whole(peer.port())),
        attribute("network.protocol.name", text("http")),
        attribute("network.protocol.version", text("2")),
        attribute("network.transport", text("tcp")),
        attribute("h2sniff.verdict", text(rpc.verdict.name())),
        attribute("h2sniff.processed", text(rpc.processed.name())),
        attribute("h2sniff.outcome", text(rpc.outcome.name())),
        attribute("http2.stream_id", whole(rpc.id.stream)),
    ];
    let mut add = |name: &str, value: Option<Value>| {
        attributes.extend(value.map(|value| attribute(name, value)));
    };
    if is_grpc(rpc) {
        add("rpc.system.name", Some(text("grpc")));
        add("rpc.method", method.map(text));
        let status = rpc.grpc_status.as_deref().map(grpc_status);
        add("rpc.response.status_code", status.as_deref().map(text));
    } else {
        let path = method.map(|method| format!("/{method}"));
        add("url.path", path.as_deref().map(text));
    }
    add("http.response.status_code", rpc.http_status.map(whole));
    add("error.type", error_type(rpc, kind).as_deref().map(text));
    add("h2sniff.race", rpc.race.map(|race| text(race.name())));
    add(
        "h2sniff.packet.opened",
        rpc.opened.map(|stamp| whole(stamp.packet)),
    );
    add(
        "h2sniff.packet.ended",
        rpc.ended.map(|stamp| whole(stamp.packet)),
    );
    let attempts = rpc.previous_attempts.map(whole);
    add("h2sniff.previous_attempts", attempts);
    let peer = match kind {
        SpanKind::Server => (connection.names.client, IsServer::No),
        SpanKind::Client => (connection.names.server, IsServer::Yes),
    };
    attributes.extend(peer_names(peer));
    attributes.extend(end_names("client", connection.names.client));
    attributes.extend(end_names("server", connection.names.server));
    attributes
}

/// What the other end is one of, as the conventions name it (1.45, "Service").
fn peer_names((name, is_server): (Option<&Name>, IsServer)) -> Vec<Value> {
    let Some(name) = name else {
        return Vec::new();
    };
    let (namespace, group) = name.group(is_server);
    let mut attributes = vec![attribute("service.peer.name", text(&group))];
    let namespace = namespace.map(|namespace| attribute("service.peer.namespace", text(namespace)));
    attributes.extend(namespace);
    attributes
}

/// Who is at one end. The names after `h2sniff.client.` and `h2sniff.server.` are those of the conventions for resources
/// (1.45, "Kubernetes"), which speak only of whoever sends a span, and that is neither.
fn end_names(end: &str, name: Option<&Name>) -> Vec<Value> {
    let Some(name) = name else {
        return Vec::new();
    };
    let parts = [
        ("k8s.namespace.name", &name.namespace),
        ("k8s.pod.name", &name.pod),
        ("k8s.service.name", &name.service),
        ("k8s.workload.name", &name.workload),
        ("k8s.node.name", &name.node),
        ("k8s.container.name", &name.container),
        ("process.command", &name.process),
        ("host.name", &name.host),
    ];
    let known = parts.into_iter().filter_map(|(key, part)| {
        let part = part.as_deref()?;
        Some(attribute(&format!("h2sniff.{end}.{key}"), text(part)))
    });
    known.collect()
}

fn event(goaway: &GoAway) -> Value {
    let attributes = [
        attribute(
            "http2.goaway.last_stream_id",
            whole(goaway.last_stream_id.0),
        ),
        attribute("http2.goaway.error_code", text(&goaway.error.to_string())),
        attribute("http2.goaway.sender", text(goaway.from.sender())),
        attribute("h2sniff.packet", whole(goaway.stamp.packet)),
    ];
    json!({"timeUnixNano": nanos(goaway.stamp.time), "name": "http2.goaway", "attributes": attributes})
}

/// The name and the port that the client called, and the address where it named none.
fn authority(rpc: &Rpc, server: SocketAddr) -> (String, u16) {
    let authority = rpc.authority.as_deref().map(terminal);
    let Some(authority) = authority.filter(|name| !name.is_empty()) else {
        return (server.ip().to_string(), server.port());
    };
    let divided = authority.rsplit_once(':');
    // An IPv6 address is in brackets.
    let divided = divided.filter(|(name, _)| !name.contains(':') || name.ends_with(']'));
    match divided.and_then(|(name, port)| Some((name, port.parse().ok()?))) {
        Some((name, port)) => (name.trim_matches(['[', ']']).to_owned(), port),
        None => (authority, server.port()),
    }
}

/// Whether the call is one of gRPC, as its request says, or its answer.
fn is_grpc(rpc: &Rpc) -> bool {
    match first_value(rpc, b"content-type") {
        Some(kind) => kind.starts_with(b"application/grpc"),
        None => rpc.grpc_status.is_some(),
    }
}

/// The name of a status; the number itself where it has none (gRPC, statuscodes.md).
fn grpc_status(status: &[u8]) -> String {
    let number = std::str::from_utf8(status)
        .ok()
        .and_then(|text| text.parse::<usize>().ok());
    match number.and_then(|number| GRPC_STATUSES.get(number)) {
        Some(name) => (*name).to_owned(),
        None => terminal(status),
    }
}

/// What kind of error it is, if it is one of this kind of span: how the call died, or its status.
fn error_type(rpc: &Rpc, kind: SpanKind) -> Option<String> {
    if rpc.died() {
        return Some(rpc.verdict.name().to_owned());
    }
    if rpc.verdict != Verdict::Status {
        return None;
    }
    let status = match (rpc.grpc_status.as_deref(), rpc.http_status) {
        (Some(status), _) if status != b"0" => grpc_status(status),
        (_, Some(status)) if status >= 400 => status.to_string(),
        // Of gRPC, and without a status.
        _ => rpc.verdict.name().to_owned(),
    };
    let is_error = match (kind, rpc.grpc_status.is_some()) {
        (SpanKind::Server, true) => ERRORS_OF_SERVERS.contains(&status.as_str()),
        (SpanKind::Server, false) => rpc.http_status.is_some_and(|status| status >= 500),
        (SpanKind::Client, _) => true,
    };
    is_error.then_some(status)
}
