//! One direction's bytes to frames.
//!
//! In: [`StreamPart`]s. Out: [`ReaderItem`]s: each frame once it is complete, and the bytes of DATA as
//! they pass. A frame that lies in one part is read where it lies; only what straddles is gathered, and
//! DATA never is. A gap inside a payload costs that frame alone, since its header said where the
//! next one begins; any other gap costs the frames up to the next recognisable boundary.
//!
//! ```text
//!            +--------- header complete, type DATA ---------+
//!            |                                              v
//!  bytes  Gather --- too long, or a gap inside --> Skip   Data
//!            ^  ^                                    |      |
//!            |  +----------- end of payload ---------+------+
//!            |
//!            +--- boundary found --- Lost <--- gap at an unknown place, or no HTTP/2
//! ```

mod gaps;
mod passing;

use super::boundary;
use super::frame::{EndedBlock, Flags, Frame, FrameHeader, FrameType, Malformation, Payload};
use super::header_blocks::{CompletedHeaders, HeaderBlocks};
use super::hpack;
use super::item::{Loss, ReaderItem};
use super::payload::{HeaderBlockFragment, simple_payload};
use crate::capture::Stamp;
use crate::decode::carrier::Carrier;
use crate::decode::direction::Direction;
use crate::decode::stream_part::{StreamPart, TlsRecordSpan};
use passing::PassingFrame;

/// Longest payload that is gathered, in bytes. Frames other than DATA are small: the largest in use
/// are header blocks, which stay below this in every stack's default limits.
pub const MAX_GATHERED: usize = 1 << 20;

/// How many frames after a boundary was guessed must look right before unknown types are believed.
const PROBATION: u8 = 8;

/// A buffer that has grown beyond this, in bytes, is given back once it is empty: of many open
/// connections few need a large one at a time.
const MAX_SPARE: usize = 4 << 10;

/// Reads the frames that one side sends.
#[derive(Debug)]
pub struct FrameReader {
    direction: Direction,
    state: ReaderState,
    gathered: Vec<u8>,
    /// What carried the first gathered byte.
    began: Carrier,
    /// What carried the latest.
    latest: Carrier,
    /// The packet with which the stream was whole up to that.
    whole: Stamp,
    /// Position in the TCP stream at which the frame begins.
    begins: u64,
    /// The TLS record that the latest bytes were in.
    record: Option<TlsRecordSpan>,
    blocks: HeaderBlocks,
    /// Largest payload the receiver takes.
    max_frame_size: u32,
    /// Whether [`ReaderItem::Lost`] was said and no boundary found since. A reader that begins
    /// mid-connection on a boundary has lost nothing.
    missed: bool,
    /// Where in the stream frames were lost by a gap; `None` where the place is not known.
    lost_at: Option<u64>,
    /// Frames still to be looked at with suspicion.
    probation: u8,
    /// How much of each DATA frame to keep.
    keep: usize,
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum ReaderState {
    Gather,
    Data(PassingFrame),
    Skip(PassingFrame, Malformation),
    Lost,
}

impl FrameReader {
    /// A reader for a direction seen from its first frame on.
    #[must_use]
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            state: ReaderState::Gather,
            gathered: Vec::new(),
            began: Carrier::default(),
            latest: Carrier::default(),
            whole: Stamp::default(),
            begins: 0,
            record: None,
            blocks: match direction {
                Direction::ClientToServer => HeaderBlocks::of_client(),
                Direction::ServerToClient => HeaderBlocks::of_server(),
            },
            max_frame_size: boundary::DEFAULT_MAX_FRAME_SIZE,
            missed: false,
            lost_at: None,
            probation: 0,
            keep: 0,
            kept: Vec::new(),
        }
    }

    /// A reader for a direction whose beginning was not captured: the first bytes are taken for a
    /// frame boundary only if they look like one, and the header table holds unknown entries.
    #[must_use]
    pub fn mid_connection(direction: Direction) -> Self {
        Self {
            state: ReaderState::Lost,
            blocks: HeaderBlocks::new(hpack::Decoder::unseen()),
            max_frame_size: boundary::UNSEEN_MAX_FRAME_SIZE,
            ..Self::new(direction)
        }
    }

    /// Keeps the first `bytes` bytes of each DATA frame for [`Payload::Data`].
    pub const fn keep_data(&mut self, bytes: usize) {
        self.keep = bytes;
    }

    /// The receiver announced the header table it keeps (RFC 9113, section 6.5.2).
    pub fn set_header_table_size(&mut self, bytes: u32) {
        self.blocks.set_table_size(bytes);
    }

    /// The receiver announced the largest payload it takes (RFC 9113, section 6.5.2).
    pub const fn set_max_frame_size(&mut self, bytes: u32) {
        self.max_frame_size = bytes;
    }

    /// Takes the next part of the stream.
    pub fn push(&mut self, part: StreamPart<'_>, sink: &mut impl FnMut(ReaderItem<'_>)) {
        match part {
            StreamPart::Bytes {
                position,
                data,
                carrier,
                whole,
                record,
            } => {
                self.record = record;
                self.read(position, data, (carrier, whole), sink);
            }
            StreamPart::Gap {
                position,
                length,
                carrier,
            } => {
                self.record = None;
                self.jump(position, length, carrier, sink);
            }
            StreamPart::Break { carrier, .. } => {
                self.blocks.lose();
                let torn = self.is_within_frame();
                self.tear(
                    if torn { Loss::TornFrame } else { Loss::Gap },
                    carrier,
                    sink,
                );
            }
        }
    }

    /// Whether statuses of answers may be found that cannot be read.
    pub(in crate::decode) const fn is_recovering(&self) -> bool {
        self.blocks.is_recovering()
    }

    /// The statuses that were found: streams, and the `grpc-status` of each.
    pub(in crate::decode) fn take_found(&mut self) -> impl Iterator<Item = (u32, u8)> {
        self.blocks.take_found()
    }

    /// How many bytes of memory it holds: what waits to be completed, the header table, and buffers.
    pub(in crate::decode) fn held(&self) -> usize {
        self.gathered.capacity() + self.kept.capacity() + self.blocks.held()
    }

    /// Gives large buffers back that hold nothing, between two parts of the stream.
    pub(in crate::decode) fn give_back(&mut self) {
        self.blocks.give_back(MAX_SPARE);
        if self.gathered.is_empty() && self.gathered.capacity() > MAX_SPARE {
            self.gathered = Vec::new();
        }
    }

    fn read(
        &mut self,
        mut position: u64,
        mut data: &[u8],
        (carrier, whole): (Carrier, Stamp),
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        self.latest = later(self.latest, self.completing(carrier));
        self.whole = self.record.map_or(whole, |record| record.whole);
        while !data.is_empty() {
            let used = match self.state {
                ReaderState::Gather => self.gather(position, data, carrier, sink),
                ReaderState::Data(passing) => self.pass_data(passing, position, data, sink),
                ReaderState::Skip(passing, why) => {
                    self.skip(passing, why, position, data.len(), sink)
                }
                ReaderState::Lost => self.search(position, data, carrier, sink),
            };
            position += used as u64;
            data = data.get(used..).unwrap_or_default();
        }
    }

    /// Reads frames from `data`, or adds to the one begun. Gives how many bytes it used.
    fn gather(
        &mut self,
        position: u64,
        data: &[u8],
        carrier: Carrier,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) -> usize {
        if self.gathered.is_empty() {
            self.began = carrier;
            self.latest = self.completing(carrier);
            self.begins = self.record.map_or(position, |record| record.begins);
            let Some(first) = data.first_chunk() else {
                self.gathered.extend_from_slice(data);
                return data.len();
            };
            let header = FrameHeader::parse(first);
            if !self.enter(header, position, carrier, sink) {
                return if matches!(self.state, ReaderState::Lost) {
                    0
                } else {
                    FrameHeader::LENGTH
                };
            }
            let length = FrameHeader::LENGTH + header.length as usize;
            let Some(payload) = data.get(FrameHeader::LENGTH..length) else {
                self.gathered.extend_from_slice(data);
                return data.len();
            };
            self.complete(header, payload, position, sink);
            return length;
        }
        self.gather_more(position, data, carrier, sink)
    }

    fn gather_more(
        &mut self,
        position: u64,
        data: &[u8],
        carrier: Carrier,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) -> usize {
        let start = position - self.gathered.len() as u64;
        let mut used = 0;
        if self.gathered.len() < FrameHeader::LENGTH {
            used = take(&mut self.gathered, FrameHeader::LENGTH, data);
            let Some(first) = self.gathered.first_chunk() else {
                return used;
            };
            if !self.enter(FrameHeader::parse(first), start, carrier, sink) {
                self.gathered.clear();
                // A boundary guessed wrong: the next one may be where these bytes begin.
                return if matches!(self.state, ReaderState::Lost) {
                    0
                } else {
                    used
                };
            }
        }
        let Some(first) = self.gathered.first_chunk() else {
            return used;
        };
        let header = FrameHeader::parse(first);
        let length = FrameHeader::LENGTH + header.length as usize;
        used += take(
            &mut self.gathered,
            length,
            data.get(used..).unwrap_or_default(),
        );
        if self.gathered.len() == length {
            let gathered = std::mem::take(&mut self.gathered);
            let payload = gathered.get(FrameHeader::LENGTH..).unwrap_or_default();
            self.complete(header, payload, start, sink);
            self.gathered = gathered;
            self.gathered.clear();
        }
        used
    }

    /// Decides by its header how a frame is read; whether its payload is to be gathered.
    fn enter(
        &mut self,
        header: FrameHeader,
        start: u64,
        carrier: Carrier,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) -> bool {
        if !self.believes(&header) {
            self.lose(Loss::Nonsense, carrier, sink);
            return false;
        }
        self.probation = self.probation.saturating_sub(1);
        if header.length > self.max_frame_size {
            let began = self.began;
            sink(ReaderItem::Large { header, began });
        }
        let length = u64::from(header.length);
        let passing = PassingFrame {
            header,
            start,
            end: start + FrameHeader::LENGTH as u64 + length,
            awaits_padding: header.flags.contains(Flags::PADDED),
            padding: 0,
        };
        if header.kind == FrameType::DATA {
            self.kept.clear();
            if passing.awaits_padding && header.length == 0 {
                self.state = ReaderState::Skip(passing, Malformation::Padding);
            } else {
                self.state = ReaderState::Data(passing);
            }
            self.finish_if_empty(passing, sink);
            return false;
        }
        if header.length as usize > MAX_GATHERED {
            self.begin_skip(passing, Malformation::TooLong);
            return false;
        }
        true
    }

    /// Whether a header is taken for one. In a stream read from its beginning nearly everything
    /// is: illegal values are to be shown. Only a type nobody knows with a length nobody allowed
    /// says that these are no frames.
    fn believes(&self, header: &FrameHeader) -> bool {
        if self.probation > 0 {
            return boundary::is_plausible(header, self.max_frame_size);
        }
        header.kind.name().is_some() || header.length <= self.max_frame_size
    }

    fn complete(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
        start: u64,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        match header.kind {
            FrameType::HEADERS | FrameType::PUSH_PROMISE | FrameType::CONTINUATION => {
                self.complete_block(header, payload, start, sink);
            }
            _ => {
                let payload = simple_payload(header, payload);
                sink(ReaderItem::Frame(&self.frame(header, payload, start)));
            }
        }
    }

    /// A frame with a part of a header block; the frame that ends the block tells it.
    fn complete_block(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
        start: u64,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        let fragment = match HeaderBlockFragment::of(header, payload) {
            Ok(fragment) => fragment,
            Err(malformation) => {
                self.blocks.lose();
                let payload = Payload::Malformed(malformation);
                sink(ReaderItem::Frame(&self.frame(header, payload, start)));
                return;
            }
        };
        let ended = self.blocks.add(header, fragment.bytes);
        if let Some(fault) = ended.as_ref().and_then(|ended| ended.fault) {
            let carrier = self.latest;
            sink(ReaderItem::Undecodable { fault, carrier });
        }
        let block = self.blocks.latest();
        let whole = ended.is_some().then_some(block);
        let payload = match header.kind {
            FrameType::HEADERS => Payload::Headers {
                priority: fragment.priority,
                block: whole,
            },
            FrameType::PUSH_PROMISE => Payload::PushPromise {
                promised: fragment.promised,
                block: whole,
            },
            _ => Payload::Continuation {
                block: ended.map(|CompletedHeaders { kind, flags, .. }| EndedBlock {
                    kind,
                    flags,
                    block,
                }),
            },
        };
        sink(ReaderItem::Frame(&self.frame(header, payload, start)));
    }

    /// What completes the bytes that come: the segment that carries them, or the end of the
    /// TLS record they were in.
    fn completing(&self, carrier: Carrier) -> Carrier {
        self.record.map_or(carrier, |record| record.completed)
    }

    /// How many bytes of an unfinished header block are kept.
    #[cfg(test)]
    pub(super) fn kept_for_block(&self) -> usize {
        self.blocks.kept()
    }

    fn frame<'a>(&self, header: FrameHeader, payload: Payload<'a>, start: u64) -> Frame<'a> {
        let span = match self.record {
            Some(record) => self.begins..record.ends,
            None => start..start + FrameHeader::LENGTH as u64 + u64::from(header.length),
        };
        Frame {
            direction: self.direction,
            header,
            payload,
            began: self.began,
            completed: self.latest,
            whole: self.whole,
            span,
        }
    }
}

/// The carrier that was captured later: the one that completed what both carry parts of.
fn later(one: Carrier, other: Carrier) -> Carrier {
    if other.stamp >= one.stamp { other } else { one }
}

/// Fills `buffer` up to `length` from `data`; gives how many bytes it took.
fn take(buffer: &mut Vec<u8>, length: usize, data: &[u8]) -> usize {
    let wanted = length.saturating_sub(buffer.len()).min(data.len());
    buffer.extend_from_slice(data.get(..wanted).unwrap_or_default());
    wanted
}
