//! Verdicts on calls with a deadline.

use crate::testing::scenario::calls;

#[test]
fn cancelled_at_the_deadline_or_up_to_50_ms_before() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 grpc-timeout=1S
        C 0.000 HEADERS 3 grpc-timeout=1S
        C 0.000 HEADERS 5 grpc-timeout=1000m
        C 0.940 RST 1 CANCEL
        C 0.950 RST 3 CANCEL
        C 1.001 RST 5 CANCEL
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 reset_by_client at 0.940 processed=maybe error=CANCEL
    0:3 deadline_exceeded at 0.950 processed=maybe error=CANCEL
    0:5 deadline_exceeded at 1.001 processed=maybe error=CANCEL
    ");
}

#[test]
fn a_deadline_that_passed_without_an_answer() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 grpc-timeout=1S
        C 0.000 HEADERS 3 grpc-timeout=4S
        end 3
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 deadline_exceeded processed=maybe
    0:3 unanswered processed=maybe
    ");
}

#[test]
fn a_deadline_that_passed_before_the_close() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 grpc-timeout=1S
        C 0.000 HEADERS 3 grpc-timeout=2S
        S 1.500 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 deadline_exceeded processed=maybe
    0:3 cut_by_close at 1.500 processed=maybe
    ");
}

#[test]
fn a_deadline_yields_to_an_answer_delivered_later() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 grpc-timeout=1S
        S 1.200 ANSWER 1
        C 1.201 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 1.200 processed=yes grpc=0");
}

#[test]
fn an_answer_that_came_after_giving_up_was_not_delivered() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 grpc-timeout=1S
        C 1.000 RST 1 CANCEL
        S 1.010 ANSWER 1
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 deadline_exceeded at 1.000 processed=yes error=CANCEL grpc=0");
}

#[test]
fn a_server_that_resets_at_the_deadline() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 grpc-timeout=1S
        C 0.000 HEADERS 3 grpc-timeout=1S
        S 0.900 RST 1 CANCEL
        S 1.010 RST 3 CANCEL
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 reset_by_server at 0.900 processed=maybe error=CANCEL
    0:3 deadline_exceeded processed=maybe
    ");
}

#[test]
fn a_goaway_before_and_after_the_deadline() {
    let reported = calls(
        r#"
        C1 0.000 HEADERS 1 grpc-timeout=1S
        S1 0.500 GOAWAY last=0 NO_ERROR
        C1 1.000 RST 1 CANCEL
        C2 0.000 HEADERS 1 grpc-timeout=1S
        S2 1.500 GOAWAY last=0 NO_ERROR
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 beyond_last_stream_id in_flight at 0.500 processed=no
    1:1 deadline_exceeded processed=no
    ");
}
