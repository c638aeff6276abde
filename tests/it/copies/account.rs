//! What a report says, so that two can be compared.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use h2sniff::inspect::{Race, Verdict};
use h2sniff::report::Report;
use h2sniff::report::json::Json;
use serde_json::Value;

use crate::shared_material::Disagreements;

/// How many of how many.
#[derive(Default)]
pub(crate) struct Share {
    those: usize,
    all: usize,
}

impl Share {
    pub(crate) fn count(&mut self, is_one: bool) {
        self.those += usize::from(is_one);
        self.all += 1;
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.those, self.all)
    }
}

/// The JSON report without what tells of files, and without the sentence on copies.
pub(crate) fn story(report: &Report) -> Value {
    let mut story = Json::default().to_value(report).unwrap();
    story["capture"] = Value::Null;
    let anomalies = story["anomalies"].as_array_mut().unwrap();
    anomalies.retain(|odd| odd["layer"] != "tcp" || !is_expected(odd["text"].as_str().unwrap()));
    forget_files(&mut story);
    story
}

/// A story without what only a capture at the other end can say.
pub(crate) fn of_one_end(mut story: Value) -> Value {
    let members = story.as_object_mut().unwrap();
    members.remove("vantages");
    for rpc in story["rpcs"].as_array_mut().unwrap() {
        rpc.as_object_mut().unwrap().remove("at_server");
    }
    for finding in story["findings"].as_array_mut().unwrap() {
        let finding = finding.as_object_mut().unwrap();
        finding.remove("ruled_out");
        finding.remove("explanation");
        // What one end can only suppose, two prove.
        if finding["rule"] == "network-loss" {
            finding.remove("confidence");
        }
    }
    story
}

fn is_expected(text: &str) -> bool {
    [
        "captured before",
        "in several captures",
        "out of their order",
    ]
    .iter()
    .any(|said| text.contains(said))
}

fn forget_files(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| name != "file" && !name.ends_with("_file"));
            members.values_mut().for_each(forget_files);
        }
        Value::Array(elements) => elements.iter_mut().for_each(forget_files),
        _ => {}
    }
}

/// Adds a line for each part of the report that differs.
pub(crate) fn compare(at: &str, truth: &Value, ours: &Value, disagreements: &mut Disagreements) {
    match (truth, ours) {
        (Value::Object(truth), Value::Object(ours)) if truth.keys().eq(ours.keys()) => {
            for (name, value) in truth {
                compare(&format!("{at}/{name}"), value, &ours[name], disagreements);
            }
        }
        (Value::Array(truth), Value::Array(ours)) if truth.len() == ours.len() => {
            for (index, (truth, ours)) in truth.iter().zip(ours).enumerate() {
                compare(&format!("{at}/{index}"), truth, ours, disagreements);
            }
        }
        _ => disagreements.compare(at, truth, ours),
    }
}

/// The rules of its findings, each with its severity.
pub(crate) fn rules(report: &Report) -> String {
    let findings = report.analysis.findings.iter();
    let mut rules: Vec<_> = findings
        .map(|finding| format!("{:?} {}", finding.severity, finding.rule))
        .collect();
    rules.sort();
    rules.join(", ")
}

/// What is told of calls, by their client's address and stream.
pub(crate) type Calls = BTreeMap<(SocketAddr, u32), (Verdict, Option<Race>)>;

/// What is told of each call; of several accounts of one that which knows.
pub(crate) fn calls(report: &Report) -> Calls {
    let mut calls = Calls::new();
    for rpc in &report.analysis.rpcs {
        let mut connections = report.analysis.connections.iter();
        let connection = connections.find(|record| record.number == rpc.id.connection);
        let told = (rpc.verdict, rpc.race);
        let call = (connection.unwrap().client, rpc.id.stream);
        let known = calls.entry(call).or_insert(told);
        if known.0 == Verdict::Unknown {
            *known = told;
        }
    }
    calls
}

/// Adds a line for each call that is told otherwise than as it was, or unknown.
pub(crate) fn never_wrong(
    name: &str,
    truth: &Calls,
    ours: &Calls,
    share: &mut Share,
    wrong: &mut Disagreements,
) {
    for (call, expected) in truth {
        let got = ours.get(call).copied();
        let (verdict, race) = got.unwrap_or((Verdict::Unknown, None));
        let unknown = verdict == Verdict::Unknown || expected.0 == Verdict::Unknown;
        let same_race = race == expected.1 || race == Some(Race::Unknown);
        share.count(got == Some(*expected));
        if !unknown && (verdict != expected.0 || !same_race) {
            wrong.add(format!(
                "{name} {call:?}: expected {expected:?}, got {got:?}"
            ));
        }
    }
    for call in ours.keys().filter(|call| !truth.contains_key(call)) {
        if ours[call].0 != Verdict::Unknown {
            wrong.add(format!("{name} {call:?}: invented {:?}", ours[call]));
        }
    }
}
