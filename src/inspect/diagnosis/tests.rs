//! Each rule where it fires, and where it must stay silent.

mod ages;
mod closes;
mod silences;
mod windows;

use crate::testing::scenario::outcome;

#[test]
fn goaway_race_is_silent_where_nothing_is_beyond() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=2147483647 NO_ERROR
        C 0.020 PING 1
        S 0.050 GOAWAY last=1 NO_ERROR
        S 0.060 ANSWER 1
        C 0.070 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.060 processed=yes grpc=0");
}

#[test]
fn goaway_race_names_every_connection() {
    let reported = outcome(
        r#"
        C1 0.000 HEADERS 1
        S1 0.010 GOAWAY last=0 NO_ERROR
        C2 0.020 HEADERS 1
        S2 0.030 GOAWAY last=0 NO_ERROR
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 beyond_last_stream_id in_flight at 0.010 processed=no
    1:1 beyond_last_stream_id in_flight at 0.030 processed=no
    error goaway-race rpcs=0:1,1:1
    warning single-goaway conns=0,1
    ");
}

#[test]
fn late_open_allows_100_ms() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=0 NO_ERROR
        C 0.020 ACK
        C 0.120 HEADERS 3
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 beyond_last_stream_id in_flight at 0.010 processed=no
    0:3 beyond_last_stream_id after_receipt late_by=100ms at 0.010 processed=no
    error goaway-race rpcs=0:1,0:3
    warning single-goaway conns=0
    ");
}

#[test]
fn late_open_fires_beyond_100_ms() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=0 NO_ERROR
        C 0.020 ACK
        C 0.121 HEADERS 3
        C 0.400 HEADERS 5 ack=before
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 beyond_last_stream_id in_flight at 0.010 processed=no
    0:3 beyond_last_stream_id after_receipt late_by=101ms at 0.010 processed=no
    0:5 beyond_last_stream_id in_flight at 0.010 processed=no
    error goaway-race rpcs=0:1,0:3,0:5
    warning late-open rpcs=0:3
    warning single-goaway conns=0
    ");
}

#[test]
fn single_goaway_fires_without_a_warning() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 + GOAWAY last=1 NO_ERROR
        C 0.020 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    warning single-goaway conns=0
    ");
}

#[test]
fn single_goaway_fires_where_the_warning_came_too_late() {
    // The handshake took 10 ms: that is a round trip.
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 + GOAWAY last=2147483647 NO_ERROR + GOAWAY last=1 NO_ERROR
        C 0.020 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    warning single-goaway conns=0
    ");
}

#[test]
fn single_goaway_is_silent_after_a_round_trip() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 + GOAWAY last=2147483647 NO_ERROR
        S 0.020 GOAWAY last=1 NO_ERROR
        C 0.030 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.010 processed=yes grpc=0");
}

#[test]
fn single_goaway_is_silent_after_an_answered_ping() {
    // Captured at the server: the acknowledgement of the PING is a round trip, whatever the clock says.
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 + GOAWAY last=2147483647 NO_ERROR + PING 7
        C 0.012 PING 7 ACK
        S 0.013 GOAWAY last=1 NO_ERROR
        C 0.030 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.010 processed=yes grpc=0");
}

#[test]
fn single_goaway_is_silent_mid_connection() {
    // What the server announced before the capture began is not known.
    let reported = outcome(
        r#"
        mid-connection
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 + GOAWAY last=1 NO_ERROR
        C 0.020 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    warning capture-incomplete conns=0
    ");
}

#[test]
fn single_goaway_is_silent_where_an_error_ends_the_connection() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1 + GOAWAY last=1 PROTOCOL_ERROR
        S 0.020 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    error connection-error conns=0
    ");
}

#[test]
fn grace_expired_fires_where_accepted_calls_are_cut() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        S 0.010 GOAWAY last=2147483647 NO_ERROR debug=max_age + PING 1
        C 0.020 PING 1 ACK
        S 0.030 GOAWAY last=3 NO_ERROR debug=max_age
        S 0.040 ANSWER 1
        S 0.500 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.040 processed=yes grpc=0
    0:3 cut_by_close at 0.500 processed=maybe
    error grace-expired rpcs=0:3
    info max-age conns=0
    ");
}

#[test]
fn grace_expired_is_silent_where_the_client_closes() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=2147483647 NO_ERROR
        C 0.500 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.500 processed=maybe
    error abrupt-close rpcs=0:1
    ");
}

#[test]
fn grace_expired_is_silent_where_the_goaway_was_an_error() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=1 INTERNAL_ERROR
        S 0.011 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.011 processed=maybe
    error connection-error rpcs=0:1
    ");
}

#[test]
fn grace_expired_is_silent_where_all_were_answered() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=2147483647 NO_ERROR
        S 0.020 ANSWER 1
        S 0.500 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.020 processed=yes grpc=0");
}

#[test]
fn abrupt_close_is_silent_where_nothing_was_open() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1
        S 0.500 TCP_RST
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.010 processed=yes grpc=0");
}

#[test]
fn abrupt_close_is_silent_after_a_goaway() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 GOAWAY last=2147483647 NO_ERROR
        S 0.500 TCP_RST
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.500 processed=maybe
    error grace-expired rpcs=0:1
    ");
}

#[test]
fn abrupt_close_fires_on_a_reset() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.500 TCP_RST
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.500 processed=maybe
    error abrupt-close rpcs=0:1
    ");
}

#[test]
fn abrupt_close_is_the_last_resort_where_the_client_said_goaway() {
    // No particular rule knows why, and it is not said that no GOAWAY came.
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        C 0.010 GOAWAY last=0 NO_ERROR
        S 0.500 TCP_RST
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.500 processed=maybe
    error abrupt-close rpcs=0:1
    ");
}

#[test]
fn capture_incomplete_fires_on_a_gap() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1 + DATA 1
        C 0.001 DATA 1 END_STREAM bytes=90 lost
        S 0.010 ANSWER 1
        C 0.020 HEADERS 3
        S 0.030 ANSWER 3
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 unknown at 0.010 processed=yes grpc=0
    0:3 ok at 0.030 processed=yes grpc=0
    warning capture-incomplete conns=0
    ");
}

#[test]
fn capture_incomplete_is_silent_where_the_lost_came_again() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1 + DATA 1
        C 0.001 DATA 1 END_STREAM bytes=9 lost
        C 0.005 HEADERS 3
        C 0.200 DATA 1 END_STREAM bytes=9 again
        S 0.210 ANSWER 1
        S 0.230 ANSWER 3
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.210 processed=yes grpc=0
    0:3 ok at 0.230 processed=yes grpc=0
    ");
}

#[test]
fn connection_error_counts_the_calls_that_were_open_then() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        C 0.001 HEADERS 3 END_STREAM
        C 0.100 RST 3 CANCEL
        S 0.200 GOAWAY last=3 ENHANCE_YOUR_CALM debug="Maximum number of RST frames reached"
        S 0.201 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.201 processed=maybe
    0:3 reset_by_client at 0.100 processed=maybe error=CANCEL
    error stream-reset rpcs=0:3
    error connection-error rpcs=0:1
    ");
}

#[test]
fn a_goaway_that_answers_the_other_sides_farewell_ends_nothing() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        S 0.010 ANSWER 1
        C 0.020 GOAWAY last=1 NO_ERROR debug="client transport shutdown"
        S 0.030 GOAWAY last=1 PROTOCOL_ERROR debug="GOAWAY: invalid last_stream_id"
        C 0.040 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.010 processed=yes grpc=0");
}

#[test]
fn a_goaway_with_an_error_code_is_no_race() {
    let reported = outcome(
        r"
        C 0.000 HEADERS 1 END_STREAM
        S 0.010 GOAWAY last=0 HTTP_1_1_REQUIRED
        S 0.011 FIN
        ",
    );
    insta::assert_snapshot!(reported, @r"
    0:1 beyond_last_stream_id in_flight at 0.010 processed=no
    error connection-error rpcs=0:1
    ");
}

#[test]
fn httpds_callback_failure_after_its_announcement_is_its_way_to_stop() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        S 0.010 GOAWAY last=2147483647 NO_ERROR
        S 0.450 GOAWAY last=1 4294966394 debug="The user callback function failed"
        S 0.460 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.460 processed=maybe
    error grace-expired rpcs=0:1
    ");
}

#[test]
fn enhance_your_calm_without_a_word_blames_no_ping_where_resets_weigh_more() {
    let mut script = String::new();
    for number in 0..30 {
        let (id, at) = (3 + 2 * number, f64::from(number) / 10.0);
        script.push_str(&format!("C {at:.3} HEADERS {id} END_STREAM\n"));
        script.push_str(&format!("C {:.3} RST {id} CANCEL\n", at + 0.05));
        script.push_str(&format!("C {:.3} PING {number}\n", at + 0.06));
    }
    script.push_str("S 5.000 GOAWAY last=61 ENHANCE_YOUR_CALM\nS 5.001 FIN");
    let reported = outcome(&script);
    assert!(reported.contains("error connection-error"), "{reported}");
    assert!(!reported.contains("too-many-pings"), "{reported}");
}
