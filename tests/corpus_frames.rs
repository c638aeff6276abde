//! `frames --format json` against what another dissector says of captures that others made.
//!
//! In: every capture under `corpus/http2` and TShark's account of it under `corpus/truth`. Each side
//! becomes lines of the same form, one a frame, in order within a direction of a TCP connection; the
//! two lists must be the same. Where TShark is wrong, [`DIFFERENCES`] says so with the bytes that
//! prove it, and an entry that no longer explains anything is a failure too.

#![allow(
    clippy::indexing_slicing,
    reason = "what is not there fails the test, as it should"
)]

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::shared_material::{Disagreements, Run, folder, rows};

mod shared_material;

/// A capture without a single HTTP/2 frame: SMTP, then TLS without ALPN.
const WITHOUT_HTTP2: &str = "suricata-verify/protocol-change-failed-event.pcap";

/// Captures whose server port the program must be told, with the reason. It has to find HTTP/2 by
/// itself in all others, by the preface or, where the capture begins in the middle, by the frames.
const PORTS: &[(&str, &str, &str)] = &[];

/// One frame that the two sides see differently.
struct Difference {
    capture: &'static str,
    /// How the frame stands in the list that has it alone: the packet and the frame.
    packet: u64,
    frame: &'static str,
    whose: Whose,
    /// What the bytes say.
    reason: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Whose {
    /// On the wire, though TShark does not show it.
    Ours,
    /// Not on the wire in this form, though TShark shows it.
    Tsharks,
}

const UPGRADE: &str = "the segment holds the 101 response and, behind its blank line, this frame: \
    TShark dissects it as HTTP/1.1 to its end";
const HALF_A_HEADER_BLOCK: &str = "the upgrade ends in packet 3, and packet 4 begins a frame of 16384 \
    bytes whose last byte comes in packet 22: TShark shows it at its first packet, decodes none of it and \
    does not follow this direction any further";

const DIFFERENCES: &[Difference] = &[
    Difference {
        capture: "suricata-verify/bug-5929-02.pcap",
        packet: 4,
        frame: "s2c SETTINGS stream 0",
        whose: Whose::Ours,
        reason: UPGRADE,
    },
    Difference {
        capture: "suricata-verify/bug-5929-02.pcap",
        packet: 4,
        frame: "s2c WINDOW_UPDATE stream 0",
        whose: Whose::Ours,
        reason: UPGRADE,
    },
    Difference {
        capture: "suricata-verify/drop-protocol-change.pcap",
        packet: 2,
        frame: "s2c SETTINGS stream 0",
        whose: Whose::Ours,
        reason: UPGRADE,
    },
    Difference {
        capture: "suricata-verify/http2-authority-mismatch.pcap",
        packet: 4,
        frame: "s2c SETTINGS stream 0",
        whose: Whose::Ours,
        reason: UPGRADE,
    },
    Difference {
        capture: "suricata-verify/http2-authority-mismatch.pcap",
        packet: 4,
        frame: "s2c WINDOW_UPDATE stream 0",
        whose: Whose::Ours,
        reason: UPGRADE,
    },
    Difference {
        capture: "suricata-verify/http2-userinfo-authority.pcap",
        packet: 4,
        frame: "s2c SETTINGS stream 0",
        whose: Whose::Ours,
        reason: UPGRADE,
    },
    Difference {
        capture: "suricata-verify/http2-userinfo-authority.pcap",
        packet: 4,
        frame: "s2c WINDOW_UPDATE stream 0",
        whose: Whose::Ours,
        reason: UPGRADE,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 4,
        frame: "c2s HEADERS stream 13",
        whose: Whose::Tsharks,
        reason: HALF_A_HEADER_BLOCK,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 22,
        frame: "c2s HEADERS stream 13",
        whose: Whose::Ours,
        reason: HALF_A_HEADER_BLOCK,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 24,
        frame: "c2s CONTINUATION stream 13",
        whose: Whose::Ours,
        reason: HALF_A_HEADER_BLOCK,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 24,
        frame: "c2s SETTINGS stream 0",
        whose: Whose::Ours,
        reason: HALF_A_HEADER_BLOCK,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 77,
        frame: "c2s WINDOW_UPDATE stream 0",
        whose: Whose::Ours,
        reason: HALF_A_HEADER_BLOCK,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 85,
        frame: "c2s WINDOW_UPDATE stream 2",
        whose: Whose::Ours,
        reason: HALF_A_HEADER_BLOCK,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 95,
        frame: "c2s GOAWAY stream 0",
        whose: Whose::Ours,
        reason: HALF_A_HEADER_BLOCK,
    },
];

/// One frame as either side tells it.
struct Told {
    tcp_stream: u64,
    packet: u64,
    /// Direction, type and stream, as in [`Difference::frame`].
    frame: String,
    /// `c2s` or `s2c`.
    direction: String,
    /// Everything else.
    detail: String,
}

impl Display for Told {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "packet {} {} {}", self.packet, self.frame, self.detail)
    }
}

impl Told {
    /// Whether `difference` speaks of this frame.
    fn is(&self, difference: &Difference) -> bool {
        self.packet == difference.packet && self.frame == difference.frame
    }
}

#[test]
fn every_frame_of_the_corpus() {
    let Some(shared) = folder("every_frame_of_the_corpus") else {
        return;
    };
    let corpus = shared.join("corpus");
    let captures = captures(&corpus.join("http2"));
    let mut disagreements = Disagreements::about("frames of corpus/http2");
    for capture in &captures {
        judge(&corpus, capture, &mut disagreements);
    }
    for difference in DIFFERENCES {
        let known = captures.iter().any(|capture| capture == difference.capture);
        assert!(known, "no such capture: {}", difference.capture);
    }
    assert_eq!(captures.len(), 31, "captures with frames");
    disagreements.settle();
}

#[test]
fn a_capture_without_http2_says_so() {
    let Some(shared) = folder("a_capture_without_http2_says_so") else {
        return;
    };
    let capture = shared.join("corpus/http2").join(WITHOUT_HTTP2);
    let run = Run::of(&[Path::new("frames"), Path::new("--format=json"), &capture]);
    assert_eq!(run.status, Some(2), "{}", run.complaints);
    assert!(run.complaints.starts_with("error: "), "{}", run.complaints);
    assert!(run.complaints.contains("no HTTP/2"), "{}", run.complaints);
    assert_eq!(run.output, "");
}

/// Every capture below `root` that has frames, as `project/file`, in order.
fn captures(root: &Path) -> Vec<String> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("the corpus can be listed");
        entries
            .map(|entry| entry.expect("the corpus can be listed").path())
            .collect()
    };
    let files = entries(root)
        .into_iter()
        .flat_map(|project| entries(&project));
    let relative = files.map(|file| {
        let name = file.strip_prefix(root).expect("a file below its root");
        name.to_str().expect("names are UTF-8").to_owned()
    });
    let mut captures: Vec<String> = relative.filter(|name| name != WITHOUT_HTTP2).collect();
    captures.sort();
    captures
}

/// Compares one capture's frames and adds what differs without a reason.
fn judge(corpus: &Path, capture: &str, disagreements: &mut Disagreements) {
    let mut arguments: Vec<PathBuf> = vec!["frames".into(), "--format=json".into()];
    arguments.push("--show-secrets".into());
    for (_, port, _) in PORTS.iter().filter(|(name, _, _)| *name == capture) {
        arguments.push(format!("--port={port}").into());
    }
    arguments.push(corpus.join("http2").join(capture));
    let run = Run::of(&arguments);
    if run.status != Some(0) {
        let complaint = run.complaints.lines().next().unwrap_or_default();
        disagreements.add(format!(
            "{capture}: exit status {:?}: {complaint}",
            run.status
        ));
        return;
    }
    let mut ours: Vec<Told> = run.output.lines().map(told_by_us).collect();
    let mut truth = told_by_tshark(corpus, capture);
    for difference in DIFFERENCES
        .iter()
        .filter(|difference| difference.capture == capture)
    {
        let side = if difference.whose == Whose::Ours {
            &mut ours
        } else {
            &mut truth
        };
        let Some(place) = side.iter().position(|told| told.is(difference)) else {
            disagreements.add(format!(
                "{capture}: packet {} {}: not there, although {}",
                difference.packet, difference.frame, difference.reason
            ));
            continue;
        };
        side.remove(place);
    }
    let ours = by_direction(&ours);
    let truth = by_direction(&truth);
    for flow in ours
        .keys()
        .chain(truth.keys().filter(|flow| !ours.contains_key(*flow)))
    {
        let none = Vec::new();
        let (ours, truth) = (
            ours.get(flow).unwrap_or(&none),
            truth.get(flow).unwrap_or(&none),
        );
        let about = format!("{capture}: tcp stream {}", flow.0);
        compare_lists(&about, truth, ours, disagreements);
    }
}

/// Adds what one list has and the other lacks; if nothing, where their order first differs.
fn compare_lists(about: &str, truth: &[String], ours: &[String], to: &mut Disagreements) {
    let mut unmatched: Vec<&String> = truth.iter().collect();
    let mut surplus = Vec::new();
    for line in ours {
        match unmatched.iter().position(|other| *other == line) {
            Some(place) => drop(unmatched.remove(place)),
            None => surplus.push(line),
        }
    }
    if unmatched.is_empty() && surplus.is_empty() {
        if let Some((truth, ours)) = truth.iter().zip(ours).find(|(truth, ours)| truth != ours) {
            to.add(format!(
                "{about}: out of order: expected {truth}, got {ours}"
            ));
        }
        return;
    }
    for line in unmatched {
        to.add(format!("{about}: lacks {line}"));
    }
    for line in surplus {
        to.add(format!("{about}: has   {line}"));
    }
}

fn by_direction(told: &[Told]) -> BTreeMap<(u64, &str), Vec<String>> {
    let mut lists: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for frame in told {
        lists
            .entry((frame.tcp_stream, &*frame.direction))
            .or_default()
            .push(frame.to_string());
    }
    lists
}

/// One line of `frames --format json`.
fn told_by_us(line: &str) -> Told {
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
fn told_by_tshark(corpus: &Path, capture: &str) -> Vec<Told> {
    let name = format!("http2__{}", capture.replace('/', "__"));
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

type Row = BTreeMap<String, String>;

/// Who is the client of each TCP connection: it sent the preface or a request's headers. Where the
/// capture shows neither, the higher port is taken for the ephemeral one.
fn clients<'a>(
    frames: &'a [Row],
    headers: &'a [Row],
) -> BTreeMap<&'a String, (&'a String, &'a String)> {
    let requests: Vec<_> = headers
        .iter()
        .filter(|row| row["name"] == ":method")
        .map(|row| (&row["frame.number"], &row["tcp.stream"]))
        .collect();
    let mut clients = BTreeMap::new();
    for row in frames {
        let asks = row["type_name"] == "MAGIC"
            || row["type_name"] == "HEADERS"
                && requests.contains(&(&row["frame.number"], &row["tcp.stream"]));
        if asks {
            clients
                .entry(&row["tcp.stream"])
                .or_insert((&row["src"], &row["srcport"]));
        }
    }
    for row in frames {
        let source_is_higher = integer(&row["srcport"]) > integer(&row["dstport"]);
        let higher = if source_is_higher {
            ("src", "srcport")
        } else {
            ("dst", "dstport")
        };
        clients
            .entry(&row["tcp.stream"])
            .or_insert((&row[higher.0], &row[higher.1]));
    }
    clients
}

/// A header as the program writes it: what TShark calls `<unknown>` is `null`, and so is the value
/// that an unknown table entry would have given.
fn header(row: &Row) -> Value {
    if row["name"] != "<unknown>" {
        return vec![row["name"].clone(), row["value"].clone()].into();
    }
    let from_the_table = row["repr"] == "Indexed Header Field";
    let value = if from_the_table {
        Value::Null
    } else {
        row["value"].clone().into()
    };
    vec![Value::Null, value].into()
}

/// `3=100;4=65535` under the names of RFC 9113, section 6.5.2, RFC 8441 and RFC 9218.
fn settings(cell: &str) -> Map<String, Value> {
    let pairs = cell.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(id, value)| (setting(integer(id)), integer(value).into()))
        .collect()
}

fn setting(id: u64) -> String {
    let name = match id {
        1 => "HEADER_TABLE_SIZE",
        2 => "ENABLE_PUSH",
        3 => "MAX_CONCURRENT_STREAMS",
        4 => "INITIAL_WINDOW_SIZE",
        5 => "MAX_FRAME_SIZE",
        6 => "MAX_HEADER_LIST_SIZE",
        8 => "ENABLE_CONNECT_PROTOCOL",
        9 => "NO_RFC7540_PRIORITIES",
        _ => return format!("{id:#x}"),
    };
    name.to_owned()
}

/// The codes of RFC 9113, section 7, that the corpus has; another would stop the test.
fn error(code: u64) -> &'static str {
    match code {
        0 => "NO_ERROR",
        8 => "CANCEL",
        _ => panic!("error code {code} has no name here yet"),
    }
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

/// Seconds since the epoch with nine decimals, as RFC 3339.
fn time(epoch: &str) -> String {
    let (seconds, nanoseconds) = epoch.split_once('.').expect("seconds and their fraction");
    let seconds: i64 = seconds.parse().expect("whole seconds");
    let nanoseconds: i32 = nanoseconds.parse().expect("nine decimals");
    let time = Timestamp::new(seconds, nanoseconds).expect("a time within jiff's range");
    time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

fn integer(cell: &str) -> u64 {
    cell.parse()
        .unwrap_or_else(|e| panic!("{cell:?} is not a number: {e}"))
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
