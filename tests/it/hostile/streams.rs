//! What clients sent to other projects' servers under a fuzzer, as if it had been captured.
//!
//! In: the byte streams of `corpus/fuzz`. Each becomes a capture of one connection, once from its
//! handshake on and once begun in the middle. Half of them is all but HTTP/2, and none may do harm.

use std::fs;
use std::path::{Path, PathBuf};

use super::corpus::files;
use crate::shared_material::folder;
use crate::wire::{End, PREFACE, Peers, Talk, pcap};
use crate::witness::{self, Figures, Witness, each};

/// Streams that the corpus holds, so that none is lost unseen.
const STREAMS: usize = 1_413;

/// How many packets a handshake has.
const HANDSHAKE: usize = 3;

/// The length of a frame's header (RFC 9113, section 4.1).
const FRAME_HEADER: usize = 9;

#[test]
fn no_stream_of_a_fuzzer_crashes_hangs_or_bloats() {
    let Some(shared) = folder("no_stream_of_a_fuzzer_crashes_hangs_or_bloats") else {
        return;
    };
    let streams = files(&shared.join("corpus/fuzz"));
    assert_eq!(streams.len(), STREAMS);
    let figures = each(&streams, try_stream);
    figures.settle("streams of fuzzers");
}

fn try_stream(witness: &Witness, stream: &PathBuf, figures: &std::sync::Mutex<Figures>) {
    let bytes = fs::read(stream).expect("the corpus can be read");
    let whole = talk(&bytes);
    let rest = whole.packets.get(HANDSHAKE..).expect("a handshake");
    let captures = [
        ("from its handshake on", pcap(&whole.packets)),
        ("begun in the middle", pcap(rest)),
    ];
    let name = stream.file_name().expect("a file");
    for (how, capture) in captures {
        let path = witness::file(&name.to_string_lossy());
        fs::write(&path, capture).expect("the folder for tests can be written");
        for options in [["analyze", "--format=json"], ["frames", "--color=never"]] {
            let deed = witness.watch(&[Path::new(options[0]), Path::new(options[1]), &path]);
            let case = format!("{}, {how}", stream.display());
            let mut figures = figures.lock().expect("no worker failed");
            figures.add(&deed, &case);
            if speaks_http2(&bytes) && deed.status != Some(0) {
                figures.fault(&format!(
                    "{case}: the preface is not seen: {}",
                    deed.command
                ));
            }
            if deed.fault().is_some() {
                // It stays, for the command that is told to be run again.
                return;
            }
        }
        fs::remove_file(&path).expect("it was written");
    }
}

/// A connection on which the client said these bytes, and the server nothing but its settings.
fn talk(bytes: &[u8]) -> Talk {
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    talk.say(End::Client, bytes);
    talk.say(End::Server, &crate::wire::settings(&[]));
    talk.fin(End::Client);
    talk
}

/// Whether the client said what is HTTP/2 beyond doubt: the preface and a frame's header.
fn speaks_http2(bytes: &[u8]) -> bool {
    bytes.starts_with(PREFACE) && bytes.len() >= PREFACE.len() + FRAME_HEADER
}
