//! Small captures built to cost much: what is quadratic, or unpacks to more than it is.
//!
//! In: what a peer could say in a few hundred kilobytes. Each capture is held to the limits of every
//! other, though it makes the program do as much as that many bytes can.

use std::fs;
use std::io::{self, Cursor, Read};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::wire::{self, End, PREFACE, Peers, Talk, pcap};
use crate::witness::{each, file};

/// A request's header fields.
const REQUEST: [(&str, &str); 4] = [
    (":method", "POST"),
    (":path", "/shop.Cart/Add"),
    (":authority", "shop"),
    ("content-type", "application/grpc"),
];

/// What is asked about each.
const QUESTIONS: [&[&str]; 6] = [
    &["analyze"],
    &["analyze", "--format=json", "--all"],
    &["frames"],
    &["frames", "--format=json"],
    &["timeline"],
    &["timeline", "--format=html"],
];

/// How many calls are open at a time. Each is kept whole until it ends.
const STREAMS: u32 = 10_000;

/// A capture and what is in it.
struct Bomb {
    name: &'static str,
    build: fn() -> Vec<u8>,
}

const BOMBS: [Bomb; 12] = [
    Bomb {
        name: "settings-times-streams",
        build: settings_times_streams,
    },
    Bomb {
        name: "goaways-times-streams",
        build: goaways_times_streams,
    },
    Bomb {
        name: "pings",
        build: pings,
    },
    Bomb {
        name: "resets",
        build: resets,
    },
    Bomb {
        name: "indexed-fields",
        build: indexed_fields,
    },
    Bomb {
        name: "indexed-paths",
        build: indexed_paths,
    },
    Bomb {
        name: "continuations",
        build: continuations,
    },
    Bomb {
        name: "connections",
        build: connections,
    },
    Bomb {
        name: "table-sizes",
        build: table_sizes,
    },
    Bomb {
        name: "gaps",
        build: gaps,
    },
    Bomb {
        name: "zeros.gz",
        build: zeros_in_gzip,
    },
    Bomb {
        name: "zeros.zst",
        build: zeros_in_zstd,
    },
];

#[test]
fn no_bomb_hangs_or_bloats() {
    let cases: Vec<_> = BOMBS
        .iter()
        .flat_map(|bomb| QUESTIONS.iter().map(move |question| (bomb, *question)))
        .collect();
    let figures = each(&cases, |witness, (bomb, question), figures| {
        let path = file(&format!("{}-{}", bomb.name, question.join("")));
        fs::write(&path, (bomb.build)()).expect("the folder for tests can be written");
        let mut arguments = question.to_vec();
        arguments.push(path.to_str().expect("a plain path"));
        let deed = witness.watch(&arguments);
        if deed.fault().is_none() {
            fs::remove_file(&path).expect("it was written");
        }
        let case = format!("{} {}", bomb.name, question.join(" "));
        eprintln!("{case}: {}", deed.account());
        figures.lock().expect("no worker failed").add(&deed, &case);
    });
    figures.settle("bombs");
}

/// A connection on which both sides have begun.
fn begun() -> Talk {
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    talk.say(End::Client, PREFACE);
    talk.say(End::Client, &wire::settings(&[]));
    talk.say(End::Server, &wire::settings(&[]));
    talk
}

/// The streams that a client can open, from 1 on.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 1 + 2 * number)
}

fn requests(talk: &mut Talk, count: u32) {
    let requests: Vec<u8> = streams(count)
        .flat_map(|stream| wire::headers(0, stream, &REQUEST))
        .collect();
    talk.say(End::Client, &requests);
}

/// Each SETTINGS changes the windows of all open streams (RFC 9113, section 6.9.2).
fn settings_times_streams() -> Vec<u8> {
    let mut talk = begun();
    requests(&mut talk, STREAMS);
    let settings = (0..20_000).flat_map(|number| wire::settings(&[(4, number)]));
    talk.say(End::Server, &settings.collect::<Vec<_>>());
    pcap(&talk.packets)
}

/// Each GOAWAY condemns the streams above its last stream id (RFC 9113, section 6.8).
fn goaways_times_streams() -> Vec<u8> {
    let mut talk = begun();
    requests(&mut talk, STREAMS);
    let goaways =
        (0..20_000).flat_map(|number| wire::goaway(2 * STREAMS - number % STREAMS, 0, b""));
    talk.say(End::Server, &goaways.collect::<Vec<_>>());
    pcap(&talk.packets)
}

fn pings() -> Vec<u8> {
    let mut talk = begun();
    let pings =
        (0_u64..30_000).flat_map(|number| wire::frame(wire::PING, 0, 0, &number.to_be_bytes()));
    talk.say(End::Client, &pings.collect::<Vec<_>>());
    pcap(&talk.packets)
}

/// Rapid reset (CVE-2023-44487).
fn resets() -> Vec<u8> {
    let mut talk = begun();
    let resets = streams(STREAMS).flat_map(|stream| {
        let mut both = wire::headers(0, stream, &REQUEST);
        both.extend(wire::reset(stream, 8));
        both
    });
    talk.say(End::Client, &resets.collect::<Vec<_>>());
    pcap(&talk.packets)
}

/// A field of 3 KB put into the table once, and then named by a byte each time (RFC 7541,
/// section 7.3).
fn indexed_fields() -> Vec<u8> {
    let mut talk = begun();
    let mut block = wire::literals(&REQUEST);
    block.push(0x40);
    wire::string(&mut block, b"x-bomb");
    wire::string(&mut block, &[b'x'; 3_000]);
    block.resize(16_000, 0x80 | 62);
    for stream in streams(20) {
        talk.say(End::Client, &wire::frame(wire::HEADERS, 4, stream, &block));
        block = vec![0x82, 0x84, 0x86];
        block.resize(16_000, 0x80 | 62);
    }
    pcap(&talk.packets)
}

/// A path of 1 KB, put into the table once, of calls that all fail.
fn indexed_paths() -> Vec<u8> {
    let mut talk = begun();
    let mut block = vec![0x83, 0x44];
    wire::string(&mut block, &[b'/'; 1_000]);
    for stream in streams(STREAMS) {
        talk.say(End::Client, &wire::frame(wire::HEADERS, 4, stream, &block));
        block = vec![0x83, 0x80 | 62];
    }
    talk.say(End::Server, &wire::goaway(0, 0, b""));
    pcap(&talk.packets)
}

/// A header block that never ends (CVE-2024-27316).
fn continuations() -> Vec<u8> {
    let mut talk = begun();
    let block = wire::literals(&REQUEST);
    talk.say(End::Client, &wire::frame(wire::HEADERS, 0, 1, &block));
    let field = wire::literals(&[("x-more", "and more")]);
    let more = (0..20_000).flat_map(|_| wire::frame(wire::CONTINUATION, 0, 1, &field));
    talk.say(End::Client, &more.collect::<Vec<_>>());
    pcap(&talk.packets)
}

/// Many connections at a time, each with a call that is never answered.
fn connections() -> Vec<u8> {
    let mut packets = Vec::new();
    for port in 10_000..12_000 {
        let mut talk = Talk::new(Peers::new(port, 50_051));
        talk.say(End::Client, PREFACE);
        talk.say(End::Client, &wire::headers(0, 1, &REQUEST));
        packets.extend(talk.packets);
    }
    pcap(&packets)
}

/// Each pair of sizes empties the table (RFC 7541, section 4.2), and each block fills it.
fn table_sizes() -> Vec<u8> {
    let mut talk = begun();
    let mut block = vec![0x20, 0x3f, 0xe1, 0x1f];
    for _ in 0..100 {
        block.extend([0x40, 1, b'x', 0]);
    }
    let blocks = streams(3_000).flat_map(|stream| wire::frame(wire::HEADERS, 4, stream, &block));
    talk.say(End::Client, &blocks.collect::<Vec<_>>());
    pcap(&talk.packets)
}

/// Every other byte, backwards: each segment is one more piece that waits.
fn gaps() -> Vec<u8> {
    let mut talk = begun();
    let peers = talk.peers;
    for place in (0..20_000).rev() {
        let packet = peers.packet(End::Client, 100 + 2 * place, Some(10), 0, b"x");
        talk.packets.push((talk.now, packet));
        talk.now += 1_000;
    }
    pcap(&talk.packets)
}

/// 64 MiB of zeros, which are four million packets of no bytes, behind a capture.
fn with_zeros() -> impl Read {
    Cursor::new(pcap(&begun().packets)).chain(io::repeat(0).take(64 << 20))
}

fn zeros_in_gzip() -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(&mut with_zeros(), &mut gzip).expect("memory can be written to");
    gzip.finish().expect("memory can be written to")
}

fn zeros_in_zstd() -> Vec<u8> {
    zstd::encode_all(with_zeros(), 1).expect("memory can be written to")
}
