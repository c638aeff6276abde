//! Reports put together by hand, and their outlines.

use std::net::SocketAddr;

use super::*;
use crate::capture::{FileSummary, Format, TimeDelta};
use crate::decode::http2::{ErrorCode, StreamId};
use crate::decode::tcp::Ending;
use crate::decode::{Direction, Recognition, RecognitionOrder, Transport, UnexpectedProtocol};
use crate::inspect::diagnosis::RULES;
use crate::inspect::diagnosis::{Confidence, Evidence};
use crate::inspect::{
    self, CaptureGaps, Close, Connection, GoAway, Instead, Link, Outcome, Processed, Race,
    RequestedHeader, VerdictCounts,
};
use crate::report::prompts::{NextCommand, Prompts, SuggestedSubject};

/// What a program with a command line would have its reports say.
pub(in crate::report) const PROMPTS: Prompts = Prompts {
    show_more: Some("--more"),
    next: Some(|suggestion| NextCommand {
        command: format!("look {}", suggestion.captures.join(" ")),
        options: match suggestion.subject {
            SuggestedSubject::Call(call) => format!("--call {}:{}", call.connection, call.stream),
            SuggestedSubject::Connection(number) => format!("--connection {number}"),
            SuggestedSubject::Secrets => "--secrets".to_owned(),
            SuggestedSubject::AllCalls => "--all".to_owned(),
        },
    }),
};

pub(in crate::report) fn at(packet: u64, milliseconds: i64) -> Stamp {
    Stamp {
        time: Timestamp::from_nanos(milliseconds * 1_000_000),
        packet,
        file: 0,
    }
}

/// A connection that was opened at 100 ms and is still open.
pub(in crate::report) fn connection(number: u32) -> ConnectionRecord {
    let recognition = Recognition {
        number,
        place: None,
        order: RecognitionOrder::default(),
        tcp_stream: number + 10,
        client: SocketAddr::from(([10, 0, 0, 1], 50_000)),
        server: SocketAddr::from(([10, 0, 0, 2], 50_051)),
        transport: Transport::H2c,
        preface_seen: true,
        beginning_seen: true,
        guess: None,
        opened: Some(at(1, 100)),
        handshake: None,
        tls: None,
        recognised: at(4, 150),
    };
    let connection = Connection::new(&recognition, Timestamp::default());
    let mut record = connection.finish(None, &inspect::Options::default()).record;
    record.transport = Transport::H2c;
    record
}

/// One whose server said GOAWAY 3 at 2,100 ms and closed at 2,600 ms.
pub(in crate::report) fn ended(number: u32) -> ConnectionRecord {
    let goaway = GoAway {
        from: Direction::ServerToClient,
        stamp: at(200, 2_100),
        last_stream_id: StreamId(3),
        error: ErrorCode::NO_ERROR,
        debug_data: Box::default(),
        streams_beyond: 0,
        received: None,
        after_end: false,
        answers: Box::default(),
        end: 0,
    };
    let close = Close {
        by: Direction::ServerToClient,
        ending: Ending::Fin,
        stamp: at(250, 2_600),
    };
    ConnectionRecord {
        goaways: vec![goaway],
        close: Some(close),
        ..connection(number)
    }
}

/// A call that was opened at 600 ms and whose end was decided at 2,600 ms.
pub(in crate::report) fn rpc(connection: u32, stream: u32, verdict: Verdict) -> Rpc {
    let (processed, race) = match verdict {
        Verdict::BeyondLastStreamId => (Processed::No, Some(Race::InFlight)),
        Verdict::Refused => (Processed::No, None),
        Verdict::Ok => (Processed::Yes, None),
        _ => (Processed::Maybe, None),
    };
    let id = CallId { connection, stream };
    Rpc {
        method: Some(b"/inventory.Stock/Reserve"[..].into()),
        opened: Some(at(60, 600)),
        ended: Some(at(250, 2_600)),
        race,
        processed,
        outcome: Outcome::Failed,
        request_messages: (1, 10),
        ..Rpc::bare(id, verdict)
    }
}

/// The same, saved by a retry as the stream after it.
pub(in crate::report) fn recovered(mut rpc: Rpc) -> Rpc {
    let CallId { connection, stream } = rpc.id;
    let call = CallId {
        connection: connection + 1,
        stream: stream + 2,
    };
    rpc.retried_as = Some(Link {
        call,
        opened: None,
        by: "x-rpc-id".into(),
    });
    rpc.outcome = Outcome::Recovered;
    rpc
}

pub(in crate::report) fn finding(rule: &'static str, severity: Severity, rpcs: &[Rpc]) -> Finding {
    let mut connections: Vec<_> = rpcs.iter().map(|rpc| rpc.id.connection).collect();
    connections.dedup();
    Finding {
        rule,
        severity,
        confidence: Confidence::Certain,
        title: "server 10.0.0.2:50051 closed a connection on RPCs it had accepted".into(),
        server: None,
        between: Vec::new(),
        connections,
        rpcs: rpcs.iter().map(|rpc| rpc.id).collect(),
        evidence: vec![
            Evidence {
                stamp: Some(at(200, 2_100)),
                text: "conn 0: GOAWAY last_stream_id=3".into(),
            },
            Evidence {
                stamp: Some(at(250, 2_600)),
                text: "conn 0: FIN of the server".into(),
            },
        ],
        explanation:
            "The grace period ran out while calls that the server had accepted were still \
                      unanswered."
                .into(),
        ruled_out: Vec::new(),
        advice: vec![
            "Server: make the grace longer than the slowest call".into(),
            "Client: do not retry these blindly".into(),
        ],
    }
}

/// A report of these; `well` other calls succeeded on the first connection.
pub(in crate::report) fn report(
    mut connections: Vec<ConnectionRecord>,
    rpcs: Vec<Rpc>,
    findings: Vec<Finding>,
    well: u64,
) -> Report {
    let mut verdicts = VerdictCounts::default();
    for rpc in &rpcs {
        verdicts.add(rpc.verdict);
        let of = connections
            .iter_mut()
            .find(|record| record.number == rpc.id.connection);
        of.unwrap().verdicts.add(rpc.verdict);
    }
    for _ in 0..well {
        verdicts.add(Verdict::Ok);
        connections[0].verdicts.add(Verdict::Ok);
    }
    let file = FileSummary {
        path: "captures/client.pcap".into(),
        format: Format::Pcap,
        compression: None,
        packets: 9_457,
        bytes: 1_000_000,
        interfaces: Vec::new(),
        first: None,
        last: None,
    };
    let mut report = Report {
        files: vec![file],
        packets: 9_457,
        first_packet: Some(Timestamp::from_nanos(0)),
        last_packet: Some(Timestamp::from_nanos(77_812_000_000)),
        ..Report::default()
    };
    report.analysis.connections = connections;
    report.analysis.rpcs = rpcs.into();
    report.analysis.findings = findings;
    report.analysis.verdicts = verdicts;
    report
}

/// Calls of all kinds, some of them accounted for.
pub(in crate::report) fn mixed() -> Report {
    let cut = [
        rpc(0, 1, Verdict::CutByClose),
        rpc(0, 3, Verdict::CutByClose),
    ];
    let mut beyond = [
        recovered(rpc(0, 5, Verdict::BeyondLastStreamId)),
        rpc(0, 7, Verdict::BeyondLastStreamId),
    ];
    beyond[1].race = Some(Race::AfterReceipt);
    beyond[1].late_by = Some(TimeDelta::from_millis(105));
    let mut reset = rpc(1, 1, Verdict::ResetByServer);
    reset.error = Some(ErrorCode::ENHANCE_YOUR_CALM);
    reset.processed = Processed::Yes;
    let mut cancelled = rpc(1, 3, Verdict::ResetByServer);
    cancelled.error = Some(ErrorCode::CANCEL);
    let mut failed = rpc(1, 5, Verdict::Status);
    failed.grpc_status = Some(b"14"[..].into());
    let mut odd = rpc(1, 7, Verdict::Status);
    odd.grpc_status = Some(b"\x1b[2J"[..].into());
    let findings = vec![
        finding("grace-expired", Severity::Error, &cut),
        finding("goaway-race", Severity::Warning, &beyond),
        finding("max-age", Severity::Info, &[]),
    ];
    let rpcs = [
        &cut[..],
        &beyond,
        &[reset, cancelled, failed, odd, rpc(1, 9, Verdict::Unknown)],
    ];
    let mut other = connection(1);
    other.missing = CaptureGaps {
        bytes: 1_448,
        losses: 1,
        ..CaptureGaps::default()
    }
    .into();
    let mut not_http2 = connection(2);
    not_http2.transport = Transport::NotHttp2;
    not_http2.set_instead(Instead {
        by: Direction::ServerToClient,
        protocol: UnexpectedProtocol::Http1,
        stamp: at(5, 300),
    });
    let mut tls = connection(3);
    tls.transport = Transport::Tls;
    report(
        vec![ended(0), other, not_http2, tls],
        rpcs.concat(),
        findings,
        991,
    )
}

/// Everything a peer may choose, chosen badly.
pub(in crate::report) fn hostile() -> Report {
    let once = "/a`|<b>\u{1b}[31m\n\r\u{202e}@all_[x](https://y)/".to_owned();
    let nasty = once.repeat(20);
    let mut rpc = rpc(0, 0x7fff_ffff, Verdict::CutByClose);
    rpc.method = Some(nasty.as_bytes().into());
    rpc.headers = ["x-rpc-id", "authorization", "x-\u{7}|`<i>"]
        .map(|name| RequestedHeader {
            name: name.as_bytes().into(),
            values: vec![Some(nasty.as_bytes().into()), None],
        })
        .into();
    let mut secret = rpc.clone();
    secret.id.stream = 5;
    secret.method = Some(b"/find?token=hunter2"[..].into());
    secret.headers[1].values = vec![Some(b"Bearer hunter2"[..].into())];
    let mut record = ended(0);
    record.client = "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:51854"
        .parse()
        .unwrap();
    record.goaways[0].debug_data = nasty.as_bytes().into();
    let rpcs = vec![rpc, secret];
    let mut finding = finding("grace-expired", Severity::Error, &rpcs);
    finding.title.push_str(&once);
    finding.explanation.push_str(&once);
    finding.advice.push(once.clone());
    finding.evidence[0].text.push_str(&once);
    let mut report = report(vec![record], rpcs, vec![finding], 0);
    report.files[0].path = "evil\u{1b}]0;x\u{7}\n|`.pcap".into();
    report.anomalies.push(Anomaly {
        layer: crate::decode::anomaly::Layer::Hpack,
        text: once,
        stamp: Some(at(9, 9)),
        connection: Some(0),
        count: 1_000,
        limit: None,
    });
    report
}

/// Ten thousand calls that died on a thousand connections to a hundred servers.
pub(in crate::report) fn many() -> Report {
    let connections = (0..1_000u32).map(|number| {
        let mut record = ended(number);
        record
            .server
            .set_port(50_000 + u16::try_from(number / 10).unwrap());
        record
    });
    let connections: Vec<_> = connections.collect();
    let rpcs = (0..10_000).map(|call| rpc(call / 10, call % 10 * 2 + 1, Verdict::CutByClose));
    let rpcs: Vec<_> = rpcs.collect();
    let findings = rpcs.chunks(100);
    let findings = findings.map(|rpcs| finding("grace-expired", Severity::Error, rpcs));
    let findings = findings.collect();
    report(connections, rpcs, findings, 0)
}

#[test]
fn what_was_shown_is_not_shown_again() {
    let report = mixed();
    let mut again = report.clone();
    let mut repeated = again.analysis.findings[0].clone();
    repeated.rule = "single-goaway";
    repeated.severity = Severity::Warning;
    again.analysis.findings.push(repeated);
    let outline = Outline::of(&again, 3, SecretDisplay::Redacted);
    let mut sections = outline.sections.iter();
    let repeated = sections.find(|section| section.label() == "SINGLE GOAWAY");
    let repeated = repeated.unwrap();
    assert!(repeated.connection_rows.is_empty() && repeated.rpc_rows.is_empty());
    assert!(repeated.evidence.is_empty());
}

#[test]
fn what_costs_more_calls_comes_first() {
    let report = mixed();
    let mut again = report.clone();
    let mut costly = again.analysis.findings[0].clone();
    costly.rule = "stream-reset";
    again.analysis.findings[0].rpcs.truncate(1);
    again.analysis.findings.push(costly);
    let outline = Outline::of(&again, 3, SecretDisplay::Redacted);
    let labels: Vec<_> = outline.sections.iter().map(Section::label).collect();
    assert_eq!(labels[..2], ["STREAM RESET", "GRACE EXPIRED"]);
}

#[test]
fn a_report_of_any_number_of_findings_is_bounded_and_says_so() {
    let mut report = many();
    for (place, finding) in report.analysis.findings.iter_mut().enumerate() {
        finding.rule = RULES[place % RULES.len()].name;
    }
    let outline = Outline::of(&report, 3, SecretDisplay::Redacted);
    assert_eq!(outline.sections.len(), 9);
    let left: u64 = outline.omitted.iter().map(|omitted| omitted.count).sum();
    assert_eq!(left, 91);
    let words = outline.omitted[0].words();
    assert!(
        words.contains(" of ") && words.contains("10.0.0."),
        "{words}"
    );
    assert_eq!(
        Outline::of(&report, 100, SecretDisplay::Redacted)
            .sections
            .len(),
        100
    );
}

#[test]
fn the_same_words_stand_twice_at_most_and_suspects_once() {
    let mut report = many();
    for (place, finding) in report.analysis.findings.iter_mut().enumerate() {
        finding.rule = RULES[place % 3].name;
        finding.ruled_out = vec!["the network".to_owned()];
    }
    let outline = Outline::of(&report, 3, SecretDisplay::Redacted);
    let sections = &outline.sections;
    let told = |of: fn(&Section<'_>) -> bool| sections.iter().filter(|one| of(one)).count();
    assert_eq!(told(|section| !section.ruled_out.is_empty()), 1);
    assert_eq!(told(|section| section.advice.is_some()), 2);
    assert_eq!(told(|section| section.explanation.is_some()), 2);
}

#[test]
fn calls_that_no_finding_explains_have_a_section() {
    let report = mixed();
    let outline = Outline::of(&report, 3, SecretDisplay::Redacted);
    let labels: Vec<_> = outline.sections.iter().map(Section::label).collect();
    assert_eq!(labels, ["GRACE EXPIRED", "RESET BY SERVER", "GOAWAY RACE"]);
    let unexplained = &outline.sections[1];
    assert_eq!(
        unexplained.title(),
        "2 RPCs reset by the server on 1 connection to 10.0.0.2:50051; no rule here says why"
    );
    assert!(unexplained.differ);
    assert!(unexplained.codes.is_empty());
    let outline = Outline::of(&report, 1, SecretDisplay::Redacted);
    assert_eq!(outline.sections[1].codes.len(), 2);
}

#[test]
fn moments_count_from_the_capture_where_an_opening_is_missing() {
    let mut report = mixed();
    assert!(Outline::of(&report, 3, SecretDisplay::Redacted).sections[0].since_opening);
    report.analysis.connections[0].opened = None;
    let outline = Outline::of(&report, 3, SecretDisplay::Redacted);
    let section = &outline.sections[0];
    assert!(!section.since_opening);
    assert_eq!(
        section.rpc_rows[0].opened,
        Some(TimeDelta::from_millis(600))
    );
    assert_eq!(
        section.connection_rows[0].goaway,
        Some(TimeDelta::from_millis(2_100))
    );
}

#[test]
fn those_whom_a_retry_saved_come_last() {
    let report = mixed();
    let outline = Outline::of(&report, 3, SecretDisplay::Redacted);
    let streams: Vec<_> = outline.sections[2]
        .rpc_rows
        .iter()
        .map(|row| row.rpc.id.stream)
        .collect();
    assert_eq!(streams, [7, 5]);
    assert_eq!(outline.totals.recovered, 1);
    assert!(outline.totals.by_verdict.last().unwrap().recovered);
}

#[test]
fn findings_alike_are_counted_beyond_the_limit() {
    let report = many();
    let outline = Outline::of(&report, 3, SecretDisplay::Redacted);
    assert_eq!(outline.sections.len(), 3);
    let [omitted] = outline.omitted.as_slice() else {
        panic!("{:?}", outline.omitted)
    };
    assert_eq!(
        (omitted.rule, omitted.count, omitted.servers.len()),
        ("grace-expired", 97, 3)
    );
    let section = &outline.sections[0];
    assert_eq!(
        (section.connection_rows.len(), section.connections_left),
        (3, 7)
    );
    assert_eq!((section.rpc_rows.len(), section.rpcs_left), (3, 97));
}
