//! TLS from a capture to a report: keys that come late, keys that do not fit, packets that are
//! missing, handshakes that fail.
//!
//! In: recordings of lab and corpus, whole or with packets left out. What is inside of them when
//! nothing is missing is judged with all other scenarios, in `lab` and `corpus_frames`.

#![cfg(feature = "tls")]
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shared_material::{Run, folder};
use h2sniff::capture::Capture;
use h2sniff::decode::tcp::Ending;
use h2sniff::decode::tls::KeyLog;
use h2sniff::decode::{Decoder, Direction, EachEvent, Event, Options, Transport};
use h2sniff::pipeline::{self, Pipeline};
use h2sniff::report::Report;

const RACE: &str = "lab/12e-tls13-singlegoaway-race";

/// How often a frame was seen, by what does not change when packets before it are left out.
type Seen = BTreeMap<(u32, Sender, i64, u8, u32, u32), usize>;

/// A direction that can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sender {
    Client,
    Server,
}

fn key_log(path: &Path) -> KeyLog {
    let mut keys = KeyLog::default();
    keys.read(&fs::read(path).unwrap());
    keys
}

fn open(path: &Path) -> Capture {
    Capture::open(&[path.to_owned()]).unwrap()
}

fn analyze(capture: &Path, keys: KeyLog) -> Report {
    let decode = Options {
        keys,
        ..Options::default()
    };
    let options = pipeline::Options {
        decode,
        ..pipeline::Options::default()
    };
    pipeline::analyze(&mut open(capture), options).unwrap()
}

/// The frames of the packets that `keeps` says to keep, by their numbers.
fn frames(capture: &Path, keys: &KeyLog, keeps: impl Fn(u64) -> bool) -> Seen {
    let mut decoder = Decoder::new(Options {
        keys: keys.clone(),
        ..Options::default()
    });
    let mut seen = Seen::new();
    let mut sink = EachEvent::new(|connection: u32, event: &Event<'_>| {
        if let Event::Frame(frame) = event {
            let direction = match frame.direction {
                Direction::ClientToServer => Sender::Client,
                Direction::ServerToClient => Sender::Server,
            };
            let time = frame.completed.stamp.time.nanos();
            let header = frame.header;
            let kind = header.kind.0;
            *seen
                .entry((
                    connection,
                    direction,
                    time,
                    kind,
                    header.stream.0,
                    header.length,
                ))
                .or_default() += 1;
        }
    });
    let mut capture = open(capture);
    while let Some(packet) = capture.next_packet().unwrap() {
        if keeps(packet.stamp.packet) {
            decoder.push(&packet, &mut sink);
        }
    }
    decoder.finish(&mut sink);
    seen
}

#[test]
fn reading_goes_on_behind_lost_packets() {
    let Some(shared) = folder("reading_goes_on_behind_lost_packets") else {
        return;
    };
    let race = shared.join(RACE);
    let keys = key_log(&race.join("keylog.txt"));
    let capture = race.join("client.pcap");
    let whole = frames(&capture, &keys, |_| true);
    let count = |frames: &Seen| frames.values().sum::<usize>() as u64;
    assert_eq!(count(&whole), 16_639);
    for every in [7, 50, 211] {
        // The first packets hold the handshakes, without which nothing opens.
        let lossy = frames(&capture, &keys, |packet| packet < 30 || packet % every != 0);
        let invented = lossy
            .iter()
            .find(|(frame, count)| whole.get(frame).is_none_or(|whole| whole < *count));
        assert_eq!(invented, None, "1 in {every} lost");
        // A packet holds several frames, and some more pass until frames can be told apart again.
        let lost = count(&whole) - count(&lossy);
        let bound = count(&whole) * 3 / every;
        assert!(lost > 0 && lost < bound, "1 in {every} lost: {lost} frames");
    }
}

#[test]
fn keys_may_come_after_the_handshake() {
    let Some(shared) = folder("keys_may_come_after_the_handshake") else {
        return;
    };
    let race = shared.join(RACE);
    let text = fs::read(race.join("keylog.txt")).unwrap();
    let mut pipeline = Pipeline::new(pipeline::Options::default());
    let mut capture = open(&race.join("client.pcap"));
    let mut packets = 0;
    while let Some(packet) = capture.next_packet().unwrap() {
        packets += 1;
        if packets == 20 {
            pipeline.read_keys(&text);
        }
        pipeline.push(&packet);
    }
    let report = pipeline.finish();
    let transports: Vec<_> = report
        .analysis
        .connections
        .iter()
        .map(|connection| (connection.transport, connection.streams_opened))
        .collect();
    assert_eq!(transports, [(Transport::H2, 2_091), (Transport::H2, 1_232)]);
    assert_eq!(report.analysis.rpcs.len(), 77);
}

#[test]
fn keys_of_other_connections_are_told_not_to_fit() {
    let Some(shared) = folder("keys_of_other_connections_are_told_not_to_fit") else {
        return;
    };
    let path = shared.join("lab/12a-tls13-gracefulstop/keylog.txt");
    let other = key_log(&path);
    let capture = shared.join(RACE).join("client.pcap");
    let report = analyze(&capture, other);
    for connection in &report.analysis.connections {
        assert_eq!(connection.transport, Transport::Tls);
        let facts = connection.tls.as_ref().unwrap();
        assert_eq!(facts.version.unwrap().to_string(), "TLS 1.3");
        assert_eq!(facts.alpn, None, "TLS 1.3 encrypts it");
    }
    let texts: Vec<_> = report.anomalies.iter().map(|odd| &*odd.text).collect();
    assert_eq!(texts.len(), 2);
    assert!(
        texts[0].contains("no secrets for its client random"),
        "{texts:?}"
    );

    let option = format!("--keylog={}", path.display());
    let run = Run::of(&[Path::new("frames"), Path::new(&option), &capture]);
    assert_eq!(run.status, Some(2));
    let warning = "warning: connection 0: the key log has no secrets for its client random";
    assert!(run.complaints.contains(warning), "{}", run.complaints);
}

#[test]
fn without_keys_the_hint_says_how_to_give_them() {
    let Some(shared) = folder("without_keys_the_hint_says_how_to_give_them") else {
        return;
    };
    let capture = shared.join(RACE).join("client.pcap");
    let run = Run::of(&[Path::new("analyze"), &capture]);
    assert_eq!(run.status, Some(0), "{}", run.complaints);
    let text = run.output.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        "No RPC can be seen: 2 TLS connections were not decrypted",
        "bytes out / in",
        "FIN of the client after",
        "SSLKEYLOGFILE",
        "--keylog FILE",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let run = Run::of(&[Path::new("frames"), &capture]);
    assert_eq!(run.status, Some(2));
    assert!(
        run.complaints.contains("hint: --keylog FILE decrypts TLS"),
        "{}",
        run.complaints
    );
    let absent = Run::of(&[
        PathBuf::from("analyze"),
        "--keylog=/nonexistent/keys".into(),
        capture,
    ]);
    assert_eq!(absent.status, Some(2));
    assert!(
        absent.complaints.contains("/nonexistent/keys"),
        "{}",
        absent.complaints
    );
}

#[test]
fn who_says_close_notify_first_closes_though_the_other_sides_fin_comes_first() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lab/kept/java-server-tls-small");
    let report = analyze(
        &folder.join("client.pcap.gz"),
        key_log(&folder.join("keys.log")),
    );
    let connections = &report.analysis.connections;
    let aged = connections
        .iter()
        .filter(|record| record.server_goaways().next().is_some());
    let closes: Vec<_> = aged.map(|record| record.close.unwrap()).collect();
    assert_eq!(closes.len(), 2, "its third connection outlives the calls");
    // The server's close_notify is in packet 226, the client's FIN in 230, the server's in 231.
    let first = closes[0];
    assert_eq!(
        (first.by, first.ending, first.stamp.packet),
        (Direction::ServerToClient, Ending::Fin, 231)
    );
    let rules: Vec<_> = report
        .analysis
        .findings
        .iter()
        .map(|finding| finding.rule)
        .collect();
    assert!(
        rules.contains(&"grace-expired") && !rules.contains(&"abrupt-close"),
        "{rules:?}"
    );
}

#[test]
fn tls_spoken_to_a_cleartext_port_is_no_http2() {
    let Some(shared) = folder("tls_spoken_to_a_cleartext_port_is_no_http2") else {
        return;
    };
    let capture = shared.join("corpus/tls/zeek/https-to-http.pcap");
    let report = analyze(&capture, KeyLog::default());
    let [connection] = &report.analysis.connections[..] else {
        panic!("{:?}", report.analysis.connections);
    };
    assert_eq!(connection.transport, Transport::NotHttp2);
    let instead = connection.instead().unwrap();
    // The server sends the page alone: HTTP/0.9.
    assert_eq!(instead.protocol.name(), "something that is not HTTP/2");
    assert!(instead.stamp.packet > 0);
}

#[test]
fn a_refused_handshake_is_told_by_its_alert() {
    let Some(shared) = folder("a_refused_handshake_is_told_by_its_alert") else {
        return;
    };
    let capture = shared.join("corpus/tls/hotplace/tls13/handshake_failure.pcapng");
    // Its client offers no application protocol: only the port makes it HTTP/2.
    let decode = Options {
        ports: vec![9000],
        ..Options::default()
    };
    let options = pipeline::Options {
        decode,
        ..pipeline::Options::default()
    };
    let report = pipeline::analyze(&mut open(&capture), options).unwrap();
    let [connection] = &report.analysis.connections[..] else {
        panic!("{:?}", report.analysis.connections);
    };
    assert_eq!(connection.transport, Transport::NotHttp2);
    let instead = connection.instead().unwrap().protocol;
    assert_eq!(instead.name(), "the TLS alert handshake_failure");
}
