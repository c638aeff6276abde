//! What the protocol forbids, as one side did it, and the error that answered it: plain data.
//!
//! In: one call for each forbidden frame or field, and one for each error of the other side. Out:
//! [`Violation`]s, one for each kind and side of a connection, so that memory does not follow what passes.

use std::collections::VecDeque;

use crate::capture::{Stamp, TimeDelta};
use crate::decode::Direction;
use crate::decode::http2::{ErrorCode, FrameType, SettingId, StreamId};

/// How many forbidden frames wait for the RST_STREAM that answers them; it comes within a round trip.
const MAX_WAITING: usize = 64;

/// How many streams are named that were reset for one kind of violation.
const MAX_STREAMS: usize = 1_024;

/// A GOAWAY that comes later than this after a violation answers something else.
pub(super) const ANSWERED_WITHIN: TimeDelta = TimeDelta::from_secs(5);

/// The same of what most receivers put up with: other faults are as likely.
const TOLERATED_ANSWERED_WITHIN: TimeDelta = TimeDelta::from_secs(1);

/// How much is kept of a name or value, in bytes.
const MAX_TEXT: usize = 64;

/// Something that RFC 9113 or RFC 7541 forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ViolationKind {
    /// A first frame that is not SETTINGS (RFC 9113, section 3.4).
    FirstFrame,
    /// A frame above its receiver's MAX_FRAME_SIZE (section 4.2).
    FrameTooLarge,
    /// A length that the frame's type does not allow (section 4.2).
    FrameLength,
    /// More padding than payload (section 6.1).
    Padding,
    /// A frame on stream 0 that belongs to a stream, or the other way round (section 6).
    WrongStream,
    /// DATA or HEADERS after its sender's own END_STREAM (section 5.1).
    AfterEnd,
    /// DATA or HEADERS after its sender's own RST_STREAM (section 5.1); nothing is left to break.
    AfterReset,
    /// RST_STREAM or WINDOW_UPDATE on a closed stream (section 5.1); few receivers mind.
    OnClosed,
    /// A frame on a stream that nobody had opened (section 5.1).
    IdleStream,
    /// A stream opened whose id is not above all before it, or is the server's (section 5.1.1).
    StreamOrder,
    /// A stream that depends on itself (RFC 7540, section 5.3.1).
    SelfDependency,
    /// A value that a setting cannot have (section 6.5.2).
    SettingValue,
    /// PUSH_PROMISE of a client, or to one that had switched it off (section 8.4).
    Push,
    /// The server answered on a stream above its own last stream id (section 6.8).
    AboveLastStream,
    /// The server raised its last stream id (section 6.8).
    LastStreamRaised,
    /// DATA beyond a stream's window (section 6.9.1).
    StreamOverrun,
    /// DATA beyond the connection's window (section 6.9.1).
    ConnectionOverrun,
    /// A window taken past 2^31-1 (section 6.9.1).
    WindowOverflow,
    /// WINDOW_UPDATE with an increment of 0 (section 6.9).
    ZeroIncrement,
    /// Another frame amid a header block, or CONTINUATION without one (section 6.10).
    Interleaved,
    /// A header table larger than its receiver allows (RFC 7541, section 6.3).
    TableSize,
    /// A header block that cannot be decompressed (RFC 7541).
    Compression,
    /// A character that the name of a field must not have (section 8.2.1).
    FieldName,
    /// A character that the value of a field must not have (section 8.2.1).
    FieldValue,
    /// A field that belongs to HTTP/1.1 connections (section 8.2.2).
    ConnectionField,
    /// `te` with another value than `trailers` (section 8.2.2).
    Te,
    /// A pseudo-header field is missing (section 8.3).
    PseudoMissing,
    /// A pseudo-header field came twice (section 8.3).
    PseudoRepeated,
    /// A pseudo-header field came behind others (section 8.3).
    PseudoLate,
    /// A pseudo-header field that is not defined there (section 8.3).
    PseudoUnknown,
    /// `:authority` that names no host (section 8.3.1).
    Authority,
    /// `:authority` with percent signs, which some libraries refuse.
    EscapedAuthority,
    /// An empty `:path` (section 8.3.1).
    EmptyPath,
    /// Trailers that do not end their stream (section 8.1).
    OpenTrailers,
}

impl ViolationKind {
    /// Whether most receivers put up with it, so that it is told only where an error answered it.
    const fn is_tolerated(self) -> bool {
        self.is_of_closed() || matches!(self, Self::EscapedAuthority)
    }

    /// Whether its stream was closed, so that a RST_STREAM in answer ends nothing.
    const fn is_of_closed(self) -> bool {
        matches!(self, Self::OnClosed | Self::AfterReset)
    }

    /// Whether it makes a server reset a stream that its client opened rightly (CVE-2025-8671).
    pub(super) const fn provokes_reset(self) -> bool {
        matches!(
            self,
            Self::ZeroIncrement
                | Self::WindowOverflow
                | Self::AfterEnd
                | Self::SelfDependency
                | Self::StreamOverrun
                | Self::FrameLength
        )
    }

    /// Whether an error code can be the answer to it.
    fn is_answered_by(self, error: ErrorCode) -> bool {
        match error {
            ErrorCode::PROTOCOL_ERROR | ErrorCode::INTERNAL_ERROR => true,
            ErrorCode::FLOW_CONTROL_ERROR => matches!(
                self,
                Self::StreamOverrun
                    | Self::ConnectionOverrun
                    | Self::WindowOverflow
                    | Self::ZeroIncrement
                    | Self::SettingValue
            ),
            ErrorCode::STREAM_CLOSED => {
                self.is_of_closed() || matches!(self, Self::AfterEnd | Self::IdleStream)
            }
            ErrorCode::FRAME_SIZE_ERROR => {
                matches!(
                    self,
                    Self::FrameTooLarge | Self::FrameLength | Self::Padding
                )
            }
            ErrorCode::COMPRESSION_ERROR => matches!(
                self,
                Self::TableSize | Self::Compression | Self::Interleaved
            ),
            // Codes of what is no fault of the other side.
            ErrorCode(0x0 | 0x4 | 0x7 | 0x8 | 0xa..=0xd) => false,
            // Of the sender's own making.
            _ => true,
        }
    }
}

/// What is to be said of a forbidden frame beside its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ViolationDetail {
    /// Its kind says it all.
    #[default]
    None,
    /// How much it was, and how much was allowed.
    Sizes(i64, i64),
    /// A setting and its value.
    Setting(SettingId, u32),
    /// The beginning of a name or value.
    Text(Box<[u8]>),
}

impl ViolationDetail {
    /// The beginning of a name or value.
    pub(super) fn text(bytes: &[u8]) -> Self {
        Self::Text(bytes.get(..MAX_TEXT).unwrap_or(bytes).into())
    }
}

/// An error that a side sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The packet that completed the RST_STREAM or GOAWAY.
    pub stamp: Stamp,
    /// Its code.
    pub error: ErrorCode,
    /// The stream that it reset; 0 where it was a GOAWAY.
    pub stream: StreamId,
}

/// One frame that did something forbidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The frame's type.
    pub frame: FrameType,
    /// Its stream.
    pub stream: StreamId,
    /// What else is to be said of it.
    pub detail: ViolationDetail,
    /// The packet that completed it; that began it, where it is longer than is allowed.
    pub stamp: Stamp,
}

/// Something that one side of a connection did though it is forbidden, once or often.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// What it was.
    pub kind: ViolationKind,
    /// Who did it.
    pub by: Direction,
    /// The frame that an error answered first, or else the first of all.
    pub seen: Occurrence,
    /// How often it was done.
    pub count: u64,
    /// The first error that answered it: a GOAWAY, if one did.
    pub answer: Option<Complaint>,
    /// The streams that were reset for it, the first ones.
    pub reset: Vec<u32>,
}

impl Violation {
    /// The GOAWAY that answered it.
    #[must_use]
    pub fn goaway(&self) -> Option<Complaint> {
        self.answer
            .filter(|complaint| complaint.stream == StreamId::CONNECTION)
    }
}

/// The violations of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Violations {
    /// Each kind of each side, with the latest frame that did it.
    all: Vec<(Violation, Occurrence)>,
    /// Those on streams that no RST_STREAM has answered: which of `all`, and what.
    waiting: VecDeque<(usize, Occurrence)>,
}

impl Violations {
    /// Notes one more.
    pub(super) fn note(&mut self, kind: ViolationKind, by: Direction, seen: Occurrence) {
        let mut known = self.all.iter_mut().enumerate();
        let known = known.find(|(_, (known, _))| known.kind == kind && known.by == by);
        let index = if let Some((index, (known, latest))) = known {
            known.count += 1;
            *latest = seen.clone();
            index
        } else {
            let violation = Violation {
                kind,
                by,
                seen: seen.clone(),
                count: 1,
                answer: None,
                reset: Vec::new(),
            };
            // There are few kinds.
            self.all.push((violation, seen.clone()));
            self.all.len() - 1
        };
        if seen.stream != StreamId::CONNECTION && !kind.is_of_closed() {
            if self.waiting.len() >= MAX_WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back((index, seen));
        }
    }

    /// A side sent RST_STREAM; the kind of violation that it answers.
    pub(super) fn reset(&mut self, by: Direction, complaint: Complaint) -> Option<ViolationKind> {
        let place = self.waiting.iter().rposition(|(index, seen)| {
            let violation = self.all.get(*index);
            seen.stream == complaint.stream
                && violation.is_some_and(|(violation, _)| {
                    violation.by != by && violation.kind.is_answered_by(complaint.error)
                })
        })?;
        let (index, seen) = self.waiting.remove(place)?;
        let (violation, _) = self.all.get_mut(index)?;
        if violation.reset.len() < MAX_STREAMS {
            violation.reset.push(seen.stream.0);
        }
        if violation.answer.is_none() {
            violation.seen = seen;
            violation.answer = Some(complaint);
        }
        Some(violation.kind)
    }

    /// A side sent GOAWAY: it answers what the other had done last. What most receivers put up with it
    /// answers only where nothing else was done.
    pub(super) fn go_away(&mut self, by: Direction, complaint: Complaint) {
        let candidates = self.all.iter_mut().filter(|(violation, latest)| {
            let within = match violation.kind.is_tolerated() {
                true => TOLERATED_ANSWERED_WITHIN,
                false => ANSWERED_WITHIN,
            };
            violation.by != by
                && violation.kind.is_answered_by(complaint.error)
                && complaint.stamp.time - latest.stamp.time <= within
        });
        let answered = candidates
            .max_by_key(|(violation, latest)| (!violation.kind.is_tolerated(), latest.stamp));
        if let Some((violation, latest)) = answered
            && violation.goaway().is_none()
        {
            violation.seen = latest.clone();
            violation.answer = Some(complaint);
        }
    }

    /// All that are to be told, in the order in which each was first seen.
    pub(super) fn told(&self) -> Vec<Violation> {
        let all = self.all.iter().map(|(violation, _)| violation);
        let told =
            all.filter(|violation| violation.answer.is_some() || !violation.kind.is_tolerated());
        told.cloned().collect()
    }
}
