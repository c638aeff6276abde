//! Every fixture, mutilated in a hundred ways or in as many as are asked for; and the captures of the
//! corpus, each in a few.
//!
//! The fixtures are what the program is for. The corpus adds what they lack: TLS with its keys,
//! tunnels, fragments, IPv6, other link types, and the odder parts of both formats.

use std::env;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::corpus::Subject;
use super::mutation::{Recording, mutate};
use crate::shared_material;
use crate::witness::{Figures, Witness, each, file};

/// Mutations of each fixture in an ordinary run: five seconds' worth.
const USUAL: u64 = 100;

/// A capture of the corpus is mutilated once where a fixture is so many times: there are forty times
/// as many of them.
const RARER: u64 = 25;

/// How many fixtures there are, so that none is lost unseen.
const FIXTURES: usize = 12;

/// A long run says how far it is every so many runs.
const PROGRESS: usize = 5_000;

/// How `analyze` is asked: text and JSON by turns.
const ANALYZE: [&[&str]; 8] = [
    &["analyze"],
    &["analyze", "--format=json"],
    &["analyze", "--limit=1000"],
    &["analyze", "--format=json", "--all"],
    &["analyze", "--color=always"],
    &["analyze", "--format=json", "--header=x-rpc-id"],
    &["analyze", "--format=markdown"],
    &["analyze", "--format=json", "--port=50051"],
];

/// How `frames` is asked.
const FRAMES: [&[&str]; 4] = [
    &["frames"],
    &["frames", "--format=json"],
    &["frames", "--format=http2debug"],
    &["frames", "--format=http2debug", "--show-secrets"],
];

/// How `timeline` is asked.
const TIMELINE: [&[&str]; 4] = [
    &["timeline"],
    &["timeline", "--format=html"],
    &["timeline", "--format=mermaid"],
    &["timeline", "--merged"],
];

#[test]
fn no_mutation_of_a_fixture_crashes_hangs_or_bloats() {
    let names = fixtures();
    assert_eq!(names.len(), FIXTURES);
    let cases = asked_for(&names, seeds());
    let figures = each(&cases, |witness, case, figures| {
        let recording = Recording::fixture(case.name);
        let other = Recording::fixture(case.other(&names));
        case.try_it(&recording, &other, None, witness, figures);
        progress(cases.len());
    });
    figures.settle("mutations of fixtures");
}

#[test]
fn no_mutation_of_the_corpus_crashes_hangs_or_bloats() {
    let Some(shared) = shared_material::folder("no_mutation_of_the_corpus_crashes_hangs_or_bloats")
    else {
        return;
    };
    let mut captures = Subject::all(&shared.join("corpus"));
    captures.retain(|capture| capture.is_capture);
    let names: Vec<String> = captures.iter().map(|it| it.name.clone()).collect();
    let seeds = seeds();
    let cases = asked_for(
        &names,
        seeds.start.div_ceil(RARER)..seeds.end.div_ceil(RARER),
    );
    let named = |name: &str| captures.iter().find(|capture| capture.name == name);
    let figures = each(&cases, |witness, case, figures| {
        let subject = named(case.name).expect("it was listed");
        let other = named(case.other(&names)).expect("it was listed");
        let recording = Recording::read(&subject.name, &subject.path);
        let other = Recording::read(&other.name, &other.path);
        case.try_it(&recording, &other, subject.key_log(), witness, figures);
        progress(cases.len());
    });
    figures.settle("mutations of the corpus");
}

/// The fixtures' names, in order.
fn fixtures() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let entries = fs::read_dir(folder).expect("the fixtures can be listed");
    let names = entries.map(|entry| entry.expect("the fixtures can be listed").file_name());
    let names = names.map(|name| name.into_string().expect("a plain name"));
    let mut captures: Vec<_> = names.filter(|name| name.ends_with(".pcap")).collect();
    captures.sort();
    captures
}

/// Which mutations of each fixture are tried: so many, or those from a seed on to another.
fn seeds() -> Range<u64> {
    let Ok(asked) = env::var("H2SNIFF_MUTATIONS") else {
        return 0..USUAL;
    };
    let (begin, end) = asked.split_once("..").unwrap_or(("0", &asked));
    begin.parse().expect("a number")..end.parse().expect("a number")
}

/// These seeds of each of these, by turns; or the one that `H2SNIFF_MUTATION` names, if it is of these.
fn asked_for(names: &[String], seeds: Range<u64>) -> Vec<Case<'_>> {
    if let Ok(one) = env::var("H2SNIFF_MUTATION") {
        let (name, seed) = one.split_once(':').expect("NAME:SEED");
        let seed = seed.parse().expect("a number");
        let names = names.iter().filter(|known| *known == name);
        return names.map(|name| Case { name, seed }).collect();
    }
    let cases = seeds.flat_map(|seed| names.iter().map(move |name| Case { name, seed }));
    cases.collect()
}

fn progress(cases: usize) {
    static TRIED: AtomicUsize = AtomicUsize::new(0);
    let tried = TRIED.fetch_add(1, Ordering::Relaxed) + 1;
    if tried.is_multiple_of(PROGRESS) {
        eprintln!("{tried} tried, of {cases} here");
    }
}

/// A mutation of a recording.
struct Case<'a> {
    name: &'a str,
    seed: u64,
}

impl Case<'_> {
    /// What it is spliced with: each of the others in turn.
    fn other<'n>(&self, names: &'n [String]) -> &'n str {
        let place = names.iter().position(|name| name == self.name);
        let distance = 1 + usize::try_from(self.seed).expect("a seed") % (names.len() - 1);
        &names[(place.expect("one of these") + distance) % names.len()]
    }

    fn try_it(
        &self,
        recording: &Recording,
        other: &Recording,
        key_log: Option<String>,
        witness: &Witness,
        figures: &Mutex<Figures>,
    ) {
        let Self { name, seed } = *self;
        let path = file(&format!("{}-{seed}", name.replace('/', "__")));
        fs::write(&path, mutate(recording, other, seed)).expect("the folder for tests is there");

        let mut arguments: Vec<_> = command(seed).iter().map(|&it| it.to_owned()).collect();
        arguments.extend(key_log);
        arguments.push(path.display().to_string());
        let deed = witness.watch(&arguments);
        if deed.fault().is_none() && env::var_os("H2SNIFF_MUTATION").is_none() {
            // What failed stays, for the command that is told to be run again.
            fs::remove_file(&path).expect("it was written");
        }
        let case = format!("H2SNIFF_MUTATION={name}:{seed}");
        figures.lock().expect("no worker failed").add(&deed, &case);
    }
}

/// What is asked about the file of a seed: `analyze` eight times in ten, the others once each.
fn command(seed: u64) -> &'static [&'static str] {
    let seed = usize::try_from(seed).expect("a seed");
    match seed % 10 {
        8 => FRAMES[seed / 10 % FRAMES.len()],
        9 => TIMELINE[seed / 10 % TIMELINE.len()],
        _ => ANALYZE[seed % ANALYZE.len()],
    }
}
