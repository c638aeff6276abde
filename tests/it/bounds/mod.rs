//! Captures that want more memory than there is: whatever a capture holds, the program stays within
//! its bounds, says what it gave up, and ends.

pub(crate) mod captures;
mod peak;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use self::captures::{ACK, From, RST, SYN, Talk, Writer};
use crate::wire;

use self::peak::run;

const MIB: u64 = 1 << 20;

/// A request as a client sends it first.
pub(crate) fn request(flags: u8, stream: u32) -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/shop.Cart/Add"),
        ("content-type", "application/grpc"),
    ];
    wire::headers(wire::END_STREAM & flags, stream, &fields)
}

/// An answer that is well from its beginning to its end.
pub(crate) fn answer(stream: u32) -> Vec<u8> {
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let trailers = wire::headers(wire::END_STREAM, stream, &[("grpc-status", "0")]);
    [wire::headers(0, stream, &head), trailers].concat()
}

/// The beginning of a connection, to both sides' SETTINGS.
pub(crate) fn hello<W: Write>(talk: &mut Talk, writer: &mut Writer<W>) {
    talk.open(writer);
    talk.say(
        writer,
        From::Client,
        &[wire::PREFACE, &wire::settings(&[])].concat(),
    );
    talk.say(writer, From::Server, &wire::settings(&[(3, 100)]));
}

/// A connection with one answered call, at the end of every hostile capture: it must still be judged.
fn honest(writer: &mut Writer) {
    let mut talk = Talk::number(40_000_000).with_server([192, 0, 2, 9], 50_051);
    hello(&mut talk, writer);
    talk.say(writer, From::Client, &request(wire::END_STREAM, 1));
    talk.say(writer, From::Server, &answer(1));
    talk.send(writer, From::Client, ACK | captures::FIN, &[]);
    talk.send(writer, From::Server, ACK | captures::FIN, &[]);
}

fn capture(name: &str, write: impl FnOnce(&mut Writer)) -> PathBuf {
    let (mut writer, path) = Writer::create(name);
    write(&mut writer);
    honest(&mut writer);
    writer.finish();
    path
}

fn analyze(what: &str, path: &Path, bound: u64) -> peak::Run {
    let run = run(what, &["analyze"], path);
    assert_eq!(run.status, Some(0), "{what}: {}", run.complaints);
    assert!(
        run.peak <= bound,
        "{what}: {} MiB are more than {}",
        run.peak / MIB,
        bound / MIB
    );
    std::fs::remove_file(path).expect("it was there");
    run
}

#[test]
fn a_port_scan_of_half_a_million_addresses() {
    let path = capture("scan.pcap", |writer| {
        for number in 0..500_000 {
            Talk::number(number).send(writer, From::Client, SYN, &[]);
        }
    });
    analyze("SYN scan, 500,000 flows", &path, 180 * MIB);
    let path = capture("refused.pcap", |writer| {
        for number in 0..500_000 {
            let mut talk = Talk::number(number);
            talk.send(writer, From::Client, SYN, &[]);
            talk.send(writer, From::Server, RST | ACK, &[]);
        }
    });
    analyze("refused SYN scan, 500,000 flows", &path, 260 * MIB);
}

#[test]
fn holes_in_thirty_thousand_connections() {
    let path = capture("holes.pcap", |writer| {
        let mut talks: Vec<_> = (0..30_000).map(Talk::number).collect();
        for talk in &mut talks {
            hello(talk, writer);
            talk.lose(From::Client, 10);
        }
        for _ in 0..6 {
            for talk in &mut talks {
                talk.say(writer, From::Client, &[0; 1_000]);
            }
        }
    });
    analyze("a hole in each of 30,000 connections", &path, 520 * MIB);
}

#[test]
fn half_finished_requests_of_twenty_thousand_connections() {
    let path = capture("half.pcap", |writer| {
        for number in 0..20_000 {
            let mut talk = Talk::number(number);
            hello(&mut talk, writer);
            let request = wire::frame(wire::HEADERS, wire::END_HEADERS, 1, &[0x40; 600]);
            talk.say(writer, From::Client, &request[..500]);
        }
    });
    analyze("20,000 half-finished requests", &path, 260 * MIB);
}

#[test]
fn undecided_beginnings() {
    let path = capture("undecided.pcap", |writer| {
        let mut talks: Vec<_> = (0..3_000).map(Talk::number).collect();
        for talk in &mut talks {
            talk.open(writer);
            // A record of TLS that never ends.
            talk.say(
                writer,
                From::Client,
                &[&[22, 3, 1, 0x3f, 0xff, 1, 0, 0x7f, 0xff][..], &[0; 16_000]].concat(),
            );
        }
    });
    analyze("3,000 hellos without an end", &path, 100 * MIB);
}

#[test]
fn a_continuation_flood_on_many_connections() {
    let path = capture("continuation.pcap", |writer| {
        let fragment = wire::frame(wire::CONTINUATION, 0, 1, &[0; 16_000]);
        let mut talks: Vec<_> = (0..160).map(Talk::number).collect();
        for talk in &mut talks {
            hello(talk, writer);
            talk.say(
                writer,
                From::Client,
                &wire::frame(wire::HEADERS, 0, 1, &[0; 16_000]),
            );
        }
        for _ in 0..60 {
            for talk in &mut talks {
                talk.say(writer, From::Client, &fragment);
            }
        }
    });
    analyze("CONTINUATION floods, 160 connections", &path, 160 * MIB);
}

#[test]
fn header_tables_and_blocks_that_unpack() {
    // An entry of 4,000 bytes, and a block that refers to it a thousand times.
    let mut block = vec![0x40, 1, b'x'];
    wire::string(&mut block, &[b'y'; 4_000]);
    block.extend([0xbe; 1_000]);
    let path = capture("unpack.pcap", |writer| {
        for number in 0..3_000 {
            let mut talk = Talk::number(number);
            hello(&mut talk, writer);
            let bomb = wire::frame(
                wire::HEADERS,
                wire::END_HEADERS | wire::END_STREAM,
                1,
                &block,
            );
            talk.say(writer, From::Client, &bomb);
        }
    });
    analyze("header blocks that unpack, 3,000", &path, 80 * MIB);
}

#[test]
fn long_paths_that_cost_a_byte() {
    // A path of 50,000 bytes in the table (RFC 7541, section 6.2.1), then a byte a stream.
    let path = capture("paths.pcap", |writer| {
        let mut talk = Talk::number(1);
        talk.open(writer);
        talk.say(
            writer,
            From::Client,
            &[wire::PREFACE, &wire::settings(&[])].concat(),
        );
        talk.say(writer, From::Server, &wire::settings(&[(1, 65_536)]));
        for stream in 0..5_000 {
            let block = wire::literals(&[(":path", &format!("/{stream}"))]);
            let frame = wire::frame(wire::HEADERS, 5, 2 * stream + 1, &block);
            talk.say(writer, From::Client, &frame);
        }
        // The table may grow to 65,536 bytes (section 6.3).
        let mut block = vec![0x3f, 0xe1, 0xff, 0x03, 0x44];
        wire::string(&mut block, &[b'p'; 50_000]);
        talk.say(
            writer,
            From::Client,
            &wire::frame(wire::HEADERS, 5, 10_001, &block),
        );
        for stream in 0..20_000 {
            let frame = wire::frame(wire::HEADERS, 5, 2 * stream + 10_003, &[0xbe]);
            talk.say(writer, From::Client, &frame);
        }
    });
    analyze(
        "paths of 50 kB, a byte each, 20,000 streams",
        &path,
        80 * MIB,
    );
}

/// Each of many connections has calls with long texts of their own, sent once: what all of them keep is bounded, not
/// only what each does.
#[test]
fn long_paths_on_many_connections() {
    let path = capture("fat-connections.pcap", |writer| {
        for number in 0..4_000_u32 {
            let mut talk = Talk::number(number);
            hello(&mut talk, writer);
            for call in 0..40_u32 {
                let long = format!("/{number}.{call}/{}", "p".repeat(2_000));
                let host = format!("{number}.{call}.{}", "a".repeat(2_000));
                let fields = [
                    (":method", "POST"),
                    (":scheme", "http"),
                    (":path", long.as_str()),
                    (":authority", host.as_str()),
                    ("content-type", "application/grpc"),
                ];
                talk.say(
                    writer,
                    From::Client,
                    &wire::headers(0, 1 + 2 * call, &fields),
                );
            }
        }
    });
    // The texts alone are 620 MiB.
    analyze("long paths on 4,000 connections", &path, 480 * MIB);
}

/// A report with as many findings as servers is written as it goes: no format takes much more than looking did.
#[test]
fn reports_of_many_servers_are_not_held_twice() {
    let path = capture("servers.pcap", |writer| {
        for number in 0..8_000_u32 {
            let [_, high, middle, low] = number.to_be_bytes();
            let mut talk = Talk::number(number).with_server([11, high, middle, low], 50_051);
            hello(&mut talk, writer);
            talk.say(writer, From::Client, &request(wire::END_STREAM, 1));
            talk.say(writer, From::Client, &request(wire::END_STREAM, 3));
            talk.say(writer, From::Server, &wire::goaway(1, 0, b""));
            talk.send(writer, From::Server, ACK | captures::FIN, &[]);
        }
    });
    let text = run("servers as text", &["analyze"], &path);
    for format in [
        &["analyze", "--format", "json"][..],
        &["analyze", "--format", "markdown"],
        &["timeline", "--format", "html"],
        &["timeline", "--format", "mermaid"],
        &["timeline"],
    ] {
        let written = run(&format!("servers: {}", format.join(" ")), format, &path);
        assert_eq!(written.status, Some(0), "{}", written.complaints);
        assert!(
            written.peak <= text.peak * 5 / 4,
            "{format:?}: {} MiB, of which looking takes {}",
            written.peak / MIB,
            text.peak / MIB
        );
    }
    std::fs::remove_file(path).expect("it was there");
}

#[test]
fn a_million_streams_on_one_connection() {
    let path = capture("streams.pcap", |writer| {
        let mut talk = Talk::number(1);
        hello(&mut talk, writer);
        // `:method: POST` and `:path: /` of the static table.
        let mut bytes = Vec::new();
        for stream in 0..1_000_000 {
            bytes.extend(wire::frame(wire::HEADERS, 5, 2 * stream + 1, &[0x83, 0x84]));
            if bytes.len() > 16_000 {
                talk.say(writer, From::Client, &std::mem::take(&mut bytes));
            }
        }
        talk.say(writer, From::Client, &bytes);
    });
    analyze("1,000,000 streams on one connection", &path, 130 * MIB);
}

#[test]
fn settings_floods_over_many_open_streams() {
    let path = capture("settings.pcap", |writer| {
        let mut talk = Talk::number(1);
        hello(&mut talk, writer);
        let streams: Vec<_> = (0..100_000)
            .flat_map(|stream| wire::frame(wire::HEADERS, 5, 2 * stream + 1, &[0x83, 0x84]))
            .collect();
        talk.say(writer, From::Client, &streams);
        // INITIAL_WINDOW_SIZE, again and again.
        let many: Vec<_> = (0..2_600).map(|value| (4, value)).collect();
        for _ in 0..50 {
            talk.say(writer, From::Server, &wire::settings(&many));
        }
        for value in 0..20_000 {
            talk.say(writer, From::Server, &wire::settings(&[(4, value)]));
        }
    });
    analyze(
        "SETTINGS floods over 100,000 open streams",
        &path,
        130 * MIB,
    );
}

/// A compressed capture: one call, then 300 records of 4 MiB of zeros, packed by `pack`, which no file of
/// its size holds honestly. Both formats may be members one after the other.
fn bomb(name: &str, pack: impl Fn(&[u8]) -> Vec<u8>) -> PathBuf {
    let mut writer = Writer::new(Vec::new());
    let mut talk = Talk::number(1);
    hello(&mut talk, &mut writer);
    talk.say(&mut writer, From::Client, &request(wire::END_STREAM, 1));
    let mut record = Vec::new();
    for part in [1_900_000_000_u32, 0, 4 << 20, 4 << 20] {
        record.extend(part.to_le_bytes());
    }
    record.resize(record.len() + (4 << 20), 0);
    let zeros = pack(&record);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut file = File::create(&path).expect("the folder for tests can be written");
    let mut write = |bytes: &[u8]| file.write_all(bytes).expect("space on the disk");
    write(&pack(&writer.finish()));
    (0..300).for_each(|_| write(&zeros));
    path
}

#[test]
fn bombs_of_gzip_and_zstd() {
    let gzip = bomb("bomb.pcap.gz", |bytes| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    });
    let zstd = bomb("bomb.pcap.zst", |bytes| {
        zstd::encode_all(bytes, 1).expect("memory")
    });
    for (what, path, options, bytes) in [
        (
            "a gzip bomb, 64 MiB of it",
            gzip,
            &["analyze", "--max-unpacked", "64MiB"][..],
            64 << 20,
        ),
        ("a zstd bomb", zstd, &["analyze"], 1_u64 << 30),
    ] {
        let run = run(what, options, &path);
        assert_eq!(run.status, Some(0), "{what}: {}", run.complaints);
        assert!(run.peak <= 64 * MIB, "{what}: {} MiB", run.peak / MIB);
        let told = format!("it unpacks to more than {bytes} bytes (--max-unpacked)");
        assert!(run.complaints.contains(&told), "{what}: {}", run.complaints);
        assert!(run.output.contains("1 RPC"), "{what}: {}", run.output);
        std::fs::remove_file(path).expect("it was there");
    }
}

/// A pcapng block.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).expect("a block");
    [
        &kind.to_le_bytes(),
        &length.to_le_bytes(),
        body,
        &length.to_le_bytes(),
    ]
    .concat()
}

#[test]
fn a_million_interfaces_and_endless_options() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interfaces.pcapng");
    let file = File::create(&path).expect("the folder for tests can be written");
    let mut out = BufWriter::new(file);
    let mut write = |bytes: &[u8]| out.write_all(bytes).expect("space on the disk");
    write(&block(
        0x0a0d_0d0a,
        &[
            0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        ],
    ));
    // Raw IP, no snap length; a name that differs for each.
    for number in 0..1_000_000_u32 {
        let name = format!("veth{number:012}");
        let options = [&[2, 0, 16, 0][..], name.as_bytes(), &[0; 4]].concat();
        write(&block(
            1,
            &[&[101, 0, 0, 0, 0, 0, 0, 0][..], &options].concat(),
        ));
    }
    // Blocks of options alone: 60 kB each in a description, 16 MiB in one of unknown type.
    let option = [&[1, 0, 0x60, 0xea][..], &[b'x'; 60_000]].concat();
    let many = option.repeat(200);
    write(&block(
        1,
        &[&[101, 0, 0, 0, 0, 0, 0, 0][..], &many].concat(),
    ));
    let length = (64_u32 << 20) + 12;
    write(&0x7777_u32.to_le_bytes());
    write(&length.to_le_bytes());
    (0..1_024).for_each(|_| write(&[0; 64 << 10]));
    write(&length.to_le_bytes());
    let mut packets = Writer::new(Vec::new());
    let mut talk = Talk::number(1);
    hello(&mut talk, &mut packets);
    talk.say(&mut packets, From::Client, &request(wire::END_STREAM, 1));
    let mut rest = &packets.finish()[24..];
    while let Some((header, tail)) = rest.split_first_chunk::<16>() {
        let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let (packet, tail) = tail.split_at(length);
        let padding = vec![0; length.next_multiple_of(4) - length];
        let captured = u32::try_from(length).expect("a packet").to_le_bytes();
        write(&block(
            6,
            &[&[0; 12][..], &captured, &captured, packet, &padding].concat(),
        ));
        rest = tail;
    }
    out.flush().expect("space on the disk");
    drop(out);
    let run = analyze("1,000,000 interfaces, endless options", &path, 64 * MIB);
    assert!(run.output.contains("1 RPC"), "{}", run.output);
}

#[test]
fn ten_thousand_connections_with_ten_streams_each() {
    let path = capture("concurrent.pcap", |writer| {
        let mut talks: Vec<_> = (0..10_000).map(Talk::number).collect();
        for talk in &mut talks {
            hello(talk, writer);
            for stream in 0..10 {
                talk.say(
                    writer,
                    From::Client,
                    &request(wire::END_STREAM, 2 * stream + 1),
                );
            }
        }
        let head = [(":status", "200"), ("content-type", "application/grpc")];
        for talk in &mut talks {
            for stream in 0..10 {
                let id = 2 * stream + 1;
                talk.say(writer, From::Server, &wire::headers(0, id, &head));
                talk.say(
                    writer,
                    From::Server,
                    &wire::headers(wire::END_STREAM, id, &[("grpc-status", "0")]),
                );
            }
            talk.send(writer, From::Client, ACK, &[]);
        }
    });
    analyze("10,000 connections, 10 open streams each", &path, 256 * MIB);
}

#[test]
fn twenty_thousand_short_connections() {
    let path = capture("short.pcap", |writer| {
        let head = [(":status", "200"), ("content-type", "application/grpc")];
        for number in 0..20_000 {
            let mut talk = Talk::number(number);
            hello(&mut talk, writer);
            for stream in [1, 3, 5, 7, 9] {
                talk.say(writer, From::Client, &request(wire::END_STREAM, stream));
                talk.say(writer, From::Server, &wire::headers(0, stream, &head));
                talk.say(
                    writer,
                    From::Server,
                    &wire::headers(wire::END_STREAM, stream, &[("grpc-status", "0")]),
                );
            }
            talk.send(writer, From::Client, ACK | captures::FIN, &[]);
            talk.send(writer, From::Server, ACK | captures::FIN, &[]);
            talk.send(writer, From::Client, ACK, &[]);
        }
    });
    analyze("20,000 short connections", &path, 64 * MIB);
}
