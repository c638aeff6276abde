//! What both sides do that the protocol forbids, and header lists above what the other takes.
//!
//! In: the frames of one connection, in order, and what windows are left. Out: a [`Conformance`] for the
//! record. Judged is what is certain: a side's own frames are in order whatever the capture's place, and of
//! what the other side allows the loosest that may still hold counts. Where the beginning was not captured,
//! or frames are lost, only what a single frame or field shows is told.

mod announced;
pub(crate) mod fields;
mod frame_rules;
mod violation;

use std::collections::VecDeque;

use crate::capture::Stamp;
use crate::decode::http2::hpack::{FaultKind, HeaderBlock};
use crate::decode::http2::{
    EndedBlock, ErrorCode, Flags, Frame, FrameHeader, FrameType, Malformation, Payload, StreamId,
};
use crate::decode::{Carrier, Direction, PerSide, Recognition};
use crate::inspect::stream::id_set::StreamIdSet;
use announced::Announced;
use fields::FieldSection;
use violation::{ANSWERED_WITHIN, Violations};
pub use violation::{Complaint, Occurrence, Violation, ViolationDetail, ViolationKind};

/// The greatest window (RFC 9113, section 6.9.1).
const MAX_WINDOW: i64 = (1 << 31) - 1;

/// How many header lists above a limit are kept of a connection, the latest ones.
const MAX_LISTS: usize = 1_024;

/// The limit of a list whose receiver has not said one yet.
const UNKNOWN_LIMIT: u32 = u32::MAX;

/// No limit in use is smaller; lists up to here are not remembered for a limit that may come.
const MIN_LIST: u64 = 4_096;

/// What a connection shows that the protocol forbids, or that its peers had asked not to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conformance {
    /// What is forbidden, each kind of each side once.
    pub violations: Vec<Violation>,
    /// Header lists above the MAX_HEADER_LIST_SIZE of their receiver.
    pub large_lists: Vec<LargeList>,
    /// How many streams each side reset.
    pub resets: PerSide<u64>,
}

/// A header list above what its receiver had announced to take (RFC 9113, section 6.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargeList {
    /// Who sent it.
    pub by: Direction,
    /// Its stream.
    pub stream: StreamId,
    /// The packet that completed it.
    pub stamp: Stamp,
    /// Its size: names, values, and 32 bytes for each field; at least that, where some are unknown.
    pub size: u64,
    /// The limit.
    pub limit: u32,
    /// The RST_STREAM or GOAWAY of its receiver that answered it.
    pub answer: Option<Complaint>,
}

/// Follows what both sides do.
#[derive(Clone, Debug)]
pub(crate) struct ConformanceTracker {
    /// Whether all frames since the connection's beginning were seen.
    whole: bool,
    sides: PerSide<SideState>,
    resets: PerSide<u64>,
    rare: Option<Box<Rare>>,
}

/// What few connections have.
#[derive(Clone, Debug, Default)]
struct Rare {
    violations: Violations,
    large_lists: VecDeque<LargeList>,
    /// The streams that each side reset.
    reset: PerSide<StreamIdSet>,
}

/// What one side has done so far.
#[derive(Clone, Debug, Default)]
struct SideState {
    /// Up to where its frames were seen.
    read: u64,
    /// Whether its first frame was seen.
    begun: bool,
    /// The stream whose header block it has not ended.
    block: Option<StreamId>,
    /// Whether a block of it held something forbidden, which may come again by an index.
    thorough: bool,
    /// What the header block is that it began last.
    section: FieldSection,
    /// The streams that it ended.
    ended: StreamIdSet,
    /// Its last GOAWAY's last stream id, where that condemns streams.
    last_stream: Option<StreamId>,
    announced: Announced,
}

impl ConformanceTracker {
    /// Of a connection that was just recognised.
    pub(crate) fn new(recognition: &Recognition) -> Self {
        Self {
            whole: recognition.beginning_seen,
            sides: PerSide::default(),
            resets: PerSide::default(),
            rare: None,
        }
    }

    /// Frames are lost.
    pub(crate) fn lose(&mut self) {
        self.whole = false;
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let side = &mut self.sides[direction];
            side.ended = StreamIdSet::default();
            side.block = None;
        }
        if let Some(rare) = &mut self.rare {
            rare.reset = PerSide::default();
        }
    }

    /// A frame, before anything else is made of it; `opened` are the streams that the client has opened.
    /// Whether it is a RST_STREAM that the client provoked.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>, opened: &StreamIdSet) -> bool {
        let by = frame.direction;
        if let Some((kind, detail)) = self.forbidden(frame, opened) {
            self.note(frame, kind, detail);
        }
        let unread = match frame.payload {
            Payload::Malformed(why) => {
                matches!(why, Malformation::Incomplete | Malformation::TooLong)
            }
            _ => false,
        };
        if unread && frame.header.kind != FrameType::DATA {
            self.lose();
        }
        if frame.header.kind == FrameType::SETTINGS && !self.sides[by].begun {
            self.judge_early_lists(by);
        }
        let provoked = self.follow(frame);
        let side = &mut self.sides[by];
        side.begun = true;
        side.read = side.read.max(frame.span.end);
        provoked
    }

    /// A frame begins that is longer than its receiver seems to take: the answer may come before its end.
    pub(crate) fn large_frame(&mut self, by: Direction, header: FrameHeader, began: Carrier) {
        let receiver = &self.sides[by.reverse()];
        let acknowledged = began.acknowledged;
        let known = acknowledged.is_none_or(|acknowledged| acknowledged <= receiver.read);
        let limit = receiver
            .announced
            .loosest()
            .map(|allowed| allowed.frame_size);
        if let Some(limit) = limit.filter(|limit| header.length > *limit)
            && known
            && self.whole
        {
            let sizes = ViolationDetail::Sizes(i64::from(header.length), i64::from(limit));
            self.note_header(by, header, began.stamp, ViolationKind::FrameTooLarge, sizes);
        }
    }

    /// What a frame changes.
    fn follow(&mut self, frame: &Frame<'_>) -> bool {
        let (by, stream) = (frame.direction, frame.header.stream);
        let flags = frame.header.flags;
        let stamp = frame.completed.stamp;
        match frame.header.kind {
            FrameType::HEADERS | FrameType::PUSH_PROMISE => {
                let ends = flags.contains(Flags::END_HEADERS);
                self.sides[by].block = (!ends && self.whole).then_some(stream);
            }
            FrameType::CONTINUATION if flags.contains(Flags::END_HEADERS) => {
                self.sides[by].block = None;
            }
            _ => {}
        }
        let may_end = matches!(frame.header.kind, FrameType::HEADERS | FrameType::DATA);
        if may_end && flags.contains(Flags::END_STREAM) && self.whole {
            self.sides[by].ended.insert(stream.0);
        }
        match frame.payload {
            Payload::Settings(_) if flags.contains(Flags::ACK) => {
                self.sides[by.reverse()].announced.acknowledge();
            }
            Payload::ResetStream { error } => {
                if self.whole {
                    self.rare().reset[by].insert(stream.0);
                }
                self.resets[by] += 1;
                let complaint = Complaint {
                    stamp,
                    error,
                    stream,
                };
                self.answer_list(by, complaint);
                let answered = self.rare().violations.reset(by, complaint);
                return by == Direction::ServerToClient
                    && answered.is_some_and(ViolationKind::provokes_reset);
            }
            Payload::GoAway {
                last_stream_id,
                error,
                ..
            } => {
                if last_stream_id < StreamId::MAX {
                    let last = &mut self.sides[by].last_stream;
                    *last = Some(last.map_or(last_stream_id, |last| last.min(last_stream_id)));
                }
                if error != ErrorCode::NO_ERROR {
                    let complaint = Complaint {
                        stamp,
                        error,
                        stream: StreamId::CONNECTION,
                    };
                    self.answer_list(by, complaint);
                    self.rare().violations.go_away(by, complaint);
                }
            }
            _ => {}
        }
        false
    }

    /// HEADERS of a stream, with their block unless CONTINUATION ends it, and what that block is.
    pub(crate) fn headers(
        &mut self,
        frame: &Frame<'_>,
        block: Option<&HeaderBlock>,
        section: FieldSection,
    ) {
        let side = &mut self.sides[frame.direction];
        side.section = section;
        if let Some(block) = block {
            let ends = frame.header.flags.contains(Flags::END_STREAM);
            self.block(frame, block, section, ends);
        }
    }

    /// CONTINUATION that ends the block which HEADERS of its stream began.
    pub(crate) fn continued(&mut self, frame: &Frame<'_>, ended: EndedBlock<'_>) {
        let section = self.sides[frame.direction].section;
        let ends = ended.flags.contains(Flags::END_STREAM);
        self.block(frame, ended.block, section, ends);
    }

    /// A header block, and what it is.
    fn block(
        &mut self,
        frame: &Frame<'_>,
        block: &HeaderBlock,
        section: FieldSection,
        ends_stream: bool,
    ) {
        let by = frame.direction;
        let section = if self.whole {
            section
        } else {
            FieldSection::Unknown
        };
        let thorough = self.sides[by].thorough;
        if let Some((kind, detail)) = fields::violation(block, section, thorough) {
            self.sides[by].thorough = true;
            self.note(frame, kind, detail);
        } else if section == FieldSection::Trailers && !ends_stream {
            self.note(frame, ViolationKind::OpenTrailers, ViolationDetail::None);
        }
        if self.whole {
            self.compression(frame, block);
        }
        self.measure(by, frame, block);
    }

    /// What the decoder of a block objected to, where it knows the whole table.
    fn compression(&mut self, frame: &Frame<'_>, block: &HeaderBlock) {
        let Some(fault) = block.fault() else { return };
        let peer = &self.sides[frame.direction.reverse()];
        let allowed = peer
            .announced
            .loosest()
            .filter(|_| self.knows_all_before(frame));
        let found = match fault.kind {
            FaultKind::BlockTooLarge => return,
            FaultKind::SizeUpdateAboveLimit { size, .. } => {
                let limit = allowed.map(|allowed| allowed.table);
                let Some(limit) = limit.filter(|limit| size > *limit) else {
                    return;
                };
                let sizes = ViolationDetail::Sizes(i64::from(size), i64::from(limit));
                (ViolationKind::TableSize, sizes)
            }
            // Decoding went on.
            _ if !fault.stops_block() => return,
            _ => (ViolationKind::Compression, ViolationDetail::None),
        };
        self.note(frame, found.0, found.1);
    }

    /// Measures a header list against what its receiver takes.
    fn measure(&mut self, by: Direction, frame: &Frame<'_>, block: &HeaderBlock) {
        let receiver = &self.sides[by.reverse()];
        let limit = match receiver.announced.header_list {
            Some(limit) => limit,
            // Its first SETTINGS may be under way.
            None if !receiver.begun && self.whole => UNKNOWN_LIMIT,
            None => return,
        };
        let size = block.list_size();
        let is_large = match limit {
            UNKNOWN_LIMIT => size > MIN_LIST,
            limit => size > u64::from(limit),
        };
        if !is_large {
            return;
        }
        let large_lists = &mut self.rare().large_lists;
        if large_lists.len() >= MAX_LISTS {
            large_lists.pop_front();
        }
        large_lists.push_back(LargeList {
            by,
            stream: frame.header.stream,
            stamp: frame.completed.stamp,
            size,
            limit,
            answer: None,
        });
    }

    /// A side's first SETTINGS came: judges the lists that were sent before they did.
    fn judge_early_lists(&mut self, receiver: Direction) {
        let announced = self.sides[receiver].announced.header_list;
        let Some(rare) = &mut self.rare else { return };
        rare.large_lists.retain_mut(|list| {
            if list.by == receiver || list.limit != UNKNOWN_LIMIT {
                return true;
            }
            list.limit = announced.unwrap_or(UNKNOWN_LIMIT);
            list.size > u64::from(list.limit)
        });
    }

    /// An error of the side that announced the limit: on the list's stream, or else after the latest list.
    fn answer_list(&mut self, by: Direction, complaint: Complaint) {
        let Some(rare) = &mut self.rare else { return };
        let mut lists = rare.large_lists.iter_mut().rev();
        let list = lists.find(|list| {
            let soon = complaint.stamp.time - list.stamp.time <= ANSWERED_WITHIN;
            let answers = match complaint.stream {
                StreamId::CONNECTION => soon && complaint.error != ErrorCode::HTTP_1_1_REQUIRED,
                stream => stream == list.stream,
            };
            list.by != by && list.answer.is_none() && answers
        });
        if let Some(list) = list {
            list.answer = Some(complaint);
        }
    }

    /// DATA was sent; `left` of the connection's window, and of the stream's what was granted beside its
    /// initial size.
    pub(crate) fn sent(&mut self, frame: &Frame<'_>, left: (i64, Option<i64>)) {
        let receiver = &self.sides[frame.direction.reverse()];
        if frame.header.length == 0 || !self.knows_all_before(frame) {
            return;
        }
        let length = i64::from(frame.header.length);
        let (connection, granted) = left;
        let window = receiver
            .announced
            .loosest()
            .map(|allowed| i64::from(allowed.window));
        let stream = granted
            .zip(window)
            .map(|(granted, window)| granted + window);
        let found = match stream {
            Some(left) if left < 0 => (ViolationKind::StreamOverrun, left),
            _ if connection < 0 => (ViolationKind::ConnectionOverrun, connection),
            _ => return,
        };
        let sizes = ViolationDetail::Sizes(length, found.1.saturating_add(length));
        self.note(frame, found.0, sizes);
    }

    /// WINDOW_UPDATE left a window of this size.
    pub(crate) fn granted(&mut self, frame: &Frame<'_>, window: i64) {
        if window > MAX_WINDOW && self.whole {
            let sizes = ViolationDetail::Sizes(window, MAX_WINDOW);
            self.note(frame, ViolationKind::WindowOverflow, sizes);
        }
    }

    /// Whether all was read that a frame's sender had received from the other side. Where not, a setting or
    /// grant may have allowed the frame.
    fn knows_all_before(&self, frame: &Frame<'_>) -> bool {
        let read = self.sides[frame.direction.reverse()].read;
        let acknowledged = frame.completed.acknowledged;
        self.whole && acknowledged.is_none_or(|acknowledged| acknowledged <= read)
    }

    fn note(&mut self, frame: &Frame<'_>, kind: ViolationKind, detail: ViolationDetail) {
        let (by, stamp) = (frame.direction, frame.completed.stamp);
        self.note_header(by, frame.header, stamp, kind, detail);
    }

    fn note_header(
        &mut self,
        by: Direction,
        header: FrameHeader,
        stamp: Stamp,
        kind: ViolationKind,
        detail: ViolationDetail,
    ) {
        let seen = Occurrence {
            frame: header.kind,
            stream: header.stream,
            detail,
            stamp,
        };
        self.rare().violations.note(kind, by, seen);
    }

    /// What was seen so far.
    pub(crate) fn so_far(&self) -> Conformance {
        let Some(rare) = &self.rare else {
            return Conformance::default();
        };
        let lists = rare.large_lists.iter().copied();
        Conformance {
            violations: rare.violations.told(),
            large_lists: lists.filter(|list| list.limit != UNKNOWN_LIMIT).collect(),
            resets: self.resets,
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}
