//! Fed: what a client and a server say to each other on two connections, a frame a packet:
//!
//! ```text
//! +---------+   +-----+--------------+------+-------+--------+--------+---------+
//! | options | + | how | milliseconds | type | flags | stream | length | payload | ...
//! +---------+   +-----+--------------+------+-------+--------+--------+---------+
//!
//! options:  0x01 the capture begins after the first connection's preface
//! how:      0x01 the server says it       0x10 on the other connection
//!           0x02 its packet is missing    0x20 each byte of the payload names a header field
//!           0x04 FIN follows              0x40 its packet was captured twice
//!           0x08 RST follows              0x80 a hundred times as long passed
//! ```
//!
//! Must hold: what `reports` asserts of all forms; and whoever watched all the time comes to the same
//! end as who read the capture afterwards: as many calls of each verdict, and the same findings.

#![no_main]

#[path = "../../../src/testing/wire.rs"]
mod wire;

use h2sniff::capture::{LinkType, Packet};
use h2sniff::inspect::{Analysis, Verdict};
use h2sniff::pipeline::{Options, Pipeline};
use h2sniff::report::Report;
use h2sniff_fuzz::reports::{Watch, assert_all_forms, everything};
use h2sniff_fuzz::{HARMFUL, Script, stamp};
use libfuzzer_sys::fuzz_target;
use wire::{BEGINNING, End, FIN, PREFACE, Peers, RST, SYN};

/// How long talks last at most, in nanoseconds. Who watches for weeks lets go of connections that
/// were silent for a minute.
const LONGEST_NANOS: i64 = 50_000_000_000;

/// Header fields that mean something to somebody.
const FIELDS: [(&str, &str); 28] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/shop.Cart/Add"),
    (":path", "/shop.Cart/Get"),
    (":path", HARMFUL),
    (":authority", "cart:50051"),
    (":status", "200"),
    (":status", "503"),
    (":status", "100"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
    ("grpc-timeout", "100m"),
    ("grpc-timeout", "2S"),
    ("grpc-timeout", "99999999H"),
    ("grpc-status", "0"),
    ("grpc-status", "4"),
    ("grpc-status", "14"),
    ("grpc-status", "99999999999"),
    ("grpc-message", HARMFUL),
    ("grpc-previous-rpc-attempts", "1"),
    ("x-request-id", "a"),
    ("x-request-id", "b"),
    ("authorization", "Bearer secret"),
    ("user-agent", "grpc-go/1.33.3"),
    ("user-agent", HARMFUL),
    ("server", "envoy"),
    ("x-envoy-overloaded", "true"),
    ("retry-after", "1"),
];

fuzz_target!(|bytes: &[u8]| {
    let packets = Talks::told_by(Script::new(bytes));
    assert_all_forms(&read(&packets, everything()));
    let read = read(&packets, Options::default()).analysis;
    let mut watch = Watch::default();
    for (number, (nanos, data)) in (1..).zip(&packets) {
        watch.push(&packet(number, *nanos, data));
    }
    let watched = watch.finish();
    assert_eq!(conclusions(&watched.analysis), conclusions(&read));
});

fn packet(number: u64, nanos: i64, data: &[u8]) -> Packet<'_> {
    Packet {
        stamp: stamp(number, nanos),
        link_type: LinkType::RAW,
        original_length: data.len() as u32,
        data,
        options: h2sniff::capture::PacketOptions::default(),
    }
}

fn read(packets: &[(i64, Vec<u8>)], options: Options) -> Report {
    let mut pipeline = Pipeline::new(options);
    for (number, (nanos, data)) in (1..).zip(packets) {
        pipeline.push(&packet(number, *nanos, data));
    }
    pipeline.finish()
}

/// How many calls of each verdict there are, and what was found.
fn conclusions(analysis: &Analysis) -> Vec<String> {
    let verdicts = Verdict::ALL.map(|verdict| {
        let count = analysis.verdicts.of(verdict);
        format!("{count} {}", verdict.name())
    });
    let findings = analysis.findings.iter().map(|finding| {
        let (severity, confidence) = (finding.severity.name(), finding.confidence.name());
        format!(
            "{severity} {} {confidence}: {}",
            finding.rule, finding.title
        )
    });
    verdicts.into_iter().chain(findings).collect()
}

/// Two connections of one client to one server.
struct Talks {
    peers: [Peers; 2],
    /// Sequence numbers used so far on each, by the client and by the server.
    sent: [[u32; 2]; 2],
    now: i64,
    packets: Vec<(i64, Vec<u8>)>,
}

impl Talks {
    fn told_by(mut script: Script<'_>) -> Vec<(i64, Vec<u8>)> {
        let mut talks = Self {
            peers: [Peers::new(40_000, 50_051), Peers::new(40_001, 50_051)],
            sent: [[0; 2]; 2],
            now: BEGINNING,
            packets: Vec::new(),
        };
        let settings = wire::settings(&[(3, 100)]);
        for connection in [0, 1] {
            talks.send(connection, End::Client, SYN, &[]);
            talks.send(connection, End::Server, SYN, &[]);
            talks.send(connection, End::Client, 0, PREFACE);
            talks.send(connection, End::Client, 0, &settings);
            talks.send(connection, End::Server, 0, &settings);
        }
        if script.byte() & 0x01 != 0 {
            talks.packets.drain(..5);
        }
        while !script.is_over() {
            talks.follow(&mut script);
        }
        talks.packets
    }

    fn follow(&mut self, script: &mut Script<'_>) {
        let how = script.byte();
        let is = |flag: u8| how & flag != 0;
        let from = if is(0x01) { End::Server } else { End::Client };
        let connection = usize::from(is(0x10));
        let unit = if is(0x80) { 100_000_000 } else { 1_000_000 };
        self.now += i64::from(script.byte()) * unit;
        self.now = self.now.min(BEGINNING + LONGEST_NANOS);
        let (kind, flags, stream) = (script.byte(), script.byte(), script.byte());
        let length = script.byte();
        let payload = script.bytes(length.into());
        let named = payload
            .iter()
            .map(|byte| FIELDS[usize::from(*byte) % FIELDS.len()]);
        let frame = if is(0x20) {
            wire::headers(flags, stream.into(), &named.collect::<Vec<_>>())
        } else {
            wire::frame(kind, flags, stream.into(), payload)
        };
        self.send(connection, from, 0, &frame);
        if is(0x02) {
            self.packets.pop();
        }
        if is(0x40) {
            self.packets.extend(self.packets.last().cloned());
        }
        if is(0x04) {
            self.send(connection, from, FIN, &[]);
        }
        if is(0x08) {
            self.send(connection, from, RST, &[]);
        }
    }

    fn send(&mut self, connection: usize, from: End, flags: u8, payload: &[u8]) {
        let [client, server] = &mut self.sent[connection];
        let (own, peers) = match from {
            End::Client => (client, server),
            End::Server => (server, client),
        };
        let acknowledged = (*peers > 0).then_some(*peers);
        let packet = self.peers[connection].packet(from, *own, acknowledged, flags, payload);
        *own += payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.packets.push((self.now, packet));
    }
}
