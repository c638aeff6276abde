//! Fed: segments of one TCP connection, six bytes each, in any order, overlapping, cut and repeated:
//!
//! ```text
//! +-------+-------------------+--------+-----+--------------+
//! | flags | displacement (16) | length | ack | milliseconds |
//! +-------+-------------------+--------+-----+--------------+
//!
//! flags:         0x01 sent by the server    0x10 SYN
//!                0x02 acknowledges          0x20 the snap length cut half of the payload
//!                0x04 FIN                   0x40 length counts 256 bytes each
//!                0x08 RST                   0x80 time runs a thousand times faster
//! displacement:  from the end of the sender's segment before, signed
//! ack:           so many times 16 bytes below the highest byte of the peer
//! ```
//!
//! Must hold: what comes out is contiguous; each byte is what the packet that is named as its carrier
//! held at its place, and no packet before that one held it; what is called a gap, no packet had held
//! by then; in the end everything up to the highest byte has come out. Each way of ending is told
//! once, and acknowledgements ascend.

#![no_main]

use std::net::SocketAddr;
use std::sync::LazyLock;

use h2sniff::decode::link::{Segment, TcpFlags};
use h2sniff::decode::tcp::{Chunk, Ending, Flow, Flows, ORIGIN, Side, Signal};
use h2sniff_fuzz::{Script, stamp};
use libfuzzer_sys::fuzz_target;

/// After so many bytes a stream repeats itself: no segment is as long.
const PERIOD: u64 = 65_537;

/// The sequence number of each side's first byte: the server's wrap early.
const FIRST_SEQUENCE: [u32; 2] = [1_000, u32::MAX - 300];

fuzz_target!(|bytes: &[u8]| {
    let mut script = Script::new(bytes);
    let mut sender = Sender::default();
    let mut flows = Flows::<()>::default();
    let mut oracle = Oracle::default();
    while !script.is_over() {
        let sent = sender.follow(&mut script);
        let segment = sent.segment();
        while let Some((flow, ())) = flows.pop_finished(segment.stamp.time) {
            std::mem::take(&mut oracle).finish(flow);
        }
        if let Some((flow, ())) = flows.pop_reopened(&segment) {
            std::mem::take(&mut oracle).finish(flow);
        }
        oracle.expect(&sent);
        if flows
            .push(&segment, &mut |(), signal| oracle.check(signal))
            .is_none()
        {
            // A stray packet of a connection that was let go.
            oracle = Oracle::default();
        }
    }
    for (flow, ()) in flows.drain() {
        std::mem::take(&mut oracle).finish(flow);
    }
});

/// The bytes that packet `packet` holds from offset `at` of a side's stream on. Two packets disagree, so
/// that it shows whose bytes came out.
fn content(side: usize, at: i64, length: usize, packet: u64) -> &'static [u8] {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mixed = |at: u64| at.wrapping_mul(at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        let once = (1..=PERIOD).map(|at| mixed(at) as u8);
        once.clone().chain(once).collect()
    });
    let apart = packet as i64 * 7_919 + side as i64 * 104_729;
    let start = (at + apart).rem_euclid(PERIOD as i64) as usize;
    &NOISE[start..start + length]
}

/// The sequence number of a side's byte at an offset.
fn sequence(side: usize, at: i64) -> u32 {
    FIRST_SEQUENCE[side].wrapping_add(at as u32)
}

/// Turns instructions into segments.
#[derive(Default)]
struct Sender {
    last_end: [i64; 2],
    highest: [i64; 2],
    packet: u64,
    nanos: i64,
}

/// One segment, by offsets in its sender's stream.
struct Sent {
    side: usize,
    start: i64,
    captured_end: i64,
    end: i64,
    acknowledged: Option<i64>,
    flags: TcpFlags,
    packet: u64,
    nanos: i64,
}

impl Sender {
    fn follow(&mut self, script: &mut Script<'_>) -> Sent {
        let instruction = script.byte();
        let has = |flag: u8| instruction & flag != 0;
        let side = usize::from(has(0x01));
        let displaced = self.last_end[side] + i64::from(script.half() as i16);
        let length = i64::from(script.byte()) * if has(0x40) { 256 } else { 1 };
        let behind = i64::from(script.byte()) * 16;
        let unit = if has(0x80) { 1_000_000_000 } else { 1_000_000 };
        self.nanos += i64::from(script.byte()) * unit;
        self.packet += 1;
        // What a SYN carries is the beginning.
        let start = if has(0x10) { 0 } else { displaced };
        let end = start + length;
        let captured_end = if has(0x20) { start + length / 2 } else { end };
        self.last_end[side] = end;
        self.highest[side] = self.highest[side].max(end);
        let flags = [
            (0x02, TcpFlags::ACK),
            (0x04, TcpFlags::FIN),
            (0x08, TcpFlags::RST),
            (0x10, TcpFlags::SYN),
        ];
        let set = flags.iter().filter(|(flag, _)| has(*flag));
        Sent {
            side,
            start,
            captured_end,
            end,
            acknowledged: has(0x02).then(|| self.highest[1 - side] - behind),
            flags: TcpFlags(set.fold(0, |flags, (_, flag)| flags | flag.0)),
            packet: self.packet,
            nanos: self.nanos,
        }
    }
}

impl Sent {
    fn segment(&self) -> Segment<'static> {
        let ends: [SocketAddr; 2] = [
            ([192, 0, 2, 1], 40_000).into(),
            ([192, 0, 2, 2], 443).into(),
        ];
        let captured = self.captured_end - self.start;
        let opens = u32::from(self.flags.contains(TcpFlags::SYN));
        Segment {
            stamp: stamp(self.packet, self.nanos),
            source: ends[self.side],
            destination: ends[1 - self.side],
            scope: 0,
            sequence: sequence(self.side, self.start).wrapping_sub(opens),
            acknowledgement: self.acknowledged.map(|at| sequence(1 - self.side, at)),
            flags: self.flags,
            window: 1_000,
            hop_limit: 64,
            payload: content(self.side, self.start, captured as usize, self.packet),
            payload_length: (self.end - self.start) as u32,
        }
    }
}

/// What must come out of one connection.
#[derive(Default)]
struct Oracle {
    /// Who sent the first packet.
    first: Option<usize>,
    halves: [Half; 2],
}

/// What must come out of one side's stream.
#[derive(Default)]
struct Half {
    /// The offset that stands at [`ORIGIN`].
    origin: Option<i64>,
    /// Where what comes out begins.
    begins: Option<i64>,
    /// The offset after what has come out.
    next: Option<i64>,
    /// The offset after the highest byte on the wire.
    highest: Option<i64>,
    /// Each byte on the wire, with the packet that was the first to have it; in no order.
    known: Vec<Known>,
    endings: Vec<Ending>,
    acknowledged: Option<u64>,
}

/// Bytes that a packet was the first to have.
struct Known {
    start: i64,
    captured_end: i64,
    end: i64,
    packet: u64,
}

impl Oracle {
    /// A segment is about to be pushed.
    fn expect(&mut self, sent: &Sent) {
        self.first.get_or_insert(sent.side);
        let [own, peer] = if sent.side == 0 { [0, 1] } else { [1, 0] };
        if sent.flags.contains(TcpFlags::SYN) && self.halves[own].origin.is_none() {
            self.halves[own].origin = Some(0);
            self.halves[own].begins = Some(0);
        }
        if let Some(acknowledged) = sent.acknowledged {
            self.halves[peer].origin.get_or_insert(acknowledged);
        }
        self.halves[own].expect(sent);
    }

    fn check(&mut self, signal: Signal<'_>) {
        match signal {
            Signal::Chunk { from, chunk } => {
                let side = self.side(from);
                self.halves[side].check(side, chunk);
            }
            Signal::Acknowledged { by, upto, .. } => {
                let side = self.side(by);
                let before = self.halves[side].acknowledged.replace(upto);
                assert!(before < Some(upto), "{upto} acknowledged after {before:?}");
            }
            Signal::Ended { by, ending, .. } => {
                let side = self.side(by);
                let endings = &mut self.halves[side].endings;
                assert!(!endings.contains(&ending), "{ending:?} came twice");
                endings.push(ending);
            }
        }
    }

    fn side(&self, side: Side) -> usize {
        let first = self.first.expect("a packet came before any signal");
        match side {
            Side::First => first,
            Side::Second => 1 - first,
        }
    }

    /// Nothing more will come of the connection.
    fn finish(mut self, mut flow: Flow) {
        flow.finish(&mut |signal| self.check(signal));
        for half in self.halves {
            let next = half.next.or(half.begins);
            assert!(
                next >= half.highest,
                "{next:?} of {:?} came out",
                half.highest
            );
        }
    }
}

impl Half {
    fn expect(&mut self, sent: &Sent) {
        self.origin.get_or_insert(sent.start);
        if sent.start == sent.end {
            return;
        }
        self.begins.get_or_insert(sent.start);
        self.highest = self.highest.max(Some(sent.end));
        let mut new = vec![(sent.start, sent.end)];
        for known in &self.known {
            let around =
                |(start, end)| [(start, known.start.min(end)), (known.end.max(start), end)];
            new = new
                .into_iter()
                .flat_map(around)
                .filter(|(start, end)| start < end)
                .collect();
        }
        self.known.extend(new.into_iter().map(|(start, end)| Known {
            start,
            captured_end: sent.captured_end.clamp(start, end),
            end,
            packet: sent.packet,
        }));
    }

    fn check(&mut self, side: usize, chunk: Chunk<'_>) {
        let origin = self
            .origin
            .expect("a byte has a position only where one was learnt");
        let offset = |position: u64| position as i64 - ORIGIN as i64 + origin;
        let (start, end) = match chunk {
            Chunk::Bytes { position, data, .. } => {
                (offset(position), offset(position) + data.len() as i64)
            }
            Chunk::Gap {
                position, length, ..
            } => (offset(position), offset(position) + length as i64),
            Chunk::Break { .. } => panic!("TCP knows how much is missing"),
        };
        assert!(start < end, "an empty chunk");
        assert_eq!(
            Some(start),
            self.next.or(self.begins),
            "what comes out is contiguous"
        );
        self.next = Some(end);
        let here = self
            .known
            .iter()
            .filter(|known| known.start < end && known.end > start);
        match chunk {
            Chunk::Bytes { data, carrier, .. } => {
                let packet = carrier.stamp.packet;
                let right = content(side, start, data.len(), packet);
                assert!(
                    data == right,
                    "bytes {start} to {end} are not those of packet {packet}"
                );
                for known in here {
                    assert_eq!(
                        known.packet, packet,
                        "another packet had bytes {start} to {end} first"
                    );
                    assert!(
                        known.captured_end >= end,
                        "bytes up to {end} were not captured"
                    );
                }
            }
            _ => {
                for Known {
                    packet,
                    captured_end,
                    ..
                } in here
                {
                    assert!(
                        *captured_end <= start,
                        "packet {packet} holds bytes of the gap {start} to {end}"
                    );
                }
            }
        }
    }
}
