//! The three kinds of block that carry a packet (draft-ietf-opsawg-pcapng, sections 4.3, 4.4 and
//! appendix A).
//!
//! ```text
//!  offset   enhanced (6)       obsolete (2)       simple (3)
//!     8     interface          interface, drops   original length
//!    12     time, high half    time, high half    data ...
//!    16     time, low half     time, low half
//!    20     captured length    captured length
//!    24     original length    original length
//!    28     data, options      data, options
//! ```

use std::fmt;
use std::ops::Range;

use pcap_parser::SPB_MAGIC;

use super::interface::Described;
use super::{ByteOrder, MAX_PACKET, OBSOLETE_PACKET};
use crate::capture::{LinkType, Timestamp};

/// One packet, by the place in its block where it lies.
#[derive(Clone, Debug)]
pub(super) struct PacketBlock {
    /// `None` for simple packets.
    pub(super) time: Option<Timestamp>,
    pub(super) link_type: LinkType,
    pub(super) original_length: u32,
    pub(super) data: Range<usize>,
    /// Its options; of simple packets none.
    pub(super) options: Range<usize>,
}

/// Why a packet cannot be read, though its block is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnreadablePacket {
    /// No description of its interface came before it, or none that could be read.
    Interface(u32),
    /// Its length does not fit in its block.
    Length,
    /// It is longer than is held.
    TooLong,
}

impl fmt::Display for UnreadablePacket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(id) => write!(formatter, "its interface {id} is not described"),
            Self::Length => formatter.write_str("its length does not fit in its block"),
            Self::TooLong => write!(formatter, "it is longer than {} MiB", MAX_PACKET >> 20),
        }
    }
}

impl PacketBlock {
    /// Reads one whole block of type `kind`.
    #[inline]
    pub(super) fn parse(
        kind: u32,
        block: &[u8],
        order: ByteOrder,
        interfaces: &[Option<Described>],
    ) -> Result<Self, UnreadablePacket> {
        if kind == SPB_MAGIC {
            return Self::simple(block, order, interfaces);
        }
        let word = |at| order.word(block, at).ok_or(UnreadablePacket::Length);
        let id = match kind {
            OBSOLETE_PACKET => u32::from(order.half(block, 8).ok_or(UnreadablePacket::Length)?),
            _ => word(8)?,
        };
        let interface = described(interfaces, id)?;
        let ticks = u64::from(word(12)?) << 32 | u64::from(word(16)?);
        let data = place(block, 28, word(20)?)?;
        let options = data.end.next_multiple_of(4)..block.len().saturating_sub(4);
        Ok(Self {
            time: Some(interface.clock.moment(ticks)),
            link_type: interface.link_type,
            original_length: word(24)?,
            data,
            options,
        })
    }

    /// A simple packet belongs to the first interface, whose snap length alone tells how much of
    /// it was captured.
    fn simple(
        block: &[u8],
        order: ByteOrder,
        interfaces: &[Option<Described>],
    ) -> Result<Self, UnreadablePacket> {
        let interface = described(interfaces, 0)?;
        let original_length = order.word(block, 8).ok_or(UnreadablePacket::Length)?;
        let captured_length = match interface.snap_length {
            0 => original_length,
            limit => original_length.min(limit),
        };
        Ok(Self {
            time: None,
            link_type: interface.link_type,
            original_length,
            data: place(block, 12, captured_length)?,
            options: 0..0,
        })
    }
}

#[inline]
fn described(interfaces: &[Option<Described>], id: u32) -> Result<&Described, UnreadablePacket> {
    interfaces
        .get(id as usize)
        .and_then(Option::as_ref)
        .ok_or(UnreadablePacket::Interface(id))
}

/// Where the `length` bytes at offset `begin` lie, if they end before the block's second length.
#[inline]
fn place(block: &[u8], begin: usize, length: u32) -> Result<Range<usize>, UnreadablePacket> {
    let end = begin.saturating_add(length as usize);
    if end > block.len().saturating_sub(4) {
        return Err(UnreadablePacket::Length);
    }
    if length as usize > MAX_PACKET {
        return Err(UnreadablePacket::TooLong);
    }
    Ok(begin..end)
}
