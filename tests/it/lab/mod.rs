//! `analyze --format json` against recordings of real peers whose truth is known.
//!
//! In: every scenario of `lab`, captured at both ends, and its `truth.json`, which came from
//! another reader and from what the applications themselves logged. The report must tell that
//! truth: the same victims, no other ones, the same GOAWAYs and connections. Where an end of the wire
//! cannot know it, [`DIFFERENCES`] says what it must tell instead, and why. Packet numbers are the
//! client's, so only the client's capture is held to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use self::differences::{DIFFERENCES, End};
use self::judgement::{Judgement, every_stream};
use self::truth::list;
use crate::shared_material::{Disagreements, Run, folder, json};

mod differences;
mod judgement;
mod truth;

/// A scenario's test at each end, named after what it shows.
macro_rules! scenarios {
    ($($name:ident: $folder:literal,)*) => {
        const JUDGED: &[&str] = &[$($folder),*];

        mod at_the_client {
            $(#[test] fn $name() { super::judge($folder, super::End::Client); })*
        }

        mod at_the_server {
            $(#[test] fn $name() { super::judge($folder, super::End::Server); })*
        }
    };
}

scenarios! {
    healthy: "00-control-healthy",
    max_age: "01a-maxage-grpcgo-300c",
    single_goaway: "01c-maxage-singlegoaway-300c",
    idle_race: "02a-idle-race-grpcgo",
    grace_cut: "03-grace-cut",
    server_stop: "04a-server-Stop",
    too_many_pings: "06-too-many-pings",
    client_keepalive: "07a-keepalive-client",
    concurrency_limit: "08-maxstreams10",
    nginx_request_limit: "09a-nginx-keepalive-requests",
    python_client: "10a-python-client-maxage",
    node_client: "10d-node-client-singlegoaway",
    node_server: "10f-node-server-goclient",
    plaintext_to_tls: "11a-plaintext-client-tls-server",
    tls_graceful_stop: "12a-tls13-gracefulstop",
    tls_single_goaway: "12e-tls13-singlegoaway-race",
    refused_streams: "13a-refused-stream-goclient",
    varied_resets: "13b-rst-mix-goclient",
    late_client: "13c-late-client",
    polite_client: "13d-polite-client-race",
    goaway_zero: "13e-goaway-zero",
    mid_connection: "14a-midconnection",
    network_loss: "14c-network-loss",
    streams_in_grace: "15-streams-grace",
    blog_values: "16-blog-real-values",
}

#[test]
fn no_scenario_is_forgotten() {
    let Some(shared) = folder("no_scenario_is_forgotten") else {
        return;
    };
    let lab = fs::read_dir(shared.join("lab")).expect("the lab can be listed");
    let entries = lab.map(|entry| entry.expect("the lab can be listed"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names = folders.map(|entry| entry.file_name().into_string().expect("names are UTF-8"));
    let mut scenarios: Vec<String> = names.collect();
    scenarios.sort();
    assert_eq!(scenarios, JUDGED);
    for difference in DIFFERENCES {
        assert!(
            JUDGED.contains(&difference.scenario),
            "{}",
            difference.scenario
        );
    }

    // A reader of the truth that lost some of it would judge leniently.
    let victims = JUDGED.iter().map(|scenario| {
        let truth = json(&shared.join("lab").join(scenario).join("truth.json"));
        list(&truth, "victims").len()
    });
    assert_eq!(victims.sum::<usize>(), VICTIMS);
}

/// How many victims the truth of all judged scenarios names together.
const VICTIMS: usize = 1658;

/// Runs the program on one capture and compares its report with the truth.
fn judge(scenario: &'static str, end: End) {
    let Some(shared) = folder(scenario) else {
        return;
    };
    let lab = shared.join("lab").join(scenario);
    let truth = json(&lab.join("truth.json"));
    let capture = lab.join(end.capture());
    let key_log = lab.join("keylog.txt");
    let key_log = key_log
        .is_file()
        .then(|| format!("--keylog={}", key_log.display()));
    if key_log.is_some() && cfg!(not(feature = "tls")) {
        // The program under test cannot decrypt; every other scenario is judged.
        return;
    }
    let asked_for = |option: &str| -> Vec<String> {
        key_log
            .clone()
            .into_iter()
            .chain([option.to_owned()])
            .collect()
    };
    let report = analyze(&shared, &capture, &asked_for("--header=x-rpc-id"));

    let judgement = Judgement::of(scenario, end);
    let mut disagreements = Disagreements::about(format!("{scenario}, {}", end.capture()));
    judgement.connections(&truth, &report, &mut disagreements);
    judgement.victims(&truth, &report, &mut disagreements);
    judgement.unexplained(&mut disagreements);
    if end == End::Client {
        let everything = analyze(&shared, &capture, &asked_for("--all"));
        every_stream(&truth, &everything, &mut disagreements);
    }
    disagreements.settle();
}

/// A report, valid by the published schema.
fn analyze(shared: &Path, capture: &Path, options: &[String]) -> Value {
    let mut arguments: Vec<PathBuf> = vec!["analyze".into(), "--format=json".into()];
    arguments.extend(options.iter().map(PathBuf::from));
    arguments.push(capture.to_owned());
    let output = Run::of(&arguments).succeeded();
    let report =
        serde_json::from_str(&output).unwrap_or_else(|e| panic!("not JSON: {e}\n{output}"));
    validate(shared, &report);
    report
}

fn validate(shared: &Path, report: &Value) {
    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let shared = folder("report.schema.json").expect("the caller found it");
        let schema = json(&shared.join("report.schema.json"));
        jsonschema::validator_for(&schema).expect("the schema is one")
    });
    let mut disagreements =
        Disagreements::about(shared.join("report.schema.json").display().to_string());
    for error in SCHEMA.iter_errors(report) {
        disagreements.add(format!("{}: {error}", error.instance_path));
    }
    disagreements.settle();
}
