//! What a capture holds beside its packets: a summary of each file, notes, TLS secrets.

use std::fmt;
use std::net::IpAddr;

use super::{Compression, LinkType, Packet, Timestamp};

/// How many different interfaces a [`FileSummary`] lists. More are read, but no reader of a report
/// wants them named.
const MAX_LISTED_INTERFACES: usize = 256;

/// How many notes are kept in all. A file makes a handful at most, so that a thousand rotated files
/// fit, each cut off.
const MAX_NOTES: usize = 4096;

/// How many names of addresses are kept in all.
const MAX_RESOLVED: usize = 1 << 16;

/// The longest name that is kept, in bytes; no name of a host is longer (RFC 1035, section 2.3.4).
const MAX_RESOLVED_NAME: usize = 255;

/// How many bytes of TLS secrets are kept in all: 16 MiB is the key log of some 80,000 connections,
/// and one block of them fits.
pub(super) const MAX_SECRETS_BYTES: usize = 16 << 20;

/// The format of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The classic format that tcpdump writes (draft-ietf-opsawg-pcap).
    Pcap,
    /// The next generation, Wireshark's (draft-ietf-opsawg-pcapng).
    Pcapng,
}

impl Format {
    /// The format's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
        }
    }
}

/// One interface that a capture was made on. A classic capture has one, without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`; cut after 64 letters.
    pub name: Option<String>,
    /// What its packets begin with.
    pub link_type: LinkType,
    /// How many bytes of a packet were captured at most; 0 for no limit.
    pub snap_length: u32,
    /// The unit of its time stamps.
    pub resolution: Resolution,
}

/// The unit of time stamps, as the `if_tsresol` option has it (draft-ietf-opsawg-pcapng,
/// section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resolution {
    /// A second divided by ten to this power: 6 for microseconds, 9 for nanoseconds.
    PowerOfTen(u8),
    /// A second divided by two to this power.
    PowerOfTwo(u8),
}

/// What is known of one file; its counts grow as its packets are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSummary {
    /// The file as it was named, or `standard input`.
    pub path: String,
    /// The format, recognised by the file's first bytes.
    pub format: Format,
    /// The compression that the file is packed in; `None` for a plain file.
    pub compression: Option<Compression>,
    /// Packets read so far.
    pub packets: u64,
    /// Captured bytes of these packets, without the file's own headers.
    pub bytes: u64,
    /// The different interfaces so far, up to 256.
    pub interfaces: Vec<Interface>,
    /// The earliest time of a packet.
    pub first: Option<Timestamp>,
    /// The latest time of a packet.
    pub last: Option<Timestamp>,
}

impl FileSummary {
    pub(super) fn new(path: String, format: Format, compression: Option<Compression>) -> Self {
        Self {
            path,
            format,
            compression,
            packets: 0,
            bytes: 0,
            interfaces: Vec::new(),
            first: None,
            last: None,
        }
    }

    #[inline]
    /// Counts a packet; its time only if it has one of its own.
    pub(super) fn count(&mut self, packet: &Packet<'_>, timed: bool) {
        self.packets += 1;
        self.bytes += packet.data.len() as u64;
        if !timed {
            return;
        }
        let time = packet.stamp.time;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    /// Lists `interface` unless an equal one is listed: concatenated captures repeat theirs.
    pub(super) fn list(&mut self, interface: Interface) {
        let full = self.interfaces.len() >= MAX_LISTED_INTERFACES;
        if !full && !self.interfaces.contains(&interface) {
            self.interfaces.push(interface);
        }
    }
}

/// Something odd about a capture file: it was read on, or up to there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureNote {
    /// The file, from 0 in the order given.
    pub file: u32,
    /// The packet it is about, or the last one before it; 0 before the first.
    pub packet: u64,
    /// What was odd and how reading went on, as a sentence without a full stop.
    pub text: String,
    /// Whether reading ended at the [limit](super::Capture::limit_unpacked) on what is unpacked.
    pub unpacked_limit: bool,
}

/// Keys that a capture carries with it, for the stage that decrypts.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecryptionSecrets {
    /// The file they came from, from 0 in the order given.
    pub file: u32,
    /// Their kind, as the Decryption Secrets Block has it.
    pub kind: SecretsKind,
    /// The secrets themselves; for [`SecretsKind::TLS_KEY_LOG`] the text of an NSS key log.
    pub bytes: Vec<u8>,
}

/// Says how long they are, never what they are.
impl fmt::Debug for DecryptionSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DecryptionSecrets")
            .field("file", &self.file)
            .field("kind", &self.kind)
            .field(
                "bytes",
                &format_args!("<redacted {} bytes>", self.bytes.len()),
            )
            .finish()
    }
}

/// The kind of [`DecryptionSecrets`] (draft-ietf-opsawg-pcapng, section 4.7), unknown ones kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretsKind(pub u32);

impl SecretsKind {
    /// TLS secrets in the format of an NSS key log; the letters `TLSK`.
    pub const TLS_KEY_LOG: Self = Self(0x544c_534b);
}

/// Packets that a capture lacks, as the program that made it counted them (draft-ietf-opsawg-pcapng, section 4.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DroppedPackets {
    /// By the operating system: it had no room for them.
    pub by_system: u64,
    /// By the interface or its driver; many programs count here what the system dropped.
    pub by_interface: u64,
}

impl DroppedPackets {
    /// More than any capture lacks: sums of what a hostile one says stay numbers.
    const MOST: u64 = 1 << 60;

    pub(super) fn add(&mut self, other: Self) {
        let sum = |one: u64, other| one.saturating_add(other).min(Self::MOST);
        self.by_system = sum(self.by_system, other.by_system);
        self.by_interface = sum(self.by_interface, other.by_interface);
    }
}

/// Where the readers of all files lay down what is not a packet.
#[derive(Debug, Default)]
pub(super) struct Aside {
    pub(super) notes: Vec<CaptureNote>,
    pub(super) secrets: Vec<DecryptionSecrets>,
    pub(super) dropped: DroppedPackets,
    pub(super) names: Vec<(IpAddr, String)>,
    secrets_bytes: usize,
}

impl Aside {
    pub(super) fn note(&mut self, file: u32, packet: u64, text: String) {
        self.push(CaptureNote {
            file,
            packet,
            text,
            unpacked_limit: false,
        });
    }

    pub(super) fn push(&mut self, note: CaptureNote) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        }
    }

    /// Keeps an address's name, unless there are too many or it is none.
    pub(super) fn keep_name(&mut self, address: IpAddr, name: &[u8]) {
        let is_name = !name.is_empty() && name.len() <= MAX_RESOLVED_NAME;
        if is_name && self.names.len() < MAX_RESOLVED {
            let name = String::from_utf8_lossy(name).into_owned();
            self.names.push((address, name));
        }
    }

    /// Keeps `bytes`; `false` if all secrets together would be more than is kept.
    pub(super) fn keep_secrets(&mut self, file: u32, kind: SecretsKind, bytes: &[u8]) -> bool {
        // An empty secret costs its entry too, and a file can hold millions of them.
        let total = self.secrets_bytes + bytes.len() + size_of::<DecryptionSecrets>();
        if total > MAX_SECRETS_BYTES {
            return false;
        }
        self.secrets_bytes = total;
        self.secrets.push(DecryptionSecrets {
            file,
            kind,
            bytes: bytes.to_vec(),
        });
        true
    }
}
