//! What a capture lacks never kills a call: cut at any packet it shows no death that the whole does not, and of
//! one direction alone none at all.
//!
//! Over every recording there is. Where a recording has few packets every cut is tried, else so many, spread
//! over it and around what ends connections.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use h2sniff::capture::{Capture, LinkType, Packet, SecretsKind, Stamp};
use h2sniff::inspect;
use h2sniff::pipeline::{Options, Pipeline};
use h2sniff::report::Report;

use crate::shared_material;

/// How many packets are tried one by one.
const FEW: usize = 60;

/// How many cuts of a longer recording are tried.
const CUTS: usize = 16;

/// Longer recordings are cut less often: the time it takes is that of all packets before the cuts.
const LONG: usize = 4_000;

struct Recording {
    name: String,
    key_logs: Vec<Vec<u8>>,
    packets: Vec<Kept>,
}

struct Kept {
    stamp: Stamp,
    link_type: LinkType,
    original_length: u32,
    data: Vec<u8>,
}

impl Recording {
    fn read(path: &Path) -> Self {
        let mut capture = Capture::open(&[path.to_owned()]).unwrap();
        let mut packets = Vec::new();
        while let Some(packet) = capture.next_packet().unwrap() {
            packets.push(Kept {
                stamp: packet.stamp,
                link_type: packet.link_type,
                original_length: packet.original_length,
                data: packet.data.to_vec(),
            });
        }
        let secrets = capture.secrets().iter();
        let secrets = secrets.filter(|secret| secret.kind == SecretsKind::TLS_KEY_LOG);
        let mut key_logs: Vec<_> = secrets.map(|secret| secret.bytes.to_vec()).collect();
        key_logs.extend(std::fs::read(path.with_file_name("keylog.txt")));
        Self {
            name: path.display().to_string(),
            key_logs,
            packets,
        }
    }

    fn analyze<'a>(&'a self, packets: impl Iterator<Item = &'a Kept>) -> Report {
        let inspect = inspect::Options {
            all: true,
            ..inspect::Options::default()
        };
        let mut pipeline = Pipeline::new(Options {
            inspect,
            ..Options::default()
        });
        for key_log in &self.key_logs {
            pipeline.read_keys(key_log);
        }
        for kept in packets {
            pipeline.push(&Packet {
                stamp: kept.stamp,
                link_type: kept.link_type,
                original_length: kept.original_length,
                data: &kept.data,
            });
        }
        pipeline.finish()
    }

    /// Where it is cut: before these packets.
    fn cuts(&self) -> Vec<usize> {
        let packets = self.packets.len();
        if packets <= FEW {
            return (1..packets).collect();
        }
        let cuts = if packets > LONG { CUTS / 2 } else { CUTS };
        (1..=cuts).map(|cut| packets * cut / (cuts + 1)).collect()
    }
}

/// The calls that died, by their client's address and stream.
fn deaths(report: &Report) -> BTreeSet<(std::net::SocketAddr, u32)> {
    let analysis = &report.analysis;
    let dead = analysis.rpcs.iter().filter(|rpc| rpc.died());
    dead.map(|rpc| {
        let mut connections = analysis.connections.iter();
        let record = connections.find(|record| record.number == rpc.id.connection);
        (record.unwrap().client, rpc.id.stream)
    })
    .collect()
}

/// A packet's sender, so that the two directions of a connection can be told apart: the source address and port
/// of an IPv4 packet over Ethernet, Linux cooked capture or raw IP.
fn source(packet: &Kept) -> Option<(Vec<u8>, [u8; 2])> {
    let offset = match packet.link_type {
        LinkType::ETHERNET => 14,
        LinkType::RAW => 0,
        LinkType(113) => 16,
        LinkType(276) => 20,
        _ => return None,
    };
    let ip = packet.data.get(offset..)?;
    if ip.first()? >> 4 != 4 || *ip.get(9)? != 6 {
        return None;
    }
    let header = usize::from(ip.first()? & 0xf) * 4;
    let ports = ip.get(header..header + 2)?;
    Some((ip.get(12..16)?.to_vec(), [ports[0], ports[1]]))
}

fn recordings(test: &str) -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut folders = vec![fixtures];
    if let Some(shared) = shared_material::folder(test) {
        folders.push(shared.join("cases"));
        for lab in ["lab", "lab-today"] {
            let scenarios = std::fs::read_dir(shared.join(lab)).unwrap();
            folders.extend(
                scenarios
                    .map(|entry| entry.unwrap().path())
                    .filter(|path| path.is_dir()),
            );
        }
    }
    let mut found = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let capture = [".pcap", ".pcap.gz", ".pcapng"];
            if capture.iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn no_cut_adds_a_death() {
    for path in recordings("cut") {
        let recording = Recording::read(&path);
        let whole = deaths(&recording.analyze(recording.packets.iter()));
        for cut in recording.cuts() {
            let died = deaths(&recording.analyze(recording.packets.iter().take(cut)));
            let added: Vec<_> = died.difference(&whole).collect();
            assert!(
                added.is_empty(),
                "{} cut after {cut} packets: {added:?}",
                recording.name
            );
        }
    }
}

#[test]
fn one_direction_alone_shows_no_death() {
    let (mut tried, mut killed) = (0, Vec::<String>::new());
    // On a node the same connection stands there translated, under other ports.
    let told_apart = |path: &PathBuf| !path.ends_with("node.pcap");
    for path in recordings("cut").into_iter().filter(told_apart) {
        let recording = Recording::read(&path);
        let whole = recording.analyze(recording.packets.iter());
        let connections = whole.analysis.connections.iter();
        let servers: BTreeSet<_> = connections.map(|record| record.server.port()).collect();
        let from_server = |kept: &&Kept| {
            source(kept).map(|(_, port)| servers.contains(&u16::from_be_bytes(port)))
        };
        for wanted in [true, false] {
            let packets = recording.packets.iter();
            let one_way = packets.filter(|kept| from_server(kept) == Some(wanted));
            let report = recording.analyze(one_way);
            let died = deaths(&report);
            assert!(
                died.is_empty(),
                "{} from_server={wanted}: {died:?}",
                recording.name
            );
            tried += 1;
        }
    }
    println!("{tried} one-way captures");
    assert!(killed.is_empty(), "{}", killed.join("\n"));
    assert!(tried > 0);
}
