//! Values as OTLP/JSON writes them.
//!
//! In: texts and numbers. Out: attributes, with 64 bits as text and times in nanoseconds since 1970.

use serde_json::{Value, json};

use crate::capture::Timestamp;

pub(super) fn attribute(name: &str, value: Value) -> Value {
    json!({"key": name, "value": value})
}

pub(super) fn text(value: &str) -> Value {
    json!({"stringValue": value})
}

pub(super) fn whole(value: impl ToString) -> Value {
    json!({"intValue": value.to_string()})
}

pub(super) fn list(values: Vec<Value>) -> Value {
    json!({"arrayValue": {"values": values}})
}

pub(super) fn nanos(time: Timestamp) -> String {
    time.nanos().to_string()
}
