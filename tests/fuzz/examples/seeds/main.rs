//! Makes what fuzzing begins with: the recordings in `fixtures`, and the captures, byte streams and
//! header blocks in `../shared/corpus` where that is present, in the form that each target is fed.
//!
//! In: captures of at most [`MAX_FILE`] bytes. Out: files in `corpus/TARGET`, which git ignores: what
//! others recorded stays theirs.

mod heard;
mod hostile;
mod streams;
#[path = "../../../../src/testing/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use h2sniff::capture::{
    Capture, Interface, Packet, Resolution, WrittenPacket, interface_block, packet_block,
    section_block,
};
use h2sniff::decode::link::Decoder;
use h2sniff::decode::tcp::{Arrivals, FlowKey, Flows, Side};
use h2sniff_fuzz::LINK_TYPES;

use heard::{Heard, add_block, header_blocks, part};
use hostile::hostile;
use streams::Streams;
use wire::PREFACE;

/// Captures beyond this add time rather than paths.
const MAX_FILE: u64 = 256 << 10;

/// About how long a seed is: libFuzzer tries more of them in the same time if they are short.
const MAX_SEED: usize = 4_096;

/// The same for whole captures: a connection's end is often what matters.
const MAX_CAPTURE: usize = 32 << 10;

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
        let mut arrivals = Arrivals::default();
        let mut streams = Streams::default();
        let mut frames: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        let mut copy = Vec::new();
        while let Ok(Some(packet)) = capture.next_packet() {
            add_frame(frames.entry(packet.link_type.0).or_default(), &packet);
            arrivals.count_packet();
            let Ok(segment) = links.decode(&packet) else {
                continue;
            };
            add_packet(&mut copy, &packet);
            streams.record(&segment);
            let arrival = arrivals.next(&segment);
            let located = flows.locate(FlowKey::of(&segment));
            let _ = flows.push(located, &segment, arrival, &mut |heard, signal| {
                heard.hear(signal)
            });
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
        for (number, seed) in streams.seeds().enumerate().take(16) {
            self.write("tcp_streams", path, number, seed)?;
        }
        for (number, (_, place)) in flows.places().into_iter().take(8).enumerate() {
            let heard = flows.forget(place).map(|(_, heard)| heard);
            if let Some(heard) = heard.filter(Heard::is_http2) {
                let [client, server] = heard.said_by_each();
                self.write("http2", path, number, &heard.as_parts())?;
                self.write("talks", path, number, &heard.as_frames())?;
                self.write("hpack", path, number, &header_blocks(&client))?;
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
        let said = [&[7][..], &part(Side::First, bytes)].concat();
        self.write("http2", path, 0, &said)?;
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
