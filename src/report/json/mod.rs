//! `analyze --format json`: the contract that scripts build on, `h2sniff.report/1`.

mod connection;
pub(super) mod frame;
pub mod live;

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::escape;
use super::redact::Secrets;
use crate::capture::{FileSummary, Stamp, Timestamp};
use crate::decode::anomaly::Anomaly;
use crate::decode::http2::SettingId;
use crate::decode::tcp::Ending;
use crate::decode::tls::Facts;
use crate::decode::{Guess, Recognition, Transport};
use crate::inspect::diagnosis::{Confidence, Evidence, Finding};
use crate::inspect::report::Report;
use crate::inspect::{
    CallId, ConnectionRecord, Doubt, Estimate, GoAway, Link, RequestedHeader, Rpc, Server,
};
use connection::durations;

/// Several captures: then `file` stands beside every `packet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// One.
    One,
    /// Several.
    Several,
}

/// The whole report.
#[must_use]
pub fn report(report: &Report, secrets: Secrets) -> Value {
    let files = files_of(report);
    let mut whole = frame(report);
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("connections".into(), connections(report, files).collect());
        whole.insert("rpcs".into(), rpcs(report, files, secrets).collect());
    }
    whole
}

/// Writes the whole report, its long lists piece by piece: as text they are many times larger than what
/// they tell.
///
/// # Errors
///
/// Those of `out`.
pub fn write(report: &Report, secrets: Secrets, out: &mut dyn Write) -> io::Result<()> {
    let files = files_of(report);
    let frame = serde_json::to_string_pretty(&frame(report)).map_err(io::Error::from)?;
    for line in frame.lines() {
        match line {
            "  \"connections\": []," => list(out, "connections", connections(report, files))?,
            "  \"rpcs\": []," => list(out, "rpcs", rpcs(report, files, secrets))?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// A list of the report, as it stands in the whole.
fn list(out: &mut dyn Write, name: &str, items: impl Iterator<Item = Value>) -> io::Result<()> {
    let mut separator = format!("  \"{name}\": [");
    let mut any = false;
    for item in items {
        write!(out, "{separator}")?;
        let item = serde_json::to_string_pretty(&item).map_err(io::Error::from)?;
        for line in item.lines() {
            write!(out, "\n    {line}")?;
        }
        separator = ",".to_owned();
        any = true;
    }
    match any {
        true => writeln!(out, "\n  ],"),
        false => writeln!(out, "{separator}],"),
    }
}

const fn files_of(report: &Report) -> Files {
    if report.files.len() > 1 {
        Files::Several
    } else {
        Files::One
    }
}

fn connections(report: &Report, files: Files) -> impl Iterator<Item = Value> {
    let records = report.analysis.connections.iter();
    records.map(move |record| connection(record, files))
}

fn rpcs(report: &Report, files: Files, secrets: Secrets) -> impl Iterator<Item = Value> {
    let calls = report.analysis.rpcs.iter();
    calls.map(move |call| rpc(call, files, secrets))
}

/// The report without its long lists.
fn frame(report: &Report) -> Value {
    let files = files_of(report);
    let analysis = &report.analysis;
    json!({
        "schema": "h2sniff.report/1",
        "tool": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
        "capture": {
            "files": report.files.iter().map(file).collect::<Vec<_>>(),
            "packets": report.packets,
            "bytes": report.bytes,
            "first_packet": report.first_packet.map(time),
            "last_packet": report.last_packet.map(time),
        },
        "connections": [],
        "rpcs": [],
        "servers": analysis.servers.iter().map(server).collect::<Vec<_>>(),
        "findings": analysis.findings.iter().map(|found| finding(found, files)).collect::<Vec<_>>(),
        "anomalies": report.anomalies.iter().map(|odd| anomaly(odd, files)).collect::<Vec<_>>(),
        "given_up": given_up(report),
    })
}

/// What was given up to stay within limits: nothing, unless a capture is hostile or very large.
fn given_up(report: &Report) -> Value {
    let decoding = &report.given_up;
    let listing = &report.analysis.given_up;
    json!({
        "connections": decoding.connections,
        "unrelated_connections": decoding.others,
        "holes": decoding.holes,
        "undecided": decoding.undecided,
        "sessions": decoding.sessions,
        "unlisted_connections": listing.connections,
        "unlisted_rpcs": listing.rpcs,
    })
}

/// One of `connections`.
#[must_use]
pub fn connection(record: &ConnectionRecord, files: Files) -> Value {
    let close = record.close.map(|close| {
        with_packet(
            json!({ "by": close.by.sender(), "how": ending(close.ending) }),
            "packet",
            Some(close.stamp),
            files,
        )
    });
    json!({
        "conn": record.number,
        "tcp_stream": record.tcp_stream,
        "client": record.client.to_string(),
        "server": record.server.to_string(),
        "transport": transport(record.transport),
        "preface_seen": record.preface_seen,
        "recognition": recognition(record.preface_seen, record.guess),
        "opened": record.opened.map(|stamp| time(stamp.time)),
        "closed": record.close.map(|close| time(close.stamp.time)),
        "close": close,
        "streams": { "opened": record.streams_opened, "highest": record.highest_stream },
        "goaways": record.goaways.iter().map(|goaway| go_away(goaway, files)).collect::<Vec<_>>(),
        "settings": {
            "client": settings(record.client_settings.as_deref()),
            "server": settings(record.server_settings.as_deref()),
        },
        "pings": {
            "client": record.pings.client,
            "server": record.pings.server,
            "unanswered": record.pings.unanswered,
            "rtt_ms": {
                "client": durations(&record.pings.client_round_trips),
                "server": durations(&record.pings.server_round_trips),
            },
        },
        "tcp": connection::tcp(record, files),
        "missing": connection::missing(record, files),
        "flow_control": connection::flow_control(&record.traffic),
        "concurrency": connection::concurrency(&record.traffic),
        "client_stack": record.user_agent.as_deref().map(escape::text),
        "server_stack": record.server_header.as_deref().map(escape::text),
        "tls": record.tls.as_ref().map(tls),
    })
}

/// What a connection was known by, and how sure that is of its protocol and of who its client is.
fn recognition(preface_seen: bool, guess: Option<Guess>) -> Option<Value> {
    let (by, confidence) = match guess {
        None if !preface_seen => return None,
        None => ("preface", Confidence::Certain),
        Some(Guess::Frames) => ("frames", Confidence::Likely),
        Some(Guess::FramesAndPorts) => ("frames_and_ports", Confidence::Possible),
    };
    Some(json!({ "by": by, "confidence": confidence.name() }))
}

/// What a connection's first sight tells of it.
pub(super) fn connection_seen(number: u32, recognition: &Recognition) -> Value {
    json!({
        "conn": number,
        "tcp_stream": recognition.tcp_stream,
        "client": recognition.client.to_string(),
        "server": recognition.server.to_string(),
        "transport": transport(recognition.transport),
        "preface_seen": recognition.preface_seen,
        "opened": recognition.opened.map(|stamp| time(stamp.time)),
    })
}

/// One of `rpcs`.
#[must_use]
pub fn rpc(rpc: &Rpc, files: Files, secrets: Secrets) -> Value {
    let mut packets = json!({
        "opened": rpc.opened.map(|stamp| stamp.packet),
        "ended": rpc.ended.map(|stamp| stamp.packet),
    });
    if files == Files::Several
        && let Some(packets) = packets.as_object_mut()
    {
        packets.insert(
            "opened_file".into(),
            json!(rpc.opened.map(|stamp| stamp.file)),
        );
        packets.insert(
            "ended_file".into(),
            json!(rpc.ended.map(|stamp| stamp.file)),
        );
    }
    let method = rpc
        .method
        .as_deref()
        .map(|path| escape::text(&secrets.path(path)).into_owned());
    json!({
        "conn": rpc.id.connection,
        "stream": rpc.id.stream,
        "method": method,
        "method_inferred": rpc.method_inferred,
        "authority": rpc.authority.as_deref().map(escape::text),
        "opened": rpc.opened.map(|stamp| time(stamp.time)),
        "ended": rpc.ended.map(|stamp| time(stamp.time)),
        "duration_ms": rpc.duration_nanos().map(milliseconds),
        "packets": packets,
        "verdict": rpc.verdict.name(),
        "doubt": rpc.doubt.map(Doubt::name),
        "race": rpc.race.map(|race| race.name()),
        "late_by_ms": rpc.late_by_nanos.map(milliseconds),
        "processed": rpc.processed.name(),
        "grpc_status": rpc.grpc_status.as_deref().map(escape::text),
        "grpc_message": rpc.grpc_message.as_deref().map(escape::text),
        "http_status": rpc.http_status,
        "error": rpc.error.map(|error| error.to_string()),
        "retried_as": rpc.retried_as.as_ref().map(link),
        "retry_of": rpc.retry_of.as_ref().map(link),
        "outcome": rpc.outcome.name(),
        "app_error": rpc.app_error,
        "headers": headers(&rpc.headers, secrets),
        "messages": {
            "request": { "count": rpc.request_messages.0, "bytes": rpc.request_messages.1 },
            "response": { "count": rpc.response_messages.0, "bytes": rpc.response_messages.1 },
        },
    })
}

/// One of `findings`.
#[must_use]
pub fn finding(finding: &Finding, files: Files) -> Value {
    json!({
        "rule": finding.rule,
        "severity": finding.severity.name(),
        "confidence": finding.confidence.name(),
        "title": finding.title,
        "connections": finding.connections,
        "rpcs": finding.rpcs.iter().map(call).collect::<Vec<_>>(),
        "evidence": finding.evidence.iter().map(|proof| evidence(proof, files)).collect::<Vec<_>>(),
        "explanation": explanation(finding),
        "ruled_out": finding.ruled_out,
        "advice": finding.advice,
    })
}

/// Why, and what it was not: the contract has both in one text.
fn explanation(finding: &Finding) -> String {
    if finding.ruled_out.is_empty() {
        return finding.explanation.clone();
    }
    format!(
        "{} Not to blame: {}.",
        finding.explanation,
        finding.ruled_out.join("; ")
    )
}

fn file(file: &FileSummary) -> Value {
    json!({
        "path": file.path,
        "format": file.format.name(),
        "compression": file.compression.map(|compression| compression.name()),
        "packets": file.packets,
        "bytes": file.bytes,
        "first_packet": file.first.map(time),
        "last_packet": file.last.map(time),
        "interfaces": file.interfaces.iter().map(|interface| json!({
            "name": interface.name,
            "link_type": interface.link_type.to_string(),
        })).collect::<Vec<_>>(),
    })
}

pub(super) fn go_away(goaway: &GoAway, files: Files) -> Value {
    let value = json!({
        "from": goaway.from.sender(),
        "time": time(goaway.stamp.time),
        "last_stream_id": goaway.last_stream_id.0,
        "error": goaway.error.to_string(),
        "debug_data": escape::text(&goaway.debug_data),
        "streams_beyond": goaway.streams_beyond,
    });
    with_packet(value, "packet", Some(goaway.stamp), files)
}

fn server(server: &Server) -> Value {
    let inferred = &server.inferred;
    json!({
        "address": server.address.to_string(),
        "connections": server.connections,
        "inferred": {
            "max_connection_age_s": inferred.max_connection_age.map(estimate),
            "max_connection_age_grace_s": inferred.max_connection_age_grace.map(estimate),
            "max_connection_idle_s": inferred.max_connection_idle.map(estimate),
            "keepalive_time_s": inferred.keepalive_time.map(estimate),
            "client_keepalive_time_s": inferred.client_keepalive_time.map(estimate),
            "requests_per_connection": inferred.requests_per_connection.map(estimate),
            "stack": inferred.stack.as_ref().map(|stack| json!({
                "value": escape::text(stack.name.as_bytes()),
                "samples": stack.samples,
                "confidence": stack.confidence.name(),
            })),
        },
    })
}

fn estimate(estimate: Estimate) -> Value {
    json!({
        "value": estimate.value,
        "samples": estimate.samples,
        "min": estimate.min,
        "max": estimate.max,
        "confidence": estimate.confidence.name(),
    })
}

fn evidence(evidence: &Evidence, files: Files) -> Value {
    let value = json!({
        "time": evidence.stamp.map(|stamp| time(stamp.time)),
        "text": evidence.text,
    });
    with_packet(value, "packet", evidence.stamp, files)
}

fn anomaly(anomaly: &Anomaly, files: Files) -> Value {
    let value = json!({
        "layer": anomaly.layer.name(),
        "text": anomaly.text,
        "conn": anomaly.connection,
        "count": anomaly.count,
    });
    with_packet(value, "packet", anomaly.stamp, files)
}

/// Adds a packet's number, and its file where there are several.
pub(super) fn with_packet(
    mut value: Value,
    key: &str,
    stamp: Option<Stamp>,
    files: Files,
) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.insert(key.into(), json!(stamp.map(|stamp| stamp.packet)));
        if files == Files::Several {
            object.insert("file".into(), json!(stamp.map(|stamp| stamp.file)));
        }
    }
    value
}

pub(super) fn settings(settings: Option<&[(SettingId, u32)]>) -> Value {
    let object = settings.map(|settings| {
        settings
            .iter()
            .map(|(id, value)| (id.to_string(), json!(value)))
            .collect::<Map<_, _>>()
    });
    object.map_or(Value::Null, Value::Object)
}

fn headers(headers: &[RequestedHeader], secrets: Secrets) -> Value {
    let object = headers.iter().map(|header| {
        let values = header.values.iter().map(|value| {
            value
                .as_deref()
                .map(|value| escape::text(&secrets.value(&header.name, value)).into_owned())
        });
        (
            escape::text(&header.name).into_owned(),
            json!(values.collect::<Vec<_>>()),
        )
    });
    Value::Object(object.collect())
}

fn link(link: &Link) -> Value {
    json!({ "conn": link.call.connection, "stream": link.call.stream, "linked_by": link.by })
}

fn call(call: &CallId) -> Value {
    json!({ "conn": call.connection, "stream": call.stream })
}

pub(super) fn time(moment: Timestamp) -> String {
    moment.to_string()
}

/// Milliseconds, to the nanosecond.
#[allow(clippy::cast_precision_loss)]
pub(super) fn milliseconds(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

fn tls(facts: &Facts) -> Value {
    json!({
        "version": facts.version.map(|version| version.to_string()),
        "cipher": facts.cipher.map(|cipher| cipher.to_string()),
        "alpn": facts.alpn.as_deref().map(escape::text),
        "server_name": facts.server_name.as_deref().map(|name| escape::text(name.as_bytes())),
    })
}

const fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Fin => "fin",
        Ending::Rst => "rst",
    }
}

pub(super) const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::H2c => "h2c",
        Transport::H2 => "h2",
        Transport::Tls => "tls",
        Transport::NotHttp2 => "not-http2",
        Transport::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Verdict;
    use crate::report::view::tests as told;

    #[test]
    fn a_report_written_piece_by_piece_is_the_whole_report() {
        let calls = [
            told::rpc(0, 1, Verdict::Refused),
            told::rpc(0, 3, Verdict::Status),
        ];
        let mut several = Report::default();
        several.analysis.connections = vec![told::connection(0), told::connection(1)];
        several.analysis.rpcs = calls.into();
        for whole in [Report::default(), several] {
            let mut written = Vec::new();
            write(&whole, Secrets::Redacted, &mut written).unwrap();
            let at_once = serde_json::to_string_pretty(&report(&whole, Secrets::Redacted));
            let at_once = format!("{}\n", at_once.unwrap());
            assert_eq!(String::from_utf8(written).unwrap(), at_once);
        }
    }
}
