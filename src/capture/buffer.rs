//! One refillable buffer in front of a capture, in which its records are parsed where they lie.
//!
//! ```text
//!            start              end               length
//!   +----------+-----------------+-------------------+
//!   | consumed | waiting: parsed | free: read(2) here|
//!   +----------+-----------------+-------------------+
//! ```
//!
//! It never grows beyond the length that a caller requires, and callers bound that.

use std::io::{self, Read};
use std::ops::Range;

use super::compression::Unpacked;

pub(super) struct Buffer {
    input: Unpacked,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    exhausted: Option<Exhausted>,
}

/// Why no more bytes come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exhausted {
    /// The file is at its end.
    End,
    /// The file ends in the middle of its compressed stream.
    CutOff,
    /// The compressed stream is damaged, in the decompressor's words.
    Damaged(String),
    /// The compressed stream unpacks to more than is read, in words.
    TooLarge(String),
}

impl Buffer {
    pub(super) fn new(input: Unpacked, capacity: usize) -> Self {
        Self {
            input,
            bytes: vec![0; capacity],
            start: 0,
            end: 0,
            exhausted: None,
        }
    }

    pub(super) fn input(&self) -> &Unpacked {
        &self.input
    }

    pub(super) fn input_mut(&mut self) -> &mut Unpacked {
        &mut self.input
    }

    /// Why [`Self::require`] failed; `None` as long as more may come.
    pub(super) fn exhausted(&self) -> Option<&Exhausted> {
        self.exhausted.as_ref()
    }

    /// The bytes read and not yet consumed.
    #[inline]
    pub(super) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until `length` bytes wait; `false` if the input ends before.
    #[inline]
    pub(super) fn require(&mut self, length: usize) -> io::Result<bool> {
        if self.end - self.start >= length {
            Ok(true)
        } else {
            self.refill(length)
        }
    }

    /// Gives up the first `length` waiting bytes, or all if there are fewer. They stay readable by
    /// [`Self::slice`] until the next [`Self::require`].
    #[inline]
    pub(super) fn consume(&mut self, length: usize) -> Range<usize> {
        let begin = self.start;
        self.start = begin.saturating_add(length).min(self.end);
        begin..self.start
    }

    /// What lies at a place that [`Self::consume`] returned, or a part of it.
    #[inline]
    pub(super) fn slice(&self, place: Range<usize>) -> &[u8] {
        self.bytes.get(place).unwrap_or_default()
    }

    /// Consumes `length` bytes however many they are, holding none; `false` if the input ends
    /// before.
    pub(super) fn skip(&mut self, mut length: u64) -> io::Result<bool> {
        loop {
            let waiting = self.end - self.start;
            let step = usize::try_from(length).unwrap_or(usize::MAX).min(waiting);
            self.consume(step);
            length -= step as u64;
            if length == 0 {
                return Ok(true);
            }
            if !self.require(1)? {
                return Ok(false);
            }
        }
    }

    #[cold]
    fn refill(&mut self, length: usize) -> io::Result<bool> {
        // What waits is less than one record: moving it costs less than a second buffer would.
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() < length {
            self.bytes.resize(length, 0);
        }

        while self.end < length && self.exhausted.is_none() {
            let free = self.bytes.get_mut(self.end..).unwrap_or_default();
            match self.input.read(free) {
                Ok(0) => self.exhausted = Some(Exhausted::End),
                // A reader that claims more than it was given room for is not believed.
                Ok(count) => self.end = self.end.saturating_add(count).min(self.bytes.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if !self.input.is_damage(&error) => {
                    self.exhausted = Some(Exhausted::End);
                    return Err(error);
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.exhausted = Some(Exhausted::CutOff);
                }
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                    self.exhausted = Some(Exhausted::TooLarge(error.to_string()));
                }
                Err(error) => self.exhausted = Some(Exhausted::Damaged(error.to_string())),
            }
        }
        Ok(self.end >= length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a call, as the slowest pipe would.
    struct Trickle(Vec<u8>);

    impl Read for Trickle {
        fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() || free.is_empty() {
                return Ok(0);
            }
            free[0] = self.0.remove(0);
            Ok(1)
        }
    }

    fn buffer(bytes: &[u8], capacity: usize) -> Buffer {
        Buffer::new(
            Unpacked::new(Box::new(Trickle(bytes.to_vec()))).unwrap(),
            capacity,
        )
    }

    #[test]
    fn bytes_come_in_order_across_refills() {
        let mut buffer = buffer(b"abcdefghij", 4);
        assert!(buffer.require(3).unwrap());
        assert!(buffer.waiting().starts_with(b"abc"));
        let place = buffer.consume(2);
        assert_eq!(buffer.slice(place), b"ab");
        assert!(buffer.require(6).unwrap());
        assert_eq!(buffer.waiting(), b"cdefgh");
        assert!(buffer.skip(7).unwrap());
        assert!(!buffer.require(2).unwrap());
        assert_eq!(buffer.waiting(), b"j");
        assert_eq!(buffer.exhausted(), Some(&Exhausted::End));
    }

    #[test]
    fn skipping_holds_nothing() {
        let mut buffer = buffer(&[7; 1000], 16);
        assert!(buffer.skip(999).unwrap());
        assert!(!buffer.skip(2).unwrap());
        assert_eq!(buffer.bytes.len(), 16);
    }
}
