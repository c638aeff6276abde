//! Rules about why servers and clients ended things: each where it fires, and where it must not.

use crate::inspect::diagnosis::{Confidence, Finding};
use crate::testing::scenario::{analysis, outcome};

/// The finding of a rule in a story.
fn finding(rule: &str, text: &str) -> Option<Finding> {
    let findings = analysis(text).findings;
    findings.into_iter().find(|finding| finding.rule == rule)
}

fn rules(text: &str) -> Vec<&'static str> {
    let findings = analysis(text).findings;
    findings.iter().map(|finding| finding.rule).collect()
}

fn evidence(finding: &Finding) -> String {
    let texts: Vec<_> = finding
        .evidence
        .iter()
        .map(|evidence| evidence.text.as_str())
        .collect();
    texts.join("\n")
}

const THREE_STRIKES: &str = r#"
    C 0.000 HEADERS 1
    C 0.300 PING 0
    S 0.310 PING 0 ACK
    C 0.600 PING 0
    S 0.610 PING 0 ACK
    C 0.900 PING 0
    S 0.910 PING 0 ACK
    C 1.200 PING 0
    S 1.210 PING 0 ACK + GOAWAY last=1 ENHANCE_YOUR_CALM debug="too_many_pings"
    S 1.210 FIN
"#;

#[test]
fn too_many_pings_names_the_strikes_one_by_one() {
    let found = finding("too-many-pings", THREE_STRIKES).unwrap();
    assert_eq!(found.confidence, Confidence::Certain);
    insta::assert_snapshot!(evidence(&found), @r#"
    conn 0: first keepalive PING: the next is measured from it
    conn 0: keepalive PING 300 ms after the one before: strike 1
    conn 0: keepalive PING 300 ms after the one before: strike 2
    conn 0: keepalive PING 300 ms after the one before: strike 3
    conn 0: GOAWAY ENHANCE_YOUR_CALM "too_many_pings"
    "#);
    assert_eq!(rules(THREE_STRIKES), ["too-many-pings"]);
}

#[test]
fn too_many_pings_is_told_by_its_strikes_where_no_text_says_so() {
    let silent = THREE_STRIKES.replace(" debug=\"too_many_pings\"", "");
    let found = finding("too-many-pings", &silent).unwrap();
    assert_eq!(found.confidence, Confidence::Likely);
}

#[test]
fn calm_is_another_error_where_data_had_forgiven_the_pings() {
    let forgiven = THREE_STRIKES
        .replace(" debug=\"too_many_pings\"", "")
        .replace(
            "S 0.910 PING 0 ACK",
            "S 0.910 PING 0 ACK + HEADERS 1 :status=200",
        );
    assert_eq!(rules(&forgiven), ["connection-error"]);
}

#[test]
fn strikes_begin_anew_after_headers_or_data() {
    let forgiven = THREE_STRIKES.replace(
        "S 0.310 PING 0 ACK",
        "S 0.310 PING 0 ACK + HEADERS 1 :status=200",
    );
    let found = finding("too-many-pings", &forgiven).unwrap();
    insta::assert_snapshot!(evidence(&found), @r#"
    conn 0: first keepalive PING: the next is measured from it
    conn 0: keepalive PING 300 ms after the one before; the server had sent HEADERS or DATA between: strikes back to 0
    conn 0: keepalive PING 300 ms after the one before: strike 1
    conn 0: keepalive PING 300 ms after the one before: strike 2
    conn 0: GOAWAY ENHANCE_YOUR_CALM "too_many_pings"
    "#);
}

#[test]
fn keepalive_timeout_fires_where_a_ping_is_not_answered() {
    let text = r#"
        C 0.000 HEADERS 1
        S 0.010 HEADERS 1 :status=200
        C 10.010 PING 0
        C 12.010 FIN
        end 13
    "#;
    let found = finding("keepalive-timeout", text).unwrap();
    assert_eq!(found.confidence, Confidence::Certain);
    insta::assert_snapshot!(evidence(&found), @r"
    conn 0: keepalive PING of the client, never answered
    conn 0: the client closes 2.00 s later
    ");
    assert_eq!(rules(text), ["keepalive-timeout"]);
}

#[test]
fn keepalive_timeout_is_silent_where_anything_was_received() {
    let text = r#"
        C 0.000 HEADERS 1
        C 10.010 PING 0
        S 11.000 HEADERS 1 :status=200
        C 12.010 FIN
    "#;
    assert_eq!(rules(text), ["abrupt-close"]);
}

#[test]
fn a_ping_on_its_way_when_its_sender_closes_is_not_unanswered() {
    let text = r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1
        C 0.020 PING 145258749040133895
        C 0.021 FIN
    "#;
    assert_eq!(rules(text), [""; 0]);
}

#[test]
fn keepalive_timeout_is_possible_where_data_stays_unacknowledged() {
    let text = r#"
        C 0.000 HEADERS 1 + DATA 1 END_STREAM
        S 0.010 HEADERS 1 :status=200
        C 0.011 HEADERS 3 + DATA 3 END_STREAM
        C 0.300 HEADERS 3 + DATA 3 END_STREAM again
        S 9.000 DATA 1 ack=before
        C 9.001 TCP_RST
    "#;
    let found = finding("keepalive-timeout", text).unwrap();
    assert_eq!(found.confidence, Confidence::Possible);
}

#[test]
fn a_slow_server_whose_kernel_acknowledges_is_not_silent() {
    let text = r#"
        C 0.000 HEADERS 1 + DATA 1 END_STREAM
        S 0.010 ACK
        C 9.000 FIN
    "#;
    assert_eq!(rules(text), ["abrupt-close"]);
}

#[test]
fn refused_streams_and_their_limit() {
    let text = r#"
        S 0.000 SETTINGS MAX_CONCURRENT_STREAMS=1
        C 0.001 HEADERS 1 + HEADERS 3 ack=before
        S 0.010 RST 3 REFUSED_STREAM
        S 0.020 ANSWER 1
        C 0.021 ACK
        end 0.1
    "#;
    let found = finding("refused-stream", text).unwrap();
    assert!(
        found.explanation.contains("MAX_CONCURRENT_STREAMS of 1"),
        "{}",
        found.explanation
    );
    insta::assert_snapshot!(outcome(text), @r"
    0:1 ok at 0.020 processed=yes grpc=0
    0:3 refused at 0.010 processed=no error=REFUSED_STREAM
    error refused-stream rpcs=0:3
    ");
}

#[test]
fn resets_are_grouped_by_side_and_code() {
    let text = r#"
        C 0.000 HEADERS 1 + HEADERS 3 + HEADERS 5
        S 0.010 RST 1 INTERNAL_ERROR + RST 3 INTERNAL_ERROR
        C 0.020 RST 5 CANCEL
    "#;
    let found = finding("stream-reset", text).unwrap();
    insta::assert_snapshot!(found.title, @"3 RPCs to 192.0.2.2:50051 reset: 1 by the client with CANCEL, 2 by the server with INTERNAL_ERROR");
    insta::assert_snapshot!(outcome(text), @r"
    0:1 reset_by_server at 0.010 processed=maybe error=INTERNAL_ERROR
    0:3 reset_by_server at 0.010 processed=maybe error=INTERNAL_ERROR
    0:5 reset_by_client at 0.020 processed=maybe error=CANCEL
    error stream-reset rpcs=0:1,0:3,0:5
    ");
}

#[test]
fn a_reset_after_a_complete_answer_harms_nobody() {
    let text = r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 + RST 1 NO_ERROR
        C 0.020 ACK
    "#;
    assert_eq!(rules(text), [""; 0]);
}

#[test]
fn deadlines_say_where_the_time_went() {
    let text = r#"
        C 0.000 HEADERS 1 grpc-timeout=1S END_STREAM
        C 0.001 HEADERS 3 grpc-timeout=1S END_STREAM
        S 0.010 HEADERS 3 :status=200
        C 1.000 RST 1 CANCEL + RST 3 CANCEL
        S 1.010 ACK
    "#;
    let found = finding("deadline-exceeded", text).unwrap();
    assert_eq!(found.confidence, Confidence::Certain);
    insta::assert_snapshot!(found.explanation, @"When they were sent these calls had 1.00 s left. Where it went: 1 in the server, or behind it: its end had acknowledged the request, and no answer had begun. 1 in the midst of the answer: it had begun and was not complete. How long a call had waited in the client before it was sent is not on the wire.");
    assert_eq!(rules(text), ["deadline-exceeded"]);
}

#[test]
fn an_error_that_no_call_died_of_is_an_error_still() {
    let text = r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1
        S 0.015 WINDOW_UPDATE 0 65535
        C 0.020 ACK
        C 0.030 GOAWAY last=0 PROTOCOL_ERROR debug="bad frame"
        C 0.031 FIN
    "#;
    let found = finding("connection-error", text).unwrap();
    insta::assert_snapshot!(found.title, @r#"1 connection to 192.0.2.2:50051 broken: GOAWAY PROTOCOL_ERROR "bad frame" of the client"#);
    assert_eq!(rules(text), ["connection-error"]);
}

#[test]
fn calls_taken_back_with_the_goaway_had_no_grace() {
    let told = |reset: &str, closed: &str| {
        let analysis = crate::testing::scenario::analysis(&format!(
            "C 0.000 HEADERS 1
             S 0.100 PING 57005
             C 0.110 PING 57005 ACK
             S 1.000 GOAWAY last=1 NO_ERROR
             S {reset} RST 1 CANCEL
             S {closed} FIN"
        ));
        let mut findings = analysis.findings.iter();
        let reset = findings.find(|finding| finding.rule == "stream-reset");
        reset.map(|finding| format!("{} {}", finding.explanation, finding.advice.concat()))
    };
    let at_once = told("1.002", "1.004").unwrap();
    assert!(at_once.contains("no time to end"), "{at_once}");
    assert!(at_once.contains("awaitTermination"), "{at_once}");
    let by_itself = told("1.002", "1.900").unwrap();
    assert!(
        !by_itself.contains("just before the server closed"),
        "{by_itself}"
    );
}
