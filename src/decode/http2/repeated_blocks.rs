//! Header blocks that a side repeats while its header table stays as it is: most answers of a server are such.
//!
//! In: blocks, before and after they are decoded. Out: what one that was decoded before came to, so that it need not be
//! decoded again. Only blocks that are nothing but a few indexes are kept: they change no table.

use super::hpack::HeaderBlock;

/// How many blocks in a row leave a table as it is before one is kept: short connections end before it is of use.
const STABLE: u32 = 8;

/// How many blocks are kept: an answer has two, its head and its trailers.
const KEPT: usize = 2;

/// The latest blocks that may be repeated.
#[derive(Debug, Default)]
pub(super) struct RepeatedBlocks {
    kept: [Option<Repeated>; KEPT],
    /// Which of them is given up next.
    oldest: usize,
    /// How often the table had been changed when the latest block was decoded, and how many blocks left it so.
    changes: u64,
    stable: u32,
    /// How many bytes of memory they take.
    held: usize,
}

/// A block, and what it came to.
#[derive(Debug, Default)]
struct Repeated {
    indexes: Indexes,
    /// How often the table had been changed.
    changes: u64,
    fields: HeaderBlock,
}

/// A block that is nothing but one to eight indexes of a byte each (RFC 7541, section 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Indexes(u64);

impl Indexes {
    /// Those of a block, if it is such.
    #[inline]
    fn of(block: &[u8]) -> Option<Self> {
        let is_short = (1..=size_of::<u64>()).contains(&block.len());
        let is_index = |byte: &u8| (0x81..0xff).contains(byte);
        if !is_short || !block.iter().all(is_index) {
            return None;
        }
        let joined = block
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte));
        Some(Self(joined))
    }
}

impl RepeatedBlocks {
    /// Where it is kept what a block came to before, the table having been changed as often.
    pub(super) fn recall(&self, block: &[u8], changes: u64) -> Option<usize> {
        let indexes = Indexes::of(block)?;
        let is_same = |kept: &Repeated| kept.indexes == indexes && kept.changes == changes;
        let mut kept = self.kept.iter();
        kept.position(|kept| kept.as_ref().is_some_and(is_same))
    }

    /// What a block that is kept came to.
    pub(super) fn get(&self, place: usize) -> Option<&HeaderBlock> {
        self.kept.get(place)?.as_ref().map(|kept| &kept.fields)
    }

    /// A block was decoded: keeps it if it may be repeated, and the table stays as it is.
    pub(super) fn learn(&mut self, block: &[u8], changes: u64, fields: &HeaderBlock) {
        let is_same = std::mem::replace(&mut self.changes, changes) == changes;
        self.stable = if is_same {
            self.stable.saturating_add(1)
        } else {
            0
        };
        if self.stable >= STABLE
            && let Some(indexes) = Indexes::of(block)
            && let Some(place) = self.kept.get_mut(self.oldest)
        {
            let kept = place.get_or_insert_default();
            (kept.indexes, kept.changes) = (indexes, changes);
            self.held -= kept.fields.held();
            kept.fields.copy(fields);
            self.held += kept.fields.held();
            self.oldest = (self.oldest + 1) % KEPT;
        }
    }

    /// How many bytes of memory they take.
    pub(super) const fn held(&self) -> usize {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::http2::hpack::Decoder;

    #[test]
    fn a_block_is_recalled_while_the_table_stays_as_it_is() {
        let mut decoder = Decoder::new();
        let mut repeated = RepeatedBlocks::default();
        // `:status: 200`, and the latest entry.
        let answer = [0x88, 0xbe];
        let mut decode = |decoder: &mut Decoder, bytes: &[u8]| {
            let mut block = HeaderBlock::default();
            decoder.decode(bytes, &mut block);
            let changes = decoder.changes();
            repeated.learn(bytes, changes, &block);
            let kept = repeated.recall(bytes, changes);
            (
                kept.and_then(|kept| repeated.get(kept))
                    .map(|kept| format!("{kept:?}")),
                format!("{block:?}"),
            )
        };
        let (kept, _) = decode(&mut decoder, b"\x40\x01a\x01b");
        assert_eq!(kept, None, "it is no index");
        for _ in 1..STABLE {
            let (kept, _) = decode(&mut decoder, &answer);
            assert_eq!(kept, None, "the table may still change");
        }
        let (kept, block) = decode(&mut decoder, &answer);
        assert_eq!(kept.as_ref(), Some(&block));
        let (kept, again) = decode(&mut decoder, &answer);
        assert_eq!((kept, &again), (Some(block.clone()), &block));
        decode(&mut decoder, b"\x40\x01a\x01c");
        let (kept, other) = decode(&mut decoder, &answer);
        assert_ne!(other, block);
        assert_eq!(kept, None, "the index means something else");
    }

    #[test]
    fn what_changes_a_table_or_is_long_is_not_kept() {
        for block in [
            b"".as_slice(),
            &[0x80],
            &[0xff, 0x01],
            &[0x3f, 0xe1, 0x1f],
            &[0x82; 9],
        ] {
            assert_eq!(Indexes::of(block), None, "{block:?}");
        }
    }
}
