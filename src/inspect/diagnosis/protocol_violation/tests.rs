//! Stories of `protocol-violation`: what fires it, and what must not.

use std::fmt::Write as _;

use crate::testing::scenario::{analysis, outcome};

/// The findings of this rule in a story: severity, calls, and the first evidence.
fn told(script: &str) -> String {
    let mut text = String::new();
    let findings = analysis(script).findings;
    let findings = findings
        .iter()
        .filter(|finding| finding.rule == super::RULE.name);
    for finding in findings {
        let calls = finding.rpcs.iter().map(|call| call.stream.to_string());
        let calls: Vec<_> = calls.collect();
        let first = finding
            .evidence
            .first()
            .map(|evidence| evidence.text.as_str());
        let severity = finding.severity.name();
        writeln!(
            text,
            "{severity} [{}] {}",
            calls.join(","),
            first.unwrap_or_default()
        )
        .unwrap();
    }
    text
}

#[test]
fn the_call_that_is_reset_for_its_authority_is_named_and_not_another() {
    let script = r"
        C 0.000 HEADERS 1 END_STREAM :authority=/var/run/plugin.sock
        S 0.010 RST 1 PROTOCOL_ERROR
        C 0.020 HEADERS 3 END_STREAM
        S 0.030 RST 3 INTERNAL_ERROR
        C 0.040 FIN
        ";
    insta::assert_snapshot!(outcome(script), @r"
    0:1 reset_by_server at 0.010 processed=maybe error=PROTOCOL_ERROR
    0:3 reset_by_server at 0.030 processed=maybe error=INTERNAL_ERROR
    error protocol-violation rpcs=0:1
    error stream-reset rpcs=0:1,0:3
    ");
    insta::assert_snapshot!(told(script), @r#"error [1] conn 0: the client's HEADERS on stream 1 has :authority "/var/run/plugin.sock", which is no host (RFC 9113, section 8.3.1)"#);
}

#[test]
fn an_authority_with_percent_signs_is_told_only_where_it_is_refused() {
    let request = "C 0.000 HEADERS 1 END_STREAM :authority=%2Frun%2Fx.sock\n";
    let refused = format!("{request} S 0.010 RST 1 PROTOCOL_ERROR");
    insta::assert_snapshot!(told(&refused), @r#"error [1] conn 0: the client's HEADERS on stream 1 has :authority "%2Frun%2Fx.sock", which is no host (RFC 9113, section 8.3.1)"#);
    let answered = format!("{request} S 0.010 ANSWER 1");
    assert_eq!(told(&answered), "");
}

#[test]
fn a_frame_above_the_limit_counts_once_that_is_acknowledged() {
    let frame = "C 0.100 HEADERS 1\n C 0.101 DATA 1 END_STREAM bytes=20000\n";
    let end = "S 0.110 GOAWAY last=0 FRAME_SIZE_ERROR\n S 0.111 FIN";
    insta::assert_snapshot!(told(&format!("{frame}{end}")), @"error [1] conn 0: the client's DATA on stream 1 is 20,000 bytes long, though its receiver takes frames of 16,384 bytes at most (RFC 9113, section 4.2)");
    let raised = "S 0.000 SETTINGS MAX_FRAME_SIZE=32768\n";
    assert_eq!(told(&format!("{raised}{frame} S 0.120 ANSWER 1")), "");
    let lowered =
        format!("{raised} C 0.010 SETTINGS ACK\n S 0.050 SETTINGS MAX_FRAME_SIZE=16384\n");
    assert_eq!(told(&format!("{lowered}{frame} S 0.120 ANSWER 1")), "");
    // The first of them acknowledges the preface.
    let known = format!("{lowered} C 0.060 SETTINGS ACK\n C 0.070 SETTINGS ACK\n");
    insta::assert_snapshot!(told(&format!("{known}{frame} S 0.120 ANSWER 1")), @"warning [] conn 0: the client's DATA on stream 1 is 20,000 bytes long, though its receiver takes frames of 16,384 bytes at most (RFC 9113, section 4.2)");
}

#[test]
fn a_window_that_settings_made_negative_is_overrun_only_after_their_acknowledgement() {
    let before = "C 0.000 SETTINGS ACK\n C 0.001 HEADERS 1\n C 0.002 DATA 1 bytes=16000\n \
                  C 0.003 DATA 1 bytes=16000\n S 0.010 SETTINGS INITIAL_WINDOW_SIZE=16384\n";
    let after = "C 0.020 DATA 1 bytes=16000\n S 0.030 RST 1 FLOW_CONTROL_ERROR";
    assert_eq!(told(&format!("{before}{after}")), "");
    let acknowledged = format!("{before} C 0.015 SETTINGS ACK\n{after}");
    insta::assert_snapshot!(told(&acknowledged), @"error [1] conn 0: the client's DATA on stream 1 is 16,000 bytes long, while the stream's window was −15,616 (RFC 9113, section 6.9.1)");
}

#[test]
fn a_grant_takes_no_window_above_the_greatest() {
    let script = "C 0.000 HEADERS 1 END_STREAM\n S 0.010 WINDOW_UPDATE 1 2147483647\n \
                  C 0.020 RST 1 FLOW_CONTROL_ERROR";
    insta::assert_snapshot!(told(script), @"error [1] conn 0: the server's WINDOW_UPDATE on stream 1 takes the window to 2,147,549,182, above 2^31-1 (RFC 9113, section 6.9.1)");
    let allowed =
        "C 0.000 HEADERS 1 END_STREAM\n S 0.010 WINDOW_UPDATE 1 2147418112\n S 0.020 ANSWER 1";
    assert_eq!(told(allowed), "");
}

#[test]
fn a_frame_that_is_refused_before_its_end_is_told_by_its_header() {
    // 20,000 bytes of DATA are announced, and a few come.
    let script = "C 0.000 HEADERS 1\n C 0.001 RAW 004e20000000000001000000\n \
                  S 0.010 GOAWAY last=0 FRAME_SIZE_ERROR\n S 0.011 FIN";
    insta::assert_snapshot!(told(script), @"error [1] conn 0: the client's DATA on stream 1 is 20,000 bytes long, though its receiver takes frames of 16,384 bytes at most (RFC 9113, section 4.2)");
}

#[test]
fn settings_take_no_open_window_above_the_greatest() {
    let script = "C 0.000 HEADERS 1\n S 0.010 WINDOW_UPDATE 1 1000000\n \
                  S 0.020 SETTINGS INITIAL_WINDOW_SIZE=2147483647\n C 0.030 GOAWAY last=0 FLOW_CONTROL_ERROR\n C 0.031 FIN";
    insta::assert_snapshot!(told(script), @"error [1] conn 0: the server's SETTINGS takes the window to 2,148,483,647, above 2^31-1 (RFC 9113, section 6.9.1)");
}

#[test]
fn answers_above_the_servers_own_last_stream_id_disprove_it() {
    let script = "C 0.000 HEADERS 1 END_STREAM + HEADERS 3 END_STREAM + HEADERS 5 END_STREAM\n \
                  S 0.010 GOAWAY last=1 NO_ERROR\n S 0.020 ANSWER 1\n S 0.021 ANSWER 3";
    insta::assert_snapshot!(told(script), @"warning [] conn 0: the server's HEADERS on stream 3 answers a stream above the last stream id 1 that it had sent (RFC 9113, section 6.8)");
    let refused = "C 0.000 HEADERS 1 END_STREAM + HEADERS 3 END_STREAM\n \
                   S 0.010 GOAWAY last=1 NO_ERROR\n S 0.020 ANSWER 1\n S 0.021 RST 3 REFUSED_STREAM";
    assert_eq!(told(refused), "");
}

#[test]
fn what_crosses_the_other_sides_reset_is_legal_and_what_follows_ones_own_end_is_not() {
    let crossing =
        "C 0.000 HEADERS 1\n S 0.010 RST 1 CANCEL\n C 0.011 DATA 1\n C 0.012 DATA 1 END_STREAM";
    assert_eq!(told(crossing), "");
    let after = "C 0.000 HEADERS 1 END_STREAM\n C 0.001 DATA 1\n S 0.010 RST 1 STREAM_CLOSED";
    insta::assert_snapshot!(told(after), @"error [1] conn 0: the client's DATA on stream 1 comes after its sender had ended that stream (RFC 9113, section 5.1)");
    let own = "C 0.000 HEADERS 1 + RST 1 CANCEL + DATA 1 END_STREAM\n S 0.010 RST 1 STREAM_CLOSED";
    assert_eq!(told(own), "");
}

#[test]
fn a_reset_of_a_closed_stream_is_told_where_a_goaway_answers_it() {
    let script = "C 0.000 HEADERS 1 END_STREAM\n S 0.010 ANSWER 1\n C 0.020 HEADERS 3 END_STREAM\n \
                  C 0.500 RST 1 CANCEL\n";
    assert_eq!(told(&format!("{script} S 0.510 ANSWER 3")), "");
    let ended = format!("{script} S 0.510 GOAWAY last=3 PROTOCOL_ERROR\n S 0.511 FIN");
    insta::assert_snapshot!(outcome(&ended), @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:3 cut_by_close at 0.511 processed=maybe
    error protocol-violation rpcs=0:3
    error connection-error rpcs=0:3
    ");
}

#[test]
fn what_the_capture_lacks_is_no_violation() {
    let trailers = "mid-connection\n C 0.000 DATA 1 bytes=9\n C 0.001 DATA 1 END_STREAM bytes=20000\n \
                    S 0.010 HEADERS 1 END_STREAM grpc-status=0";
    assert_eq!(told(trailers), "");
    let hole = "C 0.000 HEADERS 1\n S 0.010 SETTINGS MAX_FRAME_SIZE=32768 lost\n \
                S 0.011 PING 1\n C 0.020 DATA 1 END_STREAM bytes=20000\n S 0.030 ANSWER 1";
    assert_eq!(told(hole), "");
}

#[test]
fn header_blocks_end_before_anything_else_comes() {
    let script = "C 0.000 HEADERS 1 END_STREAM NO_END_HEADERS\n C 0.001 PING 1\n \
                  S 0.010 GOAWAY last=0 PROTOCOL_ERROR\n S 0.011 FIN";
    insta::assert_snapshot!(told(script), @"error [1] conn 0: the client's PING comes out of turn with the frames of a header block (RFC 9113, section 6.10)");
    let whole = "C 0.000 HEADERS 1 END_STREAM NO_END_HEADERS\n C 0.001 CONTINUATION 1 END_HEADERS a=b\n \
                 S 0.010 ANSWER 1";
    assert_eq!(told(whole), "");
}
