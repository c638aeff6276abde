//! `analyze --format json` against recordings of real peers whose truth is known.
//!
//! In: every cleartext scenario of `lab`, captured at both ends, and its `truth.json`, which came from
//! another reader and from what the applications themselves logged. The report must tell that
//! truth: the same victims, no other ones, the same GOAWAYs and connections. Where an end of the wire
//! cannot know it, [`DIFFERENCES`] says what it must tell instead, and why. Packet numbers are the
//! client's, so only the client's capture is held to them.

#![allow(
    clippy::indexing_slicing,
    reason = "what is not there fails the test, as it should"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use crate::shared_material::{Disagreements, Run, folder, json};

mod shared_material;

/// Recorded under TLS: their truth needs the key log and is not judged here.
const ENCRYPTED: [&str; 2] = ["12a-tls13-gracefulstop", "12e-tls13-singlegoaway-race"];

/// How many victims' HEADERS began in an earlier packet than the one that completed them, which is
/// the one that the truth names. In every other scenario, and for every other victim, the two are the same.
const STRADDLING: [(&str, usize); 2] =
    [("08-maxstreams10", 1), ("10d-node-client-singlegoaway", 6)];

/// What a capture says differently, and why it must.
const DIFFERENCES: &[Difference] = &[
    Difference {
        scenario: "07a-keepalive-client",
        end: End::Server,
        client: "10.77.0.1:37870",
        aspect: Aspect::Transport,
        ours: "not listed",
        times: 1,
        reason: "its five SYNs fell into the black hole: none of them is in server.pcap",
    },
    Difference {
        scenario: "14a-midconnection",
        end: End::Server,
        client: "10.77.0.1:50188",
        aspect: Aspect::RequestId,
        ours: "[]",
        times: 30,
        reason: "server.pcap begins two seconds into the connection; every request names x-rpc-id by a \
            dynamic table entry made before, so the value is there but its name is not",
    },
];

/// A disagreement with the truth that is no mistake.
struct Difference {
    scenario: &'static str,
    end: End,
    client: &'static str,
    aspect: Aspect,
    /// What the report says instead.
    ours: &'static str,
    /// For how many streams (connections) it does: all of them, or the entry is stale.
    times: usize,
    reason: &'static str,
}

/// What two accounts of a stream or a connection can differ in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Aspect {
    Verdict,
    Race,
    Error,
    GrpcStatus,
    Method,
    RequestId,
    Opened,
    Transport,
    Connection,
    Goaway,
}

/// At which end a capture was made.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Client,
    Server,
}

impl End {
    fn capture(self) -> &'static str {
        match self {
            Self::Client => "client.pcap",
            Self::Server => "server.pcap",
        }
    }
}

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
    let mut cleartext: Vec<String> = names
        .filter(|name| !ENCRYPTED.contains(&name.as_str()))
        .collect();
    cleartext.sort();
    assert_eq!(cleartext, JUDGED);
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
const VICTIMS: usize = 1581;

/// Runs the program on one capture and compares its report with the truth.
fn judge(scenario: &'static str, end: End) {
    let Some(shared) = folder(scenario) else {
        return;
    };
    let lab = shared.join("lab").join(scenario);
    let truth = json(&lab.join("truth.json"));
    let capture = lab.join(end.capture());
    let report = analyze(&shared, &capture, &["--header=x-rpc-id"]);

    let judgement = Judgement::of(scenario, end);
    let mut disagreements = Disagreements::about(format!("{scenario}, {}", end.capture()));
    judgement.connections(&truth, &report, &mut disagreements);
    judgement.victims(&truth, &report, &mut disagreements);
    judgement.unexplained(&mut disagreements);
    if end == End::Client {
        let everything = analyze(&shared, &capture, &["--all"]);
        every_stream(&truth, &everything, &mut disagreements);
    }
    disagreements.settle();
}

/// A report, valid by the published schema.
fn analyze(shared: &Path, capture: &Path, options: &[&str]) -> Value {
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

/// The comparison of one report with one truth, under the differences that its end explains.
struct Judgement {
    end: End,
    /// Each with the number of times it still has to be met.
    allowed: Vec<(&'static Difference, Cell<usize>)>,
    straddling: usize,
}

impl Judgement {
    fn of(scenario: &str, end: End) -> Self {
        let allowed = DIFFERENCES
            .iter()
            .filter(|entry| entry.scenario == scenario && entry.end == end);
        let straddling = STRADDLING.iter().find(|(name, _)| *name == scenario);
        Self {
            end,
            allowed: allowed
                .map(|entry| (entry, Cell::new(entry.times)))
                .collect(),
            straddling: straddling.map_or(0, |(_, count)| *count),
        }
    }

    /// Adds a disagreement unless the two are the same or the table has a reason for them not to be.
    fn compare(
        &self,
        what: &What<'_>,
        aspect: Aspect,
        truth: &str,
        ours: &str,
        to: &mut Disagreements,
    ) {
        if truth == ours {
            return;
        }
        let reason = self.allowed.iter().find(|(entry, left)| {
            let same = entry.client == what.client && entry.aspect == aspect && entry.ours == ours;
            same && left.get() > 0
        });
        match reason {
            Some((_, left)) => left.set(left.get() - 1),
            None => to.add(format!(
                "{}: {aspect:?}: expected {truth}, got {ours}",
                what.named()
            )),
        }
    }

    /// Adds the differences of the table that did not show: what they explain is no longer so.
    fn unexplained(&self, to: &mut Disagreements) {
        for (entry, left) in self.allowed.iter().filter(|(_, left)| left.get() > 0) {
            let (aspect, left) = (entry.aspect, left.get());
            to.add(format!(
                "{}: {aspect:?}: {left} too few: {}",
                entry.client, entry.reason
            ));
        }
    }

    /// Every TCP connection of the truth against `connections`, with its GOAWAYs.
    fn connections(&self, truth: &Value, report: &Value, to: &mut Disagreements) {
        let ours: BTreeMap<&str, &Value> = list(report, "connections")
            .iter()
            .map(|ours| (word(ours, "client"), ours))
            .collect();
        to.compare(
            "connections with an address of their own",
            list(report, "connections").len(),
            ours.len(),
        );
        let truths = list(truth, "connections");
        for truth in truths {
            let what = What::connection(word(truth, "client"));
            let Some(ours) = ours.get(what.client) else {
                self.compare(&what, Aspect::Transport, transport(truth), "not listed", to);
                continue;
            };
            if transport(truth) != "not listed" || word(ours, "transport") != "none" {
                self.compare(
                    &what,
                    Aspect::Transport,
                    transport(truth),
                    word(ours, "transport"),
                    to,
                );
            }
            self.compare(
                &what,
                Aspect::Connection,
                word(truth, "server"),
                word(ours, "server"),
                to,
            );
            if self.end == End::Client {
                let (truth, ours) = (true_record(truth), our_record(ours));
                self.compare(&what, Aspect::Connection, &truth, &ours, to);
            }
            self.goaways(&what, truth, ours, to);
        }
        for client in ours.keys() {
            if !truths.iter().any(|truth| truth["client"] == *client) {
                to.add(format!(
                    "{client}: a connection that the truth does not know"
                ));
            }
        }
    }

    /// The GOAWAYs of each peer, in its own order: which of two that crossed was first is a matter
    /// of the end.
    fn goaways(&self, what: &What<'_>, truth: &Value, ours: &Value, to: &mut Disagreements) {
        for peer in ["server", "client"] {
            let told = |goaway: &Value, packet: &str, debug: &str, beyond: &Value| {
                let at = if self.end == End::Client {
                    &goaway[packet]
                } else {
                    &Value::Null
                };
                let (last, error) = (&goaway["last_stream_id"], word(goaway, "error"));
                format!(
                    "{peer}: packet {at} last {last} {error} {} beyond {beyond}",
                    goaway[debug]
                )
            };
            let truths = list(truth, "goaways")
                .iter()
                .filter(|goaway| goaway["from"] == peer);
            let truths = truths.map(|goaway| {
                // It names streams that its receiver opened (RFC 9113, section 6.8), and no server
                // here opens any; the truth counts the client's own.
                let beyond = if peer == "server" {
                    &goaway["streams_above_last_id"]
                } else {
                    &0.into()
                };
                told(goaway, "frame", "debug", beyond)
            });
            let ours = list(ours, "goaways")
                .iter()
                .filter(|goaway| goaway["from"] == peer);
            let ours =
                ours.map(|goaway| told(goaway, "packet", "debug_data", &goaway["streams_beyond"]));
            let [truths, ours] =
                [truths.collect::<Vec<_>>(), ours.collect()].map(|all| all.join("; "));
            self.compare(what, Aspect::Goaway, &truths, &ours, to);
        }
    }

    /// The victims of the truth against `rpcs`: the same ones, and told alike.
    fn victims(&self, truth: &Value, report: &Value, to: &mut Disagreements) {
        let clients: BTreeMap<u64, &str> = list(report, "connections")
            .iter()
            .map(|connection| (number(connection, "conn"), word(connection, "client")))
            .collect();
        let mut ours = BTreeMap::new();
        for rpc in list(report, "rpcs") {
            let client = clients
                .get(&number(rpc, "conn"))
                .expect("an rpc's connection is listed");
            let place = (*client, number(rpc, "stream"));
            if ours.insert(place, rpc).is_some() {
                to.add(format!("{} stream {}: listed twice", place.0, place.1));
            }
        }
        let mut straddling = 0;
        for truth in list(truth, "victims") {
            let what = What::victim(truth);
            let expected = Expected::of(truth);
            let Some(rpc) = ours.remove(&(what.client, number(truth, "stream"))) else {
                self.compare(&what, Aspect::Verdict, expected.verdict, "not listed", to);
                continue;
            };
            let compare = |aspect, truth: &str, ours: &str, to: &mut Disagreements| {
                self.compare(&what, aspect, truth, ours, to);
            };
            compare(Aspect::Verdict, expected.verdict, word(rpc, "verdict"), to);
            compare(
                Aspect::Race,
                expected.race,
                rpc["race"].as_str().unwrap_or("none"),
                to,
            );
            compare(
                Aspect::Method,
                word(truth, "method"),
                rpc["method"].as_str().unwrap_or("null"),
                to,
            );
            let id = Value::from(vec![truth["x_rpc_id"].clone()]).to_string();
            compare(
                Aspect::RequestId,
                &id,
                &rpc["headers"]["x-rpc-id"].to_string(),
                to,
            );
            if let Some(error) = expected.error {
                compare(
                    Aspect::Error,
                    error,
                    rpc["error"].as_str().unwrap_or("null"),
                    to,
                );
            }
            if let Some(status) = expected.grpc_status {
                compare(
                    Aspect::GrpcStatus,
                    status,
                    rpc["grpc_status"].as_str().unwrap_or("null"),
                    to,
                );
            }
            if self.end == End::Client {
                let (opened, completed) = (&rpc["packets"]["opened"], number(truth, "frame_open"));
                match opened.as_u64() {
                    Some(opened) if opened == completed => {}
                    Some(opened) if opened < completed => straddling += 1,
                    _ => compare(
                        Aspect::Opened,
                        &completed.to_string(),
                        &opened.to_string(),
                        to,
                    ),
                }
            }
        }
        if self.end == End::Client {
            to.compare(
                "victims whose HEADERS straddle packets",
                self.straddling,
                straddling,
            );
        }
        for ((client, stream), rpc) in ours {
            let (verdict, opened) = (word(rpc, "verdict"), &rpc["packets"]["opened"]);
            to.add(format!(
                "{client} stream {stream} (packet {opened}): {verdict}, but it is no victim"
            ));
        }
    }
}

/// Under `--all` every stream of every connection is there, and as many of them `ok` as were.
fn every_stream(truth: &Value, report: &Value, to: &mut Disagreements) {
    let rpcs = list(report, "rpcs");
    for connection in list(report, "connections") {
        let client = word(connection, "client");
        let of_this = rpcs.iter().filter(|rpc| rpc["conn"] == connection["conn"]);
        let verdicts: Vec<&str> = of_this.map(|rpc| word(rpc, "verdict")).collect();
        let truth = list(truth, "connections")
            .iter()
            .find(|truth| truth["client"] == client);
        let Some(truth) = truth else { continue };
        let ok = verdicts.iter().filter(|verdict| **verdict == "ok").count();
        to.compare(
            format!("{client}: streams under --all"),
            number(truth, "streams"),
            verdicts.len() as u64,
        );
        let truly_ok = truth["verdicts"]["ok"].as_u64().unwrap_or(0);
        to.compare(format!("{client}: ok under --all"), truly_ok, ok as u64);
    }
}

/// What a disagreement is about.
struct What<'a> {
    client: &'a str,
    victim: Option<&'a Value>,
}

impl<'a> What<'a> {
    fn connection(client: &'a str) -> Self {
        Self {
            client,
            victim: None,
        }
    }

    fn victim(truth: &'a Value) -> Self {
        Self {
            client: word(truth, "client"),
            victim: Some(truth),
        }
    }

    fn named(&self) -> String {
        let client = self.client;
        let Some(victim) = self.victim else {
            return client.to_owned();
        };
        let [stream, id, packet] = ["stream", "x_rpc_id", "frame_open"].map(|key| &victim[key]);
        format!("{client} stream {stream} ({id}, client's packet {packet})")
    }
}

/// A victim of the truth in the report's words.
struct Expected<'a> {
    verdict: &'static str,
    race: &'static str,
    error: Option<&'a str>,
    grpc_status: Option<&'a str>,
}

impl<'a> Expected<'a> {
    fn of(truth: &'a Value) -> Self {
        let truly = word(truth, "verdict");
        let (mut error, mut grpc_status) = (None, None);
        let verdict = match truly {
            "beyond_last_stream_id" => "beyond_last_stream_id",
            "cut_by_close" => "cut_by_close",
            "refused" => {
                error = Some("REFUSED_STREAM");
                "refused"
            }
            "deadline_expired_no_answer" => "deadline_exceeded",
            "no_answer_conn_left_open" => "unanswered",
            _ if truly.starts_with("http_") => "status",
            _ => {
                if let Some(status) = truly.strip_prefix("app_status_") {
                    grpc_status = Some(status);
                    "status"
                } else if let Some(code) = truly.strip_prefix("reset_by_server_") {
                    error = Some(code);
                    "reset_by_server"
                } else if let Some(code) = truly.strip_prefix("cancelled_by_client_") {
                    // Only 08 has these, and none of them at the deadline that the wire shows: the
                    // client computed the timeout before the call waited for a stream.
                    error = Some(code);
                    "reset_by_client"
                } else {
                    panic!("the truth's verdict {truly} has no counterpart here")
                }
            }
        };
        let race = match truth["race"].as_str() {
            None => "none",
            Some("in_flight") => "in_flight",
            Some("late_client") => "after_receipt",
            Some(other) => panic!("the truth's race {other} has no counterpart here"),
        };
        Self {
            verdict,
            race,
            error,
            grpc_status,
        }
    }
}

/// What a connection of the truth should be called.
fn transport(truth: &Value) -> &'static str {
    let spoke = truth["proto"] == "h2";
    if spoke && number(truth, "bytes_s2c") > 0 {
        return "h2c";
    }
    if spoke {
        // 11a: a preface, and a server that closed without a byte.
        return "not-http2";
    }
    let refused = truth["closes"][0]["by"] == "server";
    let unanswered = list(truth, "closes").is_empty();
    // Else it was established and given up before a byte was said: nothing makes it HTTP/2.
    if refused || unanswered {
        "none"
    } else {
        "not listed"
    }
}

/// What the truth knows of a connection as a whole.
fn true_record(truth: &Value) -> String {
    let close = list(truth, "closes").first().map_or_else(
        || "never closed".to_owned(),
        |close| {
            let kind = word(close, "kind").to_lowercase();
            format!(
                "{kind} by {} in packet {}",
                word(close, "by"),
                close["frame"]
            )
        },
    );
    let [tcp_stream, streams, highest] =
        ["conn", "streams", "max_stream_id"].map(|key| number(truth, key));
    let pings = &truth["pings"];
    let (client, server) = (number(pings, "client"), number(pings, "server"));
    format!(
        "tcp stream {tcp_stream}, {streams} streams to {highest}, {client}+{server} pings, {close}"
    )
}

/// The same of a connection in the report.
fn our_record(ours: &Value) -> String {
    let close = match &ours["close"] {
        Value::Null => "never closed".to_owned(),
        close => {
            format!(
                "{} by {} in packet {}",
                word(close, "how"),
                word(close, "by"),
                close["packet"]
            )
        }
    };
    let tcp_stream = number(ours, "tcp_stream");
    let [streams, highest] = ["opened", "highest"].map(|key| number(&ours["streams"], key));
    let [client, server] = ["client", "server"].map(|key| number(&ours["pings"], key));
    format!(
        "tcp stream {tcp_stream}, {streams} streams to {highest}, {client}+{server} pings, {close}"
    )
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("{key} is not a list: {value}"))
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is not a string: {value}"))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} is not a number: {value}"))
}
