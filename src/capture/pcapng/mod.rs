//! The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks.
//!
//! ```text
//! +------------+--------+----------- ... -----------+--------+
//! | block type | length | body, padded to 4 bytes   | length |
//! +------------+--------+----------- ... -----------+--------+
//!      4           4          length - 12               4
//! ```
//!
//! A Section Header Block fixes the byte order of its section and forgets the interfaces before it.
//! Blocks are framed here and only those that matter are held; the others are skipped as they
//! stream by, whatever their length. pcap-parser then reads interface descriptions. Packet and
//! secrets blocks are read by hand, because its parsers gather every option in a `Vec` (an
//! allocation a packet, and eight bytes of memory for each byte of a hostile block), take a block
//! whose lengths contradict each other for an incomplete one, and know no obsolete packet blocks.

mod interface;
mod name_resolution;
mod packet_block;
mod statistics;
mod writer;

pub use writer::{
    WrittenPacket, interface_block, packet_block, secrets_block, section_block, statistics_block,
};

use std::io;

use pcap_parser::{
    BOM_MAGIC, DSB_MAGIC, EPB_MAGIC, IDB_MAGIC, ISB_MAGIC, NRB_MAGIC, SHB_MAGIC, SPB_MAGIC,
};

use super::buffer::Buffer;
use super::options::ByteOrder;
use super::record::{FileEnd, MAX_PACKET, NextRecord, PacketRecord};
use super::summary::{Aside, MAX_SECRETS_BYTES};
use super::{FileSummary, SecretsKind, Timestamp};
use interface::Described;
use packet_block::{PacketBlock, UnreadablePacket};
use statistics::Statistics;

/// The obsolete Packet Block (draft-ietf-opsawg-pcapng, appendix A).
const OBSOLETE_PACKET: u32 = 2;

/// Type and both lengths: the shortest block.
const MIN_BLOCK: u32 = 12;

/// The longest packet block that is held: its packet, its headers, and 64 KiB of options.
const MAX_PACKET_BLOCK: u32 = MAX_PACKET as u32 + (64 << 10);

/// The longest interface description that is held. Sixteen options of the longest kind fit; an
/// interface described at more length counts as not described.
const MAX_DESCRIPTION: u32 = 1 << 20;

/// The longest secrets block that is held.
const MAX_SECRETS_BLOCK: u32 = MAX_SECRETS_BYTES as u32;

/// The longest statistics that are held: numbers and a comment.
const MAX_STATISTICS: u32 = 128 << 10;

/// The longest name resolution block that is held; Wireshark writes one for all names that it knows.
const MAX_NAMES: u32 = 8 << 20;

/// How many interfaces of a section are kept: the number that the obsolete packet block can tell
/// apart. The largest seen had some hundreds, one for each network namespace.
const MAX_INTERFACES: usize = 1 << 16;

/// A block by its type and length.
#[derive(Clone, Copy, Debug)]
struct BlockHeader {
    kind: u32,
    /// Of the whole block, a multiple of four.
    length: u32,
}

/// Reads the blocks of one pcapng file.
#[derive(Debug)]
pub(super) struct Pcapng {
    file: u32,
    order: ByteOrder,
    /// Of this section; `None` for those whose description could not be read.
    interfaces: Vec<Option<Described>>,
    statistics: Statistics,
    packets: u64,
    /// How many of these packets were left out.
    unreadable: u64,
    last_time: Option<Timestamp>,
    secrets_lost: bool,
}

impl Pcapng {
    pub(super) fn new(file: u32) -> Self {
        Self {
            file,
            order: ByteOrder::Little,
            interfaces: Vec::new(),
            statistics: Statistics::default(),
            packets: 0,
            unreadable: 0,
            last_time: None,
            secrets_lost: false,
        }
    }

    /// How many packets were read, unreadable ones included.
    pub(super) const fn packets(&self) -> u64 {
        self.packets
    }

    /// Goes on to the next packet, past everything between.
    pub(super) fn advance(
        &mut self,
        buffer: &mut Buffer,
        summary: &mut FileSummary,
        aside: &mut Aside,
    ) -> io::Result<NextRecord> {
        loop {
            let frame = match self.frame(buffer)? {
                Ok(frame) => frame,
                Err(ending) => return Ok(self.end(ending, aside)),
            };
            let read = match frame.kind {
                EPB_MAGIC | SPB_MAGIC | OBSOLETE_PACKET => self.packet(frame, buffer, aside)?,
                IDB_MAGIC => self.interface(frame, buffer, summary)?,
                DSB_MAGIC => self.secrets(frame, buffer, aside)?,
                ISB_MAGIC => self.statistics(frame, buffer, aside)?,
                NRB_MAGIC => self.names(frame, buffer, aside)?,
                SHB_MAGIC => {
                    self.interfaces.clear();
                    self.statistics.clear();
                    self.skip(frame, buffer)?
                }
                _ => self.skip(frame, buffer)?,
            };
            match read {
                Ok(None) => {}
                Ok(Some(record)) => return Ok(NextRecord::Packet(record)),
                Err(ending) => return Ok(self.end(ending, aside)),
            }
        }
    }

    /// Reads the next block's type and length without taking them. A section header sets the byte order first.
    #[inline]
    fn frame(&mut self, buffer: &mut Buffer) -> io::Result<Result<BlockHeader, FileEnd>> {
        if !buffer.require(MIN_BLOCK as usize)? {
            let ending = match buffer.waiting() {
                [] => FileEnd::Complete,
                _ => FileEnd::InsideBlock,
            };
            return Ok(Err(ending));
        }
        let waiting = buffer.waiting();
        // The type of a section header reads the same in both orders, so that it can be known
        // before the order is.
        if self.order.word(waiting, 0) == Some(SHB_MAGIC) {
            self.order = match ByteOrder::Little.word(waiting, 8) {
                Some(BOM_MAGIC) => ByteOrder::Little,
                Some(mark) if mark.swap_bytes() == BOM_MAGIC => ByteOrder::Big,
                _ => return Ok(Err(damaged("a section has no byte-order mark"))),
            };
        }
        let word = |at| self.order.word(waiting, at).unwrap_or_default();
        let frame = BlockHeader {
            kind: word(0),
            length: word(4),
        };
        if frame.length < MIN_BLOCK || !frame.length.is_multiple_of(4) {
            return Ok(Err(damaged(&format!(
                "a block claims to be {} bytes long",
                frame.length
            ))));
        }
        Ok(Ok(frame))
    }

    /// Waits for the whole of a block and checks that it ends with its length.
    #[inline]
    fn hold<'a>(
        &self,
        frame: BlockHeader,
        buffer: &'a mut Buffer,
    ) -> io::Result<Result<&'a [u8], FileEnd>> {
        let length = frame.length as usize;
        if !buffer.require(length)? {
            return Ok(Err(inside(frame.kind)));
        }
        let block = buffer.waiting().get(..length).unwrap_or_default();
        if self.order.word(block, length - 4) != Some(frame.length) {
            return Ok(Err(contradictory()));
        }
        Ok(Ok(block))
    }

    /// Passes a block without holding it.
    fn skip(
        &self,
        frame: BlockHeader,
        buffer: &mut Buffer,
    ) -> io::Result<Result<Option<PacketRecord>, FileEnd>> {
        if !buffer.skip(u64::from(frame.length) - 4)? || !buffer.require(4)? {
            return Ok(Err(inside(frame.kind)));
        }
        if self.order.word(buffer.waiting(), 0) != Some(frame.length) {
            return Ok(Err(contradictory()));
        }
        buffer.consume(4);
        Ok(Ok(None))
    }

    #[inline]
    fn packet(
        &mut self,
        frame: BlockHeader,
        buffer: &mut Buffer,
        aside: &mut Aside,
    ) -> io::Result<Result<Option<PacketRecord>, FileEnd>> {
        if frame.length > MAX_PACKET_BLOCK {
            let skipped = self.skip(frame, buffer)?;
            if skipped.is_ok() {
                self.leave_out(UnreadablePacket::TooLong, aside);
            }
            return Ok(skipped);
        }

        let read = match self.hold(frame, buffer)? {
            Ok(block) => PacketBlock::parse(frame.kind, block, self.order, &self.interfaces),
            Err(ending) => return Ok(Err(ending)),
        };
        let place = buffer.consume(frame.length as usize);
        let packet = match read {
            Ok(packet) => packet,
            Err(why) => {
                self.leave_out(why, aside);
                return Ok(Ok(None));
            }
        };

        self.packets += 1;
        self.last_time = packet.time.or(self.last_time);
        let begin = place.start + packet.data.start;
        Ok(Ok(Some(PacketRecord {
            number: self.packets,
            time: self.last_time.unwrap_or_default(),
            timed: packet.time.is_some(),
            link_type: packet.link_type,
            original_length: packet.original_length,
            data: begin..place.start + packet.data.end,
            options: place.start + packet.options.start..place.start + packet.options.end,
            order: self.order,
        })))
    }

    fn interface(
        &mut self,
        frame: BlockHeader,
        buffer: &mut Buffer,
        summary: &mut FileSummary,
    ) -> io::Result<Result<Option<PacketRecord>, FileEnd>> {
        let room = self.interfaces.len() < MAX_INTERFACES;
        if !room || frame.length > MAX_DESCRIPTION {
            if room {
                self.interfaces.push(None);
            }
            return self.skip(frame, buffer);
        }

        let described = match self.hold(frame, buffer)? {
            Ok(block) => interface::parse(block, self.order),
            Err(ending) => return Ok(Err(ending)),
        };
        buffer.consume(frame.length as usize);
        let described = described.map(|(described, interface)| {
            summary.list(interface);
            described
        });
        self.interfaces.push(described);
        Ok(Ok(None))
    }

    /// ```text
    /// +------+--------+--------------+----------------+-------------- ... --+
    /// | 0x0A | length | secrets type | secrets length | secrets, options    |
    /// +------+--------+--------------+----------------+-------------- ... --+
    /// ```
    fn secrets(
        &mut self,
        frame: BlockHeader,
        buffer: &mut Buffer,
        aside: &mut Aside,
    ) -> io::Result<Result<Option<PacketRecord>, FileEnd>> {
        if frame.length > MAX_SECRETS_BLOCK {
            self.lose_secrets(aside);
            return self.skip(frame, buffer);
        }
        let block = match self.hold(frame, buffer)? {
            Ok(block) => block,
            Err(ending) => return Ok(Err(ending)),
        };
        let kind = self.order.word(block, 8);
        let secrets = self.order.word(block, 12).and_then(|length| {
            let (body, _length) = block.split_at_checked(block.len() - 4)?;
            body.get(16..)?.get(..usize::try_from(length).ok()?)
        });
        let kept = match kind.zip(secrets) {
            Some((kind, bytes)) => aside.keep_secrets(self.file, SecretsKind(kind), bytes),
            None => false,
        };
        buffer.consume(frame.length as usize);
        if !kept {
            self.lose_secrets(aside);
        }
        Ok(Ok(None))
    }

    fn statistics(
        &mut self,
        frame: BlockHeader,
        buffer: &mut Buffer,
        aside: &mut Aside,
    ) -> io::Result<Result<Option<PacketRecord>, FileEnd>> {
        if frame.length > MAX_STATISTICS {
            return self.skip(frame, buffer);
        }
        let order = self.order;
        match self.hold(frame, buffer)? {
            Ok(block) => self.statistics.take(block, order, &mut aside.dropped),
            Err(ending) => return Ok(Err(ending)),
        }
        buffer.consume(frame.length as usize);
        Ok(Ok(None))
    }

    fn names(
        &self,
        frame: BlockHeader,
        buffer: &mut Buffer,
        aside: &mut Aside,
    ) -> io::Result<Result<Option<PacketRecord>, FileEnd>> {
        if frame.length > MAX_NAMES {
            return self.skip(frame, buffer);
        }
        let order = self.order;
        match self.hold(frame, buffer)? {
            Ok(block) => name_resolution::read(block, order, aside),
            Err(ending) => return Ok(Err(ending)),
        }
        buffer.consume(frame.length as usize);
        Ok(Ok(None))
    }

    fn lose_secrets(&mut self, aside: &mut Aside) {
        if !self.secrets_lost {
            self.secrets_lost = true;
            let text = "some TLS secrets in the capture are damaged or too long; they are ignored";
            aside.note(self.file, self.packets, text.to_owned());
        }
    }

    /// Counts a packet that cannot be read. The first is noted, the number of them at the end.
    #[cold]
    fn leave_out(&mut self, why: UnreadablePacket, aside: &mut Aside) {
        self.packets += 1;
        self.unreadable += 1;
        if self.unreadable == 1 {
            let number = self.packets;
            let text = format!("packet {number} cannot be read ({why}); it is left out");
            aside.note(self.file, number, text);
        }
    }

    #[cold]
    fn end(&mut self, ending: FileEnd, aside: &mut Aside) -> NextRecord {
        if self.unreadable > 1 {
            let text = format!(
                "{} packets cannot be read; they are left out",
                self.unreadable
            );
            aside.note(self.file, self.packets, text);
        }
        NextRecord::End(ending)
    }
}

/// How a file ended that ended in a block of this type.
fn inside(kind: u32) -> FileEnd {
    match kind {
        EPB_MAGIC | SPB_MAGIC | OBSOLETE_PACKET => FileEnd::InsidePacket,
        _ => FileEnd::InsideBlock,
    }
}

#[cold]
fn contradictory() -> FileEnd {
    damaged("the two lengths of a block differ")
}

#[cold]
fn damaged(why: &str) -> FileEnd {
    FileEnd::Damaged(why.to_owned())
}
