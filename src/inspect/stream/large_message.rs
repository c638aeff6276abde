//! A gRPC message large enough that a receiver may refuse it.

use super::Stream;
use crate::capture::Stamp;
use crate::decode::Direction;

/// The smallest that is remembered, in bytes: no receiver refuses messages by their size below it unless
/// somebody set it so.
const MIN_LARGE: u32 = 64 * 1_024;

/// The message that a side was sending when its call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargeMessage {
    /// Who sent it.
    pub by: Direction,
    /// Its length, as the five bytes before it say.
    pub length: u32,
    /// The packet that completed the DATA frame it begins in; `None` where that was never completed.
    pub stamp: Option<Stamp>,
    /// Whether all of it had been sent.
    pub whole: bool,
}

impl Stream {
    /// A side's DATA frame was completed: remembers where a large message began.
    pub(in crate::inspect) fn note_large(&mut self, by: Direction, stamp: Stamp) {
        let length = self.length_of_latest(by);
        if length >= MIN_LARGE
            && self
                .large_began
                .as_deref()
                .is_none_or(|known| (known.0, known.1) != (by, length))
        {
            self.large_began = Some(Box::new((by, length, stamp)));
        }
    }

    /// The larger of both sides' latest messages, if that is large.
    pub(in crate::inspect) fn large_message(&self) -> Option<LargeMessage> {
        let sides = [Direction::ClientToServer, Direction::ServerToClient];
        let lengths = sides.map(|by| (self.length_of_latest(by), by));
        let (length, by) = lengths.into_iter().max_by_key(|(length, _)| *length)?;
        if length < MIN_LARGE {
            return None;
        }
        let messages = match by {
            Direction::ClientToServer => &self.request.messages,
            Direction::ServerToClient => &self.answer.messages,
        };
        let began = self.large_began.as_deref();
        let began = began.filter(|known| (known.0, known.1) == (by, length));
        Some(LargeMessage {
            by,
            length,
            stamp: began.map(|known| known.2),
            whole: messages.is_whole(),
        })
    }

    const fn length_of_latest(&self, by: Direction) -> u32 {
        match by {
            Direction::ClientToServer => self.request.messages.length,
            Direction::ServerToClient => self.answer.messages.length,
        }
    }
}
