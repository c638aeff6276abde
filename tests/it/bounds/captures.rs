//! Hostile captures, written packet by packet: this process must stay small, for what it holds
//! would be counted as its child's.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

/// Who sends a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Client,
    Server,
}

/// A pcap file being written, of raw IPv4 packets.
pub(crate) struct Writer<W: Write = BufWriter<File>> {
    out: W,
    micros: u64,
    /// How much later the next packet is, in microseconds.
    pub(crate) step: u64,
}

impl Writer {
    pub(crate) fn create(name: &str) -> (Self, PathBuf) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let file = File::create(&path).expect("the folder for tests can be written");
        (Self::new(BufWriter::with_capacity(1 << 16, file)), path)
    }
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(mut out: W) -> Self {
        out.write_all(&file_header()).expect("space on the disk");
        Self {
            out,
            micros: 1_800_000_000_000_000,
            step: 10,
        }
    }

    pub(crate) fn packet(&mut self, bytes: &[&[u8]]) -> io::Result<()> {
        self.micros += self.step;
        let length: usize = bytes.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).expect("a packet's length has 32 bits");
        let seconds = u32::try_from(self.micros / 1_000_000).expect("before 2106");
        let micros = u32::try_from(self.micros % 1_000_000).expect("below a million");
        for part in [seconds, micros, length, length] {
            self.out.write_all(&part.to_le_bytes())?;
        }
        bytes.iter().try_for_each(|part| self.out.write_all(part))
    }

    pub(crate) fn finish(mut self) -> W {
        self.out.flush().expect("space on the disk");
        self.out
    }
}

/// The header of a pcap file of raw IP packets (link type 101), microseconds.
pub(crate) fn file_header() -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(0xa1b2_c3d4_u32.to_le_bytes());
    header.extend([2, 0, 4, 0]);
    header.extend([0; 8]);
    header.extend(262_144_u32.to_le_bytes());
    header.extend(101_u32.to_le_bytes());
    header
}

/// One connection, by its number: each has its own client address.
#[derive(Clone, Copy)]
pub(crate) struct Talk {
    client: ([u8; 4], u16),
    server: ([u8; 4], u16),
    sent: [u32; 2],
}

impl Talk {
    pub(crate) fn number(number: u32) -> Self {
        let [_, high, middle, low] = (number / 50_000).to_be_bytes();
        let port = u16::try_from(10_000 + number % 50_000).expect("below 60,000");
        Self {
            client: ([10, high, middle, low], port),
            server: ([192, 0, 2, 1], 50_051),
            sent: [0, 0],
        }
    }

    pub(crate) const fn with_server(mut self, address: [u8; 4], port: u16) -> Self {
        self.server = (address, port);
        self
    }

    /// SYN, SYN-ACK, ACK.
    pub(crate) fn open<W: Write>(&mut self, writer: &mut Writer<W>) {
        self.send(writer, From::Client, SYN, &[]);
        self.send(writer, From::Server, SYN | ACK, &[]);
        self.send(writer, From::Client, ACK, &[]);
    }

    pub(crate) fn say<W: Write>(&mut self, writer: &mut Writer<W>, from: From, bytes: &[u8]) {
        for part in bytes.chunks(32_000) {
            self.send(writer, from, ACK, part);
        }
    }

    /// Bytes that the capture misses.
    pub(crate) const fn lose(&mut self, from: From, bytes: u32) {
        let [client, server] = &mut self.sent;
        match from {
            From::Client => *client = client.wrapping_add(bytes),
            From::Server => *server = server.wrapping_add(bytes),
        }
    }

    pub(crate) fn send<W: Write>(
        &mut self,
        writer: &mut Writer<W>,
        from: From,
        flags: u8,
        payload: &[u8],
    ) {
        let [client, server] = self.sent;
        let (source, target, sequence, acknowledged) = match from {
            From::Client => (self.client, self.server, client, server),
            From::Server => (self.server, self.client, server, client),
        };
        let length = u16::try_from(40 + payload.len()).expect("a short packet");
        let mut header = [0; 40];
        header[0] = 0x45;
        header[2..4].copy_from_slice(&length.to_be_bytes());
        header[6] = 0x40;
        header[8] = 64;
        header[9] = 6;
        header[12..16].copy_from_slice(&source.0);
        header[16..20].copy_from_slice(&target.0);
        header[20..22].copy_from_slice(&source.1.to_be_bytes());
        header[22..24].copy_from_slice(&target.1.to_be_bytes());
        header[24..28].copy_from_slice(&sequence.to_be_bytes());
        if flags & ACK != 0 {
            header[28..32].copy_from_slice(&acknowledged.to_be_bytes());
        }
        header[32] = 0x50;
        header[33] = flags;
        header[34..36].copy_from_slice(&0xffff_u16.to_be_bytes());
        writer
            .packet(&[&header, payload])
            .expect("space on the disk");
        let taken = u32::from(flags & (SYN | FIN) != 0);
        let length = u32::try_from(payload.len()).expect("a short packet");
        self.lose(from, length + taken);
    }
}
