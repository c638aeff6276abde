//! Integers and strings out of a header block (RFC 7541, section 5).

use super::block::MAX_BYTES;
use super::fault::{Fault, FaultKind};
use super::huffman;

/// The octets that may follow an integer's prefix: five carry 35 bits, all that 32 need.
const MAX_CONTINUATION: usize = 5;

/// A header block and how far it has been read.
pub(super) struct Input<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(super) const fn new(block: &'a [u8]) -> Self {
        Self { block, at: 0 }
    }

    /// How many bytes have been read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The next byte, which stays unread.
    pub(super) fn peek(&self) -> Option<u8> {
        self.block.get(self.at).copied()
    }

    /// Reads an integer whose prefix is the lower `bits` bits of the next byte (section 5.1).
    ///
    /// ```text
    ///     0   1   2   3   4   5   6   7
    ///   +---+---+---+---+---+---+---+---+
    ///   | ? | ? | ? | 1   1   1   1   1 |   a prefix of ones: more follows,
    ///   +---+---+---+-------------------+
    ///   | 1 |  value - 31, lowest bits  |   seven bits at a time,
    ///   +---+---------------------------+
    ///   | 0 |  value - 31, highest bits |   until the first bit is 0
    ///   +---+---------------------------+
    /// ```
    pub(super) fn integer(&mut self, bits: u32) -> Result<u32, Fault> {
        let start = self.at;
        let full = (1u8 << bits) - 1;
        let prefix = self.byte(start)? & full;
        if prefix < full {
            return Ok(u32::from(prefix));
        }
        let mut value = u64::from(full);
        for position in 0..MAX_CONTINUATION {
            let byte = self.byte(start)?;
            value += u64::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| overflow(start));
            }
        }
        Err(overflow(start))
    }

    /// Reads a string, appends it to `text` and returns its length there (section 5.2).
    ///
    /// ```text
    ///     0   1   2   3   4   5   6   7
    ///   +---+---+---+---+---+---+---+---+
    ///   | H |     length (7+ bits)      |   H: Huffman-coded
    ///   +---+---------------------------+
    ///   |  length octets ...            |
    ///   +-------------------------------+
    /// ```
    pub(super) fn string(&mut self, text: &mut Vec<u8>) -> Result<usize, Fault> {
        let start = self.at;
        let is_coded = self.peek().is_some_and(|byte| byte & 0x80 != 0);
        let length = self.integer(7)?;
        let octets = usize::try_from(length)
            .ok()
            .and_then(|length| self.block.get(self.at..)?.get(..length))
            .ok_or(Fault {
                at: start,
                kind: FaultKind::Truncated,
            })?;
        if octets.len() > MAX_BYTES {
            return Err(Fault {
                at: start,
                kind: FaultKind::BlockTooLarge,
            });
        }
        self.at += octets.len();
        if !is_coded {
            text.extend_from_slice(octets);
            return Ok(octets.len());
        }
        let before = text.len();
        huffman::decode(octets, text).map_err(|kind| Fault { at: start, kind })?;
        Ok(text.len() - before)
    }

    /// Reads one byte of what began at `start`.
    fn byte(&mut self, start: usize) -> Result<u8, Fault> {
        let byte = self.peek().ok_or(Fault {
            at: start,
            kind: FaultKind::Truncated,
        })?;
        self.at += 1;
        Ok(byte)
    }
}

const fn overflow(at: usize) -> Fault {
    Fault {
        at,
        kind: FaultKind::IntegerOverflow,
    }
}
