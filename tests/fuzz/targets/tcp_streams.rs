//! Fed: pieces of one side's byte stream, in any order, overlapping, cut and repeated, and what its
//! receiver acknowledges:
//!
//! ```text
//! +---------+   +-------+-------------------+--------+--------------+
//! | options | + | flags | displacement (16) | length | milliseconds | ...
//! +---------+   +-------+-------------------+--------+--------------+
//!
//! options:       0x01 the stream was seen from its first byte
//! flags:         0x01 an acknowledgement, so far from the highest byte, instead of a piece
//!                0x20 the snap length cut half of the piece
//!                0x40 length counts 256 bytes each
//!                0x80 time runs a thousand times faster
//! displacement:  from the end of the piece before, signed
//! ```
//!
//! Must hold: what comes out is contiguous; each byte is what the packet that is named as its carrier
//! held at its place, and no packet before that one held it; what is called a gap, no packet had held
//! by then; in the end everything up to the highest byte has come out.

#![no_main]

use std::sync::LazyLock;

use h2sniff::decode::Carrier;
use h2sniff::decode::tcp::{Assembler, Chunk, ORIGIN, SegmentData};
use h2sniff_fuzz::{Script, stamp};
use libfuzzer_sys::fuzz_target;

/// After so many bytes packets repeat themselves: no piece is as long.
const PERIOD: u64 = 65_537;

fuzz_target!(|bytes: &[u8]| {
    let mut script = Script::new(bytes);
    let mut assembler = Assembler::default();
    let mut oracle = Oracle::default();
    if script.byte() & 0x01 != 0 {
        assembler.begin();
        oracle.next = Some(ORIGIN);
    }
    let mut sender = Sender::default();
    while !script.is_over() {
        let sent = sender.follow(&mut script, assembler.highest());
        let carrier = Carrier {
            stamp: stamp(sent.packet, sent.nanos),
            ..Carrier::default()
        };
        if sent.acknowledges {
            let now = carrier.stamp.time;
            assembler.acknowledged(sent.start, now, &mut |chunk| oracle.check(chunk));
        } else {
            oracle.expect(&sent);
            let piece = SegmentData {
                position: sent.start,
                data: content(sent.start, sent.captured_end - sent.start, sent.packet),
                length: sent.end - sent.start,
                carrier,
                whole: carrier.stamp,
                sent_again: false,
            };
            assembler.push(piece, &mut |chunk| oracle.check(chunk));
        }
        assert_eq!(oracle.next.unwrap_or(ORIGIN), assembler.next());
    }
    assembler.finish(None, Carrier::default(), &mut |chunk| oracle.check(chunk));
    let all = oracle.known.iter().map(|known| known.end).max();
    assert!(oracle.next >= all, "{:?} of {all:?} came out", oracle.next);
    assert_eq!(assembler.missing(), oracle.missing);
});

/// The bytes that packet `packet` holds from `position` on. Two packets disagree, so that it shows
/// whose bytes came out.
fn content(position: u64, length: u64, packet: u64) -> &'static [u8] {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mixed = |at: u64| at.wrapping_mul(at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        let once = (1..=PERIOD).map(|at| mixed(at) as u8);
        once.clone().chain(once).collect()
    });
    let start = ((position + packet * 7_919) % PERIOD) as usize;
    &NOISE[start..start + length as usize]
}

/// Turns instructions into pieces.
struct Sender {
    last_end: u64,
    packet: u64,
    nanos: i64,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            last_end: ORIGIN,
            packet: 0,
            nanos: 0,
        }
    }
}

/// One instruction. An acknowledgement ends where it starts.
struct Sent {
    acknowledges: bool,
    start: u64,
    captured_end: u64,
    end: u64,
    packet: u64,
    nanos: i64,
}

impl Sender {
    fn follow(&mut self, script: &mut Script<'_>, highest: u64) -> Sent {
        let flags = script.byte();
        let has = |flag: u8| flags & flag != 0;
        let displacement = i64::from(script.half() as i16);
        let length = u64::from(script.byte()) * if has(0x40) { 256 } else { 1 };
        let unit = if has(0x80) { 1_000_000_000 } else { 1_000_000 };
        self.nanos += i64::from(script.byte()) * unit;
        self.packet += 1;
        let acknowledges = has(0x01);
        let before = if acknowledges { highest } else { self.last_end };
        let start = before.saturating_add_signed(displacement);
        let end = if acknowledges { start } else { start + length };
        if !acknowledges {
            self.last_end = end;
        }
        Sent {
            acknowledges,
            start,
            captured_end: if has(0x20) { start + length / 2 } else { end },
            end,
            packet: self.packet,
            nanos: self.nanos,
        }
    }
}

/// What must come out.
#[derive(Default)]
struct Oracle {
    /// Where what comes out goes on, once it is known where it begins.
    next: Option<u64>,
    /// Each byte on the wire, with the packet that was the first to have it; in no order.
    known: Vec<Known>,
    missing: u64,
}

/// Bytes that a packet was the first to have.
struct Known {
    start: u64,
    captured_end: u64,
    end: u64,
    packet: u64,
}

impl Oracle {
    /// A piece is about to be pushed.
    fn expect(&mut self, sent: &Sent) {
        if sent.start == sent.end {
            return;
        }
        self.next.get_or_insert(sent.start);
        let mut new = vec![(sent.start, sent.end)];
        for known in &self.known {
            let around =
                |(start, end)| [(start, known.start.min(end)), (known.end.max(start), end)];
            let parts = new.into_iter().flat_map(around);
            new = parts.filter(|(start, end)| start < end).collect();
        }
        self.known.extend(new.into_iter().map(|(start, end)| Known {
            start,
            captured_end: sent.captured_end.clamp(start, end),
            end,
            packet: sent.packet,
        }));
    }

    fn check(&mut self, chunk: Chunk<'_>) {
        let (start, length) = match chunk {
            Chunk::Bytes { position, data, .. } => (position, data.len() as u64),
            Chunk::Gap {
                position, length, ..
            } => (position, length),
        };
        let end = start + length;
        assert!(start < end, "an empty chunk");
        assert_eq!(Some(start), self.next, "what comes out is contiguous");
        self.next = Some(end);
        let known = self.known.iter();
        let here = known.filter(|known| known.start < end && known.end > start);
        if let Chunk::Bytes { data, carrier, .. } = chunk {
            let packet = carrier.stamp.packet;
            let right = content(start, length, packet);
            assert!(
                data == right,
                "bytes {start} to {end} are not those of packet {packet}"
            );
            for known in here {
                assert_eq!(
                    known.packet, packet,
                    "of bytes {start} to {end} the first packet"
                );
                assert!(
                    known.captured_end >= end,
                    "bytes up to {end} were not captured"
                );
            }
        } else {
            self.missing += length;
            for known in here {
                let Known {
                    packet,
                    captured_end,
                    ..
                } = known;
                assert!(
                    *captured_end <= start,
                    "packet {packet} holds bytes {start} to {end}"
                );
            }
        }
    }
}
