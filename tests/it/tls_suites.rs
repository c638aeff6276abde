//! HTTP/2 under every cipher suite that OpenSSL 3 offers for TLS 1.2 and 1.3, resumed sessions, early data,
//! renegotiation and key updates, against what TShark reads in the same recordings. `fixtures/tls/record` makes them.

#![cfg(feature = "tls")]
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use h2sniff::capture::Capture;
use h2sniff::decode::{Decoder, Direction, Event, Listener, NetworkPath, Options, Recognition};

/// The suites that TShark 4.0 does not decrypt. Of these the frames are known from the other connections of the
/// recording: all send the same.
const NOT_BY_TSHARK: &str = "_WITH_ARIA_";

/// A frame: the sender's port, its type, its stream and its length.
type Seen = (u16, u8, u32, u32);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls")
}

/// What stands in a table beside a recording, a line a list.
fn rows(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    let rows = text
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect());
    rows.collect()
}

/// Keeps the frames of each connection, by its client's port.
#[derive(Default)]
struct Frames(BTreeMap<u16, Vec<Seen>>);

impl Listener for Frames {
    /// The ports of client and server.
    type Connection = (u16, u16);

    fn recognised(&mut self, recognition: Recognition) -> (u16, u16) {
        (recognition.client.port(), recognition.server.port())
    }

    fn event(&mut self, (client, server): &mut (u16, u16), event: &Event<'_>) {
        let Event::Frame(frame) = event else {
            return;
        };
        let sender = match frame.direction {
            Direction::ClientToServer => *client,
            Direction::ServerToClient => *server,
        };
        let header = frame.header;
        let frame = (sender, header.kind.0, header.stream.0, header.length);
        self.0.entry(*client).or_default().push(frame);
    }

    fn finished(&mut self, _: (u16, u16), _: NetworkPath) {}
}

/// The frames of each connection, by its client's port, those of a direction in order.
fn ours(name: &str) -> BTreeMap<u16, Vec<Seen>> {
    let mut capture = Capture::open(&[folder().join(format!("{name}.pcapng.gz"))]).unwrap();
    let mut decoder = Decoder::new(Options::default());
    let mut frames = Frames::default();
    while let Some(packet) = capture.next_packet().unwrap() {
        let (number, packet) = (packet.stamp.packet, packet);
        decoder.push(&packet, &mut frames);
        if number == 1 {
            decoder.read_keys(&capture.secrets()[0].bytes);
        }
    }
    decoder.finish(&mut frames);
    let mut seen = frames.0;
    for frames in seen.values_mut() {
        frames.sort_by_key(|(sender, ..)| *sender);
    }
    seen
}

fn tsharks(name: &str) -> BTreeMap<u16, Vec<Seen>> {
    let mut seen: BTreeMap<u16, Vec<Seen>> = BTreeMap::new();
    for row in rows(&format!("{name}.tshark.tsv")) {
        let [client, sender, kind, stream, length] = &row[..] else {
            panic!("{row:?}");
        };
        let frame = (
            sender.parse().unwrap(),
            kind.parse().unwrap(),
            stream.parse().unwrap(),
            length.parse().unwrap(),
        );
        seen.entry(client.parse().unwrap()).or_default().push(frame);
    }
    for frames in seen.values_mut() {
        frames.sort_by_key(|(sender, ..)| *sender);
    }
    seen
}

/// Compares a recording's connections; gives how many there are, and which of them TShark does not read.
fn judge(name: &str) -> (usize, Vec<String>) {
    let (ours, tsharks) = (ours(name), tsharks(name));
    let connections = rows(&format!("{name}.tsv"));
    let mut alone = Vec::new();
    for row in &connections {
        let [port, about] = &row[..] else {
            panic!("{row:?}");
        };
        let port = port.parse().unwrap();
        let read = ours
            .get(&port)
            .unwrap_or_else(|| panic!("{about} is not read"));
        match tsharks.get(&port) {
            Some(truth) => assert_eq!(read, truth, "{about}"),
            None => {
                let any = tsharks.values().next().unwrap();
                let same: Vec<_> = any
                    .iter()
                    .map(|(_, kind, stream, length)| (*kind, *stream, *length))
                    .collect();
                let own: Vec<_> = read
                    .iter()
                    .map(|(_, kind, stream, length)| (*kind, *stream, *length))
                    .collect();
                assert_eq!(own, same, "{about}");
                alone.push(about.clone());
            }
        }
    }
    (connections.len(), alone)
}

#[test]
fn every_suite_decrypts_to_tsharks_frames() {
    let (connections, alone) = judge("suites");
    assert!(connections > 190, "{connections}");
    for about in &alone {
        assert!(about.contains(NOT_BY_TSHARK), "{about}");
    }
    assert_eq!(alone.len(), 16);
}

#[test]
fn resumed_sessions_and_early_data_decrypt_to_tsharks_frames() {
    let (connections, alone) = judge("resumed");
    assert_eq!((connections, alone), (20, Vec::new()));
}

#[test]
fn renegotiated_and_updated_keys_decrypt_to_tsharks_frames() {
    let (connections, alone) = judge("changed");
    assert_eq!((connections, alone), (13, Vec::new()));
}
