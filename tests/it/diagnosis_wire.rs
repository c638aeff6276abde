//! What the wire itself did to calls, in recordings of real peers: packets lost, windows full, slots
//! taken; and that none of it is found where it did not happen.

use std::path::{Path, PathBuf};

use crate::shared_material::{Run, folder};
use serde_json::Value;

const RULES: [&str; 9] = [
    "network-loss",
    "flow-control-stall",
    "concurrency-limit",
    "uneven-load",
    "rapid-reset",
    "continuation-flood",
    "settings-flood",
    "ping-flood",
    "empty-data-flood",
];

fn report(capture: &Path) -> Value {
    let run = Run::of(&[
        "analyze".as_ref(),
        "--format".as_ref(),
        "json".as_ref(),
        capture.as_os_str(),
    ]);
    serde_json::from_str(&run.succeeded()).unwrap()
}

fn fixture(name: &str) -> Value {
    report(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(name),
    )
}

/// The findings of the rules under test.
fn findings(report: &Value) -> Vec<&Value> {
    let all = report["findings"].as_array().unwrap().iter();
    all.filter(|finding| RULES.contains(&finding["rule"].as_str().unwrap()))
        .collect()
}

fn rules(report: &Value) -> Vec<&str> {
    findings(report)
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect()
}

fn packets(finding: &Value) -> Vec<u64> {
    let evidence = finding["evidence"].as_array().unwrap().iter();
    evidence
        .map(|proof| proof["packet"].as_u64().unwrap())
        .collect()
}

#[test]
fn three_per_cent_of_packets_lost_are_found_with_the_calls_that_failed_of_it() {
    let report = fixture("packet-loss.pcap");
    assert_eq!(rules(&report), ["network-loss"]);
    let found = findings(&report)[0];
    assert_eq!(found["severity"], "warning");
    assert_eq!(
        found["title"],
        "the network to 10.78.0.2:50051 loses packets: 12 of 660 segments with data were sent again \
         (1.82 %)"
    );
    // 20 calls ran into their deadline of 180 ms; 12 of them during a silence.
    assert_eq!(found["rpcs"].as_array().unwrap().len(), 12);
    assert_eq!(packets(found), [113, 161, 671]);
    let tcp = &report["connections"][0]["tcp"];
    assert_eq!(tcp["client"]["retransmissions"], 5);
    assert_eq!(tcp["server"]["retransmissions"], 7);
    let least = tcp["rtt_ms"]["min"].as_f64().unwrap();
    assert!(
        (50.0..52.0).contains(&least),
        "25 ms each way, measured {least}"
    );
    let silence = tcp["longest_silence_ms"].as_f64().unwrap();
    assert!((282.0..283.0).contains(&silence), "{silence}");
}

#[test]
fn a_reader_that_pauses_is_found_as_a_full_stream_window() {
    let report = fixture("stalled-window.pcap");
    assert_eq!(rules(&report), ["flow-control-stall"]);
    let found = findings(&report)[0];
    assert_eq!(
        found["title"],
        "the client waited 1.13 s before a full stream window on 1 connection to 10.78.0.2:50051"
    );
    assert_eq!(found["confidence"], "certain");
    assert_eq!(packets(found), [74, 91]);
    assert_eq!(found["rpcs"][0]["stream"], 1);
    let waited = &report["connections"][0]["flow_control"]["client"];
    assert_eq!(waited["stalls"], 3);
    let longest = waited["longest_ms"].as_f64().unwrap();
    assert!((1_132.0..1_134.0).contains(&longest), "{longest}");
    assert!(
        found["explanation"]
            .as_str()
            .unwrap()
            .contains("did not read")
    );
}

#[test]
fn recordings_of_the_lab_show_each_trouble_where_it_was_made_and_nowhere_else() {
    let Some(folder) = folder("diagnosis of the wire") else {
        return;
    };
    let expected = |scenario: &str| match scenario {
        "07a-keepalive-client" | "14c-network-loss" => vec!["network-loss"],
        "08-maxstreams10" => vec!["concurrency-limit"],
        _ => vec![],
    };
    let mut judged = 0;
    for capture in captures(&folder.join("lab")) {
        let scenario = capture
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        // Nothing of TLS can be read without its keys.
        if scenario.starts_with("12") {
            continue;
        }
        let report = report(&capture);
        assert_eq!(rules(&report), expected(&scenario), "{}", capture.display());
        judged += 1;
    }
    assert!(judged > 40, "only {judged} captures were judged");
}

#[test]
fn the_limit_of_streams_takes_the_same_time_at_both_ends() {
    let Some(folder) = folder("the limit of streams") else {
        return;
    };
    for end in ["client", "server"] {
        let report = report(&folder.join(format!("lab/08-maxstreams10/{end}.pcap")));
        let concurrency = &report["connections"][0]["concurrency"];
        assert_eq!(concurrency["limit"], 10);
        let at_limit = concurrency["at_limit_ms"].as_f64().unwrap();
        assert!((4_700.0..4_800.0).contains(&at_limit), "{end}: {at_limit}");
    }
}

/// The captures made at the ends, in every scenario.
fn captures(lab: &Path) -> Vec<PathBuf> {
    let mut captures: Vec<_> = std::fs::read_dir(lab)
        .unwrap()
        .flat_map(|scenario| {
            ["client", "server"].map(|end| (scenario.as_ref().unwrap().path(), end))
        })
        .flat_map(|(folder, end)| {
            ["pcap", "pcap.gz", "pcapng"].map(|extension| folder.join(format!("{end}.{extension}")))
        })
        .filter(|capture| capture.is_file())
        .collect();
    captures.sort();
    captures
}

#[test]
fn a_server_of_http2_that_closes_on_the_preface_while_it_stops_is_not_told_to_want_tls() {
    let of = |report: &Value| {
        let findings = report["findings"].as_array().unwrap().clone();
        let mut findings = findings.into_iter();
        findings
            .find(|finding| finding["rule"] == "not-http2")
            .unwrap()
    };
    let stopping = of(&fixture("lab/kept/httpd-stop-small/client.pcap.gz"));
    assert_eq!(stopping["severity"], "warning");
    assert!(
        !stopping["advice"].to_string().contains("TLS"),
        "{stopping}"
    );
    let other = of(&fixture("plaintext-to-tls.pcap"));
    assert_eq!(other["severity"], "error");
    assert!(other["advice"].to_string().contains("TLS"), "{other}");
}
