//! What can befall a capture, drawn by lot.
//!
//! In: a recording, another one to splice with, and a seed. Out: the bytes of a file, the same for the
//! same seed on every machine. Harm is done at two depths: to packets, so that the file stays whole
//! and the harm reaches TCP, HTTP/2 and gRPC, and to the file's bytes, where it meets the readers of
//! the formats.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::lot::Lot;
use super::packets::TO_PACKETS;
use super::story::Story;

/// A capture to do harm to.
pub(crate) struct Recording {
    /// Its name, by which its lots are drawn.
    pub(crate) name: String,
    /// The file as it is, but unpacked.
    pub(crate) file: Vec<u8>,
    /// Its packets.
    pub(crate) story: Story,
}

impl Recording {
    /// A capture of any kind that the program reads.
    pub(crate) fn read(name: &str, path: &Path) -> Self {
        let file = fs::read(path).expect("a recording can be read");
        let mut unpacked = Vec::new();
        let file = match MultiGzDecoder::new(file.as_slice()).read_to_end(&mut unpacked) {
            Ok(_) => unpacked,
            Err(_) => file,
        };
        Self {
            name: name.to_owned(),
            file,
            story: Story::read(path),
        }
    }

    /// One of the project's own.
    pub(crate) fn fixture(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        Self::read(name, &folder.join(name))
    }
}

/// The file of a seed, out of a recording and pieces of another.
pub(crate) fn mutate(recording: &Recording, other: &Recording, seed: u64) -> Vec<u8> {
    let mut lot = Lot::new(&recording.name, seed);
    let (packet_harms, file_harms) = match lot.below(10) {
        0..=4 => (1 + lot.below(8), 0),
        5 | 6 => (0, 1 + lot.below(4)),
        _ => (1 + lot.below(4), 1 + lot.below(3)),
    };
    let mut story = recording.story.clone();
    for _ in 0..packet_harms {
        lot.one_of(&TO_PACKETS)(&mut lot, &mut story, &other.story);
    }
    let write = lot.one_of(&[Story::pcap, Story::pcap, Story::pcapng]);
    // Written anew a file loses what is not a packet, such as keys.
    let mut file = if packet_harms == 0 && lot.once_in(2) {
        recording.file.clone()
    } else {
        write(&story)
    };
    let pieces = || write(&other.story);
    for _ in 0..file_harms {
        lot.one_of(&TO_FILES)(&mut lot, &mut file, &pieces);
    }
    if lot.once_in(10) {
        file = packed(&mut lot, &file);
        for _ in 0..lot.below(3) {
            lot.one_of(&TO_FILES)(&mut lot, &mut file, &pieces);
        }
    }
    file
}

fn packed(lot: &mut Lot, file: &[u8]) -> Vec<u8> {
    if lot.once_in(2) {
        return zstd::encode_all(file, 1).expect("memory can be written to");
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(file).expect("memory can be written to");
    gzip.finish().expect("memory can be written to")
}

/// Does harm to a file, with pieces of another.
type ToFiles = fn(&mut Lot, &mut Vec<u8>, &dyn Fn() -> Vec<u8>);

const TO_FILES: [ToFiles; 8] = [
    |lot, file, _| {
        let flips = 1 + lot.below(16);
        flip(lot, file, flips);
    },
    |lot, file, _| overwrite_byte(lot, file),
    |lot, file, _| overwrite_word(lot, file),
    |lot, file, _| file.truncate(lot.below(file.len() + 1)),
    |lot, file, _| {
        let stretch = lot.stretch(file.len());
        file.drain(stretch);
    },
    |lot, file, _| {
        let stretch = lot.stretch(file.len());
        let place = lot.below(file.len() + 1);
        let repeated = file[stretch].to_vec();
        file.splice(place..place, repeated);
    },
    |lot, file, _| move_stretch(lot, file),
    |lot, file, other| {
        let other = other();
        file.truncate(lot.below(file.len() + 1));
        file.extend(&other[lot.below(other.len() + 1)..]);
    },
];

fn overwrite_byte(lot: &mut Lot, file: &mut [u8]) {
    for _ in 0..1 + lot.below(4) {
        let (place, byte) = (lot.below(file.len()), lot.one_of(&[0, 1, 0x7f, 0x80, 0xff]));
        overwrite(file, place, &[byte]);
    }
}

/// Anywhere, or among the first bytes, where the file's own headers are.
fn overwrite_word(lot: &mut Lot, file: &mut [u8]) {
    let end = if lot.once_in(4) { 96 } else { file.len() };
    let (place, edge, width) = (lot.below(end), lot.edge(), 2 + lot.below(3));
    if lot.once_in(2) {
        overwrite(file, place, &edge.to_be_bytes()[4 - width..]);
    } else {
        overwrite(file, place, &edge.to_le_bytes()[..width]);
    }
}

fn move_stretch(lot: &mut Lot, file: &mut Vec<u8>) {
    let stretch = lot.stretch(file.len());
    let moved: Vec<u8> = file.drain(stretch).collect();
    let place = lot.below(file.len() + 1);
    file.splice(place..place, moved);
}

/// Overwrites what there is from a place on.
pub(crate) fn overwrite(bytes: &mut [u8], place: usize, with: &[u8]) {
    for (old, new) in bytes.iter_mut().skip(place).zip(with) {
        *old = *new;
    }
}

/// Flips bits anywhere.
pub(crate) fn flip(lot: &mut Lot, bytes: &mut [u8], flips: usize) {
    for _ in 0..flips {
        let (place, bit) = (lot.below(bytes.len()), lot.below(8));
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1 << bit;
        }
    }
}

#[test]
fn a_seed_always_gives_the_same_file_and_another_gives_another() {
    let recording = || Recording::fixture("resets.pcap");
    let file = |seed| mutate(&recording(), &recording(), seed);
    let unharmed = [recording().story.pcap(), recording().story.pcapng()];
    let mut differ = 0;
    for seed in 0..100 {
        assert_eq!(file(seed), file(seed), "seed {seed}");
        differ += usize::from(!unharmed.contains(&file(seed)) && file(seed) != file(seed + 1));
    }
    // Some harm does nothing: a byte overwritten with itself, an empty stretch lost.
    assert!(differ > 90, "only {differ} of 100 differ");
}
