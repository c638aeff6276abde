//! Recordings held in memory, to be shown to the program otherwise than they were made.

use std::env;
use std::path::{Path, PathBuf};

use h2sniff::capture::{Capture, LinkType, Packet, Stamp};
use h2sniff::inspect;
use h2sniff::pipeline::{self, Options};
use h2sniff::report::Report;

use crate::shared_material;

/// Recordings with more packets than this are left out, unless `H2SNIFF_EVERY_COPY=1` is set: all of
/// all take two minutes.
const LONG: usize = 6_000;

/// Numbers of packets that are copies begin here, so that one that is cited is seen to be.
pub(crate) const COPIES: u64 = 1_000_000;

/// A packet that outlives its file.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) stamp: Stamp,
    pub(crate) link_type: LinkType,
    pub(crate) original_length: u32,
    pub(crate) data: Vec<u8>,
}

/// One end's capture of a scenario.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) packets: Vec<Kept>,
    keys: Option<Vec<u8>>,
}

impl Recording {
    fn read(path: PathBuf, name: String) -> Self {
        let mut capture = Capture::open(std::slice::from_ref(&path)).unwrap();
        let mut packets = Vec::new();
        while let Some(packet) = capture.next_packet().unwrap() {
            packets.push(Kept {
                stamp: packet.stamp,
                link_type: packet.link_type,
                original_length: packet.original_length,
                data: packet.data.to_vec(),
            });
        }
        let keys = std::fs::read(path.with_file_name("keylog.txt")).ok();
        Self {
            name,
            path,
            packets,
            keys,
        }
    }

    /// The report on this recording's packets, as somebody else shows them.
    pub(crate) fn analyze<'a>(&self, packets: impl IntoIterator<Item = &'a Kept>) -> Report {
        let mut pipeline = pipeline::Pipeline::new(all());
        if let Some(keys) = &self.keys {
            pipeline.read_keys(keys);
        }
        for kept in packets {
            pipeline.push(&Packet {
                stamp: kept.stamp,
                link_type: kept.link_type,
                original_length: kept.original_length,
                data: &kept.data,
                options: h2sniff::capture::PacketOptions::default(),
            });
        }
        pipeline.finish()
    }

    /// The report on this capture and others, read as one.
    pub(crate) fn analyze_with(&self, others: &[&Path]) -> Report {
        let mut paths = vec![self.path.clone()];
        paths.extend(others.iter().map(|path| path.to_path_buf()));
        let mut options = all();
        if let Some(keys) = &self.keys {
            options.decode.keys.read(keys);
        }
        pipeline::analyze(&mut Capture::open(&paths).unwrap(), options).unwrap()
    }
}

fn all() -> Options {
    let inspect = inspect::Options {
        all: true,
        ..inspect::Options::default()
    };
    Options {
        inspect,
        ..Options::default()
    }
}

/// The recordings of both ends, or `None` where they are absent.
pub(crate) fn recordings(test: &str) -> Option<Vec<Recording>> {
    let lab = shared_material::folder(test)?.join("lab");
    let every = env::var_os("H2SNIFF_EVERY_COPY").is_some_and(|value| value == "1");
    let mut scenarios: Vec<_> = lab
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|scenario| scenario.is_dir())
        .collect();
    scenarios.sort();
    let mut recordings = Vec::new();
    for scenario in scenarios {
        for end in ["client", "server"] {
            let name = scenario.file_name().unwrap().to_string_lossy();
            let path = scenario.join(end).with_extension("pcap");
            let recording = Recording::read(path, format!("{name} {end}"));
            if every || recording.packets.len() <= LONG {
                recordings.push(recording);
            }
        }
    }
    assert!(!recordings.is_empty(), "the lab has captures");
    Some(recordings)
}

/// Numbers that look random and are the same in every run (Marsaglia's xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn seeded(name: &str) -> Self {
        let seed = name.bytes().fold(0x2545_f491_4f6c_dd1d_u64, |seed, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(seed | 1)
    }

    /// One of the numbers from `least` up to `most`.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let span = u64::try_from(most - least).unwrap() + 1;
        least + i64::try_from(self.0 % span).unwrap()
    }
}
