//! One capture file: opened, unpacked, its format recognised, its packets read one by one.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use pcap_parser::{SHB_MAGIC, nom, parse_pcap_header};

use super::buffer::{Buffer, Exhausted};
use super::compression::Unpacked;
use super::file_kind::FileKind;
use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::record::{FileEnd, NextRecord, PacketRecord};
use super::summary::Aside;
use super::{
    CaptureError, CaptureNote, FileSummary, Format, Packet, PacketOptions, Stamp, Timestamp,
};

/// The length of a classic file header; that of a pcapng section is longer by four.
const FILE_HEADER: usize = 24;

/// The path that stands for standard input.
pub(super) const STANDARD_INPUT: &str = "-";

/// A classic capture without packets: its header alone.
const EMPTY_CAPTURE: [u8; FILE_HEADER] = [
    0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
];

/// One file, one packet ahead: the packet that it stands at.
pub(super) struct CaptureFile {
    index: u32,
    summary: FileSummary,
    buffer: Buffer,
    records: FormatReader,
    current: Option<PacketRecord>,
    ended: bool,
    /// How long the file is, where that is known.
    size: Option<u64>,
}

/// The reader of a file's format.
#[derive(Debug)]
enum FormatReader {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl CaptureFile {
    /// Unpacks no more than this many bytes of it, if it is compressed.
    pub(super) fn limit_unpacked(&mut self, bytes: u64) {
        self.buffer.input_mut().limit(bytes);
    }

    /// Opens `path`, of which `-` is standard input.
    pub(super) fn open(index: u32, path: &Path, capacity: usize) -> Result<Self, CaptureError> {
        if path.as_os_str() == STANDARD_INPUT {
            let input = io::stdin();
            if input.is_terminal() {
                return Err(CaptureError::Terminal);
            }
            return Self::new(
                index,
                "standard input".to_owned(),
                Box::new(input),
                capacity,
            );
        }

        let name = path.display().to_string();
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => CaptureError::NotFound { path: name.clone() },
            _ => CaptureError::Unreadable {
                path: name.clone(),
                source,
            },
        };
        let file = File::open(path).map_err(unreadable)?;
        // A directory opens like a file and only fails to read.
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(CaptureError::Directory { path: name });
        }
        let size = metadata.is_file().then_some(metadata.len());
        let opened = Self::new(index, name, Box::new(file), capacity)?;
        Ok(Self { size, ..opened })
    }

    /// What stands in the place of a file that could not be read: no packet.
    pub(super) fn without_packets(index: u32, name: String) -> Result<Self, CaptureError> {
        let mut file = Self::new(index, name, Box::new(&EMPTY_CAPTURE[..]), FILE_HEADER)?;
        file.summary.interfaces.clear();
        file.size = Some(0);
        Ok(file)
    }

    /// How many bytes of the file were read, and how many it has, where that is known.
    pub(super) fn bytes_read(&self) -> (u64, Option<u64>) {
        (self.buffer.input().bytes_read(), self.size)
    }

    /// Reads the beginning of `reader`, up to the first packet.
    pub(super) fn new(
        index: u32,
        name: String,
        reader: Box<dyn Read + Send>,
        capacity: usize,
    ) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::Io {
            path: name.clone(),
            source,
        };
        let input = Unpacked::new(reader).map_err(failed)?;
        let mut buffer = Buffer::new(input, capacity);
        let whole = buffer.require(FILE_HEADER).map_err(failed)?;
        let records = recognise(index, &name, &buffer, whole)?;

        let format = match &records {
            FormatReader::Pcap(_) => Format::Pcap,
            FormatReader::Pcapng(_) => Format::Pcapng,
        };
        let mut summary = FileSummary::new(name, format, buffer.input().compression());
        if let FormatReader::Pcap(pcap) = &records {
            buffer.consume(FILE_HEADER);
            summary.list(pcap.interface());
        }
        Ok(Self {
            index,
            summary,
            buffer,
            records,
            current: None,
            ended: false,
            size: None,
        })
    }

    pub(super) const fn summary(&self) -> &FileSummary {
        &self.summary
    }

    /// Goes on to the next packet and returns its time; `None` at the end, whatever kind of end,
    /// and for ever after.
    #[inline]
    pub(super) fn advance(&mut self, aside: &mut Aside) -> Result<Option<Timestamp>, CaptureError> {
        self.current = None;
        if self.ended {
            return Ok(None);
        }
        let step = match &mut self.records {
            FormatReader::Pcap(pcap) => pcap.advance(&mut self.buffer),
            FormatReader::Pcapng(pcapng) => {
                pcapng.advance(&mut self.buffer, &mut self.summary, aside)
            }
        };
        match step {
            Ok(NextRecord::Packet(record)) => {
                let time = record.time;
                self.current = Some(record);
                Ok(Some(time))
            }
            Ok(NextRecord::End(ending)) => self.end(ending, aside).map(|()| None),
            Err(source) => {
                self.ended = true;
                Err(CaptureError::Io {
                    path: self.summary.path.clone(),
                    source,
                })
            }
        }
    }

    /// The packet that the file stands at; it is counted here, once it is asked for.
    #[inline]
    pub(super) fn packet(&mut self) -> Option<Packet<'_>> {
        let record = self.current.take()?;
        let packet = Packet {
            stamp: Stamp {
                time: record.time,
                packet: record.number,
                file: self.index,
            },
            link_type: record.link_type,
            original_length: record.original_length,
            data: self.buffer.slice(record.data),
            options: PacketOptions::new(self.buffer.slice(record.options), record.order),
        };
        self.summary.count(&packet, record.timed);
        Some(packet)
    }

    #[cold]
    fn end(&mut self, ending: FileEnd, aside: &mut Aside) -> Result<(), CaptureError> {
        self.ended = true;
        let packets = match &self.records {
            FormatReader::Pcap(pcap) => pcap.packets(),
            FormatReader::Pcapng(pcapng) => pcapng.packets(),
        };

        let exhausted = self.buffer.exhausted();
        let unpacked_limit = matches!(exhausted, Some(Exhausted::TooLarge(_)))
            && !matches!(ending, FileEnd::Damaged(_));
        let text = match (ending, exhausted) {
            (FileEnd::Damaged(why), _) if packets == 0 => {
                let detail = format!("{why}, before its first packet");
                return Err(CaptureError::Damaged {
                    path: self.summary.path.clone(),
                    detail,
                });
            }
            (FileEnd::Damaged(why), _) => {
                format!("the capture is damaged after packet {packets}: {why}")
            }
            (_, Some(Exhausted::Damaged(why))) => {
                format!("the compressed capture is damaged after packet {packets}: {why}")
            }
            (_, Some(Exhausted::TooLarge(why))) => {
                format!("the compressed capture is not read beyond packet {packets}: {why}")
            }
            (FileEnd::InsidePacket, _) => {
                format!(
                    "the capture is cut off in the middle of packet {}",
                    packets + 1
                )
            }
            (FileEnd::InsideBlock, _) | (FileEnd::Complete, Some(Exhausted::CutOff)) => {
                format!("the capture is cut off after packet {packets}")
            }
            (FileEnd::Complete, _) => return Ok(()),
        };
        aside.push(CaptureNote {
            file: self.index,
            packet: packets,
            text: format!("{text}; analysed up to there"),
            unpacked_limit,
        });
        Ok(())
    }
}

/// Finds the format by the file header that waits in `buffer`, `whole` if it is all there.
fn recognise(
    index: u32,
    path: &str,
    buffer: &Buffer,
    whole: bool,
) -> Result<FormatReader, CaptureError> {
    let path = path.to_owned();
    let beginning = buffer.waiting();
    let compression = buffer.input().compression();

    let records = match parse_pcap_header(beginning) {
        Ok((_, header)) => Some(FormatReader::Pcap(Pcap::new(&header))),
        // The magic number was known, and more was wanted.
        Err(nom::Err::Incomplete(_)) if beginning.len() >= 4 => None,
        Err(_) if beginning.starts_with(&SHB_MAGIC.to_be_bytes()) => {
            whole.then(|| FormatReader::Pcapng(Pcapng::new(index)))
        }
        Err(_) => match buffer.exhausted() {
            Some(Exhausted::Damaged(why) | Exhausted::TooLarge(why)) => {
                let detail = format!("it cannot be unpacked: {why}");
                return Err(CaptureError::Damaged { path, detail });
            }
            Some(Exhausted::CutOff) => None,
            Some(Exhausted::End) if beginning.is_empty() && compression.is_none() => {
                return Err(CaptureError::Empty { path });
            }
            _ => {
                let kind = FileKind::judge(beginning, compression);
                return Err(CaptureError::NotACapture { path, kind });
            }
        },
    };
    records.ok_or_else(|| CaptureError::Damaged {
        path,
        detail: "it is cut off inside its file header".to_owned(),
    })
}
