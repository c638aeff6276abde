//! One frame as either side tells it, brought to the same words.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use serde_json::{Map, Value};

use super::differences::Difference;
use super::tshark::{clients, error, header, integer, settings, time};
use crate::shared_material::rows;

/// One frame as either side tells it.
pub(crate) struct Told {
    pub(crate) tcp_stream: u64,
    pub(crate) packet: u64,
    /// Direction, type and stream, as in [`Difference::frame`].
    pub(crate) frame: String,
    /// `c2s` or `s2c`.
    pub(crate) direction: String,
    /// Everything else.
    pub(crate) detail: String,
}

impl Display for Told {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "packet {} {} {}", self.packet, self.frame, self.detail)
    }
}

impl Told {
    /// Whether `difference` speaks of this frame.
    pub(crate) fn is(&self, difference: &Difference) -> bool {
        self.packet == difference.packet && self.frame == difference.frame
    }
}

/// One line of `frames --format json`.
pub(crate) fn told_by_us(line: &str) -> Told {
    let frame: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let number = |key: &str| {
        let number = frame[key].as_u64();
        number.unwrap_or_else(|| panic!("{key} is not a number: {line}"))
    };
    let word = |key: &str| {
        let word = frame[key].as_str();
        word.unwrap_or_else(|| panic!("{key} is not a string: {line}"))
    };
    let kind = word("type");
    let (direction, stream) = (word("dir").to_owned(), number("stream"));
    let flags = frame["flags"]
        .as_array()
        .unwrap_or_else(|| panic!("flags are no list: {line}"));
    let flags = flags.iter().fold(0, |bits, flag| {
        bits | bit(
            kind,
            flag.as_str()
                .unwrap_or_else(|| panic!("a flag is no string: {line}")),
        )
    });
    let mut detail = Detail::new(word("time"), flags, number("length"));
    detail.settings(frame["settings"].as_object().cloned().unwrap_or_default());
    for key in [
        "increment",
        "promised_stream",
        "last_stream_id",
        "error",
        "ping",
    ] {
        detail.field(key, &frame[key]);
    }
    detail.headers(frame["headers"].as_array().map(Vec::as_slice));
    Told {
        tcp_stream: number("tcp_stream"),
        packet: number("packet"),
        frame: format!("{direction} {kind} stream {stream}"),
        direction,
        detail: detail.0,
    }
}

/// TShark's frames and headers of one capture.
pub(crate) fn told_by_tshark(corpus: &Path, set: &str, capture: &str) -> Vec<Told> {
    let name = format!("{set}__{}", capture.replace('/', "__"));
    let frames = rows(&corpus.join("truth").join(format!("{name}.tsv")));
    let headers = corpus.join("truth").join(format!("{name}.headers.tsv"));
    // Written only where there are headers.
    let headers = if headers.is_file() {
        rows(&headers)
    } else {
        Vec::new()
    };

    let clients = clients(&frames, &headers);
    let mut blocks: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for row in &headers {
        let place = (
            row["frame.number"].clone(),
            row["tcp.stream"].clone(),
            row["idx_in_packet"].clone(),
        );
        blocks.entry(place).or_default().push(header(row));
    }
    let told = frames
        .iter()
        .filter(|row| row["type_name"] != "MAGIC")
        .map(|row| {
            let from_client =
                clients.get(&row["tcp.stream"]) == Some(&(&row["src"], &row["srcport"]));
            let direction = if from_client { "c2s" } else { "s2c" };
            let flags = u8::from_str_radix(row["http2.flags"].trim_start_matches("0x"), 16);
            let flags = u64::from(flags.expect("flags are two hexadecimal digits"));
            let mut detail = Detail::new(
                &time(&row["time_epoch"]),
                flags,
                integer(&row["http2.length"]),
            );
            detail.settings(settings(&row["settings"]));
            for (key, column) in [
                ("increment", "window_increment"),
                ("promised_stream", "promised_id"),
                ("last_stream_id", "goaway.last_stream_id"),
            ] {
                detail.field(
                    key,
                    &row[column]
                        .parse()
                        .map_or(Value::Null, |number: u64| number.into()),
                );
            }
            let code = row["goaway.error"]
                .parse()
                .or_else(|_| row["rst_stream.error"].parse());
            detail.field(
                "error",
                &code.map_or(Value::Null, |code| error(code).into()),
            );
            let ping = row["ping"].replace(':', "");
            detail.field(
                "ping",
                &if ping.is_empty() {
                    Value::Null
                } else {
                    ping.into()
                },
            );
            let place = (
                row["frame.number"].clone(),
                row["tcp.stream"].clone(),
                row["idx_in_packet"].clone(),
            );
            detail.headers(blocks.get(&place).map(Vec::as_slice));
            Told {
                tcp_stream: integer(&row["tcp.stream"]),
                packet: integer(&row["frame.number"]),
                frame: format!(
                    "{direction} {} stream {}",
                    row["type_name"], row["http2.streamid"]
                ),
                direction: direction.to_owned(),
                detail: detail.0,
            }
        });
    told.collect()
}

/// The bit of a flag by its name in RFC 9113, section 6; bits without a name stand as `0x…`.
fn bit(kind: &str, flag: &str) -> u64 {
    match (kind, flag) {
        ("SETTINGS" | "PING", "ACK") | ("DATA" | "HEADERS", "END_STREAM") => 0x1,
        ("HEADERS" | "PUSH_PROMISE" | "CONTINUATION", "END_HEADERS") => 0x4,
        ("DATA" | "HEADERS" | "PUSH_PROMISE", "PADDED") => 0x8,
        ("HEADERS", "PRIORITY") => 0x20,
        (_, unnamed) => {
            let bits = unnamed
                .strip_prefix("0x")
                .map(|digits| u64::from_str_radix(digits, 16));
            let Some(Ok(bits)) = bits else {
                panic!("{kind} has no flag {flag}")
            };
            bits
        }
    }
}

/// The rest of a frame as text, built in the same order for both sides.
struct Detail(String);

impl Detail {
    fn new(time: &str, flags: u64, length: u64) -> Self {
        Self(format!("at {time} flags {flags:#04x} length {length}"))
    }

    fn field(&mut self, key: &str, value: &Value) {
        if !value.is_null() {
            self.0 += &format!(" {key} {value}");
        }
    }

    /// Sorted: an object has no order, and a setting given twice counts once, the last.
    fn settings(&mut self, settings: Map<String, Value>) {
        let sorted: BTreeMap<_, _> = settings.into_iter().collect();
        for (name, value) in sorted {
            self.0 += &format!(" {name}={value}");
        }
    }

    fn headers(&mut self, headers: Option<&[Value]>) {
        for header in headers.unwrap_or_default() {
            self.0 += &format!(" {header}");
        }
    }
}
