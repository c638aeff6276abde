//! Streams and connections that end at the same age each time, while frames pass.

use std::fmt::Write as _;

use crate::inspect::diagnosis::{Confidence, Finding, Severity};
use crate::testing::scenario::{analysis, outcome};

fn found(rule: &str, script: &str) -> Option<Finding> {
    let mut findings = analysis(script).findings.into_iter();
    findings.find(|finding| finding.rule == rule)
}

/// A stream on which the server sends something every five seconds, and which it resets at an age.
fn stream(id: u32, opened: f64, age: f64) -> String {
    let mut script = format!(
        "C {opened:.3} HEADERS {id}\nS {:.3} HEADERS {id} :status=200\n",
        opened + 0.02
    );
    let mut at = 2.0 + f64::from(id) / 10.0;
    while at < age {
        writeln!(script, "S {:.3} DATA {id}", opened + at).unwrap();
        at += 5.0;
    }
    writeln!(script, "S {:.3} RST {id} CANCEL", opened + age).unwrap();
    script
}

#[test]
fn streams_reset_at_the_same_age_while_messages_flow_met_a_limit() {
    let script = [
        stream(1, 0.0, 30.0),
        stream(3, 31.0, 30.002),
        stream(5, 62.0, 29.999),
    ]
    .concat();
    let finding = found("idle-timeout", &script).unwrap();
    assert_eq!(finding.confidence, Confidence::Likely);
    assert_eq!(finding.severity, Severity::Error);
    assert!(
        finding
            .title
            .contains("reset 30.0 s after they were opened"),
        "{}",
        finding.title
    );
    assert!(
        finding.explanation.contains("messages kept flowing"),
        "{}",
        finding.explanation
    );
    assert_eq!(finding.rpcs.len(), 3);
}

#[test]
fn streams_reset_at_different_ages_or_at_their_deadlines_met_none() {
    let script = [
        stream(1, 0.0, 30.0),
        stream(3, 31.0, 24.0),
        stream(5, 62.0, 41.0),
    ]
    .concat();
    assert!(found("idle-timeout", &script).is_none());
    let with_deadline = |id: u32, opened: f64| {
        stream(id, opened, 30.0).replace(
            &format!("HEADERS {id}\n"),
            &format!("HEADERS {id} grpc-timeout=30S\n"),
        )
    };
    let script = [
        with_deadline(1, 0.0),
        with_deadline(3, 31.0),
        with_deadline(5, 62.0),
    ]
    .concat();
    assert!(found("idle-timeout", &script).is_none());
}

/// A connection whose client calls every second, and which ends at an age.
fn connection(number: u32, opened: f64, age: f64, end: &str) -> String {
    let mut script = String::new();
    let (mut at, mut id) = (0.0, 1);
    while at < age - 0.3 {
        writeln!(script, "C{number} {:.3} HEADERS {id}", opened + at).unwrap();
        writeln!(script, "S{number} {:.3} ANSWER {id}", opened + at + 0.05).unwrap();
        (at, id) = (at + 1.0 + f64::from(number) / 100.0, id + 2);
    }
    // The age counts from the SYN, 10 ms before.
    writeln!(script, "S{number} {:.3} {end}", opened + age - 0.01).unwrap();
    script
}

#[test]
fn connections_closed_at_the_same_age_between_calls_are_worth_a_note() {
    let script: String = [(1, 0.0), (2, 3.0), (3, 9.0)]
        .map(|(number, opened)| connection(number, opened, 20.0, "FIN"))
        .concat();
    let finding = found("idle-timeout", &script).unwrap();
    assert_eq!(finding.severity, Severity::Info);
    assert!(
        finding.title.contains("at the age of 20.0 s"),
        "{}",
        finding.title
    );
    assert!(
        finding.explanation.contains("frames kept flowing"),
        "{}",
        finding.explanation
    );
}

#[test]
fn connections_cut_at_the_same_age_are_no_crash() {
    let cut = |number: u32, opened: f64| {
        let call = format!("C{number} {:.3} HEADERS 999\n", opened + 19.9);
        connection(number, opened, 20.0, "TCP_RST") + &call
    };
    let script = [cut(1, 0.0), cut(2, 3.0), cut(3, 9.0)].concat();
    let finding = found("abrupt-close", &script).unwrap();
    assert!(
        finding.explanation.contains("at the same age (20.0 s)"),
        "{}",
        finding.explanation
    );
    let advice = finding.advice.join(" ");
    assert!(
        !advice.contains("crash") && advice.contains("limits the age"),
        "{advice}"
    );
}

#[test]
fn an_age_needs_different_moments_and_connections_that_were_used() {
    let together: String = [1, 2, 3]
        .map(|number| connection(number, 0.0, 20.0, "FIN"))
        .concat();
    assert!(found("idle-timeout", &together).is_none());
    let unused: String = [(1, 0.0), (2, 3.0), (3, 9.0)]
        .map(|(number, opened): (u32, f64)| {
            let mut script = String::new();
            for second in 0_u32..20 {
                writeln!(
                    script,
                    "C{number} {:.3} PING {second}",
                    opened + f64::from(second)
                )
                .unwrap();
                writeln!(
                    script,
                    "S{number} {:.3} PING {second} ACK",
                    opened + f64::from(second) + 0.02
                )
                .unwrap();
            }
            writeln!(script, "S{number} {:.3} FIN", opened + 19.99).unwrap();
            script
        })
        .concat();
    let findings = analysis(&unused).findings;
    assert!(
        findings
            .iter()
            .all(|finding| finding.rule != "idle-timeout"),
        "{}",
        outcome(&unused)
    );
}
