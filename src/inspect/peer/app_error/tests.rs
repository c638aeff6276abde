//! What applications heard, from stories.

use crate::testing::scenario::analysis;

/// What the application of this client heard of its last call.
fn heard(user_agent: &str, story: &str) -> Option<String> {
    let story = story.replace("$UA", &format!("user-agent={user_agent}"));
    let calls = analysis(&story).rpcs;
    calls.iter().last()?.app_error.as_deref().map(str::to_owned)
}

const AGED: &str = r#"
    C 0.000 HEADERS 1 $UA
    S 0.010 GOAWAY last=2147483647 NO_ERROR debug="max_age"
    S 0.100 GOAWAY last=1 NO_ERROR debug="max_age"
    S 0.600 FIN
"#;

const DRAINED: &str = "
    C 0.000 HEADERS 1 $UA
    S 0.010 GOAWAY last=2147483647 NO_ERROR
    S 0.100 GOAWAY last=1 NO_ERROR
    S 0.600 FIN
";

const CLOSED: &str = "
    C 0.000 HEADERS 1 $UA
    S 0.600 FIN
";

const CANCELLED: &str = "
    C 0.000 HEADERS 1 $UA
    S 0.600 RST 1 CANCEL
";

const FAILED: &str = "
    C 0.000 HEADERS 1 $UA
    S 0.600 HEADERS 1 END_STREAM :status=200 grpc-status=14 grpc-message=not%20now
    C 0.610 ACK
";

#[test]
fn grpc_go_tells_the_goaway_that_it_had_read_before_the_close() {
    let read = "rpc error: code = Unavailable desc = closing transport due to: connection error: desc = \
                \"error reading from server: EOF\", received prior goaway: code: NO_ERROR";
    let debug_data = format!("{read}, debug data: \"max_age\"");
    assert_eq!(heard("grpc-go/1.85.0", AGED), Some(debug_data));
    assert_eq!(heard("grpc-go/1.85.0", DRAINED), Some(read.to_owned()));
    let empty = format!("{read}, debug data: \"\"");
    assert_eq!(heard("grpc-go/1.39.0", DRAINED), Some(empty));
    let old = "rpc error: code = Unavailable desc = transport is closing";
    assert_eq!(heard("grpc-go/1.33.3", AGED).as_deref(), Some(old));
}

#[test]
fn grpc_go_repeats_the_body_of_an_answer_that_is_not_grpc_since_it_reads_it() {
    let story = "
        C 0.000 HEADERS 1 $UA
        S 0.100 HEADERS 1 :status=502 content-type=text/html + DATA 1 END_STREAM bytes=2
        C 0.110 ACK
    ";
    let words = "rpc error: code = Unavailable desc = unexpected HTTP status code received from server: 502 (Bad \
                 Gateway); transport: received unexpected content-type \"text/html\"";
    let with_body = format!("{words}\ndata: \"\\x00\\x00\"");
    assert_eq!(heard("grpc-go/1.85.0", story), Some(with_body));
    assert_eq!(heard("grpc-go/1.60.0", story).as_deref(), Some(words));
    let without = "
        C 0.000 HEADERS 1 $UA
        S 0.100 HEADERS 1 END_STREAM :status=502 content-type=text/html
        C 0.110 ACK
    ";
    assert_eq!(heard("grpc-go/1.85.0", without).as_deref(), Some(words));
    let cut = story.replace("bytes=2", "bytes=2 cut=1");
    assert_eq!(heard("grpc-go/1.85.0", &cut), None);
}

#[test]
fn grpc_js_words_its_own_deadline_itself() {
    let story = |answered: &str| {
        format!(
            "C 0.000 HEADERS 1 $UA grpc-timeout=200m
             S {answered} HEADERS 1 END_STREAM :status=200 grpc-status=4 grpc-message=too%20late
             C 0.300 ACK"
        )
    };
    let words = "4 DEADLINE_EXCEEDED: too late";
    assert_eq!(
        heard("grpc-node-js/1.14.7", &story("0.150")).as_deref(),
        Some(words)
    );
    assert_eq!(heard("grpc-node-js/1.14.7", &story("0.205")), None);
}

#[test]
fn a_reset_that_a_rst_overtakes_may_never_be_read() {
    let java = "grpc-java-netty/1.85.1";
    let words = "CANCELLED: RST_STREAM closed stream. HTTP/2 error code: CANCEL";
    assert_eq!(heard(java, CANCELLED).as_deref(), Some(words));
    let overtaken = format!("{CANCELLED}\nS 0.605 TCP_RST");
    assert_eq!(heard(java, &overtaken), None);
    let later = format!("{CANCELLED}\nS 0.705 TCP_RST");
    assert_eq!(heard(java, &later).as_deref(), Some(words));
}

#[test]
fn each_library_has_its_own_words_for_a_close() {
    for (user_agent, story, words) in [
        (
            "grpc-go/1.85.0",
            CLOSED,
            "rpc error: code = Unavailable desc = error reading from server: EOF",
        ),
        (
            "grpc-java-netty/1.85.1",
            AGED,
            "UNAVAILABLE: Connection closed after GOAWAY. HTTP/2 error code: NO_ERROR, debug data: max_age",
        ),
        (
            "grpc-java-netty/1.85.1",
            CLOSED,
            "UNAVAILABLE: Network closed for unknown reason",
        ),
        (
            "grpc-node-js/1.14.7",
            AGED,
            "14 UNAVAILABLE: Connection dropped",
        ),
        ("tonic/0.14.9", CLOSED, "transport error"),
        (
            "grpc-python/1.85.1 grpc-c/58.0.0",
            DRAINED,
            "UNAVAILABLE: Stream removed (Socket closed (GOAWAY received; Error code: 0; Debug Text: ))",
        ),
    ] {
        assert_eq!(
            heard(user_agent, story).as_deref(),
            Some(words),
            "{user_agent}"
        );
    }
    assert_eq!(heard("tonic/0.14.9", AGED), None, "another story");
    assert_eq!(heard("curl/8.5.0", CLOSED), None);
}

#[test]
fn each_library_has_its_own_words_for_a_reset() {
    for (user_agent, words) in [
        (
            "grpc-go/1.85.0",
            "rpc error: code = Canceled desc = stream terminated by RST_STREAM with error code: CANCEL",
        ),
        (
            "grpc-java-netty/1.85.1",
            "CANCELLED: RST_STREAM closed stream. HTTP/2 error code: CANCEL",
        ),
        ("grpc-node-js/1.14.7", "1 CANCELLED: Call cancelled"),
    ] {
        assert_eq!(
            heard(user_agent, CANCELLED).as_deref(),
            Some(words),
            "{user_agent}"
        );
    }
}

#[test]
fn a_status_is_told_as_it_was_sent() {
    for (user_agent, words) in [
        (
            "grpc-go/1.85.0",
            "rpc error: code = Unavailable desc = not now",
        ),
        ("grpc-java-netty/1.85.1", "UNAVAILABLE: not now"),
        ("grpc-node-js/1.14.7", "14 UNAVAILABLE: not now"),
        ("grpc-python/1.85.1 grpc-c/58.0.0", "UNAVAILABLE: not now"),
        ("tonic/0.14.9", "not now"),
    ] {
        assert_eq!(
            heard(user_agent, FAILED).as_deref(),
            Some(words),
            "{user_agent}"
        );
    }
}

#[test]
fn grpc_go_says_how_often_it_tried() {
    let again = "
        C 0.000 HEADERS 1 END_STREAM $UA x-request-id=a
        S 0.010 HEADERS 1 END_STREAM :status=200 grpc-status=14 grpc-message=no
        C 0.100 HEADERS 3 END_STREAM $UA x-request-id=a grpc-previous-rpc-attempts=1
        S 0.110 HEADERS 3 END_STREAM :status=200 grpc-status=14 grpc-message=no
        C 0.120 ACK
    ";
    let once = "rpc error: code = Unavailable desc = no";
    let twice = "rpc error: code = Unavailable desc = max retries exhausted: failed after 2 attempts: \
                 rpc error: code = Unavailable desc = no";
    assert_eq!(heard("grpc-go/1.85.0", again).as_deref(), Some(twice));
    assert_eq!(heard("grpc-go/1.81.0", again).as_deref(), Some(once));
    let other = again.replacen("grpc-status=14", "grpc-status=8", 1);
    assert_eq!(
        heard("grpc-go/1.85.0", &other),
        None,
        "it may not repeat this one"
    );
}

#[test]
fn grpc_go_names_a_proxys_http_status() {
    let story = "
        C 0.000 HEADERS 1 END_STREAM $UA
        S 0.010 HEADERS 1 END_STREAM :status=502
        C 0.020 ACK
    ";
    let words = "rpc error: code = Unavailable desc = unexpected HTTP status code received from server: 502 \
                 (Bad Gateway); malformed header: missing HTTP content-type";
    assert_eq!(heard("grpc-go/1.85.0", story).as_deref(), Some(words));
    let html = story.replace(":status=502", ":status=502 content-type=text/html");
    let words = words.replace(
        "malformed header: missing HTTP content-type",
        "transport: received unexpected content-type \"text/html\"",
    );
    assert_eq!(heard("grpc-go/1.85.0", &html), Some(words));
    assert_eq!(heard("grpc-go/1.33.3", story), None, "it had other words");
}
