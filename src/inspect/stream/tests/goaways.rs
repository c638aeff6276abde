//! Verdicts on streams that a GOAWAY met.

use crate::testing::scenario::calls;

#[test]
fn beyond_the_last_stream_id_in_flight() {
    // The client had not acknowledged the GOAWAY when it opened 3.
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=1 NO_ERROR
        C 0.011 HEADERS 3 ack=before
        S 0.020 ANSWER 1
        C 0.030 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.020 processed=yes grpc=0
    0:3 beyond_last_stream_id in_flight at 0.010 processed=no
    ");
}

#[test]
fn a_part_of_the_goaway_is_not_the_goaway() {
    // ack=1 covers the answer's segment, not the GOAWAY behind it.
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1
        S 0.011 GOAWAY last=1 NO_ERROR debug="a long word"
        C 0.012 HEADERS 3 ack=1
        C 0.012 HEADERS 5 ack=goaway
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:3 beyond_last_stream_id in_flight at 0.011 processed=no
    0:5 beyond_last_stream_id after_receipt late_by=0ms at 0.011 processed=no
    ");
}

#[test]
fn how_late_counts_from_the_first_acknowledgement() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.100 GOAWAY last=1 NO_ERROR
        C 0.101 ACK
        C 0.301 HEADERS 3
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 unanswered processed=maybe
    0:3 beyond_last_stream_id after_receipt late_by=200ms at 0.100 processed=no
    ");
}

#[test]
fn no_acknowledgement_no_race() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=1 NO_ERROR
        C 0.020 HEADERS 3 ack=none
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 unanswered processed=maybe
    0:3 beyond_last_stream_id unknown at 0.010 processed=no
    ");
}

#[test]
fn headers_sent_again_may_have_left_before_the_goaway() {
    // The first copy was lost before the capture; the second one's acknowledgement proves nothing.
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.005 HEADERS 3 lost
        C 0.006 PING 1
        S 0.010 GOAWAY last=1 NO_ERROR
        C 0.200 HEADERS 3 again
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 unanswered processed=maybe
    0:3 beyond_last_stream_id unknown at 0.010 processed=no
    ");
}

#[test]
fn headers_sent_again_count_from_their_first_copy() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.005 HEADERS 3
        S 0.010 GOAWAY last=1 NO_ERROR
        C 0.200 HEADERS 3 again
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 unanswered processed=maybe
    0:3 beyond_last_stream_id in_flight at 0.010 processed=no
    ");
}

#[test]
fn an_answer_above_the_last_stream_id_counts() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        C 0.000 HEADERS 5
        C 0.000 HEADERS 7
        S 0.010 GOAWAY last=1 NO_ERROR
        S 0.020 ANSWER 3
        S 0.021 ANSWER 5 grpc-status=14
        S 0.022 HEADERS 7 :status=200
        C 0.030 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.030 processed=maybe
    0:3 ok at 0.020 processed=yes grpc=0
    0:5 status at 0.021 processed=maybe grpc=14
    0:7 beyond_last_stream_id in_flight at 0.010 processed=maybe
    ");
}

#[test]
fn the_highest_id_announces_and_condemns_nothing() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=2147483647 NO_ERROR
        S 0.500 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 cut_by_close at 0.500 processed=maybe");
}

#[test]
fn the_smallest_last_stream_id_is_the_final_one_and_one_that_is_raised_proves_nothing() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 9
        C 0.000 HEADERS 15
        C 0.000 HEADERS 23
        S 0.010 GOAWAY last=21 NO_ERROR
        S 0.020 GOAWAY last=11 NO_ERROR
        S 0.030 GOAWAY last=21 NO_ERROR
        S 0.040 ANSWER 9
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:9 ok at 0.040 processed=yes grpc=0
    0:15 beyond_last_stream_id in_flight at 0.020 processed=maybe
    0:23 beyond_last_stream_id in_flight at 0.020 processed=maybe
    ");
}

#[test]
fn of_goaways_with_equal_last_stream_ids_the_first_is_final() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        S 0.010 GOAWAY last=1 NO_ERROR
        S 0.020 GOAWAY last=1 NO_ERROR
        S 0.040 ANSWER 1
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.040 processed=yes grpc=0
    0:3 beyond_last_stream_id in_flight at 0.010 processed=no
    ");
}

#[test]
fn a_clients_goaway_speaks_of_pushed_streams() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 PUSH_PROMISE 1 promised=2
        C 0.020 GOAWAY last=0 NO_ERROR
        S 0.030 ANSWER 1
        C 0.040 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.030 processed=yes grpc=0");
}

#[test]
fn a_goaway_with_an_error_condemns_too() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=0 ENHANCE_YOUR_CALM debug=too_many_pings
        S 0.011 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 beyond_last_stream_id in_flight at 0.010 processed=no");
}

#[test]
fn what_the_client_saw_before_the_goaway_decides() {
    // Captured at the server: the reset arrives behind the GOAWAY, yet left before it.
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        S 0.010 GOAWAY last=1 NO_ERROR
        C 0.011 RST 3 CANCEL ack=before
        S 0.020 ANSWER 1
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.020 processed=yes grpc=0
    0:3 reset_by_client at 0.011 processed=no error=CANCEL
    ");
}

#[test]
fn the_goaway_decides_before_a_later_reset_or_close() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        C 0.000 HEADERS 5
        S 0.010 GOAWAY last=1 NO_ERROR
        C 0.011 RST 3 CANCEL
        S 0.020 ANSWER 1
        S 0.030 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.020 processed=yes grpc=0
    0:3 beyond_last_stream_id in_flight at 0.010 processed=no
    0:5 beyond_last_stream_id in_flight at 0.010 processed=no
    ");
}
