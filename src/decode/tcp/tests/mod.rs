//! TCP told by real packets: what each story of segments becomes.

mod aliases;
mod duplicates;

mod properties;
mod stories;

use std::fmt::Write as _;

use super::{Arrivals, Chunk, Ended, FlowKey, Flows, ORIGIN, Side, Signal};
use crate::capture::{LinkType, Packet, Stamp, Timestamp};
use crate::decode::link;
use crate::testing::wire::{End, FIN, Peers, RST, SYN};

/// Packets of one pair of addresses, at their milliseconds, and what became of them.
struct Tape {
    peers: Peers,
    flows: Flows<String>,
    arrivals: Arrivals,
    packet: u64,
    /// What finished connections told.
    told: String,
}

impl Tape {
    fn new() -> Self {
        Self::of(Peers::new(40_000, 50_051))
    }

    fn of(peers: Peers) -> Self {
        Self {
            peers,
            flows: Flows::default(),
            arrivals: Arrivals::default(),
            packet: 0,
            told: String::new(),
        }
    }

    /// One whose handshake is done, untold.
    fn begun() -> Self {
        Self::begun_by(Peers::new(40_000, 50_051))
    }

    fn begun_by(peers: Peers) -> Self {
        let mut tape = Self::of(peers);
        tape.client(0, 0, None, SYN, b"");
        tape.server(0, 0, Some(1), SYN, b"");
        tape.client(0, 1, Some(1), 0, b"");
        tape
    }

    fn client(&mut self, millis: i64, sequence: u32, ack: Option<u32>, flags: u8, bytes: &[u8]) {
        let packet = self.peers.packet(End::Client, sequence, ack, flags, bytes);
        self.push(millis, &packet, packet.len());
    }

    fn server(&mut self, millis: i64, sequence: u32, ack: Option<u32>, flags: u8, bytes: &[u8]) {
        let packet = self.peers.packet(End::Server, sequence, ack, flags, bytes);
        self.push(millis, &packet, packet.len());
    }

    /// Pushes the first `captured` bytes of a packet.
    fn push(&mut self, millis: i64, packet: &[u8], captured: usize) {
        self.push_of(0, millis * 1_000, packet, captured);
    }

    /// The same of any file, and at a microsecond.
    fn push_of(&mut self, file: u32, micros: i64, packet: &[u8], captured: usize) {
        self.packet += 1;
        let packet = Packet {
            stamp: Stamp {
                time: Timestamp::from_nanos(micros * 1_000),
                packet: self.packet,
                file,
            },
            link_type: LinkType::RAW,
            original_length: u32::try_from(packet.len()).unwrap(),
            data: &packet[..captured],
            options: crate::capture::PacketOptions::default(),
        };
        let mut link = link::Decoder::default();
        let Ok(segment) = link.decode(&packet) else {
            panic!("no segment");
        };
        let mut located = self.flows.locate(FlowKey::of(&segment));
        if let Some((mut flow, mut told)) = self.flows.pop_reopened(&mut located, &segment) {
            flow.finish(&mut |signal| tell(&mut told, signal));
            writeln!(self.told, "{}-- connection {} over", told, flow.index()).unwrap();
        }
        let arrival = self.arrivals.next(&segment);
        self.flows
            .push(located, &segment, arrival, &mut |told, signal| {
                tell(told, signal)
            });
    }

    /// All that was told, the end of each connection included.
    fn told(mut self) -> String {
        for (_, place) in self.flows.places() {
            let (mut flow, mut told) = self.flows.forget(place).unwrap();
            flow.finish(&mut |signal| tell(&mut told, signal));
            let again = flow.retransmissions();
            write!(self.told, "{told}-- connection {} over", flow.index()).unwrap();
            if again > 0 {
                write!(self.told, ", {again} sent again").unwrap();
            }
            let copies = flow.duplicates().segments;
            if copies > 0 {
                write!(self.told, ", {copies} captured before").unwrap();
            }
            self.told.push('\n');
        }
        self.told
    }
}

/// A line a signal; acknowledgements are left out, for they say no more than the packets do.
fn tell(told: &mut String, signal: Signal<'_>) {
    let name = |side| match side {
        Side::First => "first",
        Side::Second => "second",
    };
    let place = |position: u64| position.wrapping_sub(ORIGIN).cast_signed();
    match signal {
        Signal::Chunk {
            from,
            chunk:
                Chunk::Bytes {
                    position,
                    data,
                    carrier,
                    ..
                },
        } => {
            let late = if carrier.original {
                ""
            } else {
                ", not the first copy"
            };
            writeln!(
                told,
                "{} {} {:?} by {}{late}",
                name(from),
                place(position),
                String::from_utf8_lossy(data),
                carrier.stamp.packet,
            )
        }
        Signal::Chunk {
            from,
            chunk: Chunk::Gap {
                position, length, ..
            },
        } => {
            writeln!(told, "{} {} {length} missing", name(from), place(position))
        }
        Signal::Acknowledged(_) => Ok(()),
        Signal::Ended(Ended {
            by,
            ending,
            position,
            carrier,
            ..
        }) => {
            let how = ending.name();
            let packet = carrier.stamp.packet;
            writeln!(told, "{} {} {how} by {packet}", name(by), place(position))
        }
    }
    .unwrap();
}
