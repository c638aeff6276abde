//! A capture taken apart: its packets, and the same written again as either format.
//!
//! ```text
//! pcap record: seconds | nanoseconds | captured length | original length | bytes
//! ```
//!
//! The lengths that a record claims are kept apart from its bytes, so that they can lie.

use std::fs;
use std::path::Path;

use h2sniff::capture::{Capture, SecretsKind};

use crate::witness;

/// Little-endian pcap in nanoseconds (draft-ietf-opsawg-pcap, section 4).
const MAGIC: u32 = 0xa1b2_3c4d;

/// The most that is captured of a packet, as tcpdump has it.
const SNAP_LENGTH: u32 = 262_144;

/// pcapng block types (draft-ietf-opsawg-pcapng, section 11.1).
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;

/// The order of bytes, told by this number's.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

const NANOSECONDS: u64 = 1_000_000_000;

/// One packet and what its record claims.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    /// When, in units of the capture's clock; pcap keeps what of it fits.
    pub(crate) ticks: u64,
    pub(crate) captured: u32,
    pub(crate) original: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A capture's packets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Story {
    pub(crate) link_type: u32,
    /// How pcapng has it: the option `if_tsresol`, 9 for nanoseconds.
    pub(crate) resolution: u8,
    /// And `if_tsoffset`, in seconds.
    pub(crate) offset: i64,
    pub(crate) packets: Vec<Packet>,
    /// The text of the key log that the file carries with it, which only pcapng can.
    pub(crate) keys: Vec<u8>,
}

impl Story {
    /// Takes a capture apart, up to where it can be read. It has the link type of its last packet.
    pub(crate) fn read(path: &Path) -> Self {
        let mut story = Self {
            link_type: 0,
            resolution: 9,
            offset: 0,
            packets: Vec::new(),
            keys: Vec::new(),
        };
        let Ok(mut capture) = Capture::open(&[path.to_owned()]) else {
            return story;
        };
        while let Ok(Some(packet)) = capture.next_packet() {
            story.link_type = packet.link_type.0;
            story.packets.push(Packet {
                ticks: u64::try_from(packet.stamp.time.nanos()).unwrap_or_default(),
                captured: u32::try_from(packet.data.len()).expect("a short packet"),
                original: packet.original_length,
                bytes: packet.data.to_vec(),
            });
        }
        let secrets = capture.secrets().iter();
        let logs = secrets.filter(|secrets| secrets.kind == SecretsKind::TLS_KEY_LOG);
        story.keys = logs.flat_map(|log| log.bytes.iter().copied()).collect();
        story
    }

    /// The packets as a pcap file.
    pub(crate) fn pcap(&self) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend(MAGIC.to_le_bytes());
        file.extend([2, 0, 4, 0]);
        file.extend([0; 8]);
        file.extend(SNAP_LENGTH.to_le_bytes());
        file.extend(self.link_type.to_le_bytes());
        for packet in &self.packets {
            let seconds = packet.ticks / NANOSECONDS;
            file.extend(seconds.to_le_bytes().iter().take(4));
            let nanoseconds = packet.ticks % NANOSECONDS;
            file.extend(nanoseconds.to_le_bytes().iter().take(4));
            file.extend(packet.captured.to_le_bytes());
            file.extend(packet.original.to_le_bytes());
            file.extend(&packet.bytes);
        }
        file
    }

    /// The packets as a pcapng file: a section, an interface, the keys, and a
    /// block each.
    pub(crate) fn pcapng(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut section = BYTE_ORDER.to_le_bytes().to_vec();
        section.extend([1, 0, 0, 0]);
        section.extend(u64::MAX.to_le_bytes());
        block(&mut file, SECTION, &section);

        let mut interface = self.link_type.to_le_bytes().to_vec();
        interface.extend(SNAP_LENGTH.to_le_bytes());
        interface.extend([9, 0, 1, 0, self.resolution, 0, 0, 0]);
        interface.extend([14, 0, 8, 0]);
        interface.extend(self.offset.to_le_bytes());
        interface.extend([0; 4]);
        block(&mut file, INTERFACE, &interface);

        if !self.keys.is_empty() {
            let mut body = SecretsKind::TLS_KEY_LOG.0.to_le_bytes().to_vec();
            let length = u32::try_from(self.keys.len()).expect("a few keys");
            body.extend(length.to_le_bytes());
            body.extend(&self.keys);
            block(&mut file, SECRETS, &body);
        }

        for packet in &self.packets {
            let (high, low) = (packet.ticks >> 32, packet.ticks & 0xffff_ffff);
            let mut body = 0_u32.to_le_bytes().to_vec();
            body.extend(high.to_le_bytes().iter().take(4));
            body.extend(low.to_le_bytes().iter().take(4));
            body.extend(packet.captured.to_le_bytes());
            body.extend(packet.original.to_le_bytes());
            body.extend(&packet.bytes);
            block(&mut file, PACKET, &body);
        }
        file
    }
}

/// Appends a block, padded to four bytes, with its length at both ends.
fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    let length = u32::try_from(padded + 12).expect("a packet is short");
    file.extend(kind.to_le_bytes());
    file.extend(length.to_le_bytes());
    file.extend(body);
    file.resize(file.len() + padded - body.len(), 0);
    file.extend(length.to_le_bytes());
}

#[test]
fn a_story_is_the_same_in_both_formats() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let path = folder.join("resets.pcap");
    let story = Story::read(&path);
    assert_eq!(story.pcap().len(), fs::read(path).expect("a fixture").len());
    for file in [story.pcap(), story.pcapng()] {
        let path = witness::file("a-story");
        fs::write(&path, file).expect("the folder for tests can be written");
        assert_eq!(Story::read(&path), story);
        fs::remove_file(path).expect("it was written");
    }
}
