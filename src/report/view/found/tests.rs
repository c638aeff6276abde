//! What is found by what is pasted.

use std::sync::Arc;

use super::*;
use crate::inspect::Rpc;
use crate::inspect::{RequestedHeader, Verdict};

const CLOSED: &str = "rpc error: code = Unavailable desc = error reading from server: EOF";
const GOAWAY: &str = "rpc error: code = Unavailable desc = closing transport due to: connection error: desc = \"error \
                      reading from server: EOF\", received prior goaway: code: NO_ERROR";
const AGED: &str = "rpc error: code = Unavailable desc = closing transport due to: connection error: desc = \"error \
                    reading from server: EOF\", received prior goaway: code: NO_ERROR, debug data: \"max_age\"";
const FULL: &str = "UNAVAILABLE: Connection closed after GOAWAY";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A call each, with an identifier; their streams are 1, 3, 5, …
fn report() -> Report {
    let mut report = Report::default();
    let calls = [
        (Some(CLOSED), "x-request-id", "r-000230"),
        (Some(GOAWAY), "x-request-id", "r-000231"),
        (Some(AGED), "x-request-id", "r-0002311"),
        (Some(FULL), "traceparent", TRACE),
        (None, "x-request-id", "7"),
    ];
    for (stream, (error, name, value)) in (1..).step_by(2).zip(calls) {
        let id = CallId {
            connection: 0,
            stream,
        };
        let mut rpc = Rpc::bare(id, Verdict::CutByClose);
        rpc.app_error = error.map(Arc::from);
        rpc.headers = vec![RequestedHeader {
            name: Arc::from(name.as_bytes()),
            values: vec![Some(value.as_bytes().into())],
        }];
        report.analysis.rpcs.push_list(vec![rpc]);
    }
    report
}

fn streams(line: &str) -> Vec<u32> {
    let groups = find(&report(), line);
    let calls = groups.iter().flat_map(|group| &group.calls);
    let mut streams: Vec<_> = calls.map(|call| call.stream).collect();
    streams.sort_unstable();
    streams
}

#[test]
fn a_message_is_found_alone_and_in_a_line() {
    for (place, error) in (1..).step_by(2).zip([CLOSED, GOAWAY, AGED, FULL]) {
        let (message, _) = message(error);
        let escaped = message.replace('"', "\\\"");
        for line in [
            error.to_owned(),
            message.to_owned(),
            format!("2026-11-27 12:00:01 ERROR call failed: {error}"),
            format!("{{\"level\":\"error\",\"msg\":\"{escaped}\",\"shop\":7}}"),
            format!("code=UNAVAILABLE msg=\"{escaped}\""),
            message.to_uppercase(),
        ] {
            assert_eq!(streams(&line), [place], "{line}");
        }
    }
}

#[test]
fn another_message_is_not_found() {
    for line in [
        "code=DEADLINE_EXCEEDED msg=\"error reading from server: EOF\"",
        "error reading from server: EOFs",
        "transport: Error while dialing: connection refused",
        "EOF",
        "",
    ] {
        assert_eq!(streams(line), [] as [u32; 0], "{line}");
    }
}

#[test]
fn a_part_is_found_in_whole_messages() {
    assert_eq!(streams("reading from server"), [1, 3, 5]);
    assert_eq!(streams("received prior goaway"), [3, 5]);
    assert_eq!(streams("debug data: \"max_age\""), [5]);
}

#[test]
fn an_identifier_says_more_than_a_message() {
    for (line, expected) in [
        ("r-000230", 1),
        ("id=r-000230 msg=\"error reading from server: EOF\"", 1),
        ("{\"id\":\"r-000231\"}", 3),
        ("r-0002311: failed", 5),
        (TRACE, 7),
        ("trace_id=4bf92f3577b34da6a3ce929d0e0e4736 failed", 7),
        ("7", 9),
    ] {
        assert_eq!(streams(line), [expected], "{line}");
    }
    for line in [
        "r-00023",
        "xr-000230",
        "r-000230-1",
        "line 7",
        "4bf92f3577b34da6",
    ] {
        assert_eq!(streams(line), [] as [u32; 0], "{line}");
    }
}
