//! Real bytes for tests: frames, header blocks, TCP packets and capture files.
//!
//! In: what a test wants said. Out: the bytes that say it, built here by the RFCs and by nothing
//! that the tests are to judge: nothing here uses this crate. Integration tests include this file by its
//! path.

#![allow(
    dead_code,
    reason = "each test binary that includes this module uses its own part of it"
)]

use std::net::SocketAddrV4;

use etherparse::PacketBuilder;

/// What a client begins with (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113, section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Frame flags.
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;

/// A frame of any type.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame's length has 24 bits");
    let [_, length @ ..] = length.to_be_bytes();
    let mut frame = Vec::from(length);
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// HEADERS with a whole block; `flags` are added to END_HEADERS.
pub(crate) fn headers(flags: u8, stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &literals(fields))
}

/// SETTINGS.
pub(crate) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let parameters = settings.iter().flat_map(|(identifier, value)| {
        let identifier = identifier.to_be_bytes().into_iter();
        identifier.chain(value.to_be_bytes())
    });
    frame(SETTINGS, 0, 0, &parameters.collect::<Vec<_>>())
}

/// GOAWAY.
pub(crate) fn goaway(last: u32, error: u32, debug: &[u8]) -> Vec<u8> {
    let mut payload = Vec::from(last.to_be_bytes());
    payload.extend(error.to_be_bytes());
    payload.extend(debug);
    frame(GOAWAY, 0, 0, &payload)
}

/// RST_STREAM.
pub(crate) fn reset(stream: u32, error: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &error.to_be_bytes())
}

/// A header block of literals that no table keeps (RFC 7541, section 6.2.2). Pseudo-header fields
/// take their names from the static table (RFC 7541, appendix A), as every real encoder does: a
/// connection whose beginning was not captured shows by them who the client is.
pub(crate) fn literals(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        let index = match *name {
            ":authority" => 1,
            ":method" => 2,
            ":path" => 4,
            ":scheme" => 6,
            ":status" => 8,
            _ => 0,
        };
        block.push(index);
        if index == 0 {
            string(&mut block, name.as_bytes());
        }
        string(&mut block, value.as_bytes());
    }
    block
}

/// A string without Huffman coding (RFC 7541, section 5.2): its length with a 7-bit prefix
/// (section 5.1), then its bytes.
pub(crate) fn string(block: &mut Vec<u8>, text: &[u8]) {
    let length = text.len();
    let short = u8::try_from(length).ok().filter(|length| *length < 127);
    block.push(short.unwrap_or(127));
    let mut rest = length.saturating_sub(127);
    if short.is_none() {
        while rest >= 128 {
            block.push(0x80 | u8::try_from(rest % 128).expect("below 128"));
            rest /= 128;
        }
        block.push(u8::try_from(rest).expect("below 128"));
    }
    block.extend(text);
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Client,
    Server,
}

impl End {
    /// The other one.
    pub(crate) const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// TCP flags (RFC 9293, section 3.1), without ACK, which goes with the number.
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;

/// Two ends of a connection and the sequence numbers of their SYNs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peers {
    pub(crate) client: SocketAddrV4,
    pub(crate) server: SocketAddrV4,
    pub(crate) initial: [u32; 2],
}

impl Peers {
    /// Two hosts of the network reserved for documentation (RFC 5737).
    pub(crate) fn new(client_port: u16, server_port: u16) -> Self {
        Self {
            client: SocketAddrV4::new([192, 0, 2, 1].into(), client_port),
            server: SocketAddrV4::new([192, 0, 2, 2].into(), server_port),
            initial: [1_000, 5_000],
        }
    }

    const fn initial(&self, end: End) -> u32 {
        let [client, server] = self.initial;
        match end {
            End::Client => client,
            End::Server => server,
        }
    }

    /// A packet without link layer (link type 101). `sequence` and `ack` count from the SYN: it is
    /// 0, the first byte is 1.
    pub(crate) fn packet(
        &self,
        from: End,
        sequence: u32,
        ack: Option<u32>,
        flags: u8,
        payload: &[u8],
    ) -> Vec<u8> {
        let (source, destination) = match from {
            End::Client => (self.client, self.server),
            End::Server => (self.server, self.client),
        };
        let sequence = self.initial(from).wrapping_add(sequence);
        let (own, other) = (source.ip().octets(), destination.ip().octets());
        let mut tcp = PacketBuilder::ipv4(own, other, 64).tcp(
            source.port(),
            destination.port(),
            sequence,
            64_240,
        );
        if let Some(ack) = ack {
            tcp = tcp.ack(self.initial(from.peer()).wrapping_add(ack));
        }
        if flags & FIN != 0 {
            tcp = tcp.fin();
        }
        if flags & SYN != 0 {
            tcp = tcp.syn();
        }
        if flags & RST != 0 {
            tcp = tcp.rst();
        }
        let mut packet = Vec::new();
        tcp.write(&mut packet, payload)
            .expect("an IPv4 packet holds 64 KiB");
        packet
    }
}

/// A packet of another protocol: all it shows is that the capture had come to its moment.
pub(crate) fn datagram() -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 3], [192, 0, 2, 4], 64)
        .udp(53, 5_353)
        .write(&mut packet, b"-")
        .expect("a short packet");
    packet
}

/// Nanoseconds since the epoch at which the talks of tests begin.
pub(crate) const BEGINNING: i64 = 1_700_000_000_000_000_000;

/// A connection on which nothing is lost, a packet a millisecond.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) peers: Peers,
    /// Time and bytes of each.
    pub(crate) packets: Vec<(i64, Vec<u8>)>,
    pub(crate) now: i64,
    /// Sequence numbers used so far by the client and the server.
    sent: [u32; 2],
}

impl Talk {
    /// A connection whose handshake is done.
    pub(crate) fn new(peers: Peers) -> Self {
        let mut talk = Self {
            peers,
            packets: Vec::new(),
            now: BEGINNING,
            sent: [1, 1],
        };
        let handshake = [
            peers.packet(End::Client, 0, None, SYN, &[]),
            peers.packet(End::Server, 0, Some(1), SYN, &[]),
            peers.packet(End::Client, 1, Some(1), 0, &[]),
        ];
        for packet in handshake {
            talk.record(packet);
        }
        talk
    }

    /// Sends bytes in one segment, or in several of 32 KiB.
    pub(crate) fn say(&mut self, from: End, bytes: &[u8]) {
        for part in bytes.chunks(1 << 15) {
            self.send(from, 0, part);
        }
    }

    /// Sends FIN.
    pub(crate) fn fin(&mut self, from: End) {
        self.send(from, FIN, &[]);
    }

    fn send(&mut self, from: End, flags: u8, payload: &[u8]) {
        let [client, server] = self.sent;
        let (own, other) = match from {
            End::Client => (client, server),
            End::Server => (server, client),
        };
        let packet = self.peers.packet(from, own, Some(other), flags, payload);
        self.record(packet);
        let used = u32::try_from(payload.len()).expect("a segment") + u32::from(flags & FIN);
        let [client, server] = &mut self.sent;
        match from {
            End::Client => *client = client.wrapping_add(used),
            End::Server => *server = server.wrapping_add(used),
        }
    }

    fn record(&mut self, packet: Vec<u8>) {
        self.packets.push((self.now, packet));
        self.now += 1_000_000;
    }
}

/// A pcap file of packets without link layer, times in nanoseconds (the format's magic number
/// 0xa1b23c4d).
pub(crate) fn pcap(packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    pcap_of(101, packets)
}

/// The same with another link type.
pub(crate) fn pcap_of(link_type: u32, packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_3c4d_u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(link_type.to_le_bytes());
    for (nanos, packet) in packets {
        let length = u32::try_from(packet.len()).expect("a packet");
        let seconds = u32::try_from(nanos / 1_000_000_000).expect("a time before 2106");
        let fraction = u32::try_from(nanos % 1_000_000_000).expect("below a second");
        for number in [seconds, fraction, length, length] {
            file.extend(number.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}
