//! Captures of one direction: what the other side did is not known, however silent it seems.

use crate::inspect::stream::rpc::Doubt;
use crate::testing::scenario::{analysis, outcome};

const EVENTS: &str = r#"
    C 0.000 HEADERS 1 END_STREAM
    S 0.050 ANSWER 1
    C 0.051 ACK
    C 0.100 HEADERS 3 END_STREAM grpc-timeout=100m
    S 0.150 ANSWER 3
    C 0.151 PING 7
    S 0.160 PING 7 ACK
    C 9.000 FIN
    end 10.0
"#;

#[test]
fn without_the_server_nothing_died_and_nothing_is_blamed() {
    let reported = outcome(&format!("one-way client\n{EVENTS}"));
    insta::assert_snapshot!(reported, @r"
    0:1 unknown at 9.000 processed=maybe
    0:3 unknown processed=maybe
    warning capture-incomplete conns=0
    ");
}

#[test]
fn without_the_client_nothing_died_and_nothing_is_blamed() {
    let reported = outcome(&format!("one-way server\n{EVENTS}"));
    insta::assert_snapshot!(reported, @r"
    0:1 unknown at 0.050 processed=yes grpc=0
    0:3 unknown at 0.150 processed=yes grpc=0
    warning capture-incomplete conns=0
    ");
}

#[test]
fn the_capture_is_named_as_one_way_and_what_to_capture_instead() {
    let analysis = analysis(&format!("one-way client\n{EVENTS}"));
    let found = &analysis.findings[0];
    assert!(
        found.title.contains("one direction was not captured"),
        "{}",
        found.title
    );
    assert!(
        found.advice[0].contains("both directions"),
        "{:?}",
        found.advice
    );
    assert!(
        analysis
            .rpcs
            .iter()
            .all(|rpc| rpc.doubt == Some(Doubt::OneWay))
    );
    assert_eq!(analysis.connections[0].pings.unanswered, 0);
}

#[test]
fn a_server_that_says_nothing_to_a_client_that_was_captured_is_another_matter() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1 END_STREAM grpc-timeout=100m
        C 0.100 RST 1 CANCEL
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 deadline_exceeded at 0.100 processed=maybe error=CANCEL
    error deadline-exceeded rpcs=0:1
    ");
}
