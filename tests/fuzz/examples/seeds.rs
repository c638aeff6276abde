//! Makes what fuzzing begins with: the recordings in `fixtures`, and the captures, byte streams and
//! header blocks in `../shared/corpus` where that is present, in the form that each target is fed.
//!
//! In: captures of at most [`MAX_FILE`] bytes. Out: files in `corpus/TARGET`, which git ignores: what
//! others recorded stays theirs.

#[path = "../../../src/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use h2sniff::capture::{
    Capture, Interface, Packet, Resolution, Stamp, WrittenPacket, interface_block, packet_block,
    section_block,
};
use h2sniff::decode::link::{Content, Decoder, Segment, TcpFlags};
use h2sniff::decode::tcp::{Chunk, Flows, Side, Signal};
use h2sniff_fuzz::{HARMFUL, LINK_TYPES};
use wire::{End, Peers, Talk};

/// Captures beyond this add time rather than paths.
const MAX_FILE: u64 = 256 << 10;

/// About how long a seed is: libFuzzer tries more of them in the same time if they are short.
const MAX_SEED: usize = 4_096;

/// The same for whole captures: a connection's end is often what matters.
const MAX_CAPTURE: usize = 32 << 10;

/// What a client begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The folders of captures in the corpus.
const CAPTURES: [&str; 5] = ["http2", "linktypes", "pcapng", "tcp", "tls"];

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = Seeds(here.join("corpus"));
    let root = here.join("../..");
    for path in files(&root.join("fixtures")) {
        if path
            .extension()
            .is_some_and(|extension| extension == "pcap")
        {
            seeds.of_capture(&path)?;
        }
    }
    seeds.write("whole", Path::new("hostile"), 0, &hostile())?;
    let shared =
        std::env::var_os("H2SNIFF_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let corpus = shared.join("corpus");
    for path in CAPTURES
        .iter()
        .flat_map(|folder| files(&corpus.join(folder)))
    {
        seeds.of_capture(&path)?;
    }
    for path in files(&corpus.join("fuzz")) {
        seeds.of_client_bytes(&path)?;
    }
    for path in files(&corpus.join("hpack-test-case")) {
        seeds.of_header_blocks(&path)?;
    }
    Ok(())
}

/// A capture of two peers who harm whoever prints what they say.
fn hostile() -> Vec<u8> {
    let path = format!("/shop.Cart/{HARMFUL}");
    let request = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", &path),
        (":authority", HARMFUL),
        ("user-agent", HARMFUL),
        ("content-type", "application/grpc"),
        (HARMFUL, HARMFUL),
    ];
    let answer = [
        (":status", "200"),
        ("server", HARMFUL),
        ("content-type", "application/grpc"),
    ];
    let status = [("grpc-status", "13"), ("grpc-message", HARMFUL)];
    let settings = wire::settings(&[(3, 100)]);
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    talk.say(End::Client, &[wire::PREFACE, &settings].concat());
    talk.say(End::Server, &settings);
    for stream in [1, 3, 5, 7] {
        talk.say(
            End::Client,
            &wire::headers(wire::END_STREAM, stream, &request),
        );
    }
    talk.say(End::Server, &wire::headers(0, 1, &answer));
    talk.say(End::Server, &wire::headers(wire::END_STREAM, 1, &status));
    talk.say(End::Server, &wire::reset(3, 2));
    talk.say(End::Server, &wire::goaway(5, 11, HARMFUL.as_bytes()));
    talk.fin(End::Server);
    wire::pcap(&talk.packets)
}

/// All files below a folder, in order; none if there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Writes seeds into a folder for each target.
struct Seeds(PathBuf);

impl Seeds {
    /// Seeds are named after what they were made from.
    fn write(&self, target: &str, source: &Path, number: usize, bytes: &[u8]) -> io::Result<()> {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder)?;
        let mut names: Vec<_> = source
            .iter()
            .rev()
            .take(3)
            .map(|name| name.to_string_lossy())
            .collect();
        names.reverse();
        fs::write(folder.join(format!("{}-{number}", names.join("-"))), bytes)
    }

    fn of_capture(&self, path: &Path) -> io::Result<()> {
        if fs::metadata(path)?.len() > MAX_FILE {
            return Ok(());
        }
        let bytes = fs::read(path)?;
        self.of_file(path, &bytes)?;
        let Ok(mut capture) = Capture::open(&[path.to_owned()]) else {
            return Ok(());
        };
        let mut links = Decoder::default();
        let mut flows = Flows::<Heard>::default();
        let mut streams = Streams::default();
        let mut frames: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut copy = Vec::new();
        while let Ok(Some(packet)) = capture.next_packet() {
            add_frame(frames.entry(packet.link_type.0).or_default(), &packet);
            let Content::Tcp(segment) = links.decode(&packet) else {
                continue;
            };
            add_packet(&mut copy, &packet);
            streams.record(&segment);
            let _ = flows.push(&segment, &mut |heard, signal| heard.hear(signal));
        }
        if bytes.len() > MAX_CAPTURE {
            self.write("whole", path, 1, &copy)?;
        }
        for (number, (link_type, frames)) in frames.iter().enumerate() {
            let place = LINK_TYPES.iter().position(|known| known.0 == *link_type);
            if let Some(place) = place {
                let seed = [&[place as u8], frames.as_slice()].concat();
                self.write("packets", path, number, &seed)?;
            }
        }
        for (number, stream) in streams.0.values().enumerate().take(16) {
            self.write("tcp_streams", path, number, &stream.seed)?;
        }
        for (number, (_, heard)) in flows.drain().into_iter().enumerate().take(8) {
            let [client, server] = heard.said_by_each();
            if client.starts_with(PREFACE) {
                self.write("http2", path, number, &heard.as_parts())?;
                self.write("talks", path, number, &heard.as_frames())?;
                self.write(
                    "hpack",
                    path,
                    number,
                    &header_blocks(&client[PREFACE.len()..]),
                )?;
                self.write("hpack", path, number + 8, &header_blocks(&server))?;
            }
        }
        Ok(())
    }

    /// The capture as a file: whole, cut, and packed.
    fn of_file(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() <= MAX_CAPTURE {
            self.write("whole", path, 0, bytes)?;
        }
        let bytes = &bytes[..bytes.len().min(MAX_SEED)];
        self.write("capture_files", path, 0, bytes)?;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes)?;
        self.write("capture_files", path, 1, &gzip.finish()?)?;
        self.write("capture_files", path, 2, &zstd::encode_all(bytes, 1)?)
    }

    /// What other projects' fuzzers send to a server.
    fn of_client_bytes(&self, path: &Path) -> io::Result<()> {
        let bytes = fs::read(path)?;
        let bytes = bytes.strip_prefix(PREFACE).unwrap_or(&bytes);
        let bytes = &bytes[..bytes.len().min(MAX_SEED)];
        self.write(
            "http2",
            path,
            0,
            &[&[7][..], &part(Side::First, bytes)].concat(),
        )?;
        self.write("hpack", path, 0, &header_blocks(bytes))
    }

    /// Stories of header blocks: JSON with the bytes in hexadecimal, each under the name `wire`.
    fn of_header_blocks(&self, path: &Path) -> io::Result<()> {
        let Ok(text) = fs::read_to_string(path) else {
            return Ok(());
        };
        let mut seed = vec![0];
        for wire in text.split("\"wire\"").skip(1) {
            let digits: Vec<_> = wire.split('"').nth(1).unwrap_or_default().chars().collect();
            let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).ok();
            let block: Vec<_> = digits.chunks(2).filter_map(byte).collect();
            add_block(&mut seed, &block);
        }
        self.write("hpack", path, 0, &seed)
    }
}

/// Adds a packet as the target `packets` reads it.
fn add_frame(seed: &mut Vec<u8>, packet: &Packet<'_>) {
    let Ok(length) = u16::try_from(packet.data.len()) else {
        return;
    };
    if seed.len() + packet.data.len() <= MAX_SEED {
        seed.extend([1, 0]);
        seed.extend(length.to_be_bytes());
        seed.extend(packet.data);
    }
}

/// Adds a packet to a capture of the link type of its first one.
fn add_packet(copy: &mut Vec<u8>, packet: &Packet<'_>) {
    if copy.is_empty() {
        let interface = Interface {
            name: None,
            link_type: packet.link_type,
            snap_length: 0,
            resolution: Resolution::PowerOfTen(9),
        };
        section_block(copy);
        interface_block(copy, &interface);
    }
    if copy.len() + packet.data.len() <= MAX_CAPTURE {
        let written = WrittenPacket {
            interface: 0,
            time: packet.stamp.time,
            original_length: packet.original_length,
            data: packet.data,
        };
        packet_block(copy, written, &[]);
    }
}

/// What was heard of one connection.
#[derive(Default)]
struct Heard {
    said: Vec<(Side, Vec<u8>)>,
}

impl Heard {
    fn hear(&mut self, signal: Signal<'_>) {
        if let Signal::Chunk {
            from,
            chunk: Chunk::Bytes { data, .. },
        } = signal
        {
            self.said.push((from, data.to_vec()));
        }
    }

    /// Who said the preface.
    fn client(&self) -> Side {
        let preface = |(_, bytes): &&(Side, Vec<u8>)| bytes.starts_with(PREFACE);
        let said = self.said.iter().find(preface);
        said.map_or(Side::First, |(side, _)| *side)
    }

    /// Each side's bytes; the client's first.
    fn said_by_each(&self) -> [Vec<u8>; 2] {
        [self.client(), self.client().peer()].map(|side| {
            let said = self.said.iter().filter(|(from, _)| *from == side);
            said.flat_map(|(_, bytes)| bytes.clone()).collect()
        })
    }

    /// As the target `talks` reads it: frame by frame, in the order in which they were complete.
    fn as_frames(&self) -> Vec<u8> {
        let mut seed = vec![0];
        let mut unread = [Vec::new(), Vec::new()];
        for (side, bytes) in &self.said {
            let from = if *side == self.client() {
                Side::First
            } else {
                Side::Second
            };
            let unread = &mut unread[usize::from(from == Side::Second)];
            unread.extend_from_slice(bytes.strip_prefix(PREFACE).unwrap_or(bytes));
            while let Some((header, payload, rest)) = split_frame(unread) {
                seed.extend(instruction(from, header, payload));
                *unread = rest.to_vec();
            }
            if seed.len() > MAX_SEED / 2 {
                break;
            }
        }
        seed
    }

    /// As the target `http2` reads it: without the preface.
    fn as_parts(&self) -> Vec<u8> {
        let mut seed = vec![7];
        for (from, bytes) in &self.said {
            let bytes = bytes.strip_prefix(PREFACE).unwrap_or(bytes);
            let from = if *from == self.client() {
                Side::First
            } else {
                Side::Second
            };
            if seed.len() + bytes.len() <= MAX_SEED {
                seed.extend(part(from, bytes));
            }
        }
        seed
    }
}

/// The frames of one side that are complete, and what is left.
fn split_frame(bytes: &[u8]) -> Option<([u8; 9], &[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<9>()?;
    let [l0, l1, l2, ..] = *header;
    let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((*header, payload, rest))
}

/// The byte streams of a capture by sender and receiver, as the target `tcp_streams` reads them.
#[derive(Default)]
struct Streams(BTreeMap<[SocketAddr; 2], Stream>);

#[derive(Default)]
struct Stream {
    seed: Vec<u8>,
    /// The sequence number after the segment before, and the highest one.
    end: u32,
    highest: u32,
    nanos: i64,
}

impl Streams {
    fn record(&mut self, segment: &Segment<'_>) {
        let opens = segment.flags.contains(TcpFlags::SYN);
        let sequence = segment.sequence.wrapping_add(u32::from(opens));
        let (from, to) = (segment.source, segment.destination);
        let own = self.0.entry([from, to]).or_default();
        if own.seed.is_empty() {
            own.seed.push(u8::from(opens));
            own.end = sequence;
        }
        if segment.payload_length > 0 {
            let displacement = sequence.wrapping_sub(own.end);
            own.instruct(0, displacement, segment.payload_length, segment.stamp);
            own.end = sequence.wrapping_add(segment.payload_length);
            own.highest = own.end;
        }
        let acknowledged = segment.acknowledgement.zip(self.0.get_mut(&[to, from]));
        if let Some((acknowledged, peers)) = acknowledged {
            let displacement = acknowledged.wrapping_sub(peers.highest);
            peers.instruct(1, displacement, 0, segment.stamp);
        }
    }
}

impl Stream {
    fn instruct(&mut self, flags: u8, displacement: u32, length: u32, stamp: Stamp) {
        let nanos = stamp.time.nanos();
        let millis = (nanos - std::mem::replace(&mut self.nanos, nanos)) / 1_000_000;
        if self.seed.len() > MAX_SEED / 2 {
            return;
        }
        let (flags, length) = match u8::try_from(length) {
            Ok(length) => (flags, length),
            Err(_) => (flags | 0x40, (length / 256) as u8),
        };
        self.seed.push(flags);
        self.seed.extend((displacement as i16).to_be_bytes());
        self.seed.extend([length, millis.clamp(0, 255) as u8]);
    }
}

/// A frame as the target `talks` reads it, if it is short.
fn instruction(from: Side, header: [u8; 9], payload: &[u8]) -> Vec<u8> {
    let [.., kind, flags, _, _, _, stream] = header;
    let Ok(length) = u8::try_from(payload.len()) else {
        return Vec::new();
    };
    let server = u8::from(from == Side::Second);
    [&[server, 1, kind, flags, stream, length], payload].concat()
}

/// A part of what is said, as the target `http2` reads it.
fn part(from: Side, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut part = vec![u8::from(from == Side::Second)];
    part.extend(length.to_be_bytes());
    part.extend(&bytes[..usize::from(length)]);
    part
}

/// The header blocks in a side's frames, as the target `hpack` reads them: those of HEADERS that
/// are neither padded nor continued (RFC 9113, section 6.2).
fn header_blocks(mut bytes: &[u8]) -> Vec<u8> {
    let mut seed = vec![2];
    while let Some(([_, _, _, kind, flags, ..], payload, rest)) = split_frame(bytes) {
        bytes = rest;
        if kind == 1 && flags & 0x0c == 0x04 {
            let priority = if flags & 0x20 == 0 { 0 } else { 5 };
            add_block(&mut seed, payload.get(priority..).unwrap_or_default());
        }
    }
    seed
}

fn add_block(seed: &mut Vec<u8>, block: &[u8]) {
    let length = u16::try_from(block.len()).unwrap_or_default();
    if seed.len() + block.len() <= MAX_SEED {
        seed.push(0);
        seed.extend(length.to_be_bytes());
        seed.extend(&block[..usize::from(length)]);
    }
}
