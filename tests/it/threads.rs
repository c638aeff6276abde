//! Parts of a capture that are followed apart, by any number of threads: the report is the same to the byte.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use h2sniff::decode::{self, Decoder, Event, Listener, NetworkPath, Recognition};
use h2sniff::pipeline::Options;
use h2sniff::report::json::Json;
use h2sniff::report::{Report, ReportFormat, SecretDisplay};

use crate::recordings::{self, Recording};

/// Longer ones tell nothing more and take long.
const MAX_PACKETS: usize = 30_000;

fn options(threads: usize, lockstep_packets: u64) -> Options {
    Options {
        threads,
        lockstep_packets,
        ..recordings::options()
    }
}

fn json(report: &Report) -> String {
    let mut json = Vec::new();
    let format = Json {
        secrets: SecretDisplay::Redacted,
    };
    format.write(report, &mut json).unwrap();
    String::from_utf8(json).unwrap()
}

#[test]
fn the_report_is_the_same_for_one_thread_and_for_many() {
    let mut differ = Vec::new();
    let mut compared = 0;
    for path in recordings::recordings("threads") {
        let recording = Recording::read(&path);
        let packets = || recording.packets.iter().take(MAX_PACKETS);
        let report =
            |threads, lockstep| json(&recording.analyze_by(options(threads, lockstep), packets()));
        let one = report(1, u64::MAX);
        for (threads, lockstep) in [(1, 0), (2, 0), (8, 0), (2, 100)] {
            compared += 1;
            if report(threads, lockstep) != one {
                differ.push((recording.name.clone(), threads, lockstep));
            }
        }
    }
    assert!(
        differ.is_empty(),
        "{} of {compared}: {differ:#?}",
        differ.len()
    );
    assert!(compared >= 40, "only {compared} were compared");
}

/// Connections by their numbers.
#[derive(Default)]
struct Numbers(BTreeMap<u32, (u32, SocketAddr)>);

impl Listener for Numbers {
    type Connection = ();

    fn recognised(&mut self, recognition: Recognition) {
        let who = (recognition.tcp_stream, recognition.client);
        self.0.insert(recognition.number, who);
    }

    fn event(&mut self, (): &mut (), _: &Event<'_>) {}

    fn finished(&mut self, (): (), _: NetworkPath) {}
}

#[test]
fn connections_have_the_numbers_that_frames_show() {
    for path in recordings::recordings("numbers of connections") {
        let recording = Recording::read(&path);
        let packets = || recording.packets.iter().take(MAX_PACKETS);
        let mut numbers = Numbers::default();
        let mut decoder = Decoder::new(decode::Options::default());
        recording.decode(&mut decoder, &mut numbers, packets());
        for lockstep in [0, u64::MAX] {
            let report = recording.analyze_by(options(2, lockstep), packets());
            let connections = report.analysis.connections.iter();
            let told =
                connections.map(|record| (record.number, (record.tcp_stream, record.client)));
            assert_eq!(
                told.collect::<BTreeMap<_, _>>(),
                numbers.0,
                "{}",
                recording.name
            );
        }
    }
}
