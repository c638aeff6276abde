//! What the readers of both formats hand to the file that they read.

use std::ops::Range;

use super::options::ByteOrder;
use super::{LinkType, Timestamp};

/// The largest packet that is believed, in bytes. tcpdump and Wireshark capture 256 KiB at most of
/// what carries TCP, and the largest segment that Linux hands around is 512 KiB; what claims to be
/// eight times longer is not a packet, and what follows it cannot be trusted.
pub const MAX_PACKET: usize = 4 << 20;

/// One packet, by the place in the buffer where it lies.
#[derive(Clone, Debug)]
pub(super) struct PacketRecord {
    /// From 1, every packet of the file counting, also those that cannot be read.
    pub(super) number: u64,
    /// When it was captured; the time before, where the record has none of its own.
    pub(super) time: Timestamp,
    /// Whether `time` is the record's own.
    pub(super) timed: bool,
    pub(super) link_type: LinkType,
    pub(super) original_length: u32,
    pub(super) data: Range<usize>,
    /// What its block says beside it; empty where it says nothing.
    pub(super) options: Range<usize>,
    /// The order of those options' numbers.
    pub(super) order: ByteOrder,
}

/// What comes next in a file.
#[derive(Clone, Debug)]
pub(super) enum NextRecord {
    Packet(PacketRecord),
    End(FileEnd),
}

/// How a file ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileEnd {
    /// Between two records.
    Complete,
    /// Inside a packet's record.
    InsidePacket,
    /// Inside a record that is not a packet's.
    InsideBlock,
    /// At a record that cannot be one; says why.
    Damaged(String),
}
