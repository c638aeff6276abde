//! Sequence numbers that do not wrap.

/// The position of the first byte of a byte stream whose beginning was seen (the byte after the
/// SYN). Bytes older than the first one seen still have a position, since a capture that begins
/// mid-connection may show them late.
pub const ORIGIN: u64 = 1 << 40;

/// Maps one direction's 32-bit sequence numbers to 64-bit positions.
///
/// Sequence numbers wrap every 4 GiB (RFC 9293, section 3.4); a position never does. The mapping
/// takes the position nearest to one already known, which is right as long as packets are less
/// than 2 GiB apart: twice the largest window TCP allows (RFC 7323, section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceSpace {
    sequence_at_origin: u32,
}

impl SequenceSpace {
    /// The space in which the byte with this sequence number stands at [`ORIGIN`].
    #[must_use]
    pub const fn beginning_at(sequence: u32) -> Self {
        Self {
            sequence_at_origin: sequence,
        }
    }

    /// The position of `sequence`, as the one nearest to the position `near`.
    #[must_use]
    pub const fn position(self, sequence: u32, near: u64) -> u64 {
        // Positions count modulo 2^32 exactly as sequence numbers do.
        #[allow(clippy::cast_possible_truncation)]
        let expected = self
            .sequence_at_origin
            .wrapping_add(near.wrapping_sub(ORIGIN) as u32);
        let distance = sequence.wrapping_sub(expected).cast_signed();
        near.saturating_add_signed(distance as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_go_on_where_sequence_numbers_wrap() {
        let space = SequenceSpace::beginning_at(0xffff_fff0);
        assert_eq!(space.position(0xffff_fff0, ORIGIN), ORIGIN);
        assert_eq!(space.position(0x10, ORIGIN), ORIGIN + 0x20);
        let far = ORIGIN + (7 << 32);
        assert_eq!(space.position(0x10, far), far + 0x20);
    }

    #[test]
    fn a_byte_before_the_first_one_seen_has_a_position_too() {
        let space = SequenceSpace::beginning_at(100);
        assert_eq!(space.position(90, ORIGIN), ORIGIN - 10);
    }
}
