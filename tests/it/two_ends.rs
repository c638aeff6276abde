//! A connection captured at both ends: what the client's end says stands, the other end adds to it.
//!
//! In: the recordings of the labs that were made at both ends, as they are, with packets taken out, and with the server's
//! clock wrong. Out: what differs from the client's capture alone, clocks that are not within their bounds, and losses
//! that were none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use h2sniff::capture::{Capture, LinkType};
use h2sniff::decode::{Vantage, VantagePlace};
use h2sniff::inspect::{LostOnTheWay, Processed, Rpc, Verdict};
use h2sniff::pipeline::{self, Options};
use h2sniff::report::Report;

use crate::recordings::{self, Kept, Recording};
use crate::shared_material;

/// Calls by their connection's client and their stream.
type Calls = BTreeMap<(SocketAddr, u32), Rpc>;

/// Both captures of a scenario.
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) client: PathBuf,
    pub(crate) server: PathBuf,
}

/// The scenarios that were recorded at both ends.
pub(crate) fn pairs(test: &str) -> Vec<Pair> {
    let Some(shared) = shared_material::folder(test) else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for lab in ["lab", "lab-today"] {
        for entry in fs::read_dir(shared.join(lab)).unwrap() {
            let folder = entry.unwrap().path();
            let end = |end: &str| {
                let names = [format!("{end}.pcap"), format!("{end}.pcap.gz")];
                names
                    .iter()
                    .map(|name| folder.join(name))
                    .find(|path| path.is_file())
            };
            if let (Some(client), Some(server)) = (end("client"), end("server")) {
                let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                pairs.push(Pair {
                    name,
                    client,
                    server,
                });
            }
        }
    }
    pairs.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(pairs.len() >= 50, "only {} pairs", pairs.len());
    pairs
}

pub(crate) fn analyze(paths: &[PathBuf], key_log: &Path) -> Report {
    let mut options: Options = recordings::options();
    if let Ok(secrets) = fs::read(key_log.with_file_name("keylog.txt")) {
        options.decode.keys.read(&secrets);
    }
    pipeline::analyze(&mut Capture::open(paths).unwrap(), options).unwrap()
}

fn calls(report: &Report) -> Calls {
    let connections = &report.analysis.connections;
    let clients: BTreeMap<_, _> = connections
        .iter()
        .map(|record| (record.number, record.client))
        .collect();
    let calls = report.analysis.rpcs.iter().cloned();
    calls
        .map(|rpc| ((clients[&rpc.id.connection], rpc.id.stream), rpc))
        .collect()
}

/// A capture made of packets, at `times` that are theirs unless said otherwise.
pub(crate) fn write(name: &str, packets: &[(i64, &Kept)]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let link_type = packets
        .first()
        .map_or(LinkType::ETHERNET, |(_, kept)| kept.link_type);
    let mut file = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, link_type.0] {
        file.extend(word.to_le_bytes());
    }
    for (time, kept) in packets {
        let length = u32::try_from(kept.data.len()).unwrap();
        let (seconds, nanos) = (
            time.div_euclid(1_000_000_000),
            time.rem_euclid(1_000_000_000),
        );
        for word in [
            u32::try_from(seconds).unwrap(),
            u32::try_from(nanos).unwrap(),
            length,
            kept.original_length.max(length),
        ] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&kept.data);
    }
    fs::write(&path, file).unwrap();
    path
}

pub(crate) fn as_they_are(recording: &Recording) -> Vec<(i64, &Kept)> {
    recording
        .packets
        .iter()
        .map(|kept| (kept.stamp.time.nanos(), kept))
        .collect()
}

/// Numbers that look random and are the same in every run (Marsaglia's xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Self(0x9e37_79b9_7f4a_7c15 ^ (seed + 1));
        for _ in 0..8 {
            dice.below(2);
        }
        dice
    }

    pub(crate) fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 1).unwrap() % limit
    }

    fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.below(most - least + 1)
    }
}

#[test]
fn the_servers_capture_contradicts_nothing_that_the_clients_says() {
    let mut differ = Vec::new();
    let mut seen_there = 0;
    for pair in pairs("two ends") {
        let alone = calls(&analyze(std::slice::from_ref(&pair.client), &pair.client));
        let report = analyze(&[pair.client.clone(), pair.server.clone()], &pair.client);
        let both = calls(&report);
        assert_eq!(alone.len(), both.len(), "{}", pair.name);
        for (call, rpc) in &alone {
            let other = &both[call];
            seen_there += usize::from(other.at_server.is_some());
            let told = |rpc: &Rpc| {
                (
                    rpc.verdict,
                    rpc.race,
                    rpc.outcome,
                    rpc.retried_as.clone(),
                    rpc.app_error.clone(),
                )
            };
            // A whole answer that never arrived proves that the call ran.
            let proved = other.processed == Processed::Yes
                && rpc.processed == Processed::Maybe
                && other
                    .at_server
                    .as_ref()
                    .is_some_and(|there| there.lost == Some(LostOnTheWay::Answer));
            if told(rpc) != told(other) || (rpc.processed != other.processed && !proved) {
                differ.push(format!(
                    "{} {call:?}: {:?} {:?}, {:?} {:?}",
                    pair.name, rpc.verdict, rpc.processed, other.verdict, other.processed
                ));
            }
        }
    }
    assert!(
        differ.is_empty(),
        "{}: {:#?}",
        differ.len(),
        &differ[..differ.len().min(20)]
    );
    if shared_material::folder("two ends").is_some() {
        assert!(
            seen_there > 50_000,
            "only {seen_there} calls were seen at the server"
        );
    }
}

#[test]
fn what_one_end_lacks_the_other_fills() {
    // On the way addresses may be translated.
    for (end, translated) in [("client", false), ("client", true), ("server", false)] {
        let (mut all, mut judged, mut wrong) = (0, 0, Vec::new());
        for (number, pair) in pairs("two ends").iter().enumerate() {
            let mut dice = Dice::of(u64::try_from(number).unwrap());
            let path = if end == "client" {
                &pair.client
            } else {
                &pair.server
            };
            let recording = Recording::read(path);
            let mut left = as_they_are(&recording);
            left.retain(|_| dice.below(100) != 0);
            let written = write(&format!("two-ends-lossy-{end}.pcap"), &left);
            let captures = match (end, translated) {
                ("client", false) => [written, pair.server.clone()],
                ("client", true) => [written, write_translated(pair, "two-ends-filling.pcap")],
                _ => [pair.client.clone(), written],
            };
            let whole = calls(&analyze(std::slice::from_ref(&pair.client), &pair.client));
            let both = calls(&analyze(&captures, &pair.client));
            for (call, expected) in whole
                .iter()
                .filter(|(_, rpc)| rpc.verdict != Verdict::Unknown)
            {
                all += 1;
                let Some(told) = both.get(call).filter(|rpc| rpc.verdict != Verdict::Unknown)
                else {
                    continue;
                };
                judged += 1;
                let lied = told.processed == Processed::No && expected.processed != Processed::No;
                if told.verdict != expected.verdict || lied {
                    wrong.push(format!(
                        "{} {call:?}: {:?}, not {:?}",
                        pair.name, told.verdict, expected.verdict
                    ));
                }
            }
        }
        let over = if translated {
            ", addresses translated"
        } else {
            ""
        };
        eprintln!("1 % of the packets of the {end} missing{over}: {judged} of {all} calls judged");
        assert!(
            wrong.is_empty(),
            "{}: {:#?}",
            wrong.len(),
            &wrong[..wrong.len().min(20)]
        );
        assert!(
            judged * 100 >= all * 95,
            "only {judged} of {all} calls are judged"
        );
    }
}

/// The end of a packet, in which no address and no hop is: both captures have the same.
fn tail(kept: &Kept) -> &[u8] {
    &kept.data[kept.data.len().saturating_sub(40)..]
}

fn tails(recording: &Recording) -> BTreeSet<Vec<u8>> {
    recording
        .packets
        .iter()
        .map(|kept| tail(kept).to_vec())
        .collect()
}

/// The vantages of a client's capture and a server's one.
fn vantages(client: &Path, server: &Path) -> Vec<Vantage> {
    let captures = [client.to_owned(), server.to_owned()];
    pipeline::vantages(&Capture::open(&captures).unwrap()).unwrap()
}

#[test]
fn clocks_are_within_their_bounds() {
    let pairs = pairs("two ends");
    let (mut recordings, mut sent) = (BTreeMap::new(), BTreeMap::new());
    let mut dice = Dice::of(4);
    let (mut stepped, mut steps_seen) = (0, 0);
    for run in 0..if pairs.is_empty() { 0 } else { 200 } {
        let number = usize::try_from(dice.below(i64::try_from(pairs.len()).unwrap())).unwrap();
        let pair = &pairs[number];
        let recording = recordings
            .entry(number)
            .or_insert_with(|| Recording::read(&pair.server));
        let packets = as_they_are(recording);
        let first = packets[0].0;
        // Clocks are compared where both captures have something; they are set amid of that.
        let at_client = sent
            .entry(number)
            .or_insert_with(|| tails(&Recording::read(&pair.client)));
        let shared = packets
            .iter()
            .filter(|(_, kept)| at_client.contains(tail(kept)));
        let shared: Vec<_> = shared.map(|(time, _)| *time).collect();
        let ahead = dice.between(-10_000_000_000, 10_000_000_000);
        let parts_per_million = if run % 2 == 0 {
            0
        } else {
            dice.between(-100, 100)
        };
        let step = if run % 3 == 0 {
            dice.between(-2_000_000_000, 2_000_000_000)
        } else {
            0
        };
        let set_at = shared[shared.len() / 10 * usize::try_from(dice.between(2, 8)).unwrap()];
        let more = |time: i64| {
            ahead
                + (time - first) / 1_000_000 * parts_per_million
                + if time >= set_at { step } else { 0 }
        };
        let shown: Vec<_> = packets
            .iter()
            .map(|(time, kept)| (time + more(*time), *kept))
            .collect();
        let server = write("two-ends-clock.pcap", &shown);
        let vantages = vantages(&pair.client, &server);
        let [client, server] = &vantages[..] else {
            panic!("{}: {vantages:?}", pair.name);
        };
        assert_eq!(
            (client.place, server.place),
            (VantagePlace::Client, VantagePlace::Server),
            "{}",
            pair.name
        );
        let (low, high) = server.clock_offset.unwrap();
        for time in &shared {
            let more = more(*time);
            assert!(
                low.as_nanos() <= more && more <= high.as_nanos(),
                "{}: {more} not in {low:?} to {high:?}",
                pair.name
            );
        }
        if step.abs() > 500_000_000 {
            stepped += 1;
            let holds =
                |(least, most): (h2sniff::capture::TimeDelta, h2sniff::capture::TimeDelta)| {
                    least.as_nanos() <= step && step <= most.as_nanos()
                };
            steps_seen += usize::from(server.clock_steps.iter().any(|seen| holds(seen.by)));
        }
        if let Some((least, most)) = server.clock_drift_ppm {
            let drift = f64::from(i32::try_from(parts_per_million).unwrap());
            assert!(
                least <= drift + 1.0 && drift - 1.0 <= most,
                "{}: {drift} not in {least} to {most}",
                pair.name
            );
        }
    }
    eprintln!("{steps_seen} of {stepped} clocks that were set were seen to be");
    assert_eq!(steps_seen, stepped);
}

#[test]
fn what_a_capture_lost_is_not_called_lost_on_the_way() {
    for end in ["client", "server"] {
        let mut calls_lost = 0;
        for (number, pair) in pairs("two ends").iter().enumerate() {
            let mut dice = Dice::of(1_000 + u64::try_from(number).unwrap());
            let path = if end == "client" {
                &pair.client
            } else {
                &pair.server
            };
            let recording = Recording::read(path);
            let whole = vantages(&pair.client, &pair.server);
            let mut left = as_they_are(&recording);
            left.retain(|_| dice.below(100) != 0);
            let written = write(&format!("two-ends-uncaptured-{end}.pcap"), &left);
            let lossy = match end {
                "client" => vantages(&written, &pair.server),
                _ => vantages(&pair.client, &written),
            };
            let lost = |vantages: &[Vantage]| {
                vantages
                    .iter()
                    .filter_map(|one| one.lost)
                    .fold((0, 0), |sum, lost| {
                        (sum.0 + lost.client, sum.1 + lost.server)
                    })
            };
            let (truth, told) = (lost(&whole), lost(&lossy));
            if told.0 > truth.0 || told.1 > truth.1 {
                calls_lost += 1;
                eprintln!("{}: {told:?} lost, not {truth:?}", pair.name);
            }
        }
        assert_eq!(calls_lost, 0, "{end}");
    }
}

/// An Ethernet packet with IPv4 and TCP, taken apart; `None` for all others.
struct Parts<'a> {
    headers: &'a [u8],
    payload: &'a [u8],
}

/// Where IPv4 begins behind Ethernet, and its fields (RFC 791, section 3.1).
const IP: usize = 14;

impl<'a> Parts<'a> {
    fn of(kept: &'a Kept) -> Option<Self> {
        let data = &kept.data;
        let tcp = IP + 4 * usize::from(data.get(IP)? & 0xf);
        let end = IP + usize::from(u16::from_be_bytes([data[IP + 2], data[IP + 3]]));
        let payload = tcp + 4 * usize::from(data.get(tcp + 12)? >> 4);
        (data[IP] >> 4 == 4 && data[IP + 9] == 6).then(|| Self {
            headers: &data[..payload],
            payload: &data[payload..end],
        })
    }

    fn word(&self, at: usize) -> u32 {
        let tcp = IP + 20;
        u32::from_be_bytes(self.headers[tcp + at..tcp + at + 4].try_into().unwrap())
    }

    /// Addresses, ports, acknowledgement, and the options: what segments that a network card joins have in common.
    fn alike(&self) -> (&[u8], &[u8], &[u8]) {
        let tcp = IP + 20;
        (
            &self.headers[IP + 12..tcp + 4],
            &self.headers[tcp + 8..tcp + 12],
            &self.headers[tcp + 20..],
        )
    }

    fn whole(&self, payload: &[u8], kept: &Kept) -> Kept {
        let mut data = self.headers.to_vec();
        data.extend(payload);
        let length = u16::try_from(data.len() - IP).unwrap().to_be_bytes();
        data[IP + 2..IP + 4].copy_from_slice(&length);
        Kept {
            stamp: kept.stamp,
            link_type: kept.link_type,
            original_length: u32::try_from(data.len()).unwrap(),
            data,
        }
    }
}

/// What a network card gives that joins segments which follow each other; and how many it joined.
fn joined(recording: &Recording) -> (Vec<Kept>, usize) {
    let mut given: Vec<Kept> = Vec::new();
    let mut count = 0;
    for kept in &recording.packets {
        let next = Parts::of(kept).filter(|parts| !parts.payload.is_empty());
        let last = given.last().and_then(|last| Some((Parts::of(last)?, last)));
        if let (Some(next), Some((last, kept_last))) = (next, last)
            && !last.payload.is_empty()
            && last.alike() == next.alike()
            && last
                .word(4)
                .wrapping_add(u32::try_from(last.payload.len()).unwrap())
                == next.word(4)
            && last.headers.len() == next.headers.len()
            && last.payload.len() + next.payload.len() < 60_000
        {
            let whole = last.whole(&[last.payload, next.payload].concat(), kept_last);
            *given.last_mut().unwrap() = whole;
            count += 1;
            continue;
        }
        given.push(Kept {
            stamp: kept.stamp,
            link_type: kept.link_type,
            original_length: kept.original_length,
            data: kept.data.clone(),
        });
    }
    (given, count)
}

#[test]
fn segments_that_a_network_card_joins_are_the_same_and_not_lost() {
    let mut joined_in_all = 0;
    for pair in pairs("two ends") {
        let recording = Recording::read(&pair.server);
        if recording
            .packets
            .first()
            .is_none_or(|kept| kept.link_type != LinkType::ETHERNET)
        {
            continue;
        }
        let (packets, count) = joined(&recording);
        if count == 0 {
            continue;
        }
        joined_in_all += count;
        let times: Vec<_> = packets
            .iter()
            .map(|kept| (kept.stamp.time.nanos(), kept))
            .collect();
        let server = write("two-ends-joined.pcap", &times);
        let plain = vantages(&pair.client, &pair.server);
        let with_joined = vantages(&pair.client, &server);
        let facts = |vantages: &[Vantage]| {
            let lost = vantages.iter().filter_map(|one| one.lost);
            let places: Vec<_> = vantages.iter().map(|one| one.place).collect();
            (
                places,
                lost.fold((0, 0), |sum, lost| {
                    (sum.0 + lost.client, sum.1 + lost.server)
                }),
            )
        };
        let ((places, lost), (same_places, fewer)) = (facts(&plain), facts(&with_joined));
        assert_eq!(places, same_places, "{}: {count} joined", pair.name);
        // Of segments that are joined where they are sent, those behind the first are not known one by one.
        assert!(
            fewer.0 <= lost.0 && fewer.1 <= lost.1,
            "{}: {fewer:?} lost, not {lost:?}",
            pair.name
        );
    }
    eprintln!("{joined_in_all} segments joined");
}

/// The server's capture as it would be if the client's address were translated on the way.
fn write_translated(pair: &Pair, name: &str) -> PathBuf {
    let recording = Recording::read(&pair.server);
    let translated = recording.packets.iter().map(|kept| {
        let mut data = kept.data.clone();
        for at in [IP + 12, IP + 16] {
            if let Some(address) = data.get_mut(at..at + 4)
                && *address == [10, 77, 0, 1]
            {
                // A lower address becomes the upper one, too.
                address.copy_from_slice(&[192, 0, 2, 7]);
            }
        }
        Kept {
            stamp: kept.stamp,
            link_type: kept.link_type,
            original_length: kept.original_length,
            data,
        }
    });
    let translated: Vec<_> = translated.collect();
    let times: Vec<_> = translated
        .iter()
        .map(|kept| (kept.stamp.time.nanos(), kept))
        .collect();
    write(name, &times)
}

#[test]
fn a_connection_whose_addresses_are_translated_on_the_way_is_one() {
    let mut seen = 0;
    for pair in pairs("two ends").iter().take(12) {
        let server = write_translated(pair, "two-ends-translated.pcap");
        let alone = calls(&analyze(std::slice::from_ref(&pair.client), &pair.client));
        let plain = calls(&analyze(
            &[pair.client.clone(), pair.server.clone()],
            &pair.client,
        ));
        let both = calls(&analyze(&[pair.client.clone(), server], &pair.client));
        assert_eq!(alone.len(), both.len(), "{}", pair.name);
        for (call, rpc) in &both {
            assert_eq!(rpc.verdict, alone[call].verdict, "{} {call:?}", pair.name);
            assert_eq!(
                rpc.at_server, plain[call].at_server,
                "{} {call:?}",
                pair.name
            );
            seen += usize::from(rpc.at_server.is_some());
        }
    }
    if shared_material::folder("two ends").is_some() {
        assert!(seen > 5_000, "only {seen} calls were seen at the server");
    }
}

/// Packets with data of `from` that one recording has and the other has not, by all of their bytes but the checksums.
fn only_in(one: &Recording, other: &Recording, from: [u8; 4]) -> u64 {
    let segments = |recording: &Recording| {
        let mut counts: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for kept in &recording.packets {
            let Some(parts) = Parts::of(kept) else {
                continue;
            };
            let takes_a_number = parts.headers[IP + 20 + 13] & 3 != 0;
            if parts.headers[IP + 12..IP + 16] == from
                && (takes_a_number || !parts.payload.is_empty())
            {
                let mut segment = kept.data[IP + 12..].to_vec();
                segment.drain(24..26);
                *counts.entry(segment).or_default() += 1;
            }
        }
        counts
    };
    let (mut mine, theirs) = (segments(one), segments(other));
    for (segment, count) in theirs {
        if let Some(left) = mine.get_mut(&segment) {
            *left -= count;
        }
    }
    u64::try_from(mine.into_values().filter(|left| *left > 0).sum::<i64>()).unwrap()
}

#[test]
fn connections_that_are_refused_bound_a_clock_too() {
    let pairs = pairs("two ends");
    let refused = pairs.iter().find(|pair| pair.name == "n06-new-term");
    assert_eq!(refused.is_none(), pairs.is_empty());
    if let Some(pair) = refused {
        let recording = Recording::read(&pair.server);
        let packets = as_they_are(&recording);
        // Two SYNs, each answered by a reset: nothing else is left when the clock is set.
        let set_from = packets.len() - 4;
        let (ahead, step) = (1_785_000_000, -1_977_000_000);
        let shown = packets.iter().enumerate().map(|(number, (time, kept))| {
            let step = if number >= set_from { step } else { 0 };
            (time + ahead + step, *kept)
        });
        let shown: Vec<_> = shown.collect();
        let server = write("two-ends-refused.pcap", &shown);
        let vantages = vantages(&pair.client, &server);
        let (low, high) = vantages[1].clock_offset.unwrap();
        for truth in [ahead, ahead + step] {
            assert!(low.as_nanos() <= truth && truth <= high.as_nanos());
        }
        let [seen] = &vantages[1].clock_steps[..] else {
            panic!("{:?}", vantages[1].clock_steps);
        };
        assert!(seen.by.0.as_nanos() <= step && step <= seen.by.1.as_nanos());
    }
}

#[test]
fn every_segment_that_a_path_dropped_is_found() {
    let pairs = pairs("two ends");
    let lossy = pairs
        .iter()
        .filter(|pair| pair.name == "14c-network-loss" || pair.name == "g06-ka-client-blackhole");
    let mut found = 0;
    for pair in lossy {
        let (client, server) = (Recording::read(&pair.client), Recording::read(&pair.server));
        let vantages = vantages(&pair.client, &pair.server);
        let lost = vantages[1].lost.unwrap();
        let truth = (
            only_in(&client, &server, [10, 77, 0, 1]),
            only_in(&server, &client, [10, 77, 0, 2]),
        );
        assert_eq!((lost.client, lost.server), truth, "{}", pair.name);
        found += 1;
    }
    assert_eq!(found, if pairs.is_empty() { 0 } else { 2 });
}

/// A RST in the name of a segment's sender, right behind it.
fn reset_behind(kept: &Kept) -> Kept {
    let tcp = IP + 4 * usize::from(kept.data[IP] & 0xf);
    let mut data = kept.data[..tcp + 20].to_vec();
    let length = u16::try_from(data.len() - IP).unwrap();
    data[IP + 2..IP + 4].copy_from_slice(&length.to_be_bytes());
    let sent = Parts::of(kept).unwrap().payload.len();
    let sequence = u32::from_be_bytes(data[tcp + 4..tcp + 8].try_into().unwrap());
    let next = sequence.wrapping_add(u32::try_from(sent).unwrap());
    data[tcp + 4..tcp + 8].copy_from_slice(&next.to_be_bytes());
    data[tcp + 12] = 5 << 4;
    data[tcp + 13] = 0x14;
    Kept {
        stamp: kept.stamp,
        link_type: kept.link_type,
        original_length: u32::try_from(data.len()).unwrap(),
        data,
    }
}

/// What a capture has of a connection that is reset in the name of `by`, when it is: the first segment with data of
/// that end behind `time`, and nothing after it.
fn reset_at(recording: &Recording, time: i64, by: [u8; 4], port: u16) -> (Vec<Kept>, Kept) {
    let of_connection = |kept: &&Kept| {
        let port = port.to_be_bytes();
        Parts::of(kept).is_some_and(|parts| {
            let tcp = IP + 20;
            parts.headers[tcp..tcp + 2] == port || parts.headers[tcp + 2..tcp + 4] == port
        })
    };
    let from = |kept: &&Kept| {
        let parts = Parts::of(kept).unwrap();
        parts.headers[IP + 12..IP + 16] == by && !parts.payload.is_empty()
    };
    let mut packets = recording.packets.iter().filter(of_connection);
    let last = packets
        .find(|kept| kept.stamp.time.nanos() >= time && from(kept))
        .unwrap();
    let until = last.stamp;
    let before = recording.packets.iter().filter(of_connection);
    let before = before.filter(|kept| kept.stamp <= until);
    (before.cloned().collect(), reset_behind(last))
}

#[test]
fn a_reset_that_neither_end_sent_is_of_something_between_them() {
    let pairs = pairs("two ends");
    if pairs.is_empty() {
        return;
    }
    let mut pairs = pairs.iter();
    let pair = pairs.find(|pair| pair.name == "15-streams-grace").unwrap();
    let (client, server) = (Recording::read(&pair.client), Recording::read(&pair.server));
    let (of_client, of_server) = ([10, 77, 0, 1], [10, 77, 0, 2]);
    let opens = client
        .packets
        .iter()
        .find_map(|kept| Parts::of(kept).filter(|parts| parts.headers[IP + 33] & 2 != 0))
        .unwrap();
    let port = u16::from_be_bytes([opens.headers[IP + 20], opens.headers[IP + 21]]);
    let time = client.packets[0].stamp.time.nanos() + 500_000_000;
    let written = |name: &str, recording: &Recording, by| {
        let (before, reset) = reset_at(recording, time, by, port);
        let mut packets: Vec<_> = before
            .iter()
            .map(|kept| (kept.stamp.time.nanos(), kept))
            .collect();
        packets.push((reset.stamp.time.nanos() + 1_000, &reset));
        write(name, &packets)
    };
    let told_both = [
        written("two-ends-reset-client.pcap", &client, of_server),
        written("two-ends-reset-server.pcap", &server, of_client),
    ];
    let sent_by_server = [
        told_both[0].clone(),
        written("two-ends-reset-sent.pcap", &server, of_server),
    ];
    let told = |paths: &[PathBuf]| -> Vec<String> {
        let findings = analyze(paths, &pair.client).analysis.findings;
        let findings = findings
            .into_iter()
            .filter(|finding| !finding.rpcs.is_empty());
        findings
            .map(|finding| format!("{}: {}", finding.rule, finding.explanation))
            .collect()
    };
    let of_middlebox = told(&told_both);
    let blamed = "Something between the two closed in the server's name";
    assert!(of_middlebox.iter().any(|text| text.contains(blamed)));
    assert!(
        of_middlebox
            .iter()
            .any(|text| text.starts_with("network-loss: ")
                && text.contains("was sent by neither end, as the captures of both show")),
        "{of_middlebox:?}"
    );
    for paths in [&sent_by_server[..], &told_both[..1]] {
        let of_server = told(paths);
        assert!(
            of_server
                .iter()
                .any(|text| text.starts_with("abrupt-close: "))
                && !of_server.iter().any(|text| text.contains("neither end")),
            "{of_server:?}"
        );
    }
}
