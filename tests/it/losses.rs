//! Captures with packets missing, as a capture on a busy machine has them: what is still shown is judged, and
//! never wrong.
//!
//! In: every recording of the labs. Out: how many of its calls are still judged when 0.1, 1 and 3 % of its packets
//! are missing, and each verdict, race and inferred value that differs from what the whole recording shows.
//!
//! With `H2SNIFF_ALL_LOSSES=1` the figures are printed for each recording too; `H2SNIFF_LOSS_PATTERNS` has more patterns
//! of losses tried.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use h2sniff::inspect::diagnosis::Confidence;
use h2sniff::inspect::{Doubt, Processed, Race, Verdict};
use h2sniff::report::Report;

use crate::recordings::{self, Recording};

/// Of how many packets in a thousand one capture loses, and which share of the calls it must still judge, in
/// percent.
const RATES: [(u64, u64); 3] = [(1, 92), (10, 57), (30, 29)];

/// With how many patterns of losses each recording is tried at each rate, unless `H2SNIFF_LOSS_PATTERNS` says another
/// number.
const PATTERNS: u64 = 5;

fn patterns() -> u64 {
    let wanted = std::env::var("H2SNIFF_LOSS_PATTERNS").ok();
    wanted.map_or(PATTERNS, |wanted| wanted.parse().unwrap())
}

/// What is told of a call, by its client's address and stream.
type Calls = BTreeMap<(SocketAddr, u32), Told>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    verdict: Verdict,
    race: Option<Race>,
    doubt: Option<Doubt>,
    status: Option<Vec<u8>>,
    inferred: bool,
}

fn calls(report: &Report) -> Calls {
    let connections = report.analysis.connections.iter();
    let clients: BTreeMap<_, _> = connections
        .map(|record| (record.number, record.client))
        .collect();
    let told = report.analysis.rpcs.iter().map(|rpc| {
        let told = Told {
            verdict: rpc.verdict,
            race: rpc.race,
            doubt: rpc.doubt,
            status: rpc.grpc_status.as_deref().map(<[u8]>::to_vec),
            inferred: rpc.grpc_status_inferred,
        };
        ((clients[&rpc.id.connection], rpc.id.stream), told)
    });
    told.collect()
}

/// Every recording of the labs, of either end.
fn lab_recordings(test: &str) -> Vec<PathBuf> {
    let in_lab = |path: &PathBuf| {
        let mut folders = path.ancestors().filter_map(Path::file_name);
        folders.any(|name| name == "lab" || name == "lab-today")
    };
    recordings::recordings(test)
        .into_iter()
        .filter(in_lab)
        .collect()
}

/// Numbers that look random and are the same in every run (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    /// Those of one pattern of losses.
    fn of(per_mille: u64, pattern: u64) -> Self {
        let mut dice = Self(0x9e37_79b9_7f4a_7c15 ^ (per_mille << 32) ^ (pattern + 1));
        for _ in 0..8 {
            dice.roll();
        }
        dice
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// How many calls were still judged.
#[derive(Clone, Debug, Default)]
struct Score {
    all: u64,
    judged: u64,
    dead: u64,
    dead_told: u64,
    inferred: u64,
    doubts: BTreeMap<&'static str, u64>,
}

impl Score {
    fn add(&mut self, whole: &Calls, told: &Calls) {
        let known = whole
            .iter()
            .filter(|(_, expected)| expected.verdict != Verdict::Unknown);
        let inferred = told.values().filter(|told| told.inferred);
        self.inferred += inferred.count() as u64;
        for (call, expected) in known {
            let death = u64::from(expected.verdict.is_death());
            self.all += 1;
            self.dead += death;
            match told.get(call) {
                Some(told) if told.verdict != Verdict::Unknown => {
                    self.judged += 1;
                    self.dead_told += death;
                }
                told => {
                    let doubt = told.map(|told| told.doubt.map_or("none said", Doubt::name));
                    *self.doubts.entry(doubt.unwrap_or("not seen")).or_default() += 1;
                }
            }
        }
    }

    fn join(&mut self, other: &Self) {
        self.all += other.all;
        self.judged += other.judged;
        self.dead += other.dead;
        self.dead_told += other.dead_told;
        self.inferred += other.inferred;
        for (doubt, calls) in &other.doubts {
            *self.doubts.entry(doubt).or_default() += calls;
        }
    }

    fn in_words(&self) -> String {
        format!(
            "{} of {} calls still judged ({:.1} %), {} of {} deaths still told; {} by an \
             inferred status; unknown: {:?}",
            self.judged,
            self.all,
            100.0 * self.judged as f64 / self.all.max(1) as f64,
            self.dead_told,
            self.dead,
            self.inferred,
            self.doubts
        )
    }
}

/// What the capture with losses tells otherwise than the whole one.
fn wrong(whole: &Calls, told: &Calls) -> Vec<String> {
    let mut wrong = Vec::new();
    for (call, got) in told {
        let Some(expected) = whole.get(call) else {
            wrong.push(format!("{call:?} invented {got:?}"));
            continue;
        };
        let same = got.verdict == expected.verdict;
        let race = got.race == expected.race || got.race == Some(Race::Unknown);
        if got.inferred && got.status != expected.status {
            wrong.push(format!("{call:?} {expected:?}, inferred {got:?}"));
        }
        let both = got.verdict != Verdict::Unknown && expected.verdict != Verdict::Unknown;
        if both && !(same && race) {
            wrong.push(format!("{call:?} {expected:?}, got {got:?}"));
        }
    }
    wrong
}

/// What rests on an inferred status and is told as if it were proved; and whether it is said that there are any.
fn overstated(report: &Report) -> impl Iterator<Item = String> {
    let analysis = &report.analysis;
    let inferred = analysis.rpcs.iter().filter(|rpc| rpc.grpc_status_inferred);
    let ids: BTreeSet<_> = inferred
        .clone()
        .map(|rpc| (rpc.id.connection, rpc.id.stream))
        .collect();
    let unsafe_to_say = inferred.filter(|rpc| rpc.processed == Processed::No);
    let unsafe_to_say = unsafe_to_say.map(|rpc| format!("{:?} was not processed", rpc.id));
    let sure = analysis.findings.iter().filter(|finding| {
        let mut rpcs = finding.rpcs.iter();
        finding.confidence == Confidence::Certain
            && rpcs.any(|rpc| ids.contains(&(rpc.connection, rpc.stream)))
    });
    let sure = sure.map(|finding| format!("{} is certain", finding.rule));
    let said = analysis.findings.iter().any(|finding| {
        finding.rule == "capture-incomplete" && finding.explanation.contains("is inferred")
    });
    let unsaid = (!ids.is_empty() && !said).then(|| "nothing says that it is inferred".to_owned());
    let all: Vec<_> = unsafe_to_say.chain(sure).chain(unsaid).collect();
    all.into_iter()
}

#[test]
fn lost_packets_make_verdicts_unknown_and_never_wrong() {
    let recordings = lab_recordings("lost packets");
    if recordings.is_empty() {
        return;
    }
    let each = std::env::var_os("H2SNIFF_ALL_LOSSES").is_some_and(|value| value == "1");
    let mut wrongs = Vec::new();
    let mut sums: BTreeMap<u64, Score> = BTreeMap::new();
    for path in &recordings {
        let recording = Recording::read(path);
        let whole = calls(&recording.analyze(recording.packets.iter()));
        for (per_mille, _) in RATES {
            let mut score = Score::default();
            for pattern in 0..patterns() {
                let mut dice = Dice::of(per_mille, pattern);
                let packets = recording.packets.iter();
                let left = packets.filter(|_| dice.roll() % 1_000 >= per_mille);
                let report = recording.analyze(left);
                let told = calls(&report);
                let name = &recording.name;
                wrongs.extend(overstated(&report).map(|text| format!("{name}: {text}")));
                wrongs.extend(
                    wrong(&whole, &told)
                        .into_iter()
                        .map(|text| format!("{name} at {per_mille}, pattern {pattern}: {text}")),
                );
                score.add(&whole, &told);
            }
            if each {
                eprintln!(
                    "{per_mille:2} of 1,000 lost of {}: {}",
                    recording.name,
                    score.in_words()
                );
            }
            sums.entry(per_mille).or_default().join(&score);
        }
    }
    for (per_mille, score) in &sums {
        eprintln!("{per_mille} of 1,000 packets lost: {}", score.in_words());
    }
    let shown = if each { wrongs.len() } else { 40 };
    assert!(
        wrongs.is_empty(),
        "{} wrong:\n{}",
        wrongs.len(),
        wrongs[..wrongs.len().min(shown)].join("\n")
    );
    for (per_mille, least) in RATES {
        let score = &sums[&per_mille];
        assert!(
            score.judged * 100 >= score.all * least,
            "at {per_mille} of 1,000 only {}",
            score.in_words()
        );
    }
}
