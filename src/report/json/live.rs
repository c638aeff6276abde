//! One event a line, as JSON.

use serde_json::{Value, json};

use super::super::live::Status;
use crate::capture::Timestamp;
use crate::inspect::diagnosis::Finding;
use crate::inspect::{Ends, News};
use crate::report::json::{
    connection_seen, finding as finding_body, go_away, report as whole, rpc,
};
use crate::report::{Files, Report, Secrets};

/// What became certain.
#[must_use]
pub fn news(news: &News, secrets: Secrets) -> Value {
    match news {
        News::Connection {
            number,
            recognition,
        } => {
            let first = recognition.opened.unwrap_or(recognition.recognised);
            event(
                "connection",
                first.time,
                connection_seen(*number, recognition),
            )
        }
        News::GoAway {
            connection,
            ends,
            goaway,
        } => {
            let mut body = json!({ "conn": connection });
            extend(&mut body, between(*ends));
            extend(&mut body, go_away(goaway, Files::One));
            event("goaway", goaway.stamp.time, body)
        }
        News::Rpc {
            since,
            ends,
            rpc: call,
        } => {
            let mut body = rpc(call, Files::One, secrets);
            extend(&mut body, between(*ends));
            event("rpc", *since, body)
        }
    }
}

/// A finding, new or grown.
#[must_use]
pub fn finding(time: Timestamp, finding: &Finding) -> Value {
    event("finding", time, finding_body(finding, Files::One))
}

/// How the watch is doing.
#[must_use]
pub fn status(status: &Status) -> Value {
    let methods = status.progress.methods.total();
    let body = json!({
        "packets": status.progress.packets,
        "bytes": status.progress.bytes,
        "received": status.received,
        "drops": {
            "kernel": status.drops.kernel,
            "interface": status.drops.interface,
            "queue": status.drops.queue,
        },
        "connections": {
            "seen": status.connections,
            "open": status.progress.open_connections,
            "evicted": status.progress.evicted_connections,
        },
        "rpcs": {
            "ended": methods.total(),
            "died": methods.deaths(),
            "per_second": (status.rpcs_per_second * 10.0).round() / 10.0,
        },
        "given_up": {
            "connections": status.progress.given_up.connections,
            "rpcs": status.progress.given_up.rpcs,
        },
        "interfaces_away": status.interfaces_away,
        "memory_bytes": status.memory,
    });
    event("status", status.time, body)
}

/// A recording was written, and why.
#[must_use]
pub fn recording(time: Timestamp, path: &str, reason: &str, packets: u64) -> Value {
    let body = json!({ "path": path, "reason": reason, "packets": packets });
    event("recording", time, body)
}

/// The whole report, last of all.
#[must_use]
pub fn report(time: Timestamp, report: &Report, secrets: Secrets) -> Value {
    event("report", time, json!({ "report": whole(report, secrets) }))
}

fn event(name: &str, time: Timestamp, body: Value) -> Value {
    let mut value = json!({ "event": name, "time": time.to_string() });
    extend(&mut value, body);
    value
}

fn between(ends: Ends) -> Value {
    json!({ "client": ends.client.to_string(), "server": ends.server.to_string() })
}

/// Adds `more`'s entries, of which those that are there already stay.
fn extend(value: &mut Value, more: Value) {
    let (Some(object), Value::Object(more)) = (value.as_object_mut(), more) else {
        return;
    };
    for (key, value) in more {
        object.entry(key).or_insert(value);
    }
}
