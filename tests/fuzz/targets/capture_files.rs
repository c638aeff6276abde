//! Fed: a file that somebody says is a capture: pcap or pcapng, perhaps compressed, perhaps broken.
//!
//! Must hold: reading it ends, in packets or in an error that can be printed. No packet is larger
//! than what is believed, each is counted once, numbers ascend, and the end stays the end. What is
//! not compressed reads the same however few bytes come at a time.

#![no_main]

use std::io::{self, Cursor, Read};

use h2sniff::capture::{Capture, MAX_PACKET};
use h2sniff_fuzz::assert_harmless;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = read(Box::new(Cursor::new(bytes.to_vec())));
    if !is_packed(bytes) {
        let trickle = read(Box::new(Trickle(Cursor::new(bytes.to_vec()))));
        assert_eq!(
            trickle, whole,
            "it reads otherwise where few bytes come at a time"
        );
    }
});

/// All that a capture gave.
#[derive(Debug, Default, PartialEq)]
struct Given {
    packets: u64,
    /// Of the packets' stamps, link types, lengths and bytes.
    digest: u64,
    notes: Vec<String>,
    error: Option<String>,
}

fn read(reader: Box<dyn Read + Send>) -> Given {
    let mut given = Given::default();
    let mut capture = match Capture::from_readers(vec![("fuzzed".to_owned(), reader)]) {
        Ok(capture) => capture,
        Err(error) => {
            assert_harmless("an error", &error.to_string());
            // What it looks like is judged by as many bytes as have come.
            given.error = Some("no capture".to_owned());
            return given;
        }
    };
    let mut last_number = 0;
    given.error = loop {
        match capture.next_packet() {
            Ok(Some(packet)) => {
                assert!(
                    packet.data.len() <= MAX_PACKET,
                    "a packet of {} bytes",
                    packet.data.len()
                );
                assert!(packet.stamp.packet > last_number, "numbers ascend");
                last_number = packet.stamp.packet;
                given.packets += 1;
                given.digest = digest(given.digest, format!("{packet:?}").as_bytes());
            }
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    assert!(
        given.error.is_some() || matches!(capture.next_packet(), Ok(None)),
        "a packet came after the end"
    );
    let counted: u64 = capture.files().map(|file| file.packets).sum();
    assert_eq!(
        counted, given.packets,
        "packets that were given and that were counted"
    );
    given.notes = capture
        .take_notes()
        .into_iter()
        .map(|note| note.text)
        .collect();
    for text in given.notes.iter().chain(&given.error) {
        assert_harmless("a note", text);
    }
    given
}

/// Whether the bytes are a compressed stream (RFC 1952, section 2.3.1; RFC 8878, section 3.1). How much
/// of a damaged one is unpacked depends on how its bytes come.
fn is_packed(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]
    )
}

/// FNV-1a: all that is wanted of it is that other packets give another number.
fn digest(before: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(before ^ 0xcbf2_9ce4_8422_2325, |digest, byte| {
            (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

/// Gives seven bytes at most a call, as a slow pipe would.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        let length = free.len().min(7);
        self.0.read(&mut free[..length])
    }
}
