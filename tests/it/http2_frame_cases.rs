//! The public frame cases (http2-frame-test-case): every field of every legal frame, and what is
//! shown of every illegal one.
//!
//! A peer must refuse the illegal ones; a sniffer must show them, for they are what one looks for. The
//! table below says for each what is shown, and why that is enough.

#[cfg(test)]
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::shared_material::{self, Disagreements};
use crate::wire;
use h2sniff::decode::StreamPart;
use h2sniff::decode::http2::{Frame, FrameReader, Payload, ReaderItem};
use h2sniff::decode::tcp::ORIGIN;
use h2sniff::decode::{Carrier, Direction};
use serde_json::{Map, Value, json};

/// How many cases there are.
const LEGAL: usize = 12;
const ILLEGAL: usize = 22;

/// Illegal frames by file: what is shown.
const SHOWN: [(&str, &str); ILLEGAL] = [
    // Payloads that cannot be read: the frame is shown with the reason.
    ("data-frame-padding", "Malformed(Padding)"),
    ("headers-frame-padding", "Malformed(Padding)"),
    ("push_promise-frame-padding", "Malformed(Padding)"),
    ("goaway-frame-size", "Malformed(Length)"),
    ("ping-frame-size", "Malformed(Length)"),
    ("priority-frame-size", "Malformed(Length)"),
    ("rst_stream-frame-size", "Malformed(Length)"),
    ("settings-frame-size", "Malformed(Length)"),
    ("window_update-frame-size", "Malformed(Length)"),
    // Payloads that can be read: the illegal stream, length or value stands in the frame.
    ("data-frame-stream", "Data on stream 0"),
    ("headers-frame-stream", "Headers on stream 0"),
    ("priority-frame-stream", "Priority on stream 0"),
    ("push_promise-frame-stream", "PushPromise on stream 0"),
    ("rst_stream-frame-stream", "ResetStream on stream 0"),
    ("goaway-frame-stream", "GoAway on stream 1"),
    ("ping-frame-stream", "Ping on stream 1"),
    ("settings-frame-stream", "Settings on stream 1"),
    (
        "settings-frame-ack-size",
        "Settings of 6 bytes, acknowledging",
    ),
    ("push_promise-frame-promised_stream-odd", "PushPromise of 1"),
    (
        "push_promise-frame-promised_stream-zero",
        "PushPromise of 0",
    ),
    ("window_update-frame-increment", "WindowUpdate of 0"),
    // Longer than SETTINGS allow, and the case holds its first 20 bytes alone: shown once the rest
    // has passed, with its length without padding.
    ("data-frame-size", "Data of 32761 bytes"),
];

#[test]
fn the_public_frame_cases_are_shown() {
    let Some(folder) = shared_material::folder("http2_frame_cases") else {
        return;
    };
    let folder = folder.join("corpus/http2-frame-test-case");
    let mut differences = Disagreements::about("http2-frame-test-case");
    let shown: BTreeMap<_, _> = SHOWN.into_iter().collect();
    let (mut legal, mut illegal) = (0, 0);
    for path in files(&folder) {
        let case = shared_material::json(&path);
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a plain name");
        let wire = bytes(case["wire"].as_str().expect("wire"));
        if case["error"].is_null() {
            legal += 1;
            let what = format!("{}: {}", path.display(), case["description"]);
            let ours = first(&wire, |frame| fields(frame, &case["frame"], &wire));
            differences.compare(what, case["frame"].clone(), ours.unwrap_or_default());
        } else {
            illegal += 1;
            // What the case leaves off the frame's end would have been sent all the same.
            let [a, b, c, ..] = wire.as_slice() else {
                panic!("{name} is too short")
            };
            let length = 9 + u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let mut wire = wire.clone();
            wire.resize(wire.len().max(length), 0);
            let ours = first(&wire, describe).unwrap_or_else(|| "nothing".into());
            let expected = shown.get(name).copied().unwrap_or("a line in the table");
            differences.compare(name, expected.to_owned(), ours);
        }
    }
    differences.settle();
    assert_eq!((legal, illegal), (LEGAL, ILLEGAL));
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of cases") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// What `look` makes of the first frame in `wire`.
fn first<T>(wire: &[u8], look: impl Fn(&Frame<'_>) -> T) -> Option<T> {
    let mut reader = FrameReader::new(Direction::ClientToServer);
    reader.keep_data(256);
    let mut found = None;
    let chunk = StreamPart::Bytes {
        record: None,
        position: ORIGIN,
        data: wire,
        carrier: Carrier::default(),
        whole: h2sniff::capture::Stamp::default(),
    };
    reader.push(chunk, &mut |item| {
        if let (ReaderItem::Frame(frame), None) = (&item, &found) {
            found = Some(look(frame));
        }
    });
    found
}

/// Our reading of a legal frame in the words of the case. Header blocks in the cases are dummies that
/// mean nothing as HPACK, and padding is taken off and not kept: these two are taken from the place
/// in the wire at which our fields say they lie.
fn fields(frame: &Frame<'_>, case: &Value, wire: &[u8]) -> Value {
    let header = frame.header;
    let text = |bytes: &[u8]| json!(String::from_utf8_lossy(bytes));
    let mut payload = Map::new();
    let padded = header.flags.0 & wire::PADDED != 0;
    let padding = if padded { usize::from(wire[9]) } else { 0 };
    let body = &wire[9 + usize::from(padded)..wire.len() - padding];
    if padded {
        payload.insert("padding_length".into(), json!(padding));
        payload.insert("padding".into(), text(&wire[wire.len() - padding..]));
    }
    // What a frame has not stands as null in a case.
    for name in case["frame_payload"].as_object().expect("fields").keys() {
        payload.entry(name).or_insert(Value::Null);
    }
    let mut add = |name: &str, value: Value| payload.insert(name.into(), value);
    match frame.payload {
        Payload::Data { prefix, .. } => drop(add("data", text(prefix))),
        Payload::Headers { priority, .. } => {
            let priority_length = if priority.is_some() { 5 } else { 0 };
            add("header_block_fragment", text(&body[priority_length..]));
            if let Some(priority) = priority {
                add("exclusive", json!(priority.exclusive));
                add("stream_dependency", json!(priority.dependency.0));
                add("weight", json!(u16::from(priority.weight) + 1));
            }
        }
        Payload::Priority(priority) => {
            add("exclusive", json!(priority.exclusive));
            add("stream_dependency", json!(priority.dependency.0));
            add("weight", json!(u16::from(priority.weight) + 1));
        }
        Payload::ResetStream { error } => drop(add("error_code", json!(error.0))),
        Payload::Settings(settings) => {
            let settings: Vec<_> = settings
                .iter()
                .map(|(id, value)| json!([id.0, value]))
                .collect();
            add("settings", json!(settings));
        }
        Payload::PushPromise { promised, .. } => {
            add("promised_stream_id", json!(promised.0));
            add("header_block_fragment", text(&body[4..]));
        }
        Payload::Ping(opaque) => drop(add("opaque_data", text(&opaque))),
        Payload::GoAway {
            last_stream_id,
            error,
            debug_data,
        } => {
            add("last_stream_id", json!(last_stream_id.0));
            add("error_code", json!(error.0));
            add("additional_debug_data", text(debug_data));
        }
        Payload::WindowUpdate { increment } => drop(add("window_size_increment", json!(increment))),
        Payload::Continuation { .. } => drop(add("header_block_fragment", text(body))),
        Payload::Unknown | Payload::Malformed(_) => {}
    }
    let mut ours = json!({
        "length": header.length,
        "type": header.kind.0,
        "flags": header.flags.0,
        "stream_identifier": header.stream.0,
    });
    ours["frame_payload"] = Value::Object(payload);
    ours
}

/// What is shown of an illegal frame.
fn describe(frame: &Frame<'_>) -> String {
    let stream = frame.header.stream.0;
    match frame.payload {
        Payload::Malformed(why) => format!("Malformed({why:?})"),
        Payload::WindowUpdate { increment } => format!("WindowUpdate of {increment}"),
        Payload::PushPromise { promised, .. } if stream != 0 => {
            format!("PushPromise of {promised}")
        }
        Payload::Settings(_) if stream == 0 => {
            format!("Settings of {} bytes, acknowledging", frame.header.length)
        }
        Payload::Data { length, .. } if stream != 0 => format!("Data of {length} bytes"),
        payload => {
            let debug = format!("{payload:?}");
            let name = debug
                .split(|c: char| !c.is_alphanumeric())
                .next()
                .unwrap_or_default();
            format!("{name} on stream {stream}")
        }
    }
}
