//! Packets that were not captured: what they may have decided is not told, and what they cannot is.

use insta::assert_snapshot;

use crate::inspect::stream::rpc::Doubt;
use crate::testing::scenario::{analysis, calls};

/// Why the only call of a scenario is in doubt.
fn doubt(scenario: &str) -> Option<Doubt> {
    let analysis = analysis(scenario);
    assert_eq!(analysis.rpcs.len(), 1, "{:?}", analysis.rpcs);
    analysis.rpcs.iter().next().unwrap().doubt
}

#[test]
fn an_answer_long_after_the_server_had_what_is_missing_was_not_reset_before() {
    assert_snapshot!(calls("
        C 0.000 HEADERS 1 END_STREAM :path=/a
        C 0.010 WINDOW_UPDATE 0 +1 lost
        C 0.012 PING 2
        S 0.014 ACK
        S 0.100 ANSWER 1
    "), @"0:1 ok at 0.100 processed=yes grpc=0");
}

#[test]
fn an_answer_that_crosses_what_is_missing_is_in_doubt() {
    let scenario = "
        C 0.000 HEADERS 1 END_STREAM :path=/a
        C 0.010 WINDOW_UPDATE 0 +1 lost
        C 0.012 PING 2
        S 0.014 ANSWER 1
    ";
    assert_snapshot!(calls(scenario), @"0:1 unknown at 0.014 processed=yes grpc=0");
    assert_eq!(doubt(scenario), Some(Doubt::ResetMissing));
}

#[test]
fn what_is_too_short_or_too_long_for_a_reset_alone_is_none() {
    assert_snapshot!(calls("
        C 0.000 HEADERS 1 END_STREAM :path=/a
        C 0.010 PING 1 lost
        C 0.012 PING 2
        S 0.014 ANSWER 1
    "), @"0:1 ok at 0.014 processed=yes grpc=0");
}

/// A call that crosses what is missing, after so many requests of one size; `lost` is what is missing. Gives why it is in
/// doubt, and whether its verdict is inferred.
fn crossing(requests: usize, lost: &str) -> (Option<Doubt>, bool) {
    told_of_crossing("", (3, requests), lost)
}

/// The same, where this came before, and the requests begin with this stream.
fn crossing_after(before: &str, first: u32, lost: &str) -> (Option<Doubt>, bool) {
    told_of_crossing(before, (first, 20), lost)
}

fn told_of_crossing(
    before: &str,
    (first, requests): (u32, usize),
    lost: &str,
) -> (Option<Doubt>, bool) {
    let mut scenario = String::from(
        "C 0.000 HEADERS 1 END_STREAM :path=/a\nC 0.001 WINDOW_UPDATE 0 +1 lost\nC 0.002 PING 2\nS 0.003 ANSWER 1\n",
    );
    scenario.push_str(before);
    let ids = (first..).step_by(2).take(requests);
    for id in ids.clone() {
        let time = f64::from(id);
        scenario.push_str(&format!(
            "C {time:.3} HEADERS {id} END_STREAM :path=/a\nS {:.3} ANSWER {id}\n",
            time + 0.1
        ));
    }
    let last = ids.last().unwrap_or(1);
    let (open, missing, next) = (last + 2, last + 4, last + 6);
    let lost = lost.replace("OPEN", &open.to_string());
    let lost = lost.replace("MISSING", &missing.to_string());
    scenario.push_str(&format!(
        "C 500.000 HEADERS {open} END_STREAM :path=/a\nC 500.010 {lost} lost\nC 500.020 HEADERS {next} END_STREAM :path=/a\n\
         S 500.021 ANSWER {open}\nS 500.100 ANSWER {next}\nC 500.900 PING 7\n"
    ));
    let analysis = analysis(&scenario);
    let call = analysis.rpcs.iter().find(|rpc| rpc.id.stream == open);
    call.map(|rpc| (rpc.doubt, rpc.verdict_inferred)).unwrap()
}

#[test]
fn a_request_that_is_missing_leaves_no_room_for_a_reset_if_it_is_as_long_as_the_others() {
    let in_doubt = (Some(Doubt::ResetMissing), false);
    let request = "HEADERS MISSING END_STREAM :path=/a";
    assert_eq!(crossing(20, request), (None, true));
    assert_eq!(crossing(10, request), in_doubt, "too few were seen");
    let with_reset = format!("{request} + RST OPEN CANCEL");
    assert_eq!(crossing(20, &with_reset), in_doubt);
    assert_eq!(crossing(20, "RST OPEN CANCEL"), in_doubt);
}

#[test]
fn the_length_of_requests_tells_nothing_of_a_client_that_takes_calls_back() {
    let in_doubt = (Some(Doubt::ResetMissing), false);
    let request = "HEADERS MISSING END_STREAM :path=/a";
    let before = "C 0.004 HEADERS 3 END_STREAM :path=/a\nC 0.005 RST 3 CANCEL\n";
    assert_eq!(crossing_after(before, 5, request), in_doubt);
    let leaves_out = "C 0.004 HEADERS 3 END_STREAM :path=/a\nS 0.005 ANSWER 3\n\
                      C 0.006 HEADERS 7 END_STREAM :path=/a\nS 0.007 ANSWER 7\n";
    assert_eq!(crossing_after(leaves_out, 9, request), in_doubt);
}

#[test]
fn what_a_client_sent_after_it_had_an_answer_came_too_late_to_take_the_call_back() {
    let scenario = |lost: &str| {
        format!(
            "
        C 0.000 HEADERS 1 END_STREAM :path=/a
        S 0.010 ANSWER 1
        C 0.020 ACK
        C {lost} WINDOW_UPDATE 0 +1 lost
        C 0.500 PING 2
        "
        )
    };
    assert_eq!(
        doubt(&scenario("0.490")),
        Some(Doubt::ResetMissing),
        "not known when it was sent"
    );
    let known = scenario("0.490").replace("C 0.490", "C 0.300 PING 1\n        C 0.490");
    assert_eq!(doubt(&known), None);
}

#[test]
fn who_answers_on_a_later_stream_has_read_what_is_missing() {
    assert_snapshot!(calls("
        C 0.000 HEADERS 1 END_STREAM :path=/a
        C 0.010 WINDOW_UPDATE 0 +1 lost
        C 0.012 HEADERS 3 END_STREAM :path=/b
        S 0.014 ANSWER 3
        S 0.015 ANSWER 1
    "), @r"
    0:1 ok at 0.015 processed=yes grpc=0
    0:3 ok at 0.014 processed=yes grpc=0
    ");
}

#[test]
fn a_goaway_may_be_missing_before_streams_that_are_never_answered() {
    assert_snapshot!(calls("
        C 0.000 HEADERS 1 END_STREAM :path=/a
        S 0.010 ANSWER 1
        S 0.020 GOAWAY last=1 NO_ERROR lost
        S 0.021 PING 1
        C 0.030 HEADERS 3 END_STREAM :path=/b
        S 0.040 FIN
    "), @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:3 unknown at 0.040 processed=maybe
    ");
}

#[test]
fn a_request_that_cannot_be_read_may_have_had_a_timeout() {
    assert_snapshot!(calls("
        C 0.000 HEADERS 1 END_STREAM :path=/a grpc-timeout=1S
        S 0.010 ANSWER 1
        C 0.020 PING 1 lost
        C 0.021 RAW 000001010500000005be
        C 0.500 RST 5 CANCEL
    "), @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:5 unknown at 0.500 processed=maybe error=CANCEL
    ");
}

#[test]
fn an_answer_that_its_client_throws_away_may_have_come_too_late() {
    assert_snapshot!(calls("
        C 0.000 HEADERS 1 END_STREAM :path=/a grpc-timeout=1S
        C 0.020 PING 1 lost
        C 0.021 RAW 00001a010500000005838604022f610f10106170706c69636174696f6e2f67727063be
        S 0.499 ANSWER 5
        C 0.500 RST 5 CANCEL
    "), @r"
    0:1 unknown processed=maybe
    0:5 unknown at 0.500 processed=yes error=CANCEL grpc=0
    ");
}

#[test]
fn a_reset_that_answers_a_segment_shows_what_that_acknowledged() {
    assert_snapshot!(calls("
        C 0.000 HEADERS 1 END_STREAM :path=/a
        S 0.010 ANSWER 1
        S 0.011 FIN
        C 0.020 ACK lost
        S 0.021 TCP_RST ack=none
        C 0.030 TCP_RST ack=none
    "), @"0:1 ok at 0.010 processed=yes grpc=0");
}

#[test]
fn a_reset_beyond_all_that_was_seen_shows_that_frames_before_it_are_missing() {
    let scenario = |lost: &str| {
        format!(
            "
        C 0.000 HEADERS 1 END_STREAM :path=/a
        S 0.010 RST 1 CANCEL{lost}
        S 0.011 TCP_RST
        "
        )
    };
    assert_snapshot!(calls(&scenario("")), @"0:1 reset_by_server at 0.010 processed=maybe error=CANCEL");
    assert_snapshot!(calls(&scenario(" lost")), @"0:1 unknown at 0.011 processed=maybe");
}

#[test]
fn an_answer_before_the_segment_by_which_a_client_is_found_gone_may_have_been_received() {
    let scenario = "
        C 0.000 HEADERS 1 END_STREAM :path=/a
        S 0.010 ANSWER 1
        C 0.011 PING 1 ack=before
        C 0.012 ACK lost
        S 0.020 PING 1 ACK
        C 0.030 TCP_RST ack=none
    ";
    assert_snapshot!(calls(scenario), @"0:1 unknown at 0.030 processed=yes grpc=0");
}

#[test]
fn an_answer_to_which_a_client_that_is_gone_answers_was_not_received() {
    let scenario = "
        C 0.000 HEADERS 1 END_STREAM :path=/a
        S 0.001 ACK
        S 0.010 ANSWER 1
        C 0.011 TCP_RST ack=none
    ";
    assert_snapshot!(calls(scenario), @"0:1 cut_by_close at 0.011 processed=yes grpc=0");
}

#[test]
fn an_answer_that_is_sent_again_until_the_capture_ends_may_not_have_been_received() {
    let scenario = |again: &str| {
        format!(
            "
        C 0.000 HEADERS 1 END_STREAM :path=/a
        C 0.001 PING 1
        S 0.005 PING 1 ACK
        C 0.006 ACK
        S 0.010 ANSWER 1
        {again}
        "
        )
    };
    assert_snapshot!(calls(&scenario("")), @"0:1 ok at 0.010 processed=yes grpc=0");
    assert_snapshot!(calls(&scenario("S 0.300 ANSWER 1 again\n        S 0.900 ANSWER 1 again")), @"0:1 unknown at 0.010 processed=yes grpc=0");
}

#[test]
fn an_answer_that_a_client_rejects_may_have_told_a_failure_in_a_head_that_is_missing() {
    let scenario = |head: &str| {
        format!(
            "
        C 0.000 HEADERS 1 END_STREAM :path=/a
        S 0.010 HEADERS 1 :status=502 content-type=text/html{head}
        S 0.011 DATA 1 END_STREAM bytes=20
        C 0.012 RST 1 PROTOCOL_ERROR
        "
        )
    };
    assert_snapshot!(calls(&scenario("")), @"0:1 status at 0.011 processed=maybe http=502");
    assert_snapshot!(calls(&scenario(" lost")), @"0:1 unknown at 0.012 processed=maybe error=PROTOCOL_ERROR");
}
