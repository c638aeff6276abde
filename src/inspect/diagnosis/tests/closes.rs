//! Calls that a close cut: each is told once, of whatever ended it.

use crate::testing::scenario::{analysis, outcome};

#[test]
fn a_farewell_after_the_servers_fin_is_no_goaway_before_it() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 1.000 FIN
        C 1.010 GOAWAY last=0 NO_ERROR debug="client transport shutdown"
        C 1.011 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 1.000 processed=maybe
    error abrupt-close rpcs=0:1
    ");
}

#[test]
fn a_client_that_closes_after_goaway_cut_its_own_calls() {
    let found = analysis(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=2147483647 NO_ERROR
        C 0.510 FIN
        "#,
    );
    let finding = &found.findings[0];
    assert_eq!((finding.rule, finding.rpcs.len()), ("abrupt-close", 1));
    assert!(!finding.title.contains("without GOAWAY"));
    assert!(
        finding
            .explanation
            .contains("The client's end closed 500 ms after a GOAWAY of the server"),
        "{}",
        finding.explanation
    );
}

#[test]
fn equal_ages_without_goaway_are_an_age_and_no_stop() {
    let found = analysis(
        r#"
        C1 0.010 HEADERS 1
        C1 1.000 HEADERS 3
        S1 2.500 FIN
        C2 2.600 HEADERS 1
        C2 4.900 HEADERS 3
        S2 5.095 FIN
        "#,
    );
    let finding = &found.findings[0];
    assert_eq!((finding.rule, finding.rpcs.len()), ("abrupt-close", 4));
    assert!(finding.explanation.contains("max_connection_age_grace"));
    assert!(!finding.explanation.contains("crashed"));
}

#[test]
fn connections_that_end_together_are_a_stop_and_no_age() {
    let found = analysis(
        r#"
        C1 0.010 HEADERS 1
        C2 0.020 HEADERS 1
        S1 2.500 FIN
        S2 2.505 FIN
        "#,
    );
    let finding = &found.findings[0];
    assert!(!finding.explanation.contains("max_connection_age_grace"));
    assert!(finding.explanation.contains("the server as a whole went"));
}

#[test]
fn late_open_counts_streams_after_the_goaway_that_only_announces() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 + GOAWAY last=2147483647 NO_ERROR
        C 0.020 ACK
        C 0.100 HEADERS 3
        S 0.110 ANSWER 3
        C 0.300 HEADERS 5
        S 0.310 ANSWER 5
        C 0.320 ACK
        S 0.400 GOAWAY last=5 NO_ERROR
        C 0.500 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:3 ok at 0.110 processed=yes grpc=0
    0:5 ok at 0.310 processed=yes grpc=0
    warning late-open rpcs=0:5
    ");
}
