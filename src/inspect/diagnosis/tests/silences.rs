//! Calls that ended in silence: an idle timeout, a lost peer, a path that is gone.

use std::fmt::Write as _;

use crate::inspect::diagnosis::{Confidence, Finding, Severity};
use crate::testing::scenario::{analysis, outcome};

/// The finding of a rule in a scenario.
fn found(rule: &str, script: &str) -> Option<Finding> {
    let mut findings = analysis(script).findings.into_iter();
    findings.find(|finding| finding.rule == rule)
}

#[test]
fn streams_reset_after_the_same_silence_are_an_idle_timeout() {
    let script = r#"
        C 0.000 HEADERS 1
        S 2.000 HEADERS 1 :status=200 + DATA 1
        S 62.000 RST 1 CANCEL
        C 63.000 HEADERS 3
        S 70.000 HEADERS 3 :status=200 + DATA 3
        S 130.001 RST 3 CANCEL
        C 131.000 HEADERS 5
        S 131.500 HEADERS 5 :status=200 + DATA 5
        S 191.499 RST 5 CANCEL
        "#;
    insta::assert_snapshot!(outcome(script), @r"
    0:1 reset_by_server at 62.000 processed=maybe error=CANCEL
    0:3 reset_by_server at 130.001 processed=maybe error=CANCEL
    0:5 reset_by_server at 191.499 processed=maybe error=CANCEL
    error idle-timeout rpcs=0:1,0:3,0:5
    ");
    let finding = found("idle-timeout", script).unwrap();
    assert_eq!(finding.confidence, Confidence::Likely);
    assert!(finding.title.contains("60.0 s after the last byte"));
}

#[test]
fn two_equal_silences_are_only_possibly_an_idle_timeout() {
    let finding = found(
        "idle-timeout",
        r#"
        C 0.000 HEADERS 1
        S 2.000 HEADERS 1 :status=200 + DATA 1
        S 32.000 RST 1 INTERNAL_ERROR
        C 33.000 HEADERS 3
        S 34.000 HEADERS 3 :status=200 + DATA 3
        S 64.001 RST 3 INTERNAL_ERROR
        "#,
    );
    assert_eq!(finding.unwrap().confidence, Confidence::Possible);
}

#[test]
fn resets_after_different_silences_or_at_one_moment_are_no_idle_timeout() {
    let different = r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        C 0.000 HEADERS 5
        S 10.000 RST 1 CANCEL
        S 14.000 RST 3 CANCEL
        S 22.000 RST 5 CANCEL
        "#;
    assert_eq!(found("idle-timeout", different), None);
    let at_once = r#"
        C 0.000 HEADERS 1
        C 0.000 HEADERS 3
        C 0.000 HEADERS 5
        S 10.000 RST 1 CANCEL + RST 3 CANCEL + RST 5 CANCEL
        "#;
    assert_eq!(found("idle-timeout", at_once), None);
}

#[test]
fn a_server_that_resets_at_the_deadline_has_no_idle_timeout() {
    let at_deadlines = r#"
        C 0.000 HEADERS 1 grpc-timeout=5S
        S 4.990 RST 1 CANCEL
        C 10.000 HEADERS 3 grpc-timeout=5S
        S 14.990 RST 3 CANCEL
        "#;
    assert_eq!(found("idle-timeout", at_deadlines), None);
}

#[test]
fn connections_closed_after_the_same_silence_lose_the_calls_that_cross_the_close() {
    let script = r#"
        C1 0.010 HEADERS 1
        S1 0.020 ANSWER 1
        C1 0.030 ACK
        C2 3.010 HEADERS 1
        S2 3.020 ANSWER 1
        C2 3.030 ACK
        C3 5.010 HEADERS 1
        S3 5.020 ANSWER 1
        C3 5.030 ACK
        C1 60.019 HEADERS 3
        S1 60.020 FIN ack=1
        S2 63.020 FIN
        S3 65.020 FIN
        "#;
    insta::assert_snapshot!(outcome(script), @r"
    0:1 ok at 0.020 processed=yes grpc=0
    0:3 cut_by_close at 60.020 processed=maybe
    1:1 ok at 3.020 processed=yes grpc=0
    2:1 ok at 5.020 processed=yes grpc=0
    error idle-timeout rpcs=0:3
    ");
    let finding = found("idle-timeout", script).unwrap();
    assert_eq!(finding.connections, [0, 1, 2]);
    assert!(finding.title.contains("60.0 s of silence"));
}

#[test]
fn idle_connections_that_nobody_used_are_worth_a_note_only() {
    let script = r#"
        C1 0.010 HEADERS 1
        S1 0.020 ANSWER 1
        C2 3.010 HEADERS 1
        S2 3.020 ANSWER 1
        S1 60.020 FIN
        S2 63.020 FIN
        "#;
    assert_eq!(
        found("idle-timeout", script).unwrap().severity,
        Severity::Info
    );
    let by_client = r#"
        C1 0.010 HEADERS 1
        S1 0.020 ANSWER 1
        C2 3.010 HEADERS 1
        S2 3.020 ANSWER 1
        C1 60.020 FIN
        C2 63.020 FIN
        "#;
    assert_eq!(found("idle-timeout", by_client), None);
}

#[test]
fn unanswered_tcp_keepalive_probes_show_that_the_other_host_is_gone() {
    let script = r#"
        C 0.000 HEADERS 1
        S 0.100 HEADERS 1 :status=200 + DATA 1
        C 0.110 ACK
        C 7200.0 PROBE
        C 7275.0 PROBE
        C 7350.0 PROBE
        C 7425.0 TCP_RST
        "#;
    insta::assert_snapshot!(outcome(script), @r"
    0:1 cut_by_close at 7425.000 processed=maybe
    error keepalive-timeout rpcs=0:1
    ");
    let finding = found("keepalive-timeout", script).unwrap();
    assert_eq!(finding.confidence, Confidence::Certain);
    assert!(finding.explanation.contains("3 TCP keepalive probes"));
}

#[test]
fn answered_tcp_keepalive_probes_say_nothing() {
    let script = r#"
        C 0.000 HEADERS 1
        S 0.100 HEADERS 1 :status=200 + DATA 1
        C 7200.0 PROBE
        S 7200.1 ACK
        C 14400.0 PROBE
        S 14400.1 ACK
        C 14401.0 TCP_RST
        "#;
    assert_eq!(found("keepalive-timeout", script), None);
}

#[test]
fn calls_that_had_ended_before_did_not_die_of_a_lost_peer() {
    let reported = outcome(
        r#"
        C 0.000 HEADERS 1
        C 0.050 RST 1 CANCEL
        C 0.100 HEADERS 3
        S 0.110 ACK
        C 30.000 PING 0
        C 50.000 FIN
        "#,
    );
    insta::assert_snapshot!(reported, @r"
    0:1 reset_by_client at 0.050 processed=maybe error=CANCEL
    0:3 cut_by_close at 50.000 processed=maybe
    error keepalive-timeout rpcs=0:3
    error stream-reset rpcs=0:1
    ");
}

#[test]
fn a_socket_that_falls_silent_for_ever_leaves_its_calls_to_the_network() {
    let script = r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1
        C 0.020 ACK
        C 1.000 HEADERS 3
        C 1.200 HEADERS 3 again
        C 1.600 HEADERS 3 again
        end 9
        "#;
    insta::assert_snapshot!(outcome(script), @r"
    0:1 ok at 0.010 processed=yes grpc=0
    0:3 unanswered processed=maybe
    warning network-loss rpcs=0:3
    ");
    let finding = found("network-loss", script).unwrap();
    assert!(
        finding.explanation.contains("TCP_USER_TIMEOUT"),
        "{}",
        finding.explanation
    );
    // A call that began just before the capture ended may be answered yet.
    let young = "C 0.000 HEADERS 1\nS 0.010 ANSWER 1\nC 0.020 ACK\nC 1.000 HEADERS 3\nend 9";
    assert_eq!(found("network-loss", young), None);
}

#[test]
fn large_segments_that_stay_away_while_small_ones_are_answered_are_an_mtu() {
    let script = r#"
        C 0.000 HEADERS 1
        S 0.010 ANSWER 1
        C 0.020 ACK
        C 1.000 HEADERS 3 grpc-timeout=4S
        S 1.010 ACK
        C 1.020 DATA 3 bytes=1391
        C 1.300 DATA 3 bytes=1391 again
        C 1.900 DATA 3 bytes=1391 again
        C 2.000 PING 7
        S 2.010 ACK ack=2
        C 5.000 RST 3 CANCEL
        S 5.010 ACK ack=2
        C 6.000 DATA 3 bytes=1391 again
        "#;
    let network = found("network-loss", script).unwrap();
    assert!(
        network.title.contains("segments of 1,400 bytes"),
        "{}",
        network.title
    );
    let deadline = found("deadline-exceeded", script).unwrap();
    assert!(
        deadline
            .explanation
            .contains("never acknowledged the whole")
    );
}

/// The server's kernel probes a client that is gone: the client did nothing wrong either.
#[test]
fn a_server_whose_probes_nobody_answers_lost_its_client() {
    let finding = found(
        "keepalive-timeout",
        r#"
        C 0.000 HEADERS 1
        S 0.100 HEADERS 1 :status=200 + DATA 1
        C 0.110 ACK
        S 7200.0 PROBE
        S 7275.0 PROBE
        S 7350.0 PROBE
        S 7425.0 TCP_RST
        "#,
    )
    .unwrap();
    assert!(
        finding.explanation.contains("server's kernel"),
        "{}",
        finding.explanation
    );
}

/// Full segments of the answer never get through, small ones do: the request was through, and ran.
#[test]
fn an_answer_too_large_for_the_path_is_lost_on_its_way() {
    let script = r#"
        C 0.000 HEADERS 1 END_STREAM grpc-timeout=10S
        S 0.010 HEADERS 1 :status=200
        C 0.011 ACK
        S 0.020 DATA 1 bytes=1400
        S 0.220 DATA 1 bytes=1400 again
        S 0.620 DATA 1 bytes=1400 again
        S 1.420 DATA 1 bytes=1400 again
        C 10.000 RST 1 CANCEL ack=before
        "#;
    let reported = analysis(script);
    let texts: Vec<_> = reported
        .findings
        .iter()
        .map(|finding| format!("{} {}", finding.rule, finding.explanation))
        .collect();
    let all = texts.join("\n");
    assert!(
        all.contains("network-loss") && !all.contains("nothing got through"),
        "{all}"
    );
}

#[test]
fn a_server_that_stops_again_and_again_between_pings_has_no_idle_timeout() {
    // Four connections each time, pinging at an interval of 1.05 s, which a stop finds at four places of it.
    let stops = |phases: [f64; 4]| {
        let mut script = String::new();
        for (number, phase) in phases.into_iter().cycle().take(12).enumerate() {
            let stop = [10.0, 25.0, 40.0][number / 4];
            let opened = stop - 5.0 * 1.05 - phase;
            writeln!(script, "C{number} {opened:.3} HEADERS 1").unwrap();
            writeln!(script, "S{number} {:.3} ANSWER 1", opened + 0.02).unwrap();
            for ping in 1..=5 {
                let at = opened + 1.05 * f64::from(ping);
                writeln!(script, "C{number} {at:.3} PING {ping}").unwrap();
                writeln!(script, "S{number} {:.3} PING {ping} ACK", at + 0.02).unwrap();
            }
            writeln!(script, "S{number} {stop:.3} FIN").unwrap();
        }
        script
    };
    assert!(found("idle-timeout", &stops([1.04, 0.3, 0.6, 0.8])).is_none());
    // The same silence everywhere, at three moments, is worth the note.
    assert!(found("idle-timeout", &stops([1.04; 4])).is_some());
}
