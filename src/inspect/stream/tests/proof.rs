//! What a verdict rests on: when a refusal proves that nothing was processed, when an answer was accepted,
//! what proves that gRPC succeeded, and what a FIN ends.

use crate::inspect::stream::rpc::Contradiction;
use crate::testing::scenario::{analysis, calls, outcome};

#[test]
fn a_prompt_refusal_proves_that_nothing_was_processed() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 + DATA 1 END_STREAM
        S 0.011 RST 1 REFUSED_STREAM
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 refused at 0.011 processed=no error=REFUSED_STREAM");
}

/// For a second after the GOAWAY an answer may come that breaks the server's word.
#[test]
fn a_last_stream_id_proves_nothing_in_a_capture_that_ends_with_it() {
    let cut = |end: &str| {
        calls(&format!(
            "
            C 0.000 HEADERS 1 END_STREAM
            C 0.000 HEADERS 3 END_STREAM
            S 0.010 GOAWAY last=1 NO_ERROR
            end {end}
            "
        ))
    };
    let (early, settled) = (cut("0.9"), cut("1.1"));
    assert!(early.contains("0:3 unanswered processed=maybe"), "{early}");
    assert!(settled.contains("0:3 beyond_last_stream_id"), "{settled}");
    assert!(settled.contains("processed=no"), "{settled}");
}

#[test]
fn a_refusal_after_the_answer_began_or_the_body_was_taken_or_late_proves_nothing() {
    let analysis = analysis(
        r#"
        C 0.000 HEADERS 1 + DATA 1 END_STREAM
        S 0.010 HEADERS 1 :status=200 + RST 1 REFUSED_STREAM
        C 0.020 HEADERS 3 + DATA 3 bytes=100
        S 0.030 WINDOW_UPDATE 3 100
        S 0.040 RST 3 REFUSED_STREAM
        C 0.050 HEADERS 5 END_STREAM
        S 0.400 RST 5 REFUSED_STREAM
        "#,
    );
    let why: Vec<_> = analysis
        .rpcs
        .iter()
        .map(|rpc| (rpc.processed.name(), rpc.contradiction))
        .collect();
    assert_eq!(
        why,
        [
            ("maybe", Some(Contradiction::AnswerBegun)),
            ("maybe", Some(Contradiction::BodyTaken)),
            ("maybe", Some(Contradiction::RefusedLate)),
        ]
    );
    let found = &analysis.findings[0];
    assert_eq!(found.rule, "refused-stream");
    assert!(
        !found.explanation.contains("guarantee"),
        "{}",
        found.explanation
    );
    assert!(
        found.explanation.contains("behind a proxy"),
        "{}",
        found.explanation
    );
    assert!(
        found.advice[0].contains("only if they are idempotent"),
        "{:?}",
        found.advice
    );
}

#[test]
fn a_late_refusal_at_the_limit_of_streams_is_a_refusal() {
    let reported = calls(
        r#"
        S 0.000 SETTINGS MAX_CONCURRENT_STREAMS=1
        C 0.010 HEADERS 1 END_STREAM
        C 0.020 HEADERS 3 END_STREAM
        S 0.400 RST 3 REFUSED_STREAM
        S 0.500 ANSWER 1
        C 0.501 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.500 processed=yes grpc=0
    0:3 refused at 0.400 processed=no error=REFUSED_STREAM
    ");
}

#[test]
fn a_server_that_answers_above_its_own_last_stream_id_proves_nothing() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1
        C 0.001 HEADERS 3
        C 0.002 HEADERS 5
        S 0.010 GOAWAY last=1 NO_ERROR
        S 0.020 ANSWER 3
        C 0.030 ACK
        S 0.040 ANSWER 1
        C 0.050 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.040 processed=yes grpc=0
    0:3 ok at 0.020 processed=yes grpc=0
    0:5 beyond_last_stream_id in_flight at 0.010 processed=maybe
    ");
}

#[test]
fn a_whole_answer_that_the_client_resets_was_thrown_away() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        S 0.010 ANSWER 1
        C 0.011 ACK
        C 0.012 RST 1 PROTOCOL_ERROR
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 reset_by_client at 0.012 processed=yes error=PROTOCOL_ERROR grpc=0
    error answer-rejected rpcs=0:1
    ");
}

#[test]
fn a_client_that_ends_the_connection_at_a_whole_answer_threw_that_away() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        C 0.001 HEADERS 3 END_STREAM
        S 0.010 ANSWER 3
        C 0.011 GOAWAY last=0 PROTOCOL_ERROR
        C 0.012 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 cut_by_close at 0.012 processed=maybe
    0:3 reset_by_client at 0.011 processed=yes error=PROTOCOL_ERROR grpc=0
    ");
}

#[test]
fn what_comes_after_an_answer_that_was_accepted_throws_nothing_away() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1
        C 0.011 RST 1 NO_ERROR
        C 0.020 HEADERS 3
        S 0.030 ANSWER 3
        C 0.031 RST 3 CANCEL
        C 0.040 HEADERS 5 END_STREAM
        S 0.050 ANSWER 5 grpc-status=5
        C 0.051 RST 5 CANCEL
        C 0.060 HEADERS 7 END_STREAM
        S 0.070 ANSWER 7
        C 2.100 RST 7 PROTOCOL_ERROR
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:3 ok at 0.030 processed=yes grpc=0
    0:5 status at 0.050 processed=maybe grpc=5
    0:7 ok at 0.070 processed=yes grpc=0
    warning error-status rpcs=0:5
    ");
}

#[test]
fn a_status_counts_only_in_the_block_that_ends_the_stream() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        S 0.010 HEADERS 1 :status=200 content-type=application/grpc grpc-status=0
        S 0.011 DATA 1 END_STREAM bytes=0
        C 0.012 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 status at 0.011 processed=maybe");
}

#[test]
fn an_answer_whose_last_message_is_not_whole_did_not_succeed() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        S 0.010 HEADERS 1 :status=200 content-type=application/grpc + RAW 0000080000000000010000000009616263
        S 0.012 HEADERS 1 END_STREAM grpc-status=0
        C 0.013 ACK
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 status at 0.012 processed=maybe grpc=0");
}

#[test]
fn grpc_web_has_its_status_in_the_body() {
    // DATA with END_STREAM: an empty message, then a frame of trailers, `grpc-status:14`.
    let plain = "0000180001000000010000000000800000000e677270632d7374617475733a3134";
    // The same in base64.
    let text = "000020000100000001414141414141434141414141446d647963474d74633352686448567a4f6a4530";
    for (format, frame) in [("grpc-web", plain), ("grpc-web-text", text)] {
        let reported = calls(&format!(
            "C 0.000 HEADERS 1 END_STREAM content-type=application/{format}
             S 0.010 HEADERS 1 :status=200 content-type=application/{format} + RAW {frame}
             C 0.020 ACK"
        ));
        assert_eq!(reported, "0:1 status at 0.010 processed=maybe grpc=14\n");
    }
}

#[test]
fn a_page_of_a_proxy_is_an_answer_whatever_the_client_does_with_the_rest() {
    let analysis = analysis(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        S 0.010 HEADERS 1 :status=502 content-type=text/html server=nginx + DATA 1 bytes=150
        C 0.012 RST 1 CANCEL
        "#,
    );
    let rpc = analysis.rpcs.iter().next().unwrap();
    assert_eq!(rpc.verdict.name(), "status");
    assert_eq!(rpc.response_messages, (0, 0));
    let found = &analysis.findings[0];
    assert_eq!(found.rule, "error-status");
    assert!(
        found.explanation.contains("server: nginx"),
        "{}",
        found.explanation
    );
}

#[test]
fn without_grpc_a_client_that_resets_in_the_midst_of_an_error_page_reset() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 END_STREAM content-type=application/json
        S 0.010 HEADERS 1 :status=502 content-type=text/html + DATA 1 bytes=150
        C 0.012 RST 1 CANCEL
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 reset_by_client at 0.012 processed=maybe error=CANCEL http=502");
}

#[test]
fn an_answer_that_is_acknowledged_after_the_clients_fin_was_delivered() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        C 0.001 FIN
        S 0.050 ANSWER 1
        C 0.051 ACK
        S 0.060 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 ok at 0.050 processed=yes grpc=0");
}

#[test]
fn one_that_a_closed_socket_answers_with_rst_was_not() {
    let reported = calls(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        C 0.001 FIN
        S 0.050 ANSWER 1
        C 0.051 TCP_RST ack=before
        "#,
    );
    insta::assert_snapshot!(reported, @"0:1 cut_by_close at 0.001 processed=yes grpc=0");
}

#[test]
fn a_grace_may_run_out_by_status_by_reset_and_by_close() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        C 0.000 HEADERS 3 END_STREAM
        C 0.000 HEADERS 5 END_STREAM
        S 0.100 GOAWAY last=5 NO_ERROR
        S 0.600 HEADERS 1 END_STREAM :status=200 content-type=application/grpc grpc-status=14 grpc-message=max%20connection%20age + RST 1 NO_ERROR
        S 0.601 RST 3 NO_ERROR
        S 0.610 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 status at 0.600 processed=maybe grpc=14
    0:3 reset_by_server at 0.601 processed=maybe error=NO_ERROR
    0:5 cut_by_close at 0.610 processed=maybe
    error grace-expired rpcs=0:1,0:3,0:5
    warning single-goaway conns=0
    ");
}

#[test]
fn where_no_grace_was_given_or_the_request_was_not_sent_none_ran_out() {
    let at_once = analysis(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        S 0.100 GOAWAY last=1 NO_ERROR
        S 0.102 RST 1 CANCEL + FIN
        "#,
    );
    let owing = analysis(
        r#"
        C 0.000 HEADERS 1 content-type=application/octet-stream + DATA 1 bytes=100
        S 0.100 GOAWAY last=1 NO_ERROR
        S 5.000 FIN
        "#,
    );
    for analysis in [at_once, owing] {
        assert!(
            analysis
                .findings
                .iter()
                .all(|finding| finding.rule != "grace-expired")
        );
        assert!(analysis.rpcs.iter().all(|rpc| !rpc.cut_by_grace));
    }
}

#[test]
fn what_is_in_flight_when_the_capture_ends_is_no_death() {
    let analysis = analysis(
        r#"
        C 0.000 HEADERS 1 END_STREAM
        end 1.0
        "#,
    );
    assert_eq!(analysis.verdicts.deaths(), 0);
    assert!(analysis.findings.is_empty());
}
