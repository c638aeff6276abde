//! What browsers do over HTTP/2, as they were recorded: nothing of it is a failure.
//!
//! `fixtures/browsers/record` makes the recordings: Chromium and Firefox on pages that load, cancel, are left, ask
//! for push, speak WebSocket, are misdirected, fall idle and resume sessions with early data. What the server logged
//! stands beside each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use h2sniff::decode::Transport;
use h2sniff::inspect::diagnosis::Severity;
use h2sniff::inspect::{TakenBack, Verdict};
use h2sniff::report::Report;

use crate::recordings::Recording;

const BROWSERS: [&str; 2] = ["chromium", "firefox"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/browsers")
}

fn recording(browser: &str, scenario: &str) -> Recording {
    Recording::read(&folder().join(format!("{browser}-{scenario}.pcapng")))
}

/// All of them by name.
fn all() -> Vec<(String, Recording)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "pcapng")
        {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            all.push((name, Recording::read(&path)));
        }
    }
    assert_eq!(all.len(), 16, "two browsers in eight scenarios");
    all
}

/// How many requests the server logged: a line each, but for those that say how it fares.
fn requests(name: &str) -> usize {
    let log = std::fs::read_to_string(folder().join(format!("{name}.log"))).unwrap();
    let lines = log.lines();
    lines
        .filter(|line| line.contains(" /") || line.contains("CONNECT"))
        .count()
}

/// The rules that say more than a note.
fn told(report: &Report) -> BTreeSet<&'static str> {
    let findings = report.analysis.findings.iter();
    let told = findings.filter(|finding| finding.severity != Severity::Info);
    told.map(|finding| finding.rule).collect()
}

/// What may be told of a healthy browser: nginx does not announce its GOAWAYs, and a misdirected request has a
/// status of its own.
fn allowed(name: &str) -> BTreeSet<&'static str> {
    let mut allowed = BTreeSet::new();
    if name.ends_with("idle") || name.ends_with("early") {
        allowed.insert("single-goaway");
    }
    if name == "firefox-misdirected" {
        allowed.insert("error-status");
    }
    allowed
}

#[test]
fn nothing_of_it_died_and_no_rule_finds_fault() {
    for (name, recording) in all() {
        let report = recording.report();
        let told = told(&report);
        assert!(told.is_subset(&allowed(&name)), "{name}: {told:?}");
        assert_eq!(report.analysis.verdicts.deaths(), 0, "{name}");
    }
}

#[test]
fn every_request_that_the_server_logged_is_there() {
    for (name, recording) in all() {
        let report = recording.report();
        assert_eq!(report.analysis.rpcs.len(), requests(&name), "{name}");
    }
}

#[test]
fn without_secrets_unused_connections_are_no_failures_either() {
    for (name, recording) in all() {
        let report = recording.without_secrets("").report();
        assert_eq!(told(&report), BTreeSet::new(), "{name}");
        let hidden = report.analysis.connections.iter();
        let hidden = hidden.filter(|record| record.is_hidden()).count();
        // At least the one that carried the page; browsers open more than they use.
        assert!(hidden >= 1, "{name}");
    }
}

#[test]
fn chromium_opens_connections_ahead_and_leaves_them_unused() {
    let report = recording("chromium", "load").report();
    let connections = &report.analysis.connections;
    let unused = connections.iter().filter(|record| {
        record.transport == Transport::H2 && record.streams_opened == 0 && !record.preface_seen
    });
    assert!(unused.count() >= 1);
    assert!(
        connections
            .iter()
            .all(|record| record.beginning_seen || !record.transport.is_http2())
    );
}

#[test]
fn what_a_page_gives_up_is_taken_back() {
    for browser in BROWSERS {
        let report = recording(browser, "cancel").report();
        let verdicts = &report.analysis.verdicts;
        let cancelled = verdicts.of(Verdict::ResetByClient);
        assert!(cancelled >= 100, "{browser}: {cancelled}");
        assert_eq!(
            verdicts.were_taken_back(TakenBack::Browser),
            cancelled,
            "{browser}"
        );
    }
}

#[test]
fn a_misdirected_request_is_repeated_on_a_connection_of_its_own() {
    let report = recording("firefox", "misdirected").report();
    let misdirected: Vec<_> = report
        .analysis
        .rpcs
        .iter()
        .filter(|rpc| rpc.http_status == Some(421))
        .collect();
    assert_eq!(misdirected.len(), 4);
    for rpc in misdirected {
        let next = rpc.retried_as.as_ref().unwrap();
        assert_ne!(next.call.connection, rpc.id.connection);
    }
}

/// What the client sent before the server had answered is read by a secret of its own. Without that it is said that it
/// is not, and not that the capture begins too late: it does not.
#[test]
fn early_data_is_decrypted() {
    for browser in BROWSERS {
        let open = || recording(browser, "early");
        let with = open().report();
        assert!(
            with.analysis
                .connections
                .iter()
                .all(|record| record.beginning_seen),
            "{browser}"
        );
        assert!(with.anomalies.is_empty(), "{browser}: {:?}", with.anomalies);
        let without = open()
            .without_secrets("CLIENT_EARLY_TRAFFIC_SECRET")
            .report();
        assert!(!told(&without).contains("capture-incomplete"), "{browser}");
        let odd = without
            .anomalies
            .iter()
            .any(|anomaly| anomaly.text.contains("early data"));
        assert!(odd, "{browser}: {:?}", without.anomalies);
    }
}

/// Streams that live for hours: the same at another pace.
#[test]
fn at_the_pace_of_hours_nothing_is_found_either() {
    for (name, recording) in all() {
        let report = recording.stretched(3_600).report();
        let told = told(&report);
        assert!(told.is_subset(&allowed(&name)), "{name}: {told:?}");
        assert_eq!(report.analysis.verdicts.deaths(), 0, "{name}");
    }
}

/// What the capture holds of their beginnings: cut anywhere in the handshake, they begin too late.
#[test]
fn a_capture_that_begins_behind_the_preface_still_says_so() {
    let recording =
        Recording::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/polite-client.pcap"));
    let report = recording.analyze(recording.packets.iter().skip(12));
    assert!(told(&report).contains("capture-incomplete"));
    let whole = recording.report();
    assert!(!told(&whole).contains("capture-incomplete"));
}
