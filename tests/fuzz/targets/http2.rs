//! Fed: what two peers say to each other after the preface, in parts:
//!
//! ```text
//! +---------+   +------+-------------+-------+
//! | options | + | part | length (16) | bytes | ...     a gap or a break has no bytes
//! +---------+   +------+-------------+-------+
//!
//! options:  0x01 the client's beginning was captured   0x04 the first bytes of DATA are kept
//!           0x02 the server's beginning was captured
//! part:     0x01 sent by the server   0x0e when 0x02 a gap, when 0x04 a break, else bytes
//! ```
//!
//! Must hold: frames of one side follow each other and never overlap, and leave nothing out where
//! nothing is lost. All bytes of a DATA frame are told before it. How the bytes are cut into parts
//! changes nothing: put together, and byte by byte, they give the same frames (as long as frames are
//! found: a lost reader looks for a boundary in what it is given at a time).

#![no_main]

use h2sniff::decode::anomaly::Layer;
use h2sniff::decode::http2::{Flags, Frame, FrameType, Payload};
use h2sniff::decode::tcp::ORIGIN;
use h2sniff::decode::{
    Carrier, ConnectionSink, Direction, Event, Http2Events, Keep, PerSide, StreamPart,
};
use h2sniff_fuzz::{Script, stamp};
use libfuzzer_sys::fuzz_target;

/// How much of a DATA frame is kept.
const KEPT: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let mut script = Script::new(bytes);
    let options = script.byte();
    let begun = [options & 0x01 != 0, options & 0x02 != 0];
    let keep = Keep {
        data: if options & 0x04 == 0 { 0 } else { KEPT },
    };
    let parts = parts(script);
    let told = listen(begun, keep, parts.iter().copied());
    let whole = parts.iter().all(|(_, part)| matches!(part, Part::Bytes(_)));
    if !whole || begun != [true, true] {
        return;
    }
    let joined = joined(&parts);
    let in_one = joined
        .iter()
        .map(|(from, bytes)| (*from, Part::Bytes(bytes)));
    assert_eq!(told, listen(begun, keep, in_one.clone()), "put together");
    let single = in_one.flat_map(|(from, part)| match part {
        Part::Bytes(bytes) => bytes
            .chunks(1)
            .map(|byte| (from, Part::Bytes(byte)))
            .collect(),
        other => vec![(from, other)],
    });
    assert_eq!(told, listen(begun, keep, single), "byte by byte");
});

/// What comes next from one side.
#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Bytes(&'a [u8]),
    Gap(u64),
    Break(u64),
}

fn parts(mut script: Script<'_>) -> Vec<(Direction, Part<'_>)> {
    let mut parts = Vec::new();
    while !script.is_over() {
        let kind = script.byte();
        let length = script.half();
        let from = if kind & 0x01 == 0 {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        };
        let part = match kind & 0x0e {
            0x02 => Part::Gap(u64::from(length).max(1)),
            0x04 => Part::Break(length.into()),
            _ => Part::Bytes(script.bytes(length.into())),
        };
        // No chunk of bytes is empty.
        if !matches!(part, Part::Bytes([])) {
            parts.push((from, part));
        }
    }
    parts
}

/// What one side says until the other does, in one piece.
fn joined(parts: &[(Direction, Part<'_>)]) -> Vec<(Direction, Vec<u8>)> {
    let mut joined: Vec<(Direction, Vec<u8>)> = Vec::new();
    for (from, part) in parts {
        let Part::Bytes(bytes) = part else { continue };
        match joined.last_mut() {
            Some((speaker, said)) if speaker == from => said.extend_from_slice(bytes),
            _ => joined.push((*from, bytes.to_vec())),
        }
    }
    joined
}

/// All that a session tells, up to where frames are lost.
fn listen<'a>(
    begun: [bool; 2],
    keep: Keep,
    parts: impl Iterator<Item = (Direction, Part<'a>)>,
) -> Vec<String> {
    let [client, server] = begun;
    let mut events = Http2Events::new(PerSide { client, server }, keep);
    let mut sides = begun.map(Listener::new);
    let mut told = Told::default();
    for (number, (from, part)) in (1..).zip(parts) {
        let carrier = Carrier {
            stamp: stamp(number, number as i64),
            ..Carrier::default()
        };
        let side = usize::from(from == Direction::ServerToClient);
        let position = sides[side].position;
        let chunk = match part {
            Part::Bytes(data) => StreamPart::Bytes {
                position,
                data,
                carrier,
                whole: carrier.stamp,
                record: None,
            },
            Part::Gap(length) => StreamPart::Gap {
                position,
                length,
                carrier,
            },
            Part::Break(missing) => StreamPart::Break { missing, carrier },
        };
        sides[side].position += match part {
            Part::Bytes(data) => data.len() as u64,
            Part::Gap(length) => length,
            Part::Break(_) => 0,
        };
        sides[side].is_whole &= matches!(part, Part::Bytes(_));
        let mut sink = Sink {
            side: &mut sides[side],
            told: &mut told,
            number,
        };
        events.push(from, chunk, &mut sink);
    }
    told.lines
}

struct Sink<'a> {
    side: &'a mut Listener,
    told: &'a mut Told,
    number: u64,
}

impl ConnectionSink for Sink<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.side.check(event, self.number);
        self.told.take(event);
    }

    fn anomaly(&mut self, _: Layer, _: String, _: Carrier) {}
}

/// Checks what is told of one side.
struct Listener {
    position: u64,
    /// Where the frame before ended.
    next: u64,
    /// Bytes of DATA since the frame before.
    data: u64,
    /// Whether all is known since the beginning.
    is_whole: bool,
}

impl Listener {
    const fn new(is_whole: bool) -> Self {
        Self {
            position: ORIGIN,
            next: ORIGIN,
            data: 0,
            is_whole,
        }
    }

    fn check(&mut self, event: &Event<'_>, packet: u64) {
        match event {
            Event::Data { bytes, .. } => {
                assert!(!bytes.is_empty(), "no bytes of DATA");
                self.data += bytes.len() as u64;
            }
            Event::DataMissing { length, .. } => self.data += length,
            Event::Lost { .. } => {
                self.is_whole = false;
                self.data = 0;
            }
            Event::Frame(frame) => self.check_frame(frame, packet),
            _ => {}
        }
    }

    fn check_frame(&mut self, frame: &Frame<'_>, packet: u64) {
        let span = &frame.span;
        assert!(span.start >= self.next, "{frame:?} overlaps the one before");
        assert!(
            span.end <= self.position,
            "{frame:?} ends where nothing was seen yet"
        );
        assert!(
            frame.began.stamp <= frame.completed.stamp,
            "{frame:?} ended before it began"
        );
        if self.is_whole {
            assert_eq!(
                span.start, self.next,
                "bytes before {frame:?} belong to no frame"
            );
            assert_eq!(
                frame.completed.stamp.packet, packet,
                "{frame:?} ends in packet {packet}"
            );
        }
        self.next = span.end;
        let told = std::mem::take(&mut self.data);
        if let Payload::Data { length, prefix } = frame.payload {
            let length = u64::from(length);
            // Of padding that was not captured the length is unknown; its bytes count as data.
            let is_exact = self.is_whole || !frame.header.flags.contains(Flags::PADDED);
            assert!(
                told == length || (!is_exact && told > length),
                "{told} in {frame:?}"
            );
            assert!(prefix.len() <= KEPT.min(length as usize));
        } else if frame.header.kind != FrameType::DATA {
            assert_eq!(told, 0, "DATA was told of and {frame:?} followed");
        }
    }
}

/// What is told of both sides, and by what: a line a frame.
#[derive(Default)]
struct Told {
    lines: Vec<String>,
    is_lost: bool,
    /// DATA of the frame at hand.
    data: [Vec<u8>; 2],
}

impl Told {
    fn take(&mut self, event: &Event<'_>) {
        if self.is_lost {
            return;
        }
        match event {
            Event::Frame(frame) => {
                let side = usize::from(frame.direction == Direction::ServerToClient);
                let data = std::mem::take(&mut self.data[side]);
                let Frame {
                    direction,
                    header,
                    payload,
                    span,
                    ..
                } = frame;
                self.lines.push(format!(
                    "{direction:?} {span:?} {header:?} {payload:?} {data:?}"
                ));
            }
            Event::Data {
                direction, bytes, ..
            } => {
                self.data[usize::from(*direction == Direction::ServerToClient)]
                    .extend_from_slice(bytes);
            }
            Event::Lost {
                direction, cause, ..
            } => {
                self.lines.push(format!("{direction:?} {cause:?}"));
                self.is_lost = true;
            }
            Event::Failed { by, instead, .. } => {
                self.lines.push(format!("{by:?} speaks {instead:?}"))
            }
            _ => {}
        }
    }
}
