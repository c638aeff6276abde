//! Verdicts on answers, resets and closes: the rows of the verdict table, and what crosses what.

use crate::testing::scenario::calls;

#[test]
fn a_call_answered_to_the_end_is_ok() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 + DATA 1 END_STREAM
        S 0.010 ANSWER 1
        C 0.011 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.010 processed=yes grpc=0");
}

#[test]
fn another_grpc_status_is_an_answer_too() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 + DATA 1 END_STREAM
        S 0.010 ANSWER 1 grpc-status=14 grpc-message=later
        C 0.011 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 status at 0.010 processed=maybe grpc=14");
}

#[test]
fn trailers_alone_are_an_answer() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        S 0.010 HEADERS 1 END_STREAM :status=200 content-type=application/grpc grpc-status=5
        S 0.010 HEADERS 3 END_STREAM :status=200 content-type=application/grpc grpc-status=0
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 status at 0.010 processed=maybe grpc=5
    0:3 ok at 0.010 processed=yes grpc=0
    ");
}

#[test]
fn grpc_without_any_status_is_an_error() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        S 0.010 HEADERS 1 :status=200 content-type=application/grpc + DATA 1 END_STREAM
        S 0.010 HEADERS 3 :status=200 + DATA 3 END_STREAM
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 status at 0.010 processed=maybe
    0:3 status at 0.010 processed=maybe
    ");
}

#[test]
fn plain_http_is_judged_by_its_status() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 END_STREAM :method=GET content-type=
        C 0.000 HEADERS 3 END_STREAM :method=GET content-type=
        C 0.000 HEADERS 5 END_STREAM :method=GET content-type=
        C 0.000 HEADERS 7
        S 0.010 HEADERS 1 :status=200 + DATA 1 END_STREAM bytes=20
        S 0.010 HEADERS 3 END_STREAM :status=404
        S 0.010 HEADERS 5 END_STREAM :status=304
        S 0.010 HEADERS 7 END_STREAM :status=503
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes
    0:3 status at 0.010 processed=maybe http=404
    0:5 ok at 0.010 processed=yes http=304
    0:7 status at 0.010 processed=maybe http=503
    ");
}

#[test]
fn informational_answers_come_before_the_answer() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 END_STREAM content-type=
        S 0.010 HEADERS 1 :status=103 link=a
        S 0.020 HEADERS 1 END_STREAM :status=200
        C 0.030 HEADERS 3 END_STREAM content-type=
        S 0.040 HEADERS 3 :status=100
        S 0.050 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.020 processed=yes
    0:3 cut_by_close at 0.050 processed=maybe
    ");
}

#[test]
fn an_answer_may_come_before_the_request_ends() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 + DATA 1
        S 0.010 ANSWER 1 + RST 1 NO_ERROR
        C 0.020 DATA 1 END_STREAM
        C 0.030 HEADERS 3 + DATA 3
        S 0.040 ANSWER 3
        C 0.050 RST 3 CANCEL
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:3 ok at 0.040 processed=yes grpc=0
    ");
}

#[test]
fn trailers_of_a_request_open_nothing() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 + DATA 1
        C 0.001 HEADERS 1 END_STREAM checksum=1
        S 0.010 ANSWER 1
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.010 processed=yes grpc=0");
}

#[test]
fn an_upgraded_request_is_stream_1() {
    let reported = calls(
        r#"
        upgrade
        S 0.010 HEADERS 1 :status=200 + DATA 1 END_STREAM bytes=9
        C 0.020 HEADERS 3
        S 0.030 ANSWER 3
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes
    0:3 ok at 0.030 processed=yes grpc=0
    ");
}

#[test]
fn refused_by_the_server() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 RST 1 REFUSED_STREAM
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 refused at 0.010 processed=no error=REFUSED_STREAM");
}

#[test]
fn reset_by_the_server_with_any_other_code() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        C 0.000 HEADERS 5
        S 0.010 RST 1 INTERNAL_ERROR
        S 0.010 HEADERS 3 :status=200 + RST 3 NO_ERROR
        S 0.010 RST 5 300
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 reset_by_server at 0.010 processed=maybe error=INTERNAL_ERROR
    0:3 reset_by_server at 0.010 processed=maybe error=NO_ERROR
    0:5 reset_by_server at 0.010 processed=maybe error=0x12c
    ");
}

#[test]
fn reset_by_the_client() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.010 RST 1 CANCEL
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 reset_by_client at 0.010 processed=maybe error=CANCEL");
}

#[test]
fn a_client_refusing_its_own_stream_is_no_refusal() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.010 RST 1 REFUSED_STREAM
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 reset_by_client at 0.010 processed=maybe error=REFUSED_STREAM");
}

#[test]
fn of_two_resets_the_one_that_the_client_saw_first_decides() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 RST 1 REFUSED_STREAM
        C 0.011 RST 1 CANCEL ack=before
        C 0.020 HEADERS 3
        S 0.030 RST 3 INTERNAL_ERROR
        C 0.031 RST 3 CANCEL
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 reset_by_client at 0.011 processed=no error=CANCEL
    0:3 reset_by_server at 0.030 processed=maybe error=INTERNAL_ERROR
    ");
}

#[test]
fn an_answer_that_crossed_the_reset_captured_at_the_client() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.100 RST 1 CANCEL
        S 0.101 ANSWER 1
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 reset_by_client at 0.100 processed=yes error=CANCEL grpc=0");
}

#[test]
fn an_answer_that_crossed_the_reset_captured_at_the_server() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.099 ANSWER 1
        C 0.101 RST 1 CANCEL ack=before
        C 0.102 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 reset_by_client at 0.101 processed=yes error=CANCEL grpc=0");
}

#[test]
fn an_answer_that_the_reset_acknowledges_was_delivered() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.099 ANSWER 1
        C 0.101 RST 1 CANCEL
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.099 processed=yes grpc=0");
}

#[test]
fn a_tcp_reset_that_does_not_acknowledge_the_answer_cuts_it() {
    let reported = calls(
        r#"
        C1 0.000 HEADERS 1
        S1 0.100 ANSWER 1
        C1 0.101 TCP_RST ack=before
        C2 0.000 HEADERS 1
        S2 0.100 ANSWER 1
        C2 0.101 TCP_RST ack=none
        C3 0.000 HEADERS 1
        S3 0.100 ANSWER 1
        C3 0.101 TCP_RST
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.101 processed=yes grpc=0
    1:1 cut_by_close at 0.101 processed=yes grpc=0
    2:1 ok at 0.100 processed=yes grpc=0
    ");
}

#[test]
fn an_answer_acknowledged_before_the_reset_was_delivered() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.100 ANSWER 1
        C 0.101 ACK
        C 0.102 TCP_RST ack=none
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.100 processed=yes grpc=0");
}

#[test]
fn the_clients_fin_before_the_answer_cuts_it() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.050 FIN
        S 0.100 ANSWER 1
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 cut_by_close at 0.050 processed=yes grpc=0");
}

#[test]
fn the_servers_fin_or_reset_cuts_what_is_open() {
    let reported = calls(
        r#"
        C1 0.000 HEADERS 1
        C1 0.000 HEADERS 3
        S1 0.010 ANSWER 1
        S1 0.020 FIN
        C2 0.000 HEADERS 1
        S2 0.020 HEADERS 1 :status=200
        S2 0.030 TCP_RST
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:3 cut_by_close at 0.020 processed=maybe
    1:1 cut_by_close at 0.030 processed=maybe
    ");
}

#[test]
fn an_answer_in_the_same_segment_as_the_fin_was_delivered() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 + FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.010 processed=yes grpc=0");
}

#[test]
fn nothing_known_before_the_capture_ends() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        end 3
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 unanswered processed=maybe");
}
