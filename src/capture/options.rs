//! What a packet's block says beside the packet (draft-ietf-opsawg-pcapng, sections 3.5 and 4.3).
//!
//! ```text
//! +------+--------+--------------------+--
//! | code | length | value, padded to 4 | ...
//! +------+--------+--------------------+--
//!    2       2
//! ```

/// The end of all options.
const END: u16 = 0;

/// A comment: text.
const COMMENT: u16 = 1;

/// The flags of a packet: 32 bits, of which the lowest two say which way it went.
const FLAGS: u16 = 2;

/// The byte order of a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ByteOrder {
    #[default]
    Little,
    Big,
}

impl ByteOrder {
    /// The 16 bits at offset `at` of `block`.
    #[inline]
    pub(super) fn half(self, block: &[u8], at: usize) -> Option<u16> {
        let &bytes = block.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    /// The 32 bits at offset `at` of `block`.
    #[inline]
    pub(super) fn word(self, block: &[u8], at: usize) -> Option<u32> {
        let &bytes = block.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    /// The 64 bits at offset `at` of `block`.
    pub(super) fn long(self, block: &[u8], at: usize) -> Option<u64> {
        let &bytes = block.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        })
    }
}

/// The options of one packet's block; none where its format has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketOptions<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
}

/// Which way a packet went, as seen from the host that captured it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketWay {
    /// It was received.
    Inbound,
    /// It was sent.
    Outbound,
}

impl<'a> PacketOptions<'a> {
    pub(super) const fn new(bytes: &'a [u8], order: ByteOrder) -> Self {
        Self { bytes, order }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The packet's comments, UTF-8 if their writer kept to the rules.
    pub fn comments(self) -> impl Iterator<Item = &'a [u8]> {
        let comments = self.values().filter(|(code, _)| *code == COMMENT);
        comments.map(|(_, value)| value)
    }

    /// Which way it went; `None` where that is not said.
    #[must_use]
    pub fn way(self) -> Option<PacketWay> {
        let (_, flags) = self.values().find(|(code, _)| *code == FLAGS)?;
        match self.order.word(flags, 0)? & 0b11 {
            0b01 => Some(PacketWay::Inbound),
            0b10 => Some(PacketWay::Outbound),
            _ => None,
        }
    }

    fn values(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let code = self.order.half(rest, 0).filter(|code| *code != END)?;
            let length = usize::from(self.order.half(rest, 2)?);
            let value = rest.get(4..)?.get(..length)?;
            rest = rest
                .get(4 + length.next_multiple_of(4)..)
                .unwrap_or_default();
            Some((code, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_the_way_are_read_in_both_orders() {
        let little = b"\x01\0\x03\0abc\0\x02\0\x04\0\x02\0\0\0\x01\0\x01\0d\0\0\0\0\0\0\0\x01\0\x01\0e\0\0\0";
        let options = PacketOptions::new(little, ByteOrder::Little);
        assert_eq!(
            options.comments().collect::<Vec<_>>(),
            [b"abc".as_slice(), b"d"]
        );
        assert_eq!(options.way(), Some(PacketWay::Outbound));
        let big = b"\0\x02\0\x04\0\0\0\x01\0\x01\0\x01x";
        let options = PacketOptions::new(big, ByteOrder::Big);
        assert_eq!(options.comments().collect::<Vec<_>>(), [b"x"]);
        assert_eq!(options.way(), Some(PacketWay::Inbound));
    }

    #[test]
    fn options_that_do_not_fit_end_the_list() {
        for bytes in [
            &b""[..],
            b"\x01",
            b"\x01\0\xff\xff",
            b"\x01\0\x02\0a",
            b"\x02\0\0\0",
        ] {
            let options = PacketOptions::new(bytes, ByteOrder::Little);
            assert_eq!(options.comments().count(), 0);
            assert_eq!(options.way(), None);
        }
    }
}
