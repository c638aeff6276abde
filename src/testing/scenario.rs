//! The one helper for tests of verdicts and rules: a scenario in, its outcome out.
//!
//! In: a scenario, an event a line. Out: a line a call and a line a finding, for an inline snapshot. The
//! scenario becomes frames, TCP segments and IP packets, and these go through the real decoder and the
//! real inspector, so a new rule needs no new helper.
//!
//! ```text
//! C 0.000 HEADERS 1 :path=/a grpc-timeout=1S     the client opens stream 1
//! S 0.010 HEADERS 1 :status=200 + DATA 1         two frames in one segment
//! S 0.012 GOAWAY last=1 NO_ERROR debug="max_age"
//! C 0.015 HEADERS 3 ack=before                   sent without the GOAWAY's acknowledgement
//! S 0.020 HEADERS 1 END_STREAM grpc-status=0
//! C 0.030 FIN
//! ```
//!
//! Who: `C` or `S`, with a number where there are several connections. When: seconds; the first event
//! of a connection comes at the end of its handshake, which takes 10 ms, and of both prefaces. Events
//! are sent in order of time.
//!
//! | event | meaning |
//! |---|---|
//! | `HEADERS id [END_STREAM] [NO_END_HEADERS] name=value…` | a client's first ones on a stream are a gRPC request, other fields added or, as `content-type=`, left out |
//! | `DATA id [END_STREAM] [bytes=N]` | an empty gRPC message, or zeros |
//! | `ANSWER id name=value…` | HEADERS, DATA and trailers in one segment; `grpc-status=0` if none is given |
//! | `RST id CODE`, `GOAWAY last=N CODE debug="…"`, `PING n [ACK]`, `SETTINGS NAME=N… [ACK]`, `WINDOW_UPDATE id n`, `PUSH_PROMISE id promised=N` | frames |
//! | `CONTINUATION id [END_HEADERS] name=value…` | a frame that goes on with a block |
//! | `RAW hex` | bytes as they are |
//! | `REFUSED` | instead of a connection: a SYN, and the RST that refuses it |
//! | `ACK`, `FIN`, `TCP_RST`, `PROBE` | segments without data; a keepalive probe stands one before the next byte |
//!
//! Any event takes `ack=all` (the default: everything the peer sent so far), `ack=before` (all but the
//! peer's latest segment), `ack=goaway` (up to the end of the peer's latest GOAWAY), `ack=N` (the
//! peer's first N segments of the scenario) or `ack=none` (no acknowledgement number at all); `lost` (it
//! was sent, but not captured), `again` (the segment that the same words sent before, once more) and
//! `cut=N` (only N bytes of its payload were captured).
//!
//! Lines without a sender: `mid-connection` (no handshake, no prefaces), `hops` (connections from 10 on lead from the
//! others' server to one behind it, those from 20 on from there to a third), `upgrade` (the client asks
//! for stream 1 in HTTP/1.1), `one-way client` or `one-way server` (only what that one sent was captured),
//! `end T` (when the capture ends; 1.5 s after the last event if not said).

mod recording;
mod render;

use recording::Recording;

use crate::capture::{LinkType, Packet, Stamp, Timestamp};
use crate::inspect::{self, Analysis};
use crate::pipeline::{self, Pipeline};
use crate::testing::wire::{self, BEGINNING, End};

/// How long a capture goes on after the last event, in nanoseconds: until what has not come will not come.
const TAIL_NANOS: i64 = 1_500_000_000;

/// The outcome of a scenario: a line a call, then a line a finding.
pub(crate) fn outcome(text: &str) -> String {
    render::lines(&analysis(text))
}

/// What became of a scenario's calls, a line each: for tests of verdicts, which no rule concerns.
pub(crate) fn calls(text: &str) -> String {
    let mut lines = String::new();
    for rpc in &analysis(text).rpcs {
        render::call(&mut lines, rpc);
    }
    lines
}

/// The outcome of a scenario, as plain data.
pub(crate) fn analysis(text: &str) -> Analysis {
    let mut pipeline = Pipeline::new(pipeline::Options {
        inspect: inspect::Options {
            all: true,
            ..inspect::Options::default()
        },
        ..pipeline::Options::default()
    });
    for (number, captured) in packets(text).iter().enumerate() {
        pipeline.push(&captured.packet(number as u64 + 1));
    }
    pipeline.finish().analysis
}

/// The same of one who watched all the time, and looked for findings after each packet.
pub(crate) fn watched(text: &str) -> Analysis {
    let mut pipeline = Pipeline::watching(pipeline::Options::default());
    for (captured, number) in packets(text).iter().zip(1..) {
        let packet = captured.packet(number);
        pipeline.push(&packet);
        pipeline.tick(packet.stamp.time);
        pipeline.take_news();
        let _ = pipeline.findings_so_far();
    }
    pipeline.finish().analysis
}

/// A packet of a scenario.
#[derive(Debug)]
pub(crate) struct Captured {
    nanos: i64,
    data: Vec<u8>,
    /// Bytes at its end that the snap length cut off.
    cut: usize,
}

impl Captured {
    fn packet(&self, number: u64) -> Packet<'_> {
        Packet {
            stamp: Stamp {
                time: Timestamp::from_nanos(BEGINNING + self.nanos),
                packet: number,
                file: 0,
            },
            link_type: LinkType::RAW,
            original_length: u32::try_from(self.data.len()).unwrap(),
            data: &self.data[..self.data.len() - self.cut],
        }
    }
}

/// The packets of a scenario, in order of time.
pub(crate) fn packets(text: &str) -> Vec<Captured> {
    let (mut recording, mut end) = (Recording::default(), None);
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(' ') {
            None if line == "mid-connection" => recording.mid_connection = true,
            None if line == "hops" => recording.hops = true,
            None if line == "upgrade" => recording.upgrade = true,
            Some(("one-way", "client")) => recording.only = Some(End::Client),
            Some(("one-way", "server")) => recording.only = Some(End::Server),
            Some(("end", time)) => end = Some(nanos(time)),
            _ => lines.push(Line::parse(line)),
        }
    }
    lines.sort_by_key(|line| line.nanos);
    for line in &lines {
        recording.add(line);
    }
    let last = lines.last().map_or(0, |line| line.nanos);
    recording.record(end.unwrap_or(last + TAIL_NANOS), wire::datagram(), 0);
    recording.captured.sort_by_key(|captured| captured.nanos);
    recording.captured
}

/// One event as it was written.
#[derive(Debug)]
struct Line {
    from: End,
    connection: u16,
    nanos: i64,
    /// Frames or a bare segment, each a list of words.
    parts: Vec<Vec<String>>,
    ack: String,
    lost: bool,
    again: bool,
    cut: Option<usize>,
}

impl Line {
    fn parse(line: &str) -> Self {
        let mut words = words(line).into_iter();
        let who = words.next().unwrap();
        let (from, number) = match who.split_at(1) {
            ("C", number) => (End::Client, number),
            ("S", number) => (End::Server, number),
            _ => panic!("neither C nor S: {line}"),
        };
        let mut event = Self {
            from,
            connection: number.parse().unwrap_or(0),
            nanos: nanos(&words.next().unwrap()),
            parts: vec![Vec::new()],
            ack: "all".into(),
            lost: false,
            again: false,
            cut: None,
        };
        for word in words {
            match word.split_once('=') {
                Some(("ack", ack)) => event.ack = ack.into(),
                Some(("cut", cut)) => event.cut = Some(cut.parse().unwrap()),
                _ if word == "lost" => event.lost = true,
                _ if word == "again" => event.again = true,
                _ if word == "+" => event.parts.push(Vec::new()),
                _ => event.parts.last_mut().unwrap().push(word),
            }
        }
        event
    }
}

/// Splits at spaces that no quotes enclose, and takes the quotes away.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            character => words.last_mut().unwrap().push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn nanos(seconds: &str) -> i64 {
    let seconds: f64 = seconds.trim().parse().unwrap();
    #[allow(clippy::cast_possible_truncation)]
    let micros = (seconds * 1e6).round() as i64;
    micros * 1_000
}
