//! pcapng, written: the blocks that make a capture file (draft-ietf-opsawg-pcapng).
//!
//! ```text
//! section header  interface 0  interface 1  packet  packet  packet ...
//!
//! block:  +------+--------+------ body, padded to 4 ------+--------+
//!         | type | length | fixed fields, data, options   | length |
//!         +------+--------+-------------------------------+--------+
//! ```
//!
//! Each function appends one whole block, so that a file made of them is complete after each.

use super::statistics::{DROPPED_BY_INTERFACE, DROPPED_BY_SYSTEM};
use crate::capture::{DroppedPackets, Interface, SecretsKind, Timestamp};

/// Section Header Block (section 4.1).
const SECTION: u32 = 0x0a0d_0d0a;
/// Interface Description Block (section 4.2).
const INTERFACE: u32 = 1;
/// Enhanced Packet Block (section 4.3).
const PACKET: u32 = 6;

/// Decryption Secrets Block (section 4.7).
const SECRETS: u32 = 0x0a;

/// Interface Statistics Block (section 4.6).
const STATISTICS: u32 = 5;

/// Tells the byte order.
const MAGIC: u32 = 0x1a2b_3c4d;

const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const INTERFACE_NAME: u16 = 2;
const APPLICATION: u16 = 4;
const TIME_RESOLUTION: u16 = 9;

/// The longest text an option is given: a comment is for a person.
const MAX_TEXT: usize = 4_096;

/// A packet to write.
#[derive(Clone, Copy, Debug)]
pub struct WrittenPacket<'a> {
    /// Its interface, from 0 in the order of the interface blocks.
    pub interface: u32,
    /// When it was captured.
    pub time: Timestamp,
    /// Its length on the wire.
    pub original_length: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}

/// Appends the header of a section, which is what a file begins with.
pub fn section_block(out: &mut Vec<u8>) {
    block(out, SECTION, |out| {
        out.extend(MAGIC.to_le_bytes());
        // Version 1.0; the section's length is left open.
        out.extend(1u16.to_le_bytes());
        out.extend(0u16.to_le_bytes());
        out.extend(u64::MAX.to_le_bytes());
        let application = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
        option(out, APPLICATION, application.as_bytes());
        option(out, END_OF_OPTIONS, &[]);
    });
}

/// Appends the description of an interface. Times are written in nanoseconds, whatever it says.
pub fn interface_block(out: &mut Vec<u8>, interface: &Interface) {
    block(out, INTERFACE, |out| {
        // The field has half of our link type's width; so do all registered numbers.
        let link_type = u16::try_from(interface.link_type.0).unwrap_or(u16::MAX);
        out.extend(link_type.to_le_bytes());
        out.extend(0u16.to_le_bytes());
        out.extend(interface.snap_length.to_le_bytes());
        if let Some(name) = &interface.name {
            option(out, INTERFACE_NAME, name.as_bytes());
        }
        option(out, TIME_RESOLUTION, &[9]);
        option(out, END_OF_OPTIONS, &[]);
    });
}

/// Appends secrets, which come before the packets that they decrypt.
pub fn secrets_block(out: &mut Vec<u8>, kind: SecretsKind, secrets: &[u8]) {
    block(out, SECRETS, |out| {
        let length = u32::try_from(secrets.len()).unwrap_or(u32::MAX);
        out.extend(kind.0.to_le_bytes());
        out.extend(length.to_le_bytes());
        out.extend(secrets);
        pad(out, secrets.len());
    });
}

/// Appends a packet, with what is to be said of it.
pub fn packet_block(out: &mut Vec<u8>, packet: WrittenPacket<'_>, comments: &[String]) {
    block(out, PACKET, |out| {
        out.extend(packet.interface.to_le_bytes());
        moment(out, packet.time);
        let captured = u32::try_from(packet.data.len()).unwrap_or(u32::MAX);
        out.extend(captured.to_le_bytes());
        out.extend(packet.original_length.to_le_bytes());
        out.extend(packet.data);
        pad(out, packet.data.len());
        for comment in comments {
            option(out, COMMENT, comment.as_bytes());
        }
        if !comments.is_empty() {
            option(out, END_OF_OPTIONS, &[]);
        }
    });
}

/// Appends how many packets of an interface are missing as of `time`, which stands behind its packets.
pub fn statistics_block(
    out: &mut Vec<u8>,
    interface: u32,
    time: Timestamp,
    dropped: DroppedPackets,
) {
    block(out, STATISTICS, |out| {
        out.extend(interface.to_le_bytes());
        moment(out, time);
        option(
            out,
            DROPPED_BY_INTERFACE,
            &dropped.by_interface.to_le_bytes(),
        );
        option(out, DROPPED_BY_SYSTEM, &dropped.by_system.to_le_bytes());
        option(out, END_OF_OPTIONS, &[]);
    });
}

/// A time as blocks have it, in nanoseconds: its upper half first.
fn moment(out: &mut Vec<u8>, time: Timestamp) {
    let nanoseconds = time.nanos().cast_unsigned();
    let [low, high] = [nanoseconds & 0xffff_ffff, nanoseconds >> 32];
    for part in [high, low] {
        out.extend(u32::try_from(part).unwrap_or_default().to_le_bytes());
    }
}

/// Appends a block around what `body` appends.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    body(out);
    let length = u32::try_from(out.len() - start + 4).unwrap_or(u32::MAX);
    out.extend(length.to_le_bytes());
    if let Some(field) = out.get_mut(start + 4..start + 8) {
        field.copy_from_slice(&length.to_le_bytes());
    }
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..MAX_TEXT).unwrap_or(value);
    let length = u16::try_from(value.len()).unwrap_or_default();
    out.extend(code.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(value);
    pad(out, value.len());
}

/// Everything begins at a multiple of four bytes.
fn pad(out: &mut Vec<u8>, length: usize) {
    out.extend(std::iter::repeat_n(0, length.next_multiple_of(4) - length));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Capture, LinkType, Resolution};

    #[test]
    fn what_is_written_reads_back() {
        let mut file = Vec::new();
        section_block(&mut file);
        let interface = Interface {
            name: Some("eth0".to_owned()),
            link_type: LinkType::ETHERNET,
            snap_length: 262_144,
            resolution: Resolution::PowerOfTen(9),
        };
        interface_block(&mut file, &interface);
        secrets_block(&mut file, SecretsKind::TLS_KEY_LOG, b"A 1\nB 2");
        let packet = WrittenPacket {
            interface: 0,
            time: Timestamp::from_nanos(1_795_330_253_295_471_123),
            original_length: 9,
            data: b"seven b",
        };
        packet_block(&mut file, packet, &[]);
        packet_block(
            &mut file,
            packet,
            &["it died".to_owned(), "here".to_owned()],
        );
        let dropped = |by_system, by_interface| DroppedPackets {
            by_system,
            by_interface,
        };
        // Each counts from the beginning.
        statistics_block(&mut file, 0, packet.time, dropped(1, 2));
        statistics_block(&mut file, 0, packet.time, dropped(30, 2));
        statistics_block(&mut file, 1, packet.time, dropped(0, 500));
        assert_eq!(file.len() % 4, 0);
        let reader = Box::new(std::io::Cursor::new(file));
        let mut capture = Capture::from_readers(vec![("test".to_owned(), reader)]).unwrap();
        for number in 1..=2 {
            let read = capture.next_packet().unwrap().unwrap();
            assert_eq!(read.stamp.packet, number);
            assert_eq!(read.stamp.time, packet.time);
            assert_eq!(read.original_length, 9);
            assert_eq!(read.data, packet.data);
            assert_eq!(read.link_type, LinkType::ETHERNET);
        }
        assert!(capture.next_packet().unwrap().is_none());
        assert_eq!(capture.take_notes(), []);
        assert_eq!(capture.dropped(), dropped(30, 502));
        assert_eq!(capture.secrets()[0].kind, SecretsKind::TLS_KEY_LOG);
        assert_eq!(capture.secrets()[0].bytes[..], *b"A 1\nB 2");
        let file = capture.files().next().unwrap();
        assert_eq!(file.interfaces, [interface]);
    }
}
