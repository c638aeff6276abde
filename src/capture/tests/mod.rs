//! Captures built byte by byte, in each variant of both formats.

use std::io::{self, Read, Write};

mod broken;
mod whole;

use super::*;

/// Writes numbers in one byte order.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Little,
    Big,
}
use Order::{Big, Little};

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        if self == Little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self == Little {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|&value| self.u32(value)).collect()
    }
}

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

/// A classic capture; a record is (seconds, fraction, data).
fn pcap(order: Order, magic: u32, link_type: u32, records: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut file = order.u32(magic).to_vec();
    file.extend([order.u16(2), order.u16(4)].concat());
    file.extend(order.words(&[0, 0, 262_144, link_type]));
    for (seconds, fraction, data) in records {
        let length = data.len() as u32;
        file.extend(order.words(&[*seconds, *fraction, length, length + 1]));
        if magic == MODIFIED {
            file.extend([0; 8]);
        }
        file.extend(*data);
    }
    file
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let body = padded(body);
    let length = body.len() as u32 + 12;
    [&order.words(&[kind, length])[..], &body, &order.u32(length)].concat()
}

fn section(order: Order) -> Vec<u8> {
    let body = [
        &order.u32(0x1a2b_3c4d)[..],
        &order.u16(1),
        &order.u16(0),
        &[0xff; 8],
    ]
    .concat();
    block(order, 0x0a0d_0d0a, &body)
}

fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    [
        &order.u16(code)[..],
        &order.u16(value.len() as u16),
        &padded(value),
    ]
    .concat()
}

fn interface(order: Order, link_type: u16, snap_length: u32, options: &[u8]) -> Vec<u8> {
    let fixed = [&order.u16(link_type)[..], &[0; 2], &order.u32(snap_length)].concat();
    block(order, 1, &[&fixed, options].concat())
}

fn enhanced(order: Order, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
    let (high, low) = ((ticks >> 32) as u32, ticks as u32);
    let length = data.len() as u32;
    let fixed = order.words(&[interface, high, low, length, length]);
    let comment = option(order, 1, b"a comment");
    block(order, 6, &[&fixed[..], &padded(data), &comment].concat())
}

fn obsolete(order: Order, interface: u16, ticks: u64, data: &[u8]) -> Vec<u8> {
    let (high, low) = ((ticks >> 32) as u32, ticks as u32);
    let length = data.len() as u32;
    let id = [order.u16(interface), order.u16(0xffff)].concat();
    block(
        order,
        2,
        &[&id[..], &order.words(&[high, low, length, length]), data].concat(),
    )
}

fn simple(order: Order, original_length: u32, data: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.u32(original_length)[..], data].concat())
}

/// Every kind of block once, in two sections of different byte order.
fn every_block() -> Vec<u8> {
    let tls = [&Big.words(&[0x544c_534b, 5])[..], b"KEYS\n"].concat();
    [
        section(Little),
        interface(Little, 1, 0, &option(Little, 2, b"eth0")),
        enhanced(Little, 0, 1_000_000, b"one"),
        block(Little, 4, &[0; 8]),
        block(Little, 5, &[0; 12]),
        block(Little, 0xbad, b"custom"),
        simple(Little, 3, b"two"),
        section(Big),
        interface(Big, 113, 0, &option(Big, 9, &[9])),
        interface(Big, 101, 0, &option(Big, 2, b"wlan0")),
        block(Big, 10, &tls),
        obsolete(Big, 1, 3_000_000, b"three"),
        enhanced(Big, 0, 4_000_000_000, b"four"),
    ]
    .concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn open(files: &[&[u8]]) -> Result<Capture, CaptureError> {
    let readers = files.iter().enumerate().map(|(index, bytes)| {
        let reader: Box<dyn Read + Send> = Box::new(io::Cursor::new(bytes.to_vec()));
        (format!("file {index}"), reader)
    });
    Capture::from_readers(readers.collect())
}

/// What a packet was, one a line: file, number, nanoseconds, link type, data.
fn line(packet: &Packet<'_>) -> String {
    format!(
        "{}:{} {} {} {}",
        packet.stamp.file,
        packet.stamp.packet,
        packet.stamp.time.nanos(),
        packet.link_type,
        packet.data.escape_ascii()
    )
}

/// Reads to the end: the packets, the notes, and the first error.
fn read(files: &[&[u8]]) -> (Vec<String>, Vec<String>, Option<CaptureError>) {
    let mut packets = Vec::new();
    let mut capture = match open(files) {
        Ok(capture) => capture,
        Err(error) => return (packets, Vec::new(), Some(error)),
    };
    let error = loop {
        match capture.next_packet() {
            Ok(Some(packet)) => packets.push(line(&packet)),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(
        error.is_some() || capture.next_packet().unwrap().is_none(),
        "the end came twice"
    );
    let counted: u64 = capture.files().map(|file| file.packets).sum();
    assert_eq!(counted, packets.len() as u64);
    (
        packets,
        capture
            .take_notes()
            .into_iter()
            .map(|note| note.text)
            .collect(),
        error,
    )
}

/// The packets of files that have nothing odd about them.
fn packets(files: &[&[u8]]) -> Vec<String> {
    let (packets, notes, error) = read(files);
    assert!(error.is_none(), "{error:?}");
    assert!(notes.is_empty(), "{notes:?}");
    packets
}

fn error(bytes: &[u8]) -> CaptureError {
    read(&[bytes]).2.unwrap()
}
