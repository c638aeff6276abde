//! What a capture lacks never kills a call: cut at any packet it shows no death that the whole does not, and of
//! one direction alone none at all.
//!
//! Over every recording there is. Where a recording has few packets every cut is tried, else so many, spread
//! over it and around what ends connections.

use std::collections::BTreeSet;
use std::path::PathBuf;

use h2sniff::capture::LinkType;
use h2sniff::inspect::{Processed, Rpc};
use h2sniff::report::Report;

use crate::recordings::{Kept, Recording, recordings};

/// How many packets are tried one by one.
const FEW: usize = 60;

/// How many cuts of a longer recording are tried.
const CUTS: usize = 16;

/// Longer recordings are cut less often: the time it takes is that of all packets before the cuts.
const LONG: usize = 4_000;

/// Where a recording is cut: before these packets.
fn cuts(recording: &Recording) -> Vec<usize> {
    let packets = recording.packets.len();
    if packets <= FEW {
        return (1..packets).collect();
    }
    let cuts = if packets > LONG { CUTS / 2 } else { CUTS };
    (1..=cuts).map(|cut| packets * cut / (cuts + 1)).collect()
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

/// The calls that the server is said not to have processed, and those of which that is known to be wrong.
fn processed(report: &Report) -> [BTreeSet<(std::net::SocketAddr, u32)>; 2] {
    let of = |wanted: &dyn Fn(&Rpc) -> bool| {
        let rpcs = report.analysis.rpcs.iter().filter(|rpc| wanted(rpc));
        rpcs.map(|rpc| {
            let mut connections = report.analysis.connections.iter();
            let record = connections.find(|record| record.number == rpc.id.connection);
            (record.unwrap().client, rpc.id.stream)
        })
        .collect()
    };
    [
        of(&|rpc| rpc.processed == Processed::No),
        of(&|rpc| rpc.processed == Processed::Yes || rpc.contradiction.is_some()),
    ]
}

#[test]
fn no_cut_calls_a_retry_safe_that_is_not() {
    let mut told = 0;
    for path in recordings("cut") {
        let recording = Recording::read(&path);
        let [_, ran] = processed(&recording.analyze(recording.packets.iter()));
        for cut in cuts(&recording) {
            let report = recording.analyze(recording.packets.iter().take(cut));
            let [unprocessed, _] = processed(&report);
            told += unprocessed.len();
            let wrong: Vec<_> = unprocessed.intersection(&ran).collect();
            assert!(
                wrong.is_empty(),
                "{} cut after {cut} packets: {wrong:?}",
                recording.name
            );
        }
    }
    assert!(told > 0, "it is never said");
}

/// Of a watch that is stopped the same is true.
#[test]
fn no_cut_adds_a_death() {
    for path in recordings("cut") {
        let recording = Recording::read(&path);
        let whole = deaths(&recording.analyze(recording.packets.iter()));
        for cut in cuts(&recording) {
            let died = deaths(&recording.analyze(recording.packets.iter().take(cut)));
            let (watched, _) = recording.watch(recording.packets.iter().take(cut));
            let died: BTreeSet<_> = died.union(&deaths(&watched)).copied().collect();
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
    let mut tried = 0;
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
    assert!(tried > 0);
}
