//! A hash of texts that are compared, for requests that a peer chooses.
//!
//! In: bytes, in whatever pieces they come. Out: a number, the same for the same bytes. It takes a quarter of what the
//! standard library's hasher does, and the identity of every call is hashed. Whoever knows it can make two requests
//! that have one hash; he gains what two equal requests would have given him. Maps by it have to be keyed, or in order.

/// An odd number without a pattern: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// What zeros are mixed with: the first digits of pi behind the point.
const SALT: u64 = 0x243f_6a88_85a3_08d3;

/// Bytes that are mixed at once.
const WORD: usize = 8;

/// Hashes bytes as they come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TextHash {
    state: u64,
    /// The last bytes, which are no whole word so far: the first is the lowest, and zeros are above.
    tail: u64,
    /// How many bytes came.
    length: u64,
}

impl TextHash {
    /// Takes the next bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let begun = self.begun();
        self.length += bytes.len() as u64;
        let (words, rest) = bytes.as_chunks();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        match begun {
            // A text in one piece: its words are those that are mixed.
            0 => words.for_each(|word| self.mix(word)),
            _ => words.for_each(|word| self.add(word, begun, WORD)),
        }
        if !rest.is_empty() {
            let word = match bytes.last_chunk() {
                Some(last) => u64::from_le_bytes(*last) >> (8 * (WORD - rest.len())),
                None => {
                    let from_last = rest.iter().rev();
                    from_last.fold(0, |word, byte| word << 8 | u64::from(*byte))
                }
            };
            self.add(word, begun, rest.len());
        }
    }

    /// Adds the lowest `count` bytes of a word behind the `begun` ones of the tail.
    #[inline]
    const fn add(&mut self, word: u64, begun: usize, count: usize) {
        self.tail |= word << (8 * begun);
        if begun + count >= WORD {
            self.mix(self.tail);
            // What did not fit: nothing, where nothing was begun.
            self.tail = (word >> 1) >> (63 - 8 * begun);
        }
    }

    /// The hash of all bytes so far.
    pub(super) const fn finish(mut self) -> u64 {
        self.mix(self.tail);
        self.mix(self.length);
        self.state
    }

    /// How many bytes of the last word came.
    const fn begun(&self) -> usize {
        self.length as usize % WORD
    }

    const fn mix(&mut self, word: u64) {
        self.state = mixed(self.state ^ word);
    }
}

/// The hash of several numbers, in their order.
pub(super) fn of_numbers(numbers: &[u64]) -> u64 {
    let add = |state: u64, number: &u64| mixed(state.rotate_left(1) ^ number);
    numbers.iter().fold(numbers.len() as u64, add)
}

/// Both halves of a product, so that each bit of it follows from all before.
const fn mixed(word: u64) -> u64 {
    let product = (word ^ SALT) as u128 * MULTIPLIER as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn hash(parts: &[&[u8]]) -> u64 {
        let mut hash = TextHash::default();
        for part in parts {
            hash.write(part);
        }
        hash.finish()
    }

    #[test]
    fn a_text_has_one_hash_however_it_is_cut() {
        let text: Vec<u8> = (0..40).collect();
        let whole = hash(&[&text]);
        for first in 0..text.len() {
            for second in first..text.len() {
                let parts = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(hash(&parts), whole, "{first}, {second}");
            }
        }
    }

    #[test]
    fn texts_that_differ_little_have_hashes_of_their_own() {
        let mut seen = BTreeSet::new();
        for length in 0..64 {
            assert!(seen.insert(hash(&[&vec![0; length]])), "{length} zeros");
        }
        for number in 1..100_000_u32 {
            assert!(seen.insert(hash(&[&number.to_le_bytes()])), "{number}");
            assert!(seen.insert(of_numbers(&[number.into(), 0])), "{number}");
            assert!(seen.insert(of_numbers(&[0, number.into()])), "{number}");
        }
    }
}
