//! The truth's words turned into the report's, as the table in the lab's README has it.

use serde_json::Value;

/// A victim of the truth in the report's words.
pub(crate) struct Expected<'a> {
    pub(crate) verdict: &'static str,
    pub(crate) race: &'static str,
    pub(crate) error: Option<&'a str>,
    pub(crate) grpc_status: Option<&'a str>,
}

impl<'a> Expected<'a> {
    pub(crate) fn of(truth: &'a Value) -> Self {
        let truly = word(truth, "verdict");
        let (mut error, mut grpc_status) = (None, None);
        let verdict = match truly {
            "beyond_last_stream_id" => "beyond_last_stream_id",
            "cut_by_close" => "cut_by_close",
            "refused" => {
                error = Some("REFUSED_STREAM");
                "refused"
            }
            "deadline_expired_no_answer" => "deadline_exceeded",
            "no_answer_conn_left_open" => "unanswered",
            _ if truly.starts_with("http_") => "status",
            _ => {
                if let Some(status) = truly.strip_prefix("app_status_") {
                    grpc_status = Some(status);
                    "status"
                } else if let Some(code) = truly.strip_prefix("reset_by_server_") {
                    error = Some(code);
                    "reset_by_server"
                } else if let Some(code) = truly.strip_prefix("cancelled_by_client_") {
                    // Only 08 has these, and none of them at the deadline that the wire shows: the
                    // client computed the timeout before the call waited for a stream.
                    error = Some(code);
                    "reset_by_client"
                } else {
                    panic!("the truth's verdict {truly} has no counterpart here")
                }
            }
        };
        let race = match truth["race"].as_str() {
            None => "none",
            Some("in_flight") => "in_flight",
            Some("late_client") => "after_receipt",
            Some(other) => panic!("the truth's race {other} has no counterpart here"),
        };
        Self {
            verdict,
            race,
            error,
            grpc_status,
        }
    }
}

/// What a connection of the truth should be called.
pub(crate) fn transport(truth: &Value) -> &'static str {
    if truth["proto"] == "tls-h2" {
        return "h2";
    }
    let spoke = truth["proto"] == "h2";
    if spoke && number(truth, "bytes_s2c") > 0 {
        return "h2c";
    }
    if spoke {
        // 11a: a preface, and a server that closed without a byte.
        return "not-http2";
    }
    let refused = truth["closes"][0]["by"] == "server";
    let unanswered = list(truth, "closes").is_empty();
    // Else it was established and given up before a byte was said: nothing makes it HTTP/2.
    if refused || unanswered {
        "none"
    } else {
        "not listed"
    }
}

/// What the truth knows of a connection as a whole.
pub(crate) fn true_record(truth: &Value) -> String {
    let close = list(truth, "closes").first().map_or_else(
        || "never closed".to_owned(),
        |close| {
            let kind = word(close, "kind").to_lowercase();
            format!(
                "{kind} by {} in packet {}",
                word(close, "by"),
                close["frame"]
            )
        },
    );
    let [tcp_stream, streams, highest] =
        ["conn", "streams", "max_stream_id"].map(|key| number(truth, key));
    let pings = &truth["pings"];
    let (client, server) = (number(pings, "client"), number(pings, "server"));
    format!(
        "tcp stream {tcp_stream}, {streams} streams to {highest}, {client}+{server} pings, {close}"
    )
}

/// The same of a connection in the report.
pub(crate) fn our_record(ours: &Value) -> String {
    let close = match &ours["close"] {
        Value::Null => "never closed".to_owned(),
        close => {
            format!(
                "{} by {} in packet {}",
                word(close, "how"),
                word(close, "by"),
                close["packet"]
            )
        }
    };
    let tcp_stream = number(ours, "tcp_stream");
    let [streams, highest] = ["opened", "highest"].map(|key| number(&ours["streams"], key));
    let [client, server] = ["client", "server"].map(|key| number(&ours["pings"], key));
    format!(
        "tcp stream {tcp_stream}, {streams} streams to {highest}, {client}+{server} pings, {close}"
    )
}

pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("{key} is not a list: {value}"))
}

pub(crate) fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is not a string: {value}"))
}

pub(crate) fn number(value: &Value, key: &str) -> u64 {
    value[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} is not a number: {value}"))
}
