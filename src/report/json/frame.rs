//! `frames --format json`: one object a line.

use serde_json::{Map, Value, json};

use super::super::frames::{Place, Style};
use crate::decode::http2::hpack::HeaderBlock;
use crate::decode::http2::{Flags, Frame, FrameType, Payload};
use crate::report::escape;
use crate::report::json::{self, Files};
use crate::report::redact::Secrets;

/// A frame as an object.
#[must_use]
pub fn json(frame: &Frame<'_>, place: Place, style: Style) -> Value {
    let stamp = frame.completed.stamp;
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    if style.files == Files::Several {
        put("file", json!(stamp.file));
    }
    put("packet", json!(stamp.packet));
    put("time", json!(stamp.time.to_string()));
    put("elapsed", elapsed(stamp.time.nanos_since(style.epoch)));
    put("conn", json!(place.connection));
    put("tcp_stream", json!(place.tcp_stream));
    put("dir", json!(frame.direction.short()));
    put("stream", json!(frame.header.stream.0));
    put("type", json!(frame.header.kind.to_string()));
    put("flags", flags(frame.header.flags, frame.header.kind));
    put("length", json!(frame.header.length));
    match &frame.payload {
        Payload::Headers {
            block: Some(block), ..
        } => put("headers", headers(block, style.secrets)),
        Payload::Continuation { block: Some(ended) } => {
            put("headers", headers(ended.block, style.secrets));
        }
        Payload::PushPromise { promised, block } => {
            put("promised_stream", json!(promised.0));
            if let Some(block) = block {
                put("headers", headers(block, style.secrets));
            }
        }
        Payload::Settings(settings) => {
            let all: Vec<_> = settings.iter().collect();
            put("settings", json::settings(Some(&all)));
        }
        Payload::WindowUpdate { increment } => put("increment", json!(increment)),
        Payload::Ping(payload) => put("ping", json!(hex(payload))),
        Payload::ResetStream { error } => put("error", json!(error.to_string())),
        Payload::GoAway {
            last_stream_id,
            error,
            debug_data,
        } => {
            put("last_stream_id", json!(last_stream_id.0));
            put("error", json!(error.to_string()));
            put("debug_data", json!(escape::text(debug_data)));
        }
        Payload::Priority(priority)
        | Payload::Headers {
            priority: Some(priority),
            ..
        } => {
            put(
                "priority",
                json!({
                    "depends_on": priority.dependency.0,
                    "exclusive": priority.exclusive,
                    "weight": u16::from(priority.weight) + 1,
                }),
            );
        }
        Payload::Malformed(malformation) => put("malformed", json!(malformation.name())),
        Payload::Data { .. }
        | Payload::Headers { .. }
        | Payload::Continuation { block: None }
        | Payload::Unknown => {}
    }
    Value::Object(object)
}

fn flags(flags: Flags, kind: FrameType) -> Value {
    let names = flags
        .named(kind)
        .map(|(bit, name)| name.map_or_else(|| json!(format!("{bit:#x}")), |name| json!(name)));
    Value::Array(names.collect())
}

fn headers(block: &HeaderBlock, secrets: Secrets) -> Value {
    let fields = block.fields().map(|field| {
        let value = field.value.map(|value| match field.name {
            Some(name) => escape::text(&secrets.value(name, value)).into_owned(),
            None => escape::text(&secrets.unnamed(value)).into_owned(),
        });
        json!([field.name.map(escape::text), value])
    });
    Value::Array(fields.collect())
}

/// Seconds, to the nanosecond.
#[allow(clippy::cast_precision_loss)]
fn elapsed(nanos: i64) -> Value {
    json!(nanos as f64 / 1e9)
}

pub(in crate::report) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
