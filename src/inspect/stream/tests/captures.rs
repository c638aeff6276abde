//! Verdicts where the capture lacks bytes or its beginning.

use crate::testing::scenario::calls;

#[test]
fn an_answer_that_was_not_captured_is_unknown() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 lost
        C 0.020 ACK
        C 0.030 HEADERS 3
        S 0.040 ANSWER 3
        C 0.050 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 unknown processed=maybe
    0:3 ok at 0.040 processed=yes grpc=0
    ");
}

#[test]
fn a_gap_inside_data_costs_nothing() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 HEADERS 1 :status=200 content-type=application/grpc
        S 0.011 DATA 1 bytes=5000 cut=100
        S 0.012 HEADERS 1 END_STREAM grpc-status=0
        C 0.020 HEADERS 3
        S 0.030 ANSWER 3
        C 0.040 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.012 processed=yes grpc=0
    0:3 ok at 0.030 processed=yes grpc=0
    ");
}

#[test]
fn a_cut_inside_headers_still_opens_the_stream() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 :path=/inventory.Stock/Reserve cut=20
        S 0.010 ANSWER 1
        C 0.020 HEADERS 3 :path=/b
        S 0.030 RST 3 REFUSED_STREAM
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:3 refused at 0.030 processed=no error=REFUSED_STREAM
    ");
}

#[test]
fn a_cut_inside_the_trailers_hides_the_status() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 HEADERS 1 :status=200 content-type=application/grpc
        S 0.020 HEADERS 1 END_STREAM grpc-status=0 grpc-message=well cut=15
        C 0.030 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 unknown at 0.020 processed=maybe");
}

#[test]
fn the_headers_of_a_request_that_was_not_captured() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 lost
        C 0.001 HEADERS 3
        S 0.010 ANSWER 1
        S 0.020 ANSWER 3
        C 0.030 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 unknown at 0.010 processed=yes grpc=0
    0:3 ok at 0.020 processed=yes grpc=0
    ");
}

#[test]
fn mid_connection_answers_have_no_opening() {
    let reported = calls(
        r#"
        mid-connection
        S 0.000 HEADERS 1 :status=200 content-type=application/grpc + DATA 1
        C 0.001 HEADERS 9
        S 0.010 HEADERS 1 END_STREAM grpc-status=0
        S 0.020 ANSWER 9
        C 0.030 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:9 ok at 0.020 processed=yes grpc=0
    ");
}

#[test]
fn a_block_in_several_frames_opens_one_stream() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 NO_END_HEADERS + CONTINUATION 1 END_HEADERS x=1
        S 0.010 HEADERS 1 END_STREAM NO_END_HEADERS :status=200 content-type=application/grpc
        S 0.020 CONTINUATION 1 END_HEADERS grpc-status=0
        C 0.030 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.020 processed=yes grpc=0");
}

#[test]
fn an_answer_missing_before_the_fin_is_unknown() {
    // Nothing that was captured comes behind what is missing; the FIN's place shows it.
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 lost
        S 0.020 FIN
        C 0.021 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 unknown at 0.020 processed=maybe");
}

#[test]
fn an_answer_missing_at_the_end_of_the_capture_is_unknown() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 lost
        C 0.020 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 unknown processed=maybe");
}
