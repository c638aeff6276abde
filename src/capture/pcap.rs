//! The classic capture format (draft-ietf-opsawg-pcap).
//!
//! ```text
//! file header                          record header
//! +---------+-------+-------+          +---------+---------------------+
//! | magic   | major | minor |          | seconds | micro-/nanoseconds  |
//! +---------+-------+-------+          +---------+---------------------+
//! | zone (unused) | sigfigs |          | captured length | length     |
//! +---------------+---------+          +-----------------+------------+
//! | snap length | link type |          | data ...                     |
//! +-------------+-----------+          +------------------------------+
//! ```
//!
//! The magic number tells the byte order and the unit of the fraction of a second. The modified
//! format of Alexey Kuznetzov's old libpcap patch has eight more bytes in each record header.

use std::io;

use pcap_parser::nom::{self, IResult, Needed};
use pcap_parser::{
    LegacyPcapBlock, PcapError, PcapHeader, parse_pcap_frame, parse_pcap_frame_be,
    parse_pcap_frame_modified,
};

use super::buffer::Buffer;
use super::options::ByteOrder;
use super::record::{FileEnd, MAX_PACKET, NextRecord, PacketRecord};
use super::{Interface, LinkType, Resolution, Timestamp};

/// The longest record header, that of the modified format.
const MAX_RECORD_HEADER: usize = 24;

/// The link type proper: the upper half of its field tells the length of the frame check sequence
/// (draft-ietf-opsawg-pcap, section 4).
const LINK_TYPE_MASK: u32 = 0xffff;

/// How the record headers of a file are laid out.
#[derive(Clone, Copy, Debug)]
enum Layout {
    LittleEndian,
    BigEndian,
    /// Only its little-endian form was ever seen.
    Modified,
}

impl Layout {
    const fn header_length(self) -> usize {
        match self {
            Self::LittleEndian | Self::BigEndian => 16,
            Self::Modified => MAX_RECORD_HEADER,
        }
    }

    #[inline]
    fn parse(self, bytes: &[u8]) -> IResult<&[u8], LegacyPcapBlock<'_>, PcapError<&[u8]>> {
        match self {
            Self::LittleEndian => parse_pcap_frame(bytes),
            Self::BigEndian => parse_pcap_frame_be(bytes),
            Self::Modified => parse_pcap_frame_modified(bytes),
        }
    }
}

/// Reads the records of one classic capture.
#[derive(Debug)]
pub(super) struct Pcap {
    layout: Layout,
    nanoseconds: bool,
    link_type: LinkType,
    snap_length: u32,
    packets: u64,
}

impl Pcap {
    /// Reads what follows `header`. Its version is not judged: since 1998 there is one, and files
    /// with a wrong one are laid out like it.
    pub(super) fn new(header: &PcapHeader) -> Self {
        let layout = if header.is_modified_format() {
            Layout::Modified
        } else if header.is_bigendian() {
            Layout::BigEndian
        } else {
            Layout::LittleEndian
        };
        Self {
            layout,
            nanoseconds: header.is_nanosecond_precision(),
            link_type: LinkType(header.network.0.cast_unsigned() & LINK_TYPE_MASK),
            snap_length: header.snaplen,
            packets: 0,
        }
    }

    /// The interface that all packets came from.
    pub(super) fn interface(&self) -> Interface {
        Interface {
            name: None,
            link_type: self.link_type,
            snap_length: self.snap_length,
            resolution: Resolution::PowerOfTen(if self.nanoseconds { 9 } else { 6 }),
        }
    }

    /// How many packets were read.
    pub(super) const fn packets(&self) -> u64 {
        self.packets
    }

    #[inline]
    pub(super) fn advance(&mut self, buffer: &mut Buffer) -> io::Result<NextRecord> {
        loop {
            let waiting = buffer.waiting();
            let missing = match self.layout.parse(waiting) {
                Ok((_, frame)) => {
                    let record = PcapPacketHeader::of(&frame);
                    return Ok(NextRecord::Packet(self.record(record, buffer)));
                }
                Err(nom::Err::Incomplete(Needed::Size(missing))) => missing.get(),
                Err(_) => return Ok(damaged("its header cannot be read")),
            };

            let needed = waiting.len().saturating_add(missing);
            if needed > MAX_RECORD_HEADER + MAX_PACKET {
                let claimed = needed - self.layout.header_length();
                return Ok(damaged(&format!("it claims to be {claimed} bytes long")));
            }
            if !buffer.require(needed)? {
                let ending = match buffer.waiting() {
                    [] => FileEnd::Complete,
                    _ => FileEnd::InsidePacket,
                };
                return Ok(NextRecord::End(ending));
            }
        }
    }

    #[inline]
    fn record(&mut self, frame: PcapPacketHeader, buffer: &mut Buffer) -> PacketRecord {
        let place = buffer.consume(self.layout.header_length() + frame.captured_length);
        let nanoseconds_each = if self.nanoseconds { 1 } else { 1_000 };
        // Neither product can overflow: 2^32 seconds end in the year 2106.
        let nanoseconds =
            i64::from(frame.seconds) * 1_000_000_000 + i64::from(frame.fraction) * nanoseconds_each;
        self.packets += 1;
        PacketRecord {
            number: self.packets,
            time: Timestamp::from_nanos(nanoseconds),
            timed: true,
            link_type: self.link_type,
            original_length: frame.original_length,
            data: place.start + self.layout.header_length()..place.end,
            options: 0..0,
            order: ByteOrder::default(),
        }
    }
}

/// A record's header, freed from the buffer that its data borrow.
struct PcapPacketHeader {
    seconds: u32,
    fraction: u32,
    captured_length: usize,
    original_length: u32,
}

impl PcapPacketHeader {
    #[inline]
    fn of(block: &LegacyPcapBlock<'_>) -> Self {
        Self {
            seconds: block.ts_sec,
            fraction: block.ts_usec,
            captured_length: block.data.len(),
            original_length: block.origlen,
        }
    }
}

fn damaged(why: &str) -> NextRecord {
    NextRecord::End(FileEnd::Damaged(why.to_owned()))
}
