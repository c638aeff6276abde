//! One direction's bytes to frames.
//!
//! In: [`Chunk`]s. Out: [`Item`]s: each frame once it is complete, and the bytes of DATA as they
//! pass. A frame that lies in one chunk is read where it lies; only what straddles is gathered, and
//! DATA never is. A gap inside a payload costs that frame alone, since its header said where the
//! next one begins; any other gap costs the frames up to the next recognisable boundary. What never
//! happens here: dropping a connection.
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

mod held;

use super::boundary;
use super::error_code::ErrorCode;
use super::frame::{
    Flags, Frame, FrameHeader, FrameType, Malformation, Payload, Priority, StreamId,
};
use super::hpack::{self, HeaderBlock};
use super::setting::Settings;
use crate::decode::tcp::{Chunk, Sealed};
use crate::decode::{Carrier, Direction};

/// Longest payload that is gathered, in bytes. Frames other than DATA are small: the largest in use
/// are header blocks, which stay below this in every stack's default limits.
pub const MAX_GATHERED: usize = 1 << 20;

/// Longest header block put together from CONTINUATION frames, in bytes. Stacks refuse blocks far
/// smaller; a flood of CONTINUATION frames must not grow memory.
pub const MAX_HEADER_BLOCK: usize = 1 << 20;

/// How many frames after a boundary was guessed must look right before unknown types are believed.
const PROBATION: u8 = 8;

/// What a reader gives.
#[derive(Debug)]
pub enum Item<'a> {
    /// A frame, complete.
    Frame(Frame<'a>),
    /// A part of a DATA frame's payload, padding left out, as it passes.
    Data {
        /// Its stream.
        stream: StreamId,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A part of a DATA frame's payload that was not captured.
    DataMissing {
        /// Its stream.
        stream: StreamId,
        /// How many bytes.
        length: u64,
    },
    /// The reader no longer knows where frames begin.
    Lost {
        /// Why.
        cause: Loss,
        /// Where.
        carrier: Carrier,
    },
    /// A boundary was found again after [`Item::Lost`].
    Found {
        /// Where.
        carrier: Carrier,
    },
    /// A header block could not be read; header values may be unknown from here on.
    Undecodable {
        /// What was wrong with it.
        fault: hpack::Fault,
        /// Where.
        carrier: Carrier,
    },
}

/// Why frames could no longer be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Bytes are missing from the capture.
    Gap,
    /// The bytes are no HTTP/2.
    Nonsense,
    /// What was held of them was given up, to stay within bounds.
    GivenUp,
}

/// Reads one direction.
#[derive(Debug)]
pub struct FrameReader {
    direction: Direction,
    state: State,
    gathered: Vec<u8>,
    /// What carried the first gathered byte, and the latest one.
    began: Carrier,
    latest: Carrier,
    /// Where on the line of TCP positions the frame begins.
    begins: u64,
    /// What the latest bytes were sealed in.
    sealed: Option<Sealed>,
    hpack: hpack::Decoder,
    block: HeaderBlock,
    unfinished: Option<UnfinishedBlock>,
    /// Largest payload the receiver takes.
    max_frame_size: u32,
    /// Whether [`Item::Lost`] was said and no boundary found since. A reader that begins
    /// mid-connection on a boundary has lost nothing.
    missed: bool,
    /// Frames still to be looked at with suspicion.
    probation: u8,
    /// How much of each DATA frame to keep.
    keep: usize,
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Gather,
    Data(Passing),
    Skip(Passing, Malformation),
    Lost,
}

/// A frame whose payload passes without being gathered.
#[derive(Clone, Copy, Debug)]
struct Passing {
    header: FrameHeader,
    start: u64,
    end: u64,
    /// Whether the padding length is still to come.
    awaits_padding: bool,
    padding: u32,
}

/// A header block that CONTINUATION frames are to complete.
#[derive(Debug)]
struct UnfinishedBlock {
    stream: StreamId,
    kind: FrameType,
    flags: Flags,
    fragments: Vec<u8>,
    /// Whether all fragments so far were captured and kept.
    whole: bool,
}

impl FrameReader {
    /// A reader for a direction seen from its first frame on.
    #[must_use]
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            state: State::Gather,
            gathered: Vec::new(),
            began: Carrier::default(),
            latest: Carrier::default(),
            begins: 0,
            sealed: None,
            hpack: hpack::Decoder::new(),
            block: HeaderBlock::default(),
            unfinished: None,
            max_frame_size: boundary::DEFAULT_MAX_FRAME_SIZE,
            missed: false,
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
            state: State::Lost,
            hpack: hpack::Decoder::unseen(),
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
        self.hpack.set_limit(bytes);
    }

    /// The receiver announced the largest payload it takes (RFC 9113, section 6.5.2).
    pub const fn set_max_frame_size(&mut self, bytes: u32) {
        self.max_frame_size = bytes;
    }

    /// Takes the next part of the stream.
    pub fn push(&mut self, chunk: Chunk<'_>, sink: &mut impl FnMut(Item<'_>)) {
        match chunk {
            Chunk::Bytes {
                position,
                data,
                carrier,
                sealed,
            } => {
                self.sealed = sealed;
                self.read(position, data, carrier, sink);
            }
            Chunk::Gap {
                position,
                length,
                carrier,
            } => {
                self.sealed = None;
                self.jump(position, length, carrier, sink);
            }
            Chunk::Break { carrier, .. } => self.tear(carrier, sink),
        }
    }

    fn read(
        &mut self,
        mut position: u64,
        mut data: &[u8],
        carrier: Carrier,
        sink: &mut impl FnMut(Item<'_>),
    ) {
        self.latest = later(self.latest, self.completing(carrier));
        while !data.is_empty() {
            let used = match self.state {
                State::Gather => self.gather(position, data, carrier, sink),
                State::Data(passing) => self.pass_data(passing, position, data, sink),
                State::Skip(passing, why) => self.skip(passing, why, position, data.len(), sink),
                State::Lost => self.search(data, carrier, sink),
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
        sink: &mut impl FnMut(Item<'_>),
    ) -> usize {
        if self.gathered.is_empty() {
            self.began = carrier;
            self.latest = self.completing(carrier);
            self.begins = self.sealed.map_or(position, |sealed| sealed.begins);
            let Some(first) = data.first_chunk() else {
                self.gathered.extend_from_slice(data);
                return data.len();
            };
            let header = FrameHeader::parse(first);
            if !self.enter(header, position, carrier, sink) {
                return if matches!(self.state, State::Lost) {
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
        sink: &mut impl FnMut(Item<'_>),
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
                return if matches!(self.state, State::Lost) {
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
        sink: &mut impl FnMut(Item<'_>),
    ) -> bool {
        if !self.believes(&header) {
            self.lose(Loss::Nonsense, carrier, sink);
            return false;
        }
        self.probation = self.probation.saturating_sub(1);
        let length = u64::from(header.length);
        let passing = Passing {
            header,
            start,
            end: start + FrameHeader::LENGTH as u64 + length,
            awaits_padding: header.flags.contains(Flags::PADDED),
            padding: 0,
        };
        if header.kind == FrameType::DATA {
            self.kept.clear();
            if passing.awaits_padding && header.length == 0 {
                self.state = State::Skip(passing, Malformation::Padding);
            } else {
                self.state = State::Data(passing);
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

    fn pass_data(
        &mut self,
        mut passing: Passing,
        position: u64,
        data: &[u8],
        sink: &mut impl FnMut(Item<'_>),
    ) -> usize {
        let left = usize::try_from(passing.end - position).unwrap_or(usize::MAX);
        let here = data.get(..left.min(data.len())).unwrap_or_default();
        let mut body = here;
        let mut body_position = position;
        if passing.awaits_padding
            && let Some((padding, rest)) = here.split_first()
        {
            passing.awaits_padding = false;
            passing.padding = u32::from(*padding);
            body = rest;
            body_position += 1;
            if passing.padding >= passing.header.length {
                self.state = State::Skip(passing, Malformation::Padding);
                return 1 + self.skip(
                    passing,
                    Malformation::Padding,
                    body_position,
                    body.len(),
                    sink,
                );
            }
        }
        let body_end = passing.end - u64::from(passing.padding);
        let length = usize::try_from(body_end.saturating_sub(body_position)).unwrap_or(usize::MAX);
        let bytes = body.get(..length.min(body.len())).unwrap_or_default();
        if !bytes.is_empty() {
            let room = self.keep.saturating_sub(self.kept.len()).min(bytes.len());
            self.kept
                .extend_from_slice(bytes.get(..room).unwrap_or_default());
            sink(Item::Data {
                stream: passing.header.stream,
                bytes,
            });
        }
        self.state = State::Data(passing);
        if position + here.len() as u64 == passing.end {
            self.finish_data(passing, sink);
        }
        here.len()
    }

    fn finish_if_empty(&mut self, passing: Passing, sink: &mut impl FnMut(Item<'_>)) {
        if passing.header.length > 0 {
            return;
        }
        match self.state {
            State::Data(_) => self.finish_data(passing, sink),
            State::Skip(_, why) => self.finish_skip(passing, why, sink),
            State::Gather | State::Lost => {}
        }
    }

    fn finish_data(&mut self, passing: Passing, sink: &mut impl FnMut(Item<'_>)) {
        self.state = State::Gather;
        let padded = passing.header.flags.contains(Flags::PADDED);
        let overhead = passing.padding + u32::from(padded);
        let length = passing.header.length.saturating_sub(overhead);
        let kept = std::mem::take(&mut self.kept);
        let payload = Payload::Data {
            length,
            prefix: &kept,
        };
        sink(Item::Frame(self.frame(
            passing.header,
            payload,
            passing.start,
        )));
        self.kept = kept;
    }

    fn skip(
        &mut self,
        passing: Passing,
        why: Malformation,
        position: u64,
        available: usize,
        sink: &mut impl FnMut(Item<'_>),
    ) -> usize {
        let left = usize::try_from(passing.end - position).unwrap_or(usize::MAX);
        if available >= left {
            self.finish_skip(passing, why, sink);
        }
        left.min(available)
    }

    /// Begins to pass over a payload. A header block in it is lost to the header table.
    fn begin_skip(&mut self, passing: Passing, why: Malformation) {
        self.lose_block(passing.header);
        self.state = State::Skip(passing, why);
    }

    fn finish_skip(
        &mut self,
        passing: Passing,
        why: Malformation,
        sink: &mut impl FnMut(Item<'_>),
    ) {
        self.state = State::Gather;
        let partial = std::mem::take(&mut self.gathered);
        let payload = match partial.get(FrameHeader::LENGTH..) {
            Some(payload) if passing.header.kind == FrameType::GOAWAY => {
                goaway(payload).unwrap_or(Payload::Malformed(why))
            }
            _ => Payload::Malformed(why),
        };
        sink(Item::Frame(self.frame(
            passing.header,
            payload,
            passing.start,
        )));
    }

    fn search(&mut self, data: &[u8], carrier: Carrier, sink: &mut impl FnMut(Item<'_>)) -> usize {
        let found = boundary::find(data, self.max_frame_size);
        if found != Some(0) {
            self.miss(Loss::Gap, carrier, sink);
        }
        let Some(offset) = found else {
            return data.len();
        };
        if std::mem::take(&mut self.missed) {
            sink(Item::Found { carrier });
        }
        self.state = State::Gather;
        self.probation = PROBATION;
        offset
    }

    /// Says once that frames are missed from here on.
    fn miss(&mut self, cause: Loss, carrier: Carrier, sink: &mut impl FnMut(Item<'_>)) {
        if !std::mem::replace(&mut self.missed, true) {
            sink(Item::Lost { cause, carrier });
        }
    }

    /// Goes on behind a gap: inside the payload it fell into, or lost.
    fn jump(
        &mut self,
        position: u64,
        length: u64,
        carrier: Carrier,
        sink: &mut impl FnMut(Item<'_>),
    ) {
        let after = position + length;
        if matches!(self.state, State::Lost) {
            self.miss(Loss::Gap, carrier, sink);
            return;
        }
        if let Some(passing) = self.passing(position)
            && after <= passing.end
        {
            self.jump_inside(passing, position, after, sink);
            return;
        }
        self.tear(carrier, sink);
    }

    /// Goes on behind a gap of which nothing is known.
    fn tear(&mut self, carrier: Carrier, sink: &mut impl FnMut(Item<'_>)) {
        if matches!(self.state, State::Lost) {
            return;
        }
        self.gathered.clear();
        self.lose(Loss::Gap, carrier, sink);
    }

    /// What completes the bytes that come: the segment that carries them, or the end of what they
    /// are sealed in.
    fn completing(&self, carrier: Carrier) -> Carrier {
        self.sealed.map_or(carrier, |sealed| sealed.completed)
    }

    /// The frame whose payload the position lies in, if its header was read.
    fn passing(&self, position: u64) -> Option<Passing> {
        match self.state {
            State::Data(passing) | State::Skip(passing, _) => Some(passing),
            State::Lost => None,
            State::Gather => {
                let header = FrameHeader::parse(self.gathered.first_chunk()?);
                let start = position - self.gathered.len() as u64;
                let end = start + FrameHeader::LENGTH as u64 + u64::from(header.length);
                Some(Passing {
                    header,
                    start,
                    end,
                    awaits_padding: false,
                    padding: 0,
                })
            }
        }
    }

    fn jump_inside(
        &mut self,
        passing: Passing,
        position: u64,
        after: u64,
        sink: &mut impl FnMut(Item<'_>),
    ) {
        match self.state {
            State::Data(_) => {
                // A padding length that was not captured is taken for none: it can only make the
                // count of bytes too large, by less than 256.
                let passing = Passing {
                    awaits_padding: false,
                    ..passing
                };
                let body_end = passing.end - u64::from(passing.padding);
                let length = after.min(body_end).saturating_sub(position);
                if length > 0 {
                    sink(Item::DataMissing {
                        stream: passing.header.stream,
                        length,
                    });
                }
                self.state = State::Data(passing);
                if after == passing.end {
                    self.finish_data(passing, sink);
                }
            }
            State::Gather => {
                self.begin_skip(passing, Malformation::Incomplete);
                if after == passing.end {
                    self.finish_skip(passing, Malformation::Incomplete, sink);
                }
            }
            State::Skip(_, why) => {
                if after == passing.end {
                    self.finish_skip(passing, why, sink);
                }
            }
            State::Lost => {}
        }
    }

    fn lose(&mut self, cause: Loss, carrier: Carrier, sink: &mut impl FnMut(Item<'_>)) {
        self.state = State::Lost;
        self.hpack.forget();
        self.unfinished = None;
        self.miss(cause, carrier, sink);
    }

    /// A frame that holds part of a header block cannot be read.
    fn lose_block(&mut self, header: FrameHeader) {
        match header.kind {
            FrameType::HEADERS | FrameType::PUSH_PROMISE | FrameType::CONTINUATION => {
                self.hpack.forget();
                self.unfinished = None;
            }
            _ => {}
        }
    }

    fn complete(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
        start: u64,
        sink: &mut impl FnMut(Item<'_>),
    ) {
        match header.kind {
            FrameType::HEADERS | FrameType::PUSH_PROMISE | FrameType::CONTINUATION => {
                self.complete_block(header, payload, start, sink);
            }
            _ => {
                let payload = simple_payload(header, payload);
                sink(Item::Frame(self.frame(header, payload, start)));
            }
        }
    }

    /// A frame with a part of a header block: decodes the block on the frame that ends it.
    fn complete_block(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
        start: u64,
        sink: &mut impl FnMut(Item<'_>),
    ) {
        let fragment = match Fragment::of(header, payload) {
            Ok(fragment) => fragment,
            Err(malformation) => {
                self.lose_block(header);
                let payload = Payload::Malformed(malformation);
                sink(Item::Frame(self.frame(header, payload, start)));
                return;
            }
        };
        let ended = self.add_fragment(header, fragment.bytes, sink);
        let block = std::mem::take(&mut self.block);
        let whole = ended.is_some().then_some(&block);
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
                block: ended.map(|(kind, flags)| super::frame::EndedBlock {
                    kind,
                    flags,
                    block: &block,
                }),
            },
        };
        sink(Item::Frame(self.frame(header, payload, start)));
        self.block = block;
    }

    /// Adds a fragment to its block. On the last one decodes it into `self.block` and gives the type
    /// and flags of the frame that began it.
    fn add_fragment(
        &mut self,
        header: FrameHeader,
        bytes: &[u8],
        sink: &mut impl FnMut(Item<'_>),
    ) -> Option<(FrameType, Flags)> {
        let ends = header.flags.contains(Flags::END_HEADERS);
        if header.kind != FrameType::CONTINUATION {
            if self.unfinished.take().is_some() {
                self.hpack.forget();
            }
            if ends {
                self.decode(bytes, sink);
                return Some((header.kind, header.flags));
            }
            self.unfinished = Some(UnfinishedBlock {
                stream: header.stream,
                kind: header.kind,
                flags: header.flags,
                fragments: bytes.to_vec(),
                whole: true,
            });
            return None;
        }
        let Some(unfinished) = &mut self.unfinished else {
            self.hpack.forget();
            return None;
        };
        if unfinished.stream != header.stream {
            return None;
        }
        if unfinished.fragments.len() + bytes.len() > MAX_HEADER_BLOCK {
            unfinished.whole = false;
            unfinished.fragments = Vec::new();
        }
        if unfinished.whole {
            unfinished.fragments.extend_from_slice(bytes);
        }
        if !ends {
            return None;
        }
        let unfinished = self.unfinished.take()?;
        if !unfinished.whole {
            self.hpack.forget();
            return None;
        }
        self.decode(&unfinished.fragments, sink);
        Some((unfinished.kind, unfinished.flags))
    }

    fn decode(&mut self, fragment: &[u8], sink: &mut impl FnMut(Item<'_>)) {
        self.block.clear();
        if let Some(fault) = self.hpack.decode(fragment, &mut self.block) {
            sink(Item::Undecodable {
                fault,
                carrier: self.latest,
            });
        }
    }

    /// How many bytes of an unfinished header block are kept.
    #[cfg(test)]
    pub(super) fn kept_for_block(&self) -> usize {
        self.unfinished
            .as_ref()
            .map_or(0, |block| block.fragments.len())
    }

    fn frame<'a>(&self, header: FrameHeader, payload: Payload<'a>, start: u64) -> Frame<'a> {
        let span = match self.sealed {
            Some(sealed) => self.begins..sealed.ends,
            None => start..start + FrameHeader::LENGTH as u64 + u64::from(header.length),
        };
        Frame {
            direction: self.direction,
            header,
            payload,
            began: self.began,
            completed: self.latest,
            span,
        }
    }
}

/// The part of a header block in a HEADERS, PUSH_PROMISE or CONTINUATION payload.
struct Fragment<'a> {
    priority: Option<Priority>,
    promised: StreamId,
    bytes: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Takes off what stands around the fragment (RFC 9113, sections 6.2, 6.6 and 6.10).
    ///
    /// ```text
    /// [Pad Length (8)]  [Priority (40)] or [Promised Stream (32)]  Fragment  [Padding]
    /// ```
    fn of(header: FrameHeader, payload: &'a [u8]) -> Result<Self, Malformation> {
        let mut bytes = payload;
        if header.kind == FrameType::CONTINUATION {
            return Ok(Self {
                priority: None,
                promised: StreamId::CONNECTION,
                bytes,
            });
        }
        if header.flags.contains(Flags::PADDED) {
            let (padding, rest) = bytes.split_first().ok_or(Malformation::Length)?;
            let length = rest.len().checked_sub(usize::from(*padding));
            bytes = length
                .and_then(|length| rest.get(..length))
                .ok_or(Malformation::Padding)?;
        }
        let mut promised = StreamId::CONNECTION;
        if header.kind == FrameType::PUSH_PROMISE {
            let (stream, rest) = bytes.split_first_chunk().ok_or(Malformation::Length)?;
            promised = StreamId(u32::from_be_bytes(*stream) & StreamId::MAX.0);
            bytes = rest;
        }
        let mut priority = None;
        if header.kind == FrameType::HEADERS && header.flags.contains(Flags::PRIORITY) {
            let (fields, rest) = bytes.split_first_chunk().ok_or(Malformation::Length)?;
            priority = Some(read_priority(fields));
            bytes = rest;
        }
        Ok(Self {
            priority,
            promised,
            bytes,
        })
    }
}

/// The payload of a frame without a header block. DATA never comes here.
fn simple_payload(header: FrameHeader, payload: &[u8]) -> Payload<'_> {
    let read = || {
        Some(match header.kind {
            FrameType::PRIORITY => Payload::Priority(read_priority(payload.try_into().ok()?)),
            FrameType::RST_STREAM => {
                let code = u32::from_be_bytes(payload.try_into().ok()?);
                Payload::ResetStream {
                    error: ErrorCode(code),
                }
            }
            FrameType::SETTINGS if payload.len().is_multiple_of(6) => {
                Payload::Settings(Settings::new(payload))
            }
            FrameType::PING => Payload::Ping(payload.try_into().ok()?),
            FrameType::GOAWAY => goaway(payload)?,
            FrameType::WINDOW_UPDATE => {
                let increment = u32::from_be_bytes(payload.try_into().ok()?);
                Payload::WindowUpdate {
                    increment: increment & StreamId::MAX.0,
                }
            }
            kind if kind.name().is_none() => Payload::Unknown,
            _ => return None,
        })
    };
    read().unwrap_or(Payload::Malformed(Malformation::Length))
}

/// ```text
/// +-+-------------------------------------------------------------+
/// |R|                  Last-Stream-ID (31)                        |
/// +-+-------------------------------------------------------------+
/// |                      Error Code (32)                          |
/// +---------------------------------------------------------------+
/// |                  Additional Debug Data (*)                    |
/// +---------------------------------------------------------------+
/// ```
fn goaway(payload: &[u8]) -> Option<Payload<'_>> {
    let (last, rest) = payload.split_first_chunk()?;
    let (code, debug_data) = rest.split_first_chunk()?;
    Some(Payload::GoAway {
        last_stream_id: StreamId(u32::from_be_bytes(*last) & StreamId::MAX.0),
        error: ErrorCode(u32::from_be_bytes(*code)),
        debug_data,
    })
}

fn read_priority(fields: &[u8; 5]) -> Priority {
    let [d0, d1, d2, d3, weight] = *fields;
    let dependency = u32::from_be_bytes([d0, d1, d2, d3]);
    Priority {
        exclusive: dependency > StreamId::MAX.0,
        dependency: StreamId(dependency & StreamId::MAX.0),
        weight,
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
