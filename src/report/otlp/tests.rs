//! In: captures and calls. Out: what their spans and log records say.

use std::collections::HashSet;

use super::place::application_span;
use super::*;
use crate::capture::{Capture, Stamp, TimeDelta};
use crate::decode::tcp::Handshake;
use crate::inspect::{Link, Outcome, RequestedHeader, Verdict};
use crate::names::{Name, NameSource};
use crate::pipeline;

fn otlp(shard: Shard) -> Otlp {
    Otlp {
        secrets: SecretDisplay::Redacted,
        labels: vec![("node".into(), "node-7".into())],
        shard,
        spans: SpansOf::Died,
    }
}

fn lines(shard: Shard) -> Vec<Value> {
    let mut capture = Capture::open(&["fixtures/grace-cut.pcap".into()]).unwrap();
    let report = pipeline::analyze(&mut capture, pipeline::Options::default()).unwrap();
    let mut out = Vec::new();
    otlp(shard).write(&report, &mut out).unwrap();
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

/// An attribute, whatever its type.
fn value<'a>(record: &'a Value, name: &str) -> Option<&'a Value> {
    let mut attributes = record["attributes"].as_array()?.iter();
    let found = attributes.find(|attribute| attribute["key"] == name)?;
    found["value"].as_object()?.values().next()
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
        assert_eq!(value(span, "error.type").unwrap(), "cut_by_close");
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

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn call(stream: u32, verdict: Verdict) -> Rpc {
    let connection = 0;
    Rpc::bare(CallId { connection, stream }, verdict)
}

fn with_header(mut rpc: Rpc, name: &str, value: &str) -> Rpc {
    rpc.headers.push(RequestedHeader {
        name: name.as_bytes().into(),
        values: vec![Some(value.as_bytes().into())],
    });
    rpc
}

fn traced(rpc: Rpc) -> Rpc {
    with_header(
        rpc,
        "traceparent",
        &format!("00-{TRACE}-00f067aa0ba902b7-01"),
    )
}

fn connection() -> SpanConnection<'static> {
    SpanConnection {
        ends: PerSide {
            client: ([10, 0, 0, 1], 40_000).into(),
            server: ([10, 0, 0, 2], 50_051).into(),
        },
        names: PerSide::default(),
        recognised: Timestamp::from_nanos(1_000_000_000),
        handshake: None,
        goaways: &[],
    }
}

fn span_of(rpc: &Rpc, connection: SpanConnection<'_>) -> Value {
    otlp(Shard::default()).span(rpc, connection, None).value
}

#[test]
fn the_applications_own_span_is_the_parent_where_the_request_names_it() {
    let with = |value: &str| {
        application_span(&with_header(
            call(1, Verdict::Refused),
            "traceparent",
            value,
        ))
    };
    assert_eq!(
        with(&format!("00-{TRACE}-00f067aa0ba902b7-01")),
        Some((TRACE.to_owned(), "00f067aa0ba902b7".to_owned()))
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

#[test]
fn a_watch_and_a_capture_with_microseconds_give_the_same_ids() {
    let at = |nanos| {
        let mut rpc = call(1, Verdict::Refused);
        let time = Timestamp::from_nanos(nanos);
        rpc.opened = Some(Stamp {
            time,
            ..Stamp::default()
        });
        span_of(&rpc, connection())["spanId"].clone()
    };
    assert_eq!(at(1_234_567_891), at(1_234_567_000));
    assert_ne!(at(1_234_567_891), at(1_234_568_000));
}

#[test]
fn a_status_is_a_name_and_an_error_only_of_those_whom_it_concerns() {
    let mut rpc = call(1, Verdict::Status);
    rpc.grpc_status = Some(b"5".as_slice().into());
    let far = TimeDelta::from_millis(10);
    let at_server = SpanConnection {
        handshake: Some(Handshake {
            round_trip: far,
            beyond: Some(TimeDelta::from_micros(40)),
        }),
        ..connection()
    };
    let of_client = span_of(&rpc, connection());
    assert_eq!(of_client["kind"], 3);
    assert_eq!(
        value(&of_client, "rpc.response.status_code").unwrap(),
        "NOT_FOUND"
    );
    assert_eq!(value(&of_client, "error.type").unwrap(), "NOT_FOUND");
    assert_eq!(of_client["status"]["code"], 2);
    let of_server = span_of(&rpc, at_server);
    assert_eq!(of_server["kind"], 2);
    assert_eq!(
        value(&of_server, "network.peer.address").unwrap(),
        "10.0.0.1"
    );
    assert_eq!(value(&of_server, "error.type"), None);
    assert_eq!(of_server.get("status"), None);
    rpc.grpc_status = Some(b"14".as_slice().into());
    assert_eq!(
        value(&span_of(&rpc, at_server), "error.type").unwrap(),
        "UNAVAILABLE"
    );
    let at_client = SpanConnection {
        handshake: Some(Handshake {
            round_trip: far,
            beyond: Some(far),
        }),
        ..connection()
    };
    assert_eq!(span_of(&rpc, at_client)["kind"], 3);
}

#[test]
fn ends_are_named_where_names_are_known() {
    let name = |pod: &str, workload: &str| Name {
        namespace: Some("shop".into()),
        pod: Some(pod.into()),
        workload: Some(workload.into()),
        ..Name::of(NameSource::Kubernetes)
    };
    let client = name("checkout-7d9f8-x", "checkout");
    let server = Name {
        service: Some("inventory".into()),
        ..name("stock-7d9f8-a", "stock")
    };
    let mut named = connection();
    named.names.client = Some(&client);
    named.names.server = Some(&server);
    let span = span_of(&call(1, Verdict::Refused), named);
    for (key, expected) in [
        ("service.peer.name", "inventory"),
        ("service.peer.namespace", "shop"),
        ("h2sniff.client.k8s.pod.name", "checkout-7d9f8-x"),
        ("h2sniff.client.k8s.workload.name", "checkout"),
        ("h2sniff.server.k8s.service.name", "inventory"),
        ("h2sniff.server.k8s.pod.name", "stock-7d9f8-a"),
    ] {
        assert_eq!(value(&span, key).unwrap(), expected, "{key}");
    }
    let unnamed = span_of(&call(1, Verdict::Refused), connection());
    assert_eq!(value(&unnamed, "service.peer.name"), None);
    assert_eq!(value(&unnamed, "h2sniff.server.k8s.pod.name"), None);
}

#[test]
fn a_call_that_is_not_of_grpc_has_no_attributes_of_rpc() {
    let mut rpc = with_header(call(1, Verdict::Ok), "content-type", "application/json");
    rpc.method = Some(b"/cart".as_slice().into());
    rpc.authority = Some(b"shop.example:8443".as_slice().into());
    rpc.http_status = Some(200);
    let span = span_of(&rpc, connection());
    assert_eq!(value(&span, "rpc.system.name"), None);
    assert_eq!(value(&span, "url.path").unwrap(), "/cart");
    assert_eq!(value(&span, "http.response.status_code").unwrap(), "200");
    assert_eq!(value(&span, "server.address").unwrap(), "shop.example");
    assert_eq!(value(&span, "server.port").unwrap(), "8443");
    let grpc = with_header(
        call(1, Verdict::Ok),
        "content-type",
        "application/grpc+proto",
    );
    let span = span_of(&grpc, connection());
    assert_eq!(value(&span, "rpc.system.name").unwrap(), "grpc");
    assert_eq!(value(&span, "server.address").unwrap(), "10.0.0.2");
}

#[test]
fn a_retry_is_linked_by_the_ids_that_its_own_span_has() {
    let opened = Timestamp::from_nanos(3_000_000_000);
    let mut first = traced(call(1, Verdict::BeyondLastStreamId));
    let mut second = traced(call(3, Verdict::Ok));
    second.opened = Some(Stamp {
        time: opened,
        ..Stamp::default()
    });
    first.outcome = Outcome::Recovered;
    first.retried_as = Some(Link {
        call: second.id,
        opened: Some(opened),
        by: "x-rpc-id".into(),
    });
    let linked = |rpc| {
        let retry = RetrySpan {
            stream: second.id.stream,
            opened,
            connection: connection(),
            rpc,
        };
        let record = otlp(Shard::default()).span(&first, connection(), Some(retry));
        record.value["links"][0].clone()
    };
    let own = span_of(&second, connection());
    for link in [linked(Some(&second)), linked(None)] {
        assert_eq!(link["traceId"], own["traceId"]);
        assert_eq!(link["spanId"], own["spanId"]);
        assert_eq!(value(&link, "h2sniff.link").unwrap(), "retried_as");
    }
}

#[test]
fn what_a_collector_left_out_is_read_from_its_answer() {
    let of = |signal, body: &str| PartialSuccess::of_answer(signal, body.as_bytes());
    let text = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#;
    let spans = of(OtlpSignal::Traces, text);
    assert_eq!((spans.rejected, spans.message.as_str()), (3, "too old"));
    assert_eq!(of(OtlpSignal::Logs, text).rejected, 0);
    let number = r#"{"partialSuccess":{"rejectedLogRecords":2}}"#;
    assert_eq!(of(OtlpSignal::Logs, number).rejected, 2);
    for nothing in [
        "",
        "{}",
        "\u{1}",
        r#"{"partialSuccess":{"rejectedSpans":"many"}}"#,
    ] {
        let taken = of(OtlpSignal::Traces, nothing);
        assert_eq!(taken, PartialSuccess::default(), "{nothing}");
    }
}
