//! One captured packet, and the stamp that says where and when a thing was seen.

use super::{LinkType, PacketOptions, Timestamp};

/// Where and when a thing was seen: what a claim cites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// When the packet was captured.
    pub time: Timestamp,
    /// The packet's number in its file, from 1, as Wireshark counts.
    pub packet: u64,
    /// The file the packet came from, from 0 in the order given.
    pub file: u32,
}

/// One packet as captured, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Its file, its number there, and its time.
    pub stamp: Stamp,
    /// What kind of header `data` begins with.
    pub link_type: LinkType,
    /// Length on the wire in bytes; longer than `data` where the snap length cut the packet.
    pub original_length: u32,
    /// The captured bytes, from the link-layer header on.
    pub data: &'a [u8],
    /// What the file says beside it.
    pub options: PacketOptions<'a>,
}
