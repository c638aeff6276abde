//! What a frame is not allowed to be, by its header, its payload and what its sender did before (RFC 9113,
//! sections 4 to 6).

use super::ConformanceTracker;
use super::violation::{ViolationDetail, ViolationKind};
use crate::decode::Direction;
use crate::decode::http2::{Flags, Frame, FrameType, Malformation, Payload, Settings, StreamId};
use crate::inspect::stream::id_set::StreamIdSet;

/// What was found, and what is to be said of it.
type Found = (ViolationKind, ViolationDetail);

impl ConformanceTracker {
    /// The first thing that forbids a frame. SETTINGS are taken in on the way.
    pub(super) fn forbidden(&mut self, frame: &Frame<'_>, opened: &StreamIdSet) -> Option<Found> {
        let by = frame.direction;
        if let Payload::Settings(settings) = frame.payload
            && !frame.header.flags.contains(Flags::ACK)
        {
            let found = self.settings(by, settings);
            if found.is_some() {
                return found;
            }
        }
        self.by_payload(frame)
            .or_else(|| self.by_order(frame))
            .or_else(|| self.by_stream(frame, opened))
    }

    fn settings(&mut self, by: Direction, settings: Settings<'_>) -> Option<Found> {
        let (id, value) = self.sides[by].announced.announce(settings)?;
        Some((
            ViolationKind::SettingValue,
            ViolationDetail::Setting(id, value),
        ))
    }

    /// What the frame alone shows.
    fn by_payload(&self, frame: &Frame<'_>) -> Option<Found> {
        let (kind, stream) = (frame.header.kind, frame.header.stream);
        let of_connection = matches!(
            kind,
            FrameType::SETTINGS | FrameType::PING | FrameType::GOAWAY
        );
        let known = kind.name().is_some() && kind != FrameType::WINDOW_UPDATE;
        if known && of_connection != (stream == StreamId::CONNECTION) {
            return Some((ViolationKind::WrongStream, ViolationDetail::None));
        }
        let found = match frame.payload {
            Payload::Malformed(Malformation::Length) => ViolationKind::FrameLength,
            Payload::Malformed(Malformation::Padding) => ViolationKind::Padding,
            Payload::WindowUpdate { increment: 0 } => ViolationKind::ZeroIncrement,
            Payload::Priority(priority) if priority.dependency == stream => {
                ViolationKind::SelfDependency
            }
            Payload::Headers {
                priority: Some(priority),
                ..
            } if priority.dependency == stream => ViolationKind::SelfDependency,
            Payload::PushPromise { .. } if self.forbids_push(frame.direction) => {
                ViolationKind::Push
            }
            _ => return None,
        };
        Some((found, ViolationDetail::None))
    }

    fn forbids_push(&self, by: Direction) -> bool {
        let allowed = self.sides.client.announced.loosest();
        by == Direction::ClientToServer
            || self.whole && allowed.is_some_and(|allowed| !allowed.push)
    }

    /// What its sender did just before.
    fn by_order(&self, frame: &Frame<'_>) -> Option<Found> {
        let side = &self.sides[frame.direction];
        let (kind, stream) = (frame.header.kind, frame.header.stream);
        if !self.whole {
            return None;
        }
        // A server that refuses a connection may say so at once.
        if !side.begun && !matches!(kind, FrameType::SETTINGS | FrameType::GOAWAY) {
            return Some((ViolationKind::FirstFrame, ViolationDetail::None));
        }
        let continues = kind == FrameType::CONTINUATION;
        let right = match side.block {
            Some(open) => continues && stream == open,
            None => !continues,
        };
        (!right).then_some((ViolationKind::Interleaved, ViolationDetail::None))
    }

    /// What became of its stream before.
    fn by_stream(&self, frame: &Frame<'_>, opened: &StreamIdSet) -> Option<Found> {
        let (kind, by, stream) = (frame.header.kind, frame.direction, frame.header.stream);
        let message = matches!(kind, FrameType::DATA | FrameType::HEADERS);
        let found = |kind| Some((kind, ViolationDetail::None));
        if !self.whole {
            return None;
        }
        if by == Direction::ServerToClient {
            let last = self.sides.server.last_stream;
            if let Payload::GoAway { last_stream_id, .. } = frame.payload {
                let raised = last.is_some_and(|last| last_stream_id > last);
                let sizes = last.map(|last| (last_stream_id.0, last.0));
                let (now, before) = sizes.filter(|_| raised)?;
                let sizes = ViolationDetail::Sizes(i64::from(now), i64::from(before));
                return Some((ViolationKind::LastStreamRaised, sizes));
            }
            if let Some(last) = last
                && message
                && stream.is_client_initiated()
                && stream > last
            {
                let sizes = ViolationDetail::Sizes(i64::from(stream.0), i64::from(last.0));
                return Some((ViolationKind::AboveLastStream, sizes));
            }
        }
        let (own, other) = (&self.sides[by], &self.sides[by.reverse()]);
        let rare = self.rare.as_deref();
        let reset = |by: Direction| rare.is_some_and(|rare| rare.reset[by].contains(stream.0));
        let ended = own.ended.contains(stream.0);
        if message && ended {
            return found(ViolationKind::AfterEnd);
        }
        if message && reset(by) {
            return found(ViolationKind::AfterReset);
        }
        let closed = ended && other.ended.contains(stream.0) || reset(by.reverse());
        let control = matches!(kind, FrameType::RST_STREAM | FrameType::WINDOW_UPDATE);
        if control && closed {
            return found(ViolationKind::OnClosed);
        }
        if by == Direction::ServerToClient || opened.contains(stream.0) {
            return None;
        }
        let own = stream.is_client_initiated();
        let above = stream.0 > opened.highest();
        match kind {
            FrameType::HEADERS if !own || !above => found(ViolationKind::StreamOrder),
            FrameType::DATA | FrameType::RST_STREAM | FrameType::WINDOW_UPDATE if own && above => {
                found(ViolationKind::IdleStream)
            }
            _ => None,
        }
    }
}
