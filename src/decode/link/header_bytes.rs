//! Bytes that the snap length may have cut, beside the length they had on the wire.

use crate::capture::Packet;

/// The captured beginning of `length` bytes on the wire; `captured` is never the longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderBytes<'a> {
    /// What was captured.
    pub(super) captured: &'a [u8],
    /// How many bytes there were on the wire.
    pub(super) length: usize,
}

impl<'a> HeaderBytes<'a> {
    /// All of `packet`. An original length below the captured one is a writer's mistake: bytes
    /// that are there were on the wire.
    pub(super) fn of(packet: &Packet<'a>) -> Self {
        Self {
            captured: packet.data,
            length: (packet.original_length as usize).max(packet.data.len()),
        }
    }

    /// The header of `N` bytes at the front and what is behind it; `None` if it was cut.
    pub(super) fn split_header<const N: usize>(self) -> Option<(&'a [u8; N], Self)> {
        let (header, captured) = self.captured.split_first_chunk()?;
        let length = self.length.saturating_sub(N);
        Some((header, Self { captured, length }))
    }

    /// What is behind the first `count` bytes; `None` if the cut lies before.
    pub(super) fn skip(self, count: usize) -> Option<Self> {
        let captured = self.captured.get(count..)?;
        let length = self.length.saturating_sub(count);
        Some(Self { captured, length })
    }

    /// The first `length` bytes: what follows is padding or another header's trailer.
    pub(super) fn shortened(self, length: usize) -> Self {
        Self {
            captured: self.captured.get(..length).unwrap_or(self.captured),
            length: self.length.min(length),
        }
    }

    /// The byte at `offset`, if it was captured.
    pub(super) fn byte(self, offset: usize) -> Option<u8> {
        self.captured.get(offset).copied()
    }

    /// The two bytes at `offset` in network byte order, if they were captured.
    pub(super) fn word(self, offset: usize) -> Option<u16> {
        let bytes = self.captured.get(offset..)?.first_chunk()?;
        Some(u16::from_be_bytes(*bytes))
    }
}
