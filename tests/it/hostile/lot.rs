//! Chance that is the same everywhere: numbers, places and stretches drawn by a seed.

use std::ops::Range;

/// Numbers at which length fields, counters and their sums break.
const EDGES: [u32; 20] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x3fff,
    0x4000,
    0x4001,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x40_0000,
    0xff_ffff,
    0x100_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];

/// The longest stretch that is repeated, moved or deleted in one go, in bytes or packets.
const MAX_STRETCH: usize = 600;

/// Numbers that look random and are the same everywhere: SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) struct Lot(u64);

impl Lot {
    /// A seed's, for a recording; by name, so that a new one leaves the others' as they were.
    pub(crate) fn new(name: &str, seed: u64) -> Self {
        // FNV-1a.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut lot = Self(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        lot.draw();
        lot
    }

    /// Any 64 bits.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a length").max(1);
        usize::try_from(self.draw() % end).expect("below a length")
    }

    /// One of several, each as likely.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Whether what happens once in `times` happens now.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn word(&mut self) -> u32 {
        u32::try_from(self.draw() >> 32).expect("half of it")
    }

    /// A number where things break, close to one, or any.
    pub(crate) fn edge(&mut self) -> u32 {
        let edge = self.one_of(&EDGES);
        match self.below(8) {
            0 => self.word(),
            1 => edge.wrapping_sub(1),
            2 => edge.wrapping_add(1),
            _ => edge,
        }
    }

    /// The same of 64 bits.
    pub(crate) fn long_edge(&mut self) -> u64 {
        let low = u64::from(self.edge());
        match self.below(3) {
            0 => low,
            1 => u64::from(self.edge()) << 32 | low,
            // The last moments that nanoseconds of 64 bits with a sign can tell.
            _ => i64::MAX.cast_unsigned() - low,
        }
    }

    /// A stretch of something that is `length` long.
    pub(crate) fn stretch(&mut self, length: usize) -> Range<usize> {
        let begin = self.below(length + 1);
        // Most are short, so that most of the capture stays.
        let longest = self.one_of(&[4, 16, 64, MAX_STRETCH]);
        let end = begin + self.below(longest.min(length - begin) + 1);
        begin..end
    }
}
