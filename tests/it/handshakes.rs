//! TLS handshakes with every answer to ALPN, of TLS 1.2 and 1.3, with secrets and without: what each settings pair
//! comes to. `fixtures/handshakes/record` makes the recordings; no request is sent in any of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use h2sniff::capture::{LinkType, Packet, Stamp, Timestamp};
use h2sniff::inspect::diagnosis::Finding;
use h2sniff::pipeline::{Options, Pipeline};
use h2sniff::report::Report;

use crate::recordings::{self, Recording};
use crate::wire::{self, End, FIN, Peers, SYN};

const VERSIONS: [&str; 2] = ["tls1_2", "tls1_3"];

fn path(version: &str, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/handshakes");
    folder.join(format!("{version}-{name}.pcapng"))
}

fn with_port(recording: &Recording) -> Report {
    let mut options: Options = recordings::options();
    options.decode.ports = vec![9443];
    recording.analyze_by(options, recording.packets.iter())
}

/// The finding `not-http2` of a recording with its secrets, without, and both again with its port named.
fn found(version: &str, name: &str) -> [Option<Finding>; 4] {
    let open = || Recording::read(&path(version, name));
    let hidden = || open().without_secrets("");
    let reports = [
        open().report(),
        hidden().report(),
        with_port(&open()),
        with_port(&hidden()),
    ];
    reports.map(|report| {
        let mut findings = report.analysis.findings.into_iter();
        findings.find(|finding| finding.rule == "not-http2")
    })
}

#[test]
fn a_handshake_that_agreed_on_h2_is_no_failure_though_nothing_follows() {
    for version in VERSIONS {
        assert!(
            found(version, "agreed").iter().all(Option::is_none),
            "{version}"
        );
    }
}

#[test]
fn another_protocol_chosen_is_named_and_no_error_where_the_client_offered_it() {
    let [open, hidden, ..] = found("tls1_2", "other-chosen");
    let [open_13, ..] = found("tls1_3", "other-chosen");
    for finding in [open, hidden, open_13] {
        let finding = finding.unwrap();
        assert!(
            finding.title.contains("chose http/1.1 by ALPN"),
            "{}",
            finding.title
        );
        assert_eq!(finding.severity.name(), "info");
    }
}

#[test]
fn a_server_that_refuses_all_that_is_offered_says_so_itself() {
    for version in VERSIONS {
        for finding in found(version, "other-only") {
            let finding = finding.unwrap();
            assert!(
                finding.title.contains("no_application_protocol"),
                "{}",
                finding.title
            );
            assert!(
                finding.explanation.contains("ALPN"),
                "{}",
                finding.explanation
            );
            assert_eq!(finding.severity.name(), "error");
        }
    }
}

#[test]
fn a_server_without_alpn_is_told_with_secrets_or_by_what_its_client_does() {
    for finding in found("tls1_2", "unanswered")
        .into_iter()
        .chain(found("tls1_3", "unanswered"))
    {
        let finding = finding.unwrap();
        let text = format!("{} {}", finding.title, finding.explanation);
        assert!(text.contains("ALPN"), "{text}");
        assert_eq!(finding.severity.name(), "error");
        assert!(
            finding.advice.iter().all(|advice| !advice.contains("--")),
            "{:?}",
            finding.advice
        );
    }
}

#[test]
fn a_client_that_offers_nothing_fails_only_where_its_port_is_named() {
    let [open, hidden, named, named_hidden] = found("tls1_2", "not-offered");
    assert!(open.is_none() && hidden.is_none() && named.is_some() && named_hidden.is_some());
    let [open, hidden, named, _] = found("tls1_3", "not-offered");
    assert!(open.is_none() && hidden.is_none() && named.is_some());
}

#[test]
fn a_certificate_that_is_not_trusted_is_the_clients_alert() {
    for finding in found("tls1_2", "untrusted") {
        assert!(finding.unwrap().title.contains("unknown_ca"));
    }
    let [open, hidden, named, _] = found("tls1_3", "untrusted");
    assert!(open.unwrap().title.contains("the TLS alert"));
    assert!(named.unwrap().title.contains("the TLS alert"));
    assert!(hidden.unwrap().title.contains("failed on 1 connection"));
}

/// What was used is not advised.
#[test]
fn no_hint_names_what_was_given() {
    let capture = path("tls1_3", "not-offered");
    let run = |arguments: &[&str]| {
        let command = Command::new(env!("CARGO_BIN_EXE_h2sniff"))
            .arg("analyze")
            .arg(&capture)
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8(command.stderr).unwrap()
    };
    assert!(run(&[]).contains("hint: --keylog"));
    let with_port = run(&["--port", "9999"]);
    assert!(
        with_port.contains("hint: --keylog") && !with_port.contains("--port PORT"),
        "{with_port}"
    );
    let keys = tempfile::NamedTempFile::new().unwrap();
    let keys = keys.path().to_str().unwrap();
    let with_both = run(&["--port", "9999", "--keylog", keys]);
    assert!(
        with_both.contains("no HTTP/2 found") && !with_both.contains("hint"),
        "{with_both}"
    );
}

/// A server that speaks first, to a client that never does: its beginning is there, whoever is silent.
#[test]
fn a_server_that_speaks_first_begins_with_its_capture() {
    let peers = Peers::new(40_000, 9_443);
    let settings = wire::settings(&[(3, 100)]);
    let end = 1 + settings.len() as u32;
    let packets = [
        peers.packet(End::Client, 0, None, SYN, b""),
        peers.packet(End::Server, 0, Some(1), SYN, b""),
        peers.packet(End::Client, 1, Some(1), 0, b""),
        peers.packet(End::Server, 1, Some(1), 0, &settings),
        peers.packet(End::Client, 1, Some(end), 0, b""),
        peers.packet(End::Client, 1, Some(end), FIN, b""),
        peers.packet(End::Server, end, Some(2), FIN, b""),
    ];
    let report = |skip: usize| {
        let mut options = recordings::options();
        options.decode.ports = vec![9_443];
        let mut pipeline = Pipeline::new(options);
        for (number, data) in packets.iter().enumerate().skip(skip) {
            pipeline.push(&Packet {
                stamp: Stamp {
                    time: Timestamp::from_nanos(number as i64 * 1_000_000),
                    packet: number as u64 + 1,
                    file: 0,
                },
                link_type: LinkType::RAW,
                original_length: data.len() as u32,
                data,
                options: h2sniff::capture::PacketOptions::default(),
            });
        }
        pipeline.finish().analysis
    };
    let whole = report(0);
    assert_eq!(whole.connections.len(), 1);
    assert!(whole.findings.is_empty(), "{:?}", whole.findings);
    let late = report(3);
    assert_eq!(late.findings.len(), 1, "{:?}", late.findings);
    assert_eq!(late.findings[0].rule, "capture-incomplete");
}
