//! Captures with holes: begun in the middle of connections, with packets missing. What is still
//! shown is shown right; what is not is unknown, and never wrong.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use h2sniff::inspect::{Race, Verdict};
use h2sniff::report::Report;

use crate::recordings::Recording;
use crate::shared_material;

/// What is told of a call, by its client's address and stream.
type Calls = BTreeMap<(SocketAddr, u32), Told>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    verdict: Verdict,
    race: Option<Race>,
    /// Packets of its HEADERS and of what ended it.
    opened: Option<u64>,
    ended: Option<u64>,
}

fn calls(report: &Report) -> Calls {
    let client = |number: u32| {
        let mut connections = report.analysis.connections.iter();
        connections
            .find(|record| record.number == number)
            .unwrap()
            .client
    };
    let told = report.analysis.rpcs.iter().map(|rpc| {
        let told = Told {
            verdict: rpc.verdict,
            race: rpc.race,
            opened: rpc.opened.map(|stamp| stamp.packet),
            ended: rpc.ended.map(|stamp| stamp.packet),
        };
        ((client(rpc.id.connection), rpc.id.stream), told)
    });
    told.collect()
}

/// The method of each call, and whether it was inferred.
fn methods(report: &Report) -> BTreeMap<(SocketAddr, u32), (Option<String>, bool)> {
    let clients: BTreeMap<_, _> = report
        .analysis
        .connections
        .iter()
        .map(|record| (record.number, record.client))
        .collect();
    let called = report.analysis.rpcs.iter().map(|rpc| {
        let method = rpc.method.as_deref().map(String::from_utf8_lossy);
        let call = (clients[&rpc.id.connection], rpc.id.stream);
        (call, (method.map(Into::into), rpc.method_inferred))
    });
    called.collect()
}

/// Every cleartext recording of both ends.
fn recordings(test: &str) -> Option<Vec<PathBuf>> {
    let lab = shared_material::folder(test)?.join("lab");
    let mut folders: Vec<_> = lab
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let cleartext = folders.into_iter().filter(|folder| {
        let name = folder.file_name().unwrap().to_string_lossy();
        folder.is_dir() && !name.starts_with("12") && !name.starts_with("11")
    });
    Some(
        cleartext
            .flat_map(|folder| [folder.join("client.pcap"), folder.join("server.pcap")])
            .collect(),
    )
}

/// Numbers that look random and are the same in every run (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// How many beginnings are cut off each recording.
const PREFIXES: u64 = 6;

#[test]
fn a_capture_that_begins_late_keeps_every_victim_whose_headers_and_end_it_holds() {
    let Some(recordings) = recordings("late beginnings") else {
        return;
    };
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut wrong = Vec::new();
    let mut kept = 0;
    for recording in recordings {
        let recording = Recording::read(&recording);
        let packets = &recording.packets;
        let whole = calls(&recording.analyze(packets.iter()));
        for _ in 0..PREFIXES {
            let cut = usize::try_from(dice.roll() % packets.len() as u64).unwrap();
            let late = calls(&recording.analyze(packets.iter().skip(cut)));
            let first = cut as u64 + 1;
            for (call, expected) in &whole {
                let shown = expected.opened.is_some_and(|packet| packet >= first)
                    && expected.ended.is_some_and(|packet| packet >= first);
                if !expected.verdict.is_death() || !shown {
                    continue;
                }
                kept += 1;
                let got = late.get(call);
                if got.map(|told| (told.verdict, told.race))
                    != Some((expected.verdict, expected.race))
                {
                    let name = &recording.name;
                    wrong.push(format!(
                        "{name} from packet {first}: {call:?} {expected:?}, got {got:?}"
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {kept} victims:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    assert!(kept > 1_000, "only {kept} victims were judged");
}

#[test]
fn a_method_inferred_is_the_method_called() {
    let Some(recordings) = recordings("inferred methods") else {
        return;
    };
    let mut dice = Dice(0x1357_9bdf_0246_8ace);
    let (mut right, mut unknown, mut wrong) = (0, 0, Vec::new());
    for recording in recordings {
        let recording = Recording::read(&recording);
        let packets = &recording.packets;
        let whole = methods(&recording.analyze(packets.iter()));
        for _ in 0..PREFIXES {
            let cut = usize::try_from(dice.roll() % packets.len() as u64).unwrap();
            let late = methods(&recording.analyze(packets.iter().skip(cut)));
            for (call, (method, inferred)) in late {
                match whole.get(&call) {
                    _ if method.is_none() => unknown += 1,
                    Some((called, _)) if *called == method => right += u32::from(inferred),
                    called => wrong.push(format!(
                        "{} from {cut}: {call:?} called {called:?}, told {method:?}",
                        recording.name
                    )),
                }
            }
        }
    }
    eprintln!("{right} methods inferred, {unknown} left unknown");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    assert!(right > 100, "only {right} methods were inferred");
}
