//! `capture-incomplete`: what the capture lacks, and which verdicts that weakens.

use super::case::{Case, Proof, plural};
use super::{Check, Confidence, Finding, Rule, Severity};
use crate::inspect::{ConnectionRecord, Verdict};

pub(super) const RULE: Rule = Rule {
    name: "capture-incomplete",
    meaning: "the capture lacks packets or the beginning of connections, which weakens verdicts",
    evidence: "Where connections were already open, and where bytes are missing.",
    fixes: &["tcpdump -s 262144 -B 65536 with a filter for the port", "Begin before the connections do, if headers matter"],
    check: Check::Server(check),
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let mut proof = Proof::default();
    let mut connections = Vec::new();
    let (mut begun_late, mut with_holes, mut unknown, mut bytes) = (0, 0, 0, 0);
    for connection in case.connections() {
        let record = &connection.record;
        let late = begins_late(record);
        let holes = record.missing.bytes > 0;
        if !late && !holes {
            continue;
        }
        connections.push(record.number);
        begun_late += usize::from(late);
        with_holes += usize::from(holes);
        bytes += record.missing.bytes;
        unknown += record.verdicts.of(Verdict::Unknown);
        let number = record.number;
        if late {
            let text = format!("conn {number}: already open when the capture begins");
            proof.cite(Some(record.recognised), text);
        }
        if holes {
            let lost = record.missing.bytes;
            let text = format!("conn {number}: the first of {lost} bytes that are missing");
            proof.cite(record.missing.first, text);
        }
    }
    if connections.is_empty() {
        return None;
    }
    Some(Finding {
        rule: RULE.name,
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        title: format!(
            "the capture of {} to {} is not complete",
            plural(connections.len(), "connection"),
            case.server,
        ),
        connections,
        rpcs: Vec::new(),
        evidence: proof.into_vec(),
        ruled_out: Vec::new(),
        explanation: explanation(begun_late, with_holes, bytes, unknown),
        advice: advice(begun_late, with_holes),
    })
}

fn begins_late(record: &ConnectionRecord) -> bool {
    record.transport.is_http2() && !record.preface_seen
}

fn explanation(begun_late: usize, with_holes: usize, bytes: u64, unknown: u64) -> String {
    let mut text = String::new();
    if begun_late > 0 {
        text.push_str(&format!(
            "{} began before the capture: headers that refer to what was sent then cannot be known, \
             and streams opened then may be missing. ",
            plural(begun_late, "connection"),
        ));
    }
    if with_holes > 0 {
        text.push_str(&format!(
            "{bytes} bytes of {} were not captured. ",
            plural(with_holes, "connection"),
        ));
    }
    text.push_str(&match unknown {
        0 => "No verdict depends on what is missing.".to_owned(),
        unknown => format!(
            "For {} it cannot say what became of them.",
            plural(usize::try_from(unknown).unwrap_or(usize::MAX), "RPC"),
        ),
    });
    text
}

fn advice(begun_late: usize, with_holes: usize) -> Vec<String> {
    let mut advice = Vec::new();
    if with_holes > 0 {
        advice.push(
            "Capture: use a larger buffer and snap length (tcpdump -B 65536 -s 262144), and a \
             filter for this port"
                .into(),
        );
    }
    if begun_late > 0 {
        advice.push("Capture: begin before the connections do, if headers matter".into());
    }
    advice
}
