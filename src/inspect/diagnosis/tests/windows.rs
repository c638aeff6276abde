//! Windows with no room: who held them, and who starved behind them.

use crate::inspect::diagnosis::Finding;
use crate::testing::scenario::{analysis, outcome};

/// What `flow-control-stall` makes of a scenario.
fn found(script: &str) -> Option<Finding> {
    let mut findings = analysis(script).findings.into_iter();
    findings.find(|finding| finding.rule == "flow-control-stall")
}

/// A client that fills the connection's window on stream 1, and the stream's own if it is no larger.
const FILLED: &str = "C 0.000 HEADERS 1
    C 0.001 DATA 1 bytes=16384
    C 0.002 DATA 1 bytes=16384
    C 0.003 DATA 1 bytes=16384
    C 0.004 DATA 1 bytes=16383\n";

#[test]
fn one_wait_before_both_windows_is_one_wait() {
    let script = format!(
        "{FILLED}
        S 5.004 WINDOW_UPDATE 1 9000 + WINDOW_UPDATE 0 9000
        C 5.005 DATA 1 bytes=10 END_STREAM"
    );
    let finding = found(&script).unwrap();
    assert!(
        finding
            .title
            .contains("waited 5.00 s before a full stream and connection window"),
        "{}",
        finding.title
    );
    assert!(!finding.explanation.contains("In all"));
}

#[test]
fn a_call_that_starves_behind_anothers_data_is_named_though_it_was_cancelled() {
    let script = format!(
        "{FILLED}
        C 0.020 HEADERS 3
        C 9.000 RST 3 CANCEL
        end 10.0"
    );
    insta::assert_snapshot!(outcome(&script), @r"
    0:1 unanswered processed=maybe
    0:3 reset_by_client at 9.000 processed=maybe error=CANCEL
    error stream-reset rpcs=0:3
    warning flow-control-stall rpcs=0:1,0:3
    ");
}

#[test]
fn a_call_without_anything_to_send_does_not_starve() {
    let script = format!(
        "C 0.000 HEADERS 5
        {FILLED}
        C 0.020 HEADERS 3 END_STREAM
        S 0.030 ANSWER 3
        end 10.0"
    );
    let streams: Vec<_> = found(&script).unwrap().rpcs;
    let streams: Vec<_> = streams.iter().map(|rpc| rpc.stream).collect();
    assert_eq!(streams, [1]);
}

#[test]
fn a_wait_that_ends_with_its_only_call_is_told() {
    let script = format!("{FILLED} C 3.004 RST 1 CANCEL\nend 10.0");
    let finding = found(&script).unwrap();
    assert!(finding.title.contains("3.00 s"), "{}", finding.title);
    assert_eq!(finding.rpcs.len(), 1);
}

#[test]
fn settings_that_shut_a_window_make_its_sender_wait() {
    let finding = found(
        "C 0.000 HEADERS 1
        C 0.001 DATA 1 bytes=16384
        C 0.002 DATA 1 bytes=16384
        S 0.010 SETTINGS INITIAL_WINDOW_SIZE=16384
        end 60.0",
    );
    let finding = finding.unwrap();
    assert!(
        finding.title.contains("SETTINGS had shut"),
        "{}",
        finding.title
    );
    assert!(finding.explanation.contains("−16,384 bytes"));
}

#[test]
fn a_window_of_nothing_from_the_beginning_makes_its_sender_wait() {
    let script = "C 0.000 HEADERS 1 END_STREAM
        S 0.010 ANSWER 1 + SETTINGS INITIAL_WINDOW_SIZE=0
        C 0.020 HEADERS 3";
    let finding = found(&format!("{script}\nend 5.0")).unwrap();
    assert!(
        finding.title.contains("window of 0 bytes"),
        "{}",
        finding.title
    );
    let granted =
        format!("{script}\nS 0.030 WINDOW_UPDATE 3 100\nC 0.031 DATA 3 END_STREAM\nend 5.0");
    assert!(found(&granted).is_none());
}

/// A server whose answers to streams 1 and 3 the client resets, with a window that they fill.
const RESET: &str = "C 0.000 HEADERS 1 END_STREAM
    S 0.001 HEADERS 1 :status=200 + DATA 1 bytes=16384
    S 0.002 DATA 1 bytes=16384
    C 0.050 RST 1 CANCEL
    C 0.060 HEADERS 3 END_STREAM
    S 0.061 HEADERS 3 :status=200 + DATA 3 bytes=16384
    C 0.062 RST 3 CANCEL\n";

#[test]
fn a_client_that_keeps_the_credit_of_streams_it_reset_starves_the_others() {
    let script = format!(
        "{RESET}
        S 0.063 DATA 3 bytes=16383
        C 0.100 HEADERS 5 END_STREAM
        S 0.110 HEADERS 5 :status=200
        C 20.000 RST 5 CANCEL
        end 21.0"
    );
    let finding = found(&script).unwrap();
    assert!(
        finding
            .explanation
            .contains("of streams that it had reset itself")
    );
    assert!(
        !finding
            .advice
            .iter()
            .any(|advice| advice.contains("handler"))
    );
    let streams: Vec<_> = finding.rpcs.iter().map(|rpc| rpc.stream).collect();
    assert_eq!(streams, [5]);
}

#[test]
fn a_client_that_returns_the_credit_and_does_not_read_is_no_such_client() {
    let script = format!(
        "{RESET}
        C 0.070 WINDOW_UPDATE 0 49152
        C 0.100 HEADERS 5 END_STREAM
        S 0.110 HEADERS 5 :status=200 + DATA 5 bytes=16384
        S 0.111 DATA 5 bytes=16384
        S 0.112 DATA 5 bytes=16384
        S 0.113 DATA 5 bytes=16383
        end 21.0"
    );
    let finding = found(&script).unwrap();
    assert!(!finding.explanation.contains("reset itself"));
    assert!(finding.explanation.contains("did not read"));
}
