//! Captures of one connection at both of its ends, and of a call on both sides of a proxy.

use std::net::SocketAddrV4;
use std::ops::Range;

use crate::wire::{self, END_STREAM, End, FIN, Peers, RST, SYN, Talk};

/// How long everything is under way, in nanoseconds, and how soon it is acknowledged.
const ONE_WAY: i64 = 4_000_000;
const ACKNOWLEDGED: i64 = 20_000;

/// What the clock at the server shows more.
const AHEAD: i64 = 2_000_000_000;

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Comes,
    /// The network loses it.
    IsLost,
    /// It comes, and the capture there lacks it.
    IsNotCaptured,
}

use Fate::{Comes, IsLost, IsNotCaptured};

/// A connection on a path of which every packet's fate is known.
struct Path {
    peers: Peers,
    now: i64,
    /// By the client's capture and by the server's.
    captured: [Vec<(i64, Vec<u8>)>; 2],
    /// How far the client and the server have sent.
    sent: [u32; 2],
    /// What the client and the server have received.
    received: [Vec<Range<u32>>; 2],
    packets: u16,
}

const fn place(end: End) -> usize {
    match end {
        End::Client => 0,
        End::Server => 1,
    }
}

impl Path {
    fn new() -> Self {
        let mut path = Self {
            peers: Peers::new(40_000, 50_051),
            now: wire::BEGINNING,
            captured: [Vec::new(), Vec::new()],
            sent: [0, 0],
            received: [Vec::new(), Vec::new()],
            packets: 0,
        };
        path.say(End::Client, SYN, &[], Comes);
        path.say(End::Server, SYN, &[], Comes);
        path
    }

    /// What an end acknowledges.
    fn acknowledged(&self, end: End) -> u32 {
        let mut until = 0;
        let mut received = self.received[place(end)].clone();
        received.sort_unstable_by_key(|range| range.start);
        for range in received {
            if range.start <= until {
                until = until.max(range.end);
            }
        }
        until
    }

    /// Sends new bytes; gives where they begin.
    fn say(&mut self, from: End, flags: u8, payload: &[u8], fate: Fate) -> u32 {
        let sequence = self.sent[place(from)];
        let takes = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.sent[place(from)] += takes;
        self.send(from, sequence, flags, payload, fate);
        sequence
    }

    fn send(&mut self, from: End, sequence: u32, flags: u8, payload: &[u8], fate: Fate) {
        let takes = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.pass(from, sequence, flags, payload, fate, 0);
        if fate != IsLost && takes > 0 {
            self.received[place(from.peer())].push(sequence..sequence + takes);
            let own = self.sent[place(from.peer())];
            self.pass(from.peer(), own, 0, &[], Comes, ONE_WAY + ACKNOWLEDGED);
        }
        self.now += 10_000_000;
    }

    fn pass(
        &mut self,
        from: End,
        sequence: u32,
        flags: u8,
        payload: &[u8],
        fate: Fate,
        after: i64,
    ) {
        let ack = Some(self.acknowledged(from)).filter(|ack| *ack > 0);
        let mut packet = self.peers.packet(from, sequence, ack, flags, payload);
        self.packets += 1;
        number(&mut packet, self.packets);
        let left = self.now + after;
        let clock = |end, time| match end {
            End::Client => time,
            End::Server => time + AHEAD,
        };
        self.captured[place(from)].push((clock(from, left), packet.clone()));
        if fate == Comes {
            let to = from.peer();
            self.captured[place(to)].push((clock(to, left + ONE_WAY), packet));
        }
    }

    fn captures(mut self) -> [Vec<u8>; 2] {
        for packets in &mut self.captured {
            packets.sort_by_key(|(time, _)| *time);
        }
        self.captured.map(|packets| wire::pcap(&packets))
    }
}

/// Gives an IPv4 packet its identification, as every sender does (RFC 6864), and corrects its checksum (RFC 1624).
fn number(packet: &mut [u8], identification: u16) {
    packet[4..6].copy_from_slice(&identification.to_be_bytes());
    let sum = !u16::from_be_bytes([packet[10], packet[11]]);
    let (sum, carry) = sum.overflowing_add(identification);
    let checksum = !(sum + u16::from(carry));
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

fn request(stream: u32) -> Vec<u8> {
    request_with(stream, ("te", "trailers"))
}

fn request_with(stream: u32, field: (&str, &str)) -> Vec<u8> {
    wire::headers(
        END_STREAM,
        stream,
        &[
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/shop.Orders/Create"),
            (":authority", "shop"),
            ("content-type", "application/grpc"),
            field,
        ],
    )
}

fn answer(stream: u32) -> Vec<u8> {
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let mut answer = wire::headers(0, stream, &head);
    answer.extend(wire::headers(END_STREAM, stream, &[("grpc-status", "0")]));
    answer
}

/// A connection as its client and its server captured it: of its calls the first simply goes well; the requests of the next
/// two are lost once, and the answer of the second too; then the server's capture lacks a request; and a last request never
/// comes.
pub(crate) fn both_ends() -> [Vec<u8>; 2] {
    let mut path = Path::new();
    let hello = [wire::PREFACE, &wire::settings(&[])].concat();
    path.say(End::Client, 0, &hello, Comes);
    path.say(End::Server, 0, &wire::settings(&[]), Comes);
    path.say(End::Client, 0, &request(1), Comes);
    path.say(End::Server, 0, &answer(1), Comes);
    let lost = [3, 5].map(|stream| {
        let sequence = path.say(End::Client, 0, &request(stream), IsLost);
        (stream, sequence)
    });
    path.now += 40_000_000;
    for (stream, sequence) in lost {
        path.send(End::Client, sequence, 0, &request(stream), Comes);
    }
    path.say(End::Server, 0, &answer(3), Comes);
    let lost = path.say(End::Server, 0, &answer(5), IsLost);
    path.now += 40_000_000;
    path.send(End::Server, lost, 0, &answer(5), Comes);
    path.say(End::Client, 0, &request(7), IsNotCaptured);
    path.say(End::Server, 0, &answer(7), Comes);
    path.say(End::Client, 0, &request(9), Comes);
    path.say(End::Server, 0, &answer(9), Comes);
    path.say(End::Client, 0, &request(11), IsLost);
    path.now += 1_500_000_000;
    path.say(End::Server, 0, &wire::goaway(0x7fff_ffff, 0, b"bye"), Comes);
    path.say(End::Server, FIN, &[], Comes);
    path.say(End::Client, RST, &[], Comes);
    path.captures()
}

/// A proxy between a client and a server: the server closes on a call that the proxy had passed on, and the client hears 502.
/// Another call went well before.
pub(crate) fn proxied() -> Vec<u8> {
    let host = |last: u8, port| SocketAddrV4::new([192, 0, 2, last].into(), port);
    let before = Peers {
        client: host(1, 40_000),
        server: host(2, 443),
        initial: [1_000, 5_000],
    };
    let behind = Peers {
        client: host(2, 50_000),
        server: host(3, 50_051),
        initial: [9_000, 12_000],
    };
    let hello = [wire::PREFACE, &wire::settings(&[])].concat();
    let (mut outer, mut inner) = (Talk::new(before), Talk::new(behind));
    inner.now += 300_000;
    for talk in [&mut outer, &mut inner] {
        talk.say(End::Client, &hello);
        talk.say(End::Server, &wire::settings(&[]));
    }
    let passed_on = |stream, id| request_with(stream, ("x-request-id", id));
    for (stream, id) in [(1, "7d2f0c61-well"), (3, "7d2f0c61-dies")] {
        outer.now = wire::BEGINNING + i64::from(stream) * 50_000_000;
        outer.say(End::Client, &passed_on(stream, id));
        inner.now = outer.now;
        inner.say(End::Client, &passed_on(stream, id));
        inner.now += 20_000_000;
        if stream == 1 {
            inner.say(End::Server, &answer(stream));
            outer.now = inner.now;
            outer.say(End::Server, &answer(stream));
        } else {
            inner.fin(End::Server);
            inner.fin(End::Client);
            outer.now = inner.now;
            let fields = [
                (":status", "502"),
                ("server", "nginx"),
                ("content-type", "text/html"),
            ];
            outer.say(End::Server, &wire::headers(END_STREAM, stream, &fields));
        }
    }
    outer.now += 100_000_000;
    outer.fin(End::Client);
    outer.fin(End::Server);
    let mut packets = [outer.packets, inner.packets].concat();
    packets.sort_by_key(|(time, _)| *time);
    wire::pcap(&packets)
}
