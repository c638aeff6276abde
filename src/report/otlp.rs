//! `export --format otlp`: OTLP/JSON, one request a line, as a Collector's `otlpjsonfile` receiver and its HTTP endpoints
//! take it.
//!
//! In: a [`Report`] whose calls have their header `traceparent`. Out: a span for each call that died, child of the
//! application's own span where the request names one, with the GOAWAY as event and the retry as link; a log record for
//! each finding. Ids follow from what they name, so that a second export gives the same.

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::escape::{printable, terminal};
use super::format::ReportFormat;
use super::key::{DerivedKey, Shard};
use super::redact::SecretDisplay;
use crate::capture::{Stamp, Timestamp};
use crate::inspect::diagnosis::{Finding, Severity};
use crate::inspect::report::Report;
use crate::inspect::{CallId, ConnectionRecord, Rpc};

/// How many spans or log records stand in a line: some hundred kilobytes, below what collectors refuse.
const BATCH: usize = 256;

/// SPAN_KIND_CLIENT.
const CLIENT: u8 = 3;

/// STATUS_CODE_ERROR.
const ERROR: u8 = 2;

/// Spans and log records for an OpenTelemetry Collector.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// Whether credentials and queries are printed.
    pub secrets: SecretDisplay,
    /// Attributes of the resource: where the capture is from.
    pub labels: Vec<(String, String)>,
    /// Whose calls and findings are written.
    pub shard: Shard,
}

impl ReportFormat for Otlp {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let flows = report.analysis.connections.iter();
        let flows: HashMap<_, _> = flows.map(|record| (record.number, record)).collect();
        let calls = report.analysis.rpcs.iter();
        let calls: HashMap<_, _> = calls.map(|rpc| (rpc.id, rpc)).collect();
        let context = SpanContext {
            secrets: self.secrets,
            flows,
            calls,
            first: report.first_packet.unwrap_or_default(),
        };
        let resource = resource(&self.labels);
        let died: Vec<_> = report
            .analysis
            .rpcs
            .iter()
            .filter(|rpc| rpc.died() && context.is_in(self.shard, Some(rpc.id.connection)))
            .collect();
        for batch in died.chunks(BATCH) {
            let spans: Vec<_> = batch.iter().filter_map(|rpc| context.span(rpc)).collect();
            let scope = json!({"scope": scope(), "spans": spans});
            let line = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]});
            writeln!(out, "{line}")?;
        }
        let findings = report.analysis.findings.iter().filter(|finding| {
            let first = finding.rpcs.first().map(|call| call.connection);
            context.is_in(
                self.shard,
                first.or_else(|| finding.connections.first().copied()),
            )
        });
        let findings: Vec<_> = findings.collect();
        for batch in findings.chunks(BATCH) {
            let records: Vec<_> = batch.iter().map(|finding| context.log(finding)).collect();
            let scope = json!({"scope": scope(), "logRecords": records});
            let line = json!({"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]});
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

fn scope() -> Value {
    json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")})
}

fn resource(labels: &[(String, String)]) -> Value {
    let own = [attribute("service.name", text(env!("CARGO_PKG_NAME")))];
    let labels = labels
        .iter()
        .map(|(name, value)| attribute(name, text(value)));
    json!({"attributes": own.into_iter().chain(labels).collect::<Vec<_>>()})
}

fn attribute(name: &str, value: Value) -> Value {
    json!({"key": name, "value": value})
}

fn text(value: &str) -> Value {
    json!({"stringValue": value})
}

/// OTLP/JSON writes 64 bits as text.
fn whole(value: impl ToString) -> Value {
    json!({"intValue": value.to_string()})
}

fn nanos(time: Timestamp) -> String {
    time.nanos().to_string()
}

/// Where a span stands among all: ids in hex.
struct SpanPlace {
    trace: String,
    span: String,
    parent: Option<String>,
}

struct SpanContext<'a> {
    secrets: SecretDisplay,
    flows: HashMap<u32, &'a ConnectionRecord>,
    calls: HashMap<CallId, &'a Rpc>,
    first: Timestamp,
}

impl SpanContext<'_> {
    /// Whether what is known by its first connection is of this shard; the first shard takes what has none.
    fn is_in(&self, shard: Shard, connection: Option<u32>) -> bool {
        let record = connection.and_then(|number| self.flows.get(&number));
        record.map_or(shard.is_first(), |record| {
            shard.has((record.client, record.server))
        })
    }

    fn place(&self, rpc: &Rpc) -> Option<SpanPlace> {
        let record = self.flows.get(&rpc.id.connection)?;
        let mut key = DerivedKey::default();
        key.add(record.client.to_string().as_bytes());
        key.add(record.server.to_string().as_bytes());
        key.add(&rpc.id.stream.to_be_bytes());
        key.add(&began(rpc, record).nanos().to_be_bytes());
        let span = key.to_string();
        key.add(b"trace");
        Some(match application_span(rpc) {
            Some((trace, parent)) => SpanPlace {
                trace,
                span,
                parent: Some(parent),
            },
            None => SpanPlace {
                trace: format!("{span}{key}"),
                span,
                parent: None,
            },
        })
    }

    fn span(&self, rpc: &Rpc) -> Option<Value> {
        let record = self.flows.get(&rpc.id.connection)?;
        let place = self.place(rpc)?;
        let method = self.secrets.method(rpc).map(|path| terminal(&path));
        // As the conventions have it: without the slash before the service.
        let method = method.map(|path| path.trim_start_matches('/').to_owned());
        let begin = began(rpc, record);
        let end = rpc.ended.map_or(begin, |stamp| stamp.time.max(begin));
        let mut attributes = vec![
            attribute("rpc.system.name", text("grpc")),
            attribute(
                "network.peer.address",
                text(&record.server.ip().to_string()),
            ),
            attribute("network.peer.port", whole(record.server.port())),
            attribute("network.protocol.name", text("http")),
            attribute("network.protocol.version", text("2")),
            attribute("network.transport", text("tcp")),
            attribute("client.address", text(&record.client.ip().to_string())),
            attribute("client.port", whole(record.client.port())),
            attribute("error.type", text(rpc.verdict.name())),
            attribute("h2sniff.verdict", text(rpc.verdict.name())),
            attribute("h2sniff.processed", text(rpc.processed.name())),
            attribute("h2sniff.outcome", text(rpc.outcome.name())),
            attribute("http2.stream_id", whole(rpc.id.stream)),
        ];
        attributes.extend(
            method
                .as_deref()
                .map(|method| attribute("rpc.method", text(method))),
        );
        attributes.extend(
            rpc.race
                .map(|race| attribute("h2sniff.race", text(race.name()))),
        );
        let authority = rpc.authority.as_deref().map(terminal);
        attributes.extend(authority.map(|name| attribute("server.address", text(&name))));
        for (name, stamp) in [("opened", rpc.opened), ("ended", rpc.ended)] {
            let name = format!("h2sniff.packet.{name}");
            attributes.extend(stamp.map(|stamp| attribute(&name, whole(stamp.packet))));
        }
        let goaways = record.goaways.iter().map(|goaway| {
            let attributes = [
                attribute("http2.goaway.last_stream_id", whole(goaway.last_stream_id.0)),
                attribute("http2.goaway.error_code", text(&goaway.error.to_string())),
                attribute("http2.goaway.sender", text(goaway.from.sender())),
                attribute("h2sniff.packet", whole(goaway.stamp.packet)),
            ];
            json!({"timeUnixNano": nanos(goaway.stamp.time), "name": "http2.goaway", "attributes": attributes})
        });
        let retried = rpc.retried_as.as_ref();
        let links = retried.and_then(|link| {
            let place = self.place(self.calls.get(&link.call)?)?;
            let attributes = [attribute("h2sniff.link", text("retried_as"))];
            Some(json!({"traceId": place.trace, "spanId": place.span, "attributes": attributes}))
        });
        let mut span = json!({
            "traceId": place.trace,
            "spanId": place.span,
            "name": method.as_deref().unwrap_or("unknown"),
            "kind": CLIENT,
            "startTimeUnixNano": nanos(begin),
            "endTimeUnixNano": nanos(end),
            "attributes": attributes,
            "events": goaways.collect::<Vec<_>>(),
            "links": links.into_iter().collect::<Vec<_>>(),
            "status": {"code": ERROR, "message": super::words::verdict(rpc.verdict)},
        });
        if let (Some(parent), Some(span)) = (place.parent, span.as_object_mut()) {
            span.insert("parentSpanId".to_owned(), parent.into());
        }
        Some(span)
    }

    fn log(&self, finding: &Finding) -> Value {
        let (number, name) = match finding.severity {
            Severity::Error => (17, "ERROR"),
            Severity::Warning => (13, "WARN"),
            Severity::Info => (9, "INFO"),
        };
        let stamps = finding.evidence.iter().filter_map(|proof| proof.stamp);
        let stamps: Vec<Stamp> = stamps.collect();
        let time = stamps.iter().map(|stamp| stamp.time).min();
        let packets: Vec<_> = stamps.iter().map(|stamp| whole(stamp.packet)).collect();
        let mut attributes = vec![
            attribute("h2sniff.rule", text(finding.rule)),
            attribute("h2sniff.confidence", text(finding.confidence.name())),
            attribute("h2sniff.rpcs", whole(finding.rpcs.len())),
            attribute(
                "h2sniff.packets",
                json!({"arrayValue": {"values": packets}}),
            ),
            attribute(
                "h2sniff.explanation",
                text(&printable(&finding.explanation)),
            ),
        ];
        if let Some(server) = finding.server {
            attributes.push(attribute("server.address", text(&server.ip().to_string())));
            attributes.push(attribute("server.port", whole(server.port())));
        }
        let mut record = json!({
            "timeUnixNano": nanos(time.unwrap_or(self.first)),
            "severityNumber": number,
            "severityText": name,
            "eventName": format!("h2sniff.{}", finding.rule),
            "body": text(&printable(&finding.title)),
            "attributes": attributes,
        });
        let first = finding.rpcs.first().and_then(|call| self.calls.get(call));
        if let (Some(place), Some(record)) = (
            first.and_then(|rpc| self.place(rpc)),
            record.as_object_mut(),
        ) {
            record.insert("traceId".to_owned(), place.trace.into());
            record.insert("spanId".to_owned(), place.span.into());
        }
        record
    }
}

fn began(rpc: &Rpc, record: &ConnectionRecord) -> Timestamp {
    rpc.opened.or(rpc.ended).unwrap_or(record.recognised).time
}

/// The trace and the span that the request names: `00-TRACE-SPAN-FLAGS` (W3C Trace Context, section 3.2).
fn application_span(rpc: &Rpc) -> Option<(String, String)> {
    let header = rpc
        .headers
        .iter()
        .find(|header| &*header.name == b"traceparent")?;
    let value = std::str::from_utf8(header.values.first()?.as_deref()?).ok()?;
    let mut parts = value.trim().split('-');
    let version = parts.next()?;
    let (trace, span) = (parts.next()?, parts.next()?);
    let is_id = |text: &str, length: usize| {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == length && text.bytes().all(is_hex) && text.bytes().any(|byte| byte != b'0')
    };
    let known = version.len() == 2 && version != "ff";
    (known && is_id(trace, 32) && is_id(span, 16)).then(|| (trace.to_owned(), span.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::capture::Capture;
    use crate::inspect::RequestedHeader;
    use crate::inspect::Verdict;
    use crate::pipeline;

    fn lines(shard: Shard) -> Vec<Value> {
        let mut capture = Capture::open(&["fixtures/grace-cut.pcap".into()]).unwrap();
        let report = pipeline::analyze(&mut capture, pipeline::Options::default()).unwrap();
        let format = Otlp {
            secrets: SecretDisplay::Redacted,
            labels: vec![("node".into(), "node-7".into())],
            shard,
        };
        let mut out = Vec::new();
        format.write(&report, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn spans(lines: &[Value]) -> Vec<Value> {
        let batches = lines
            .iter()
            .filter_map(|line| line["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array());
        batches.flatten().cloned().collect()
    }

    #[test]
    fn each_victim_is_one_span_with_the_goaway_that_killed_it() {
        let lines = lines(Shard::default());
        let spans = spans(&lines);
        assert_eq!(spans.len(), 116);
        let ids: HashSet<_> = spans
            .iter()
            .map(|span| span["spanId"].to_string())
            .collect();
        assert_eq!(ids.len(), 116);
        for span in &spans {
            assert_eq!(span["events"][0]["name"], "http2.goaway", "{span}");
            assert_eq!(span["traceId"].as_str().map(str::len), Some(32));
            assert_eq!(span["spanId"].as_str().map(str::len), Some(16));
        }
        let log = &lines.last().unwrap()["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(log["eventName"], "h2sniff.grace-expired");
        assert_eq!(
            spans
                .iter()
                .filter(|span| span["spanId"] == log["spanId"])
                .count(),
            1
        );
    }

    #[test]
    fn a_second_export_doubles_nothing_and_shards_share_the_victims() {
        assert_eq!(lines(Shard::default()), lines(Shard::default()));
        let shards = (1..=8).filter_map(|number| Shard::new(number, 8));
        let parts: usize = shards.map(|shard| spans(&lines(shard)).len()).sum();
        assert_eq!(parts, 116);
    }

    #[test]
    fn the_applications_own_span_is_the_parent_where_the_request_names_it() {
        let with = |value: &str| {
            let mut rpc = Rpc::bare(
                CallId {
                    connection: 0,
                    stream: 1,
                },
                Verdict::Refused,
            );
            rpc.headers.push(RequestedHeader {
                name: b"traceparent".as_slice().into(),
                values: vec![Some(value.as_bytes().into())],
            });
            application_span(&rpc)
        };
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736".to_owned();
        assert_eq!(
            with("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            Some((trace, "00f067aa0ba902b7".to_owned()))
        );
        for refused in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf9-00f067aa0ba902b7-01",
        ] {
            assert_eq!(with(refused), None, "{refused}");
        }
    }
}
