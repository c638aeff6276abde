//! How fast an analysis is, stage by stage: `cargo bench`. What it prints, and what to compare it with, is in
//! `tests/bench/README.md`.

#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for whoever runs it; figures are rounded anyhow"
)]

mod captures;
#[path = "../it/bounds/captures.rs"]
#[allow(dead_code, reason = "hostile captures need more of it")]
mod packets;
mod sealed;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use captures::{Answers, Load};
use h2sniff::capture::{Capture, CaptureError};
use h2sniff::decode::tls::KeyLog;
use h2sniff::decode::{Event, Listener, NetworkPath, Recognition};
use h2sniff::pipeline::{self, Options};
use h2sniff::{decode, report};

/// Each is measured so often; the best counts, for others only wait longer.
const RUNS: usize = 5;

/// Counts frames, and does nothing else: what decoding costs by itself.
#[derive(Default)]
struct Frames(u64);

impl Listener for Frames {
    type Connection = ();

    fn recognised(&mut self, _: Recognition) {}

    fn event(&mut self, (): &mut (), event: &Event<'_>) {
        self.0 += u64::from(matches!(event, Event::Frame(_)));
    }

    fn finished(&mut self, (): (), _: NetworkPath) {}
}

fn open(path: &Path) -> Capture {
    Capture::open(&[path.to_owned()]).unwrap()
}

/// The best of some runs.
fn best<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut best: Option<(Duration, T)> = None;
    for _ in 0..RUNS {
        let begun = Instant::now();
        let given = run();
        let took = begun.elapsed();
        if best.as_ref().is_none_or(|(least, _)| took < *least) {
            best = Some((took, given));
        }
    }
    best.unwrap()
}

fn read(path: &Path) -> u64 {
    let mut capture = open(path);
    let mut packets = 0;
    while capture.next_packet().unwrap().is_some() {
        packets += 1;
    }
    packets
}

/// What decoding takes, with the secrets that lie beside a capture.
fn options(path: &Path) -> decode::Options {
    let mut keys = KeyLog::default();
    if let Ok(key_log) = std::fs::read(path.with_extension("keys")) {
        keys.read(&key_log);
    }
    decode::Options {
        keys,
        ..decode::Options::default()
    }
}

fn decode(path: &Path) -> u64 {
    let mut frames = Frames::default();
    pipeline::decode(&mut open(path), options(path), &mut frames, |_, _| {
        Ok::<_, CaptureError>(())
    })
    .unwrap();
    frames.0
}

fn analyze(path: &Path, threads: usize) -> report::Report {
    let options = Options {
        decode: options(path),
        threads,
        ..Options::default()
    };
    pipeline::analyze(&mut open(path), options).unwrap()
}

fn measure(name: &str, path: &Path) {
    let size = path.metadata().unwrap().len() as f64 / 1e6;
    let (reading, packets) = best(|| read(path));
    let (decoding, frames) = best(|| decode(path));
    let (whole, _) = best(|| analyze(path, 1));
    let (divided, _) = best(|| {
        analyze(
            path,
            std::thread::available_parallelism().map_or(1, Into::into),
        )
    });
    println!(
        "| {name} | {packets} | {size:.0} | {frames} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} |",
        reading.as_secs_f64(),
        decoding.as_secs_f64(),
        whole.as_secs_f64(),
        divided.as_secs_f64(),
        frames as f64 / whole.as_secs_f64() / 1e6,
        size / whole.as_secs_f64(),
    );
}

fn main() {
    // `cargo test --benches` only asks whether it runs.
    let small = if std::env::args().any(|argument| argument == "--bench") {
        1
    } else {
        100
    };
    let load = |calls: u32, answer: usize| Load {
        calls,
        together: 1,
        request: 8,
        answer,
        answers: Answers::AtOnce,
        tls: false,
    };
    let unary = Load {
        together: 2,
        request: 260,
        ..load(25_000 / small, 280)
    };
    let captures: [(&str, u32, Load); 6] = [
        ("unary", 20, unary),
        ("tls", 20, Load { tls: true, ..unary }),
        ("bulk", 8, load(100 / small.min(100), 1 << 20)),
        ("short", 20_000 / small, load(4, 40)),
        (
            "victims",
            200 / small.min(20),
            Load {
                answers: Answers::HalfThenClose,
                ..load(200, 40)
            },
        ),
        (
            "open",
            10_000 / small,
            Load {
                answers: Answers::OnceAllAreOpen,
                ..load(10, 40)
            },
        ),
    ];
    println!(
        "| capture | packets | MB | frames | read s | decode s | analyze s | all cores s | M frames/s | MB/s |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let written: Vec<(&str, PathBuf)> = captures
        .into_iter()
        .map(|(name, connections, load)| (name, captures::write(name, connections, load)))
        .collect();
    for (name, path) in &written {
        measure(name, path);
    }
    println!();
    for (_, path) in &written {
        println!("{}", path.display());
    }
}
