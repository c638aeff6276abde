//! The frame reader told by real bytes.

mod gaps;
mod properties;
mod stories;

use std::fmt::Write as _;
use std::ops::Range;

use super::hpack::HeaderBlock;
use super::{Frame, FrameReader, Payload, ReaderItem};
use crate::capture::Stamp;
use crate::decode::carrier::Carrier;
use crate::decode::direction::Direction;
use crate::decode::stream_part::StreamPart;
use crate::decode::tcp::ORIGIN;
use crate::testing::wire;

/// Everything that a reader gave.
#[derive(Debug, Default, PartialEq)]
struct Given {
    /// A line a frame.
    frames: Vec<String>,
    /// Each frame's place, and the packets that began and completed it.
    places: Vec<(Range<u64>, u64, u64)>,
    /// The bytes of DATA by stream, as they passed; missing ones as `None`.
    data: Vec<(u32, Option<u8>)>,
    /// How often the reader lost its place.
    losses: usize,
    /// Header blocks that could not be read.
    faults: usize,
}

impl Given {
    fn take(&mut self, item: ReaderItem<'_>) {
        match item {
            ReaderItem::Frame(frame) => {
                self.frames.push(line(frame));
                let [began, completed] = [frame.began, frame.completed];
                let place = frame.span.start - ORIGIN..frame.span.end - ORIGIN;
                self.places
                    .push((place, began.stamp.packet, completed.stamp.packet));
            }
            ReaderItem::Data { stream, bytes } => {
                let bytes = bytes.iter().map(|byte| (stream.0, Some(*byte)));
                self.data.extend(bytes);
            }
            ReaderItem::DataMissing { stream, length } => {
                self.data.extend((0..length).map(|_| (stream.0, None)));
            }
            ReaderItem::Lost { .. } => self.losses += 1,
            ReaderItem::Found { .. } | ReaderItem::Large { .. } => {}
            ReaderItem::Undecodable { .. } => self.faults += 1,
        }
    }
}

/// One direction's bytes with holes in them, given to a reader in chunks.
struct Stream {
    reader: FrameReader,
    position: u64,
    packet: u64,
    given: Given,
}

impl Stream {
    fn new() -> Self {
        Self::of(FrameReader::new(Direction::ClientToServer))
    }

    fn of(reader: FrameReader) -> Self {
        Self {
            reader,
            position: ORIGIN,
            packet: 0,
            given: Given::default(),
        }
    }

    fn carrier(&mut self) -> Carrier {
        self.packet += 1;
        Carrier {
            stamp: Stamp {
                packet: self.packet,
                ..Stamp::default()
            },
            acknowledged: None,
            original: true,
        }
    }

    fn push(&mut self, data: &[u8]) {
        let carrier = self.carrier();
        let chunk = StreamPart::Bytes {
            record: None,
            position: self.position,
            data,
            carrier,
            whole: carrier.stamp,
        };
        self.position += data.len() as u64;
        if !data.is_empty() {
            self.reader.push(chunk, &mut |item| self.given.take(item));
        }
    }

    fn lose(&mut self, length: usize) {
        let chunk = StreamPart::Gap {
            position: self.position,
            length: length as u64,
            carrier: self.carrier(),
        };
        self.position += length as u64;
        self.reader.push(chunk, &mut |item| self.given.take(item));
    }

    fn frames(self) -> String {
        self.given.frames.join("\n")
    }
}

/// What one reader makes of all bytes at once.
fn read(bytes: &[u8]) -> Given {
    let mut stream = Stream::new();
    stream.push(bytes);
    stream.given
}

/// A frame in a line: type, stream, flags in hex, length, and what its payload says.
fn line(frame: &Frame<'_>) -> String {
    let header = frame.header;
    let mut line = format!(
        "{} {} flags={:#x} length={}",
        header.kind, header.stream, header.flags.0, header.length
    );
    if header.reserved {
        line.push_str(" reserved");
    }
    match frame.payload {
        Payload::Data { length, .. } => write!(line, " data={length}"),
        Payload::Headers { priority, block } => {
            if let Some(priority) = priority {
                write!(line, " {priority:?}").unwrap();
            }
            line.push_str(&fields(block));
            Ok(())
        }
        Payload::Priority(priority) => write!(line, " {priority:?}"),
        Payload::ResetStream { error } => write!(line, " {error}"),
        Payload::Settings(settings) => settings
            .iter()
            .try_for_each(|(id, value)| write!(line, " {id}={value}")),
        Payload::PushPromise { promised, block } => {
            write!(line, " promised={promised}{}", fields(block))
        }
        Payload::Ping(payload) => write!(line, " {payload:02x?}"),
        Payload::GoAway {
            last_stream_id,
            error,
            debug_data,
        } => {
            let debug = debug_data.escape_ascii();
            write!(line, " last={last_stream_id} {error} \"{debug}\"")
        }
        Payload::WindowUpdate { increment } => write!(line, " +{increment}"),
        Payload::Continuation { block } => match block {
            Some(ended) => {
                let block = fields(Some(ended.block));
                write!(
                    line,
                    " ends {} flags={:#x}{block}",
                    ended.kind, ended.flags.0
                )
            }
            None => Ok(()),
        },
        Payload::Unknown => Ok(()),
        Payload::Malformed(malformation) => write!(line, " {}", malformation.name()),
    }
    .unwrap();
    line
}

fn fields(block: Option<&HeaderBlock>) -> String {
    block.map_or_else(String::new, |block| format!(" {block:?}"))
}
