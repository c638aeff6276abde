//! Huffman-coded strings (RFC 7541, section 5.2): octets in, text out.
//!
//! Text is mostly made of codes of five to seven bits, so one look at the next twelve bits
//! usually yields two symbols. The table for that ([`STEPS`], 16 KiB) stays in a core's nearest
//! cache; the longer codes, of rare signs and octets beyond ASCII, are searched for.

use super::fault::FaultKind;
use super::huffman_code::{CODES, END_OF_STRING};

/// Decodes `input` and appends the text. Before a fault, the text up to it is appended.
pub(super) fn decode(input: &[u8], text: &mut Vec<u8>) -> Result<(), FaultKind> {
    // Room for all there can be, at once: to ask for it at each write takes a third of the time.
    let begin = text.len();
    text.resize(
        begin + input.len() * 8 / SHORTEST_CODE + size_of::<u64>(),
        0,
    );
    let mut writer = TextWriter {
        room: text.get_mut(begin..).unwrap_or_default(),
        written: 0,
    };
    let decoded = write(input, &mut writer);
    let end = begin + writer.written;
    text.truncate(end);
    decoded
}

fn write(input: &[u8], text: &mut TextWriter<'_>) -> Result<(), FaultKind> {
    let mut bits = Bits { input, taken: 0 };
    loop {
        if bits.take_steps(text) {
            continue;
        }
        if bits.is_padding() {
            return Ok(());
        }
        text.write(bits.take_symbol()?.into(), 1);
    }
}

/// The length of the shortest codes, in bits.
const SHORTEST_CODE: usize = 5;

/// Where text goes: room for all of it, and for one register more.
struct TextWriter<'a> {
    room: &'a mut [u8],
    written: usize,
}

impl TextWriter<'_> {
    /// Writes `count` symbols, the first in the lowest byte. A write of fixed length is one instruction; what it
    /// writes too much is written over by the next one, or cut off.
    #[inline]
    fn write(&mut self, symbols: u64, count: usize) {
        let free = self.room.get_mut(self.written..).unwrap_or_default();
        if let Some(place) = free.first_chunk_mut() {
            *place = symbols.to_le_bytes();
        }
        self.written += count;
    }
}

/// How many bits a step looks at. The codes of all letters, digits and usual signs fit, most of
/// them twice; one bit more would double the table and rarely help.
const STEP_BITS: usize = 12;

/// How many steps are taken between two loads: 48 of the 57 bits that a load is sure to bring.
/// Their eight symbols fill one register.
const STEPS_PER_LOAD: usize = 4;

/// A string and how many of its bits have been decoded.
struct Bits<'a> {
    input: &'a [u8],
    taken: usize,
}

impl Bits<'_> {
    fn left(&self) -> usize {
        (self.input.len() * 8).saturating_sub(self.taken)
    }

    /// At least the next 57 bits, from the most significant one on. Ones follow the string's end,
    /// as if its padding went on.
    #[inline]
    fn ahead(&self) -> u64 {
        let rest = self.input.get(self.taken / 8..).unwrap_or_default();
        let load = match (rest.first_chunk(), self.input.last_chunk()) {
            (Some(chunk), _) => u64::from_be_bytes(*chunk),
            (None, _) if rest.is_empty() => u64::MAX,
            // Fewer than eight bytes are left, but eight there were.
            (None, Some(chunk)) => {
                let missing = 64 - 8 * rest.len();
                u64::from_be_bytes(*chunk) << missing | ((1 << missing) - 1)
            }
            (None, None) => {
                let missing = 64 - 8 * rest.len();
                let value = rest
                    .iter()
                    .fold(0, |value, byte| value << 8 | u64::from(*byte));
                value << missing | ((1 << missing) - 1)
            }
        };
        load << (self.taken % 8)
    }

    /// Takes [`STEPS_PER_LOAD`] steps and appends their text; fewer, and returns false, where a
    /// step meets a long code or would pass the string's end.
    #[inline]
    fn take_steps(&mut self, text: &mut TextWriter<'_>) -> bool {
        if self.left() >= STEPS_PER_LOAD * STEP_BITS {
            return self.take_all_steps(text);
        }
        let mut ahead = self.ahead();
        let allowed = self.left();
        let mut left = allowed;
        let mut symbols = 0;
        let mut count = 0;
        let mut is_through = true;
        for _ in 0..STEPS_PER_LOAD {
            let step = Step::next(ahead);
            let bits = usize::from(step.bits);
            if step.is_long() || bits > left {
                is_through = false;
                break;
            }
            symbols |= u64::from(step.symbols) << (8 * count);
            count += usize::from(step.count);
            ahead <<= bits;
            left -= bits;
        }
        self.taken += allowed - left;
        text.write(symbols, count);
        is_through
    }

    /// The same where no step can pass the string's end. Nothing is asked on the way: behind a long code every step is
    /// one that takes no bits.
    #[inline]
    fn take_all_steps(&mut self, text: &mut TextWriter<'_>) -> bool {
        let mut ahead = self.ahead();
        let mut symbols = 0;
        let mut count = 0;
        let mut latest = Step::LONG;
        for _ in 0..STEPS_PER_LOAD {
            latest = Step::next(ahead);
            symbols |= u64::from(latest.symbols) << (8 * count);
            count += usize::from(latest.count);
            ahead <<= latest.bits;
            self.taken += usize::from(latest.bits);
        }
        text.write(symbols, count);
        !latest.is_long()
    }

    /// Whether nothing is left but padding: fewer than eight bits, all ones as the end-of-string
    /// symbol begins. No symbol's code is made of ones only, so none is mistaken for padding.
    fn is_padding(&self) -> bool {
        let left = self.left();
        left < 8 && self.ahead() | (u64::MAX >> left) == u64::MAX
    }

    /// Takes one symbol, however long its code.
    fn take_symbol(&mut self) -> Result<u8, FaultKind> {
        let ahead = (self.ahead() >> 32) as u32;
        let following = SORTED.partition_point(|code| code.aligned <= ahead);
        let found = following.checked_sub(1).and_then(|index| SORTED.get(index));
        // The code that is all zeros sorts first, so that every bit string has one before it.
        let code = found.ok_or(FaultKind::Padding)?;
        if usize::from(code.bits) > self.left() {
            return Err(FaultKind::Padding);
        }
        self.taken += usize::from(code.bits);
        u8::try_from(code.symbol).map_err(|_| FaultKind::EndOfString)
    }
}

/// What the next [`STEP_BITS`] bits begin with: as many whole codes as fit, at most two.
#[derive(Clone, Copy)]
struct Step {
    /// The symbols, the first in the lower byte.
    symbols: u16,
    /// How many symbols.
    count: u8,
    /// The bits that they take.
    bits: u8,
}

impl Step {
    /// The first code is longer than a step: it takes nothing.
    const LONG: Self = Self {
        symbols: 0,
        count: 0,
        bits: 0,
    };

    const fn is_long(self) -> bool {
        self.bits == 0
    }

    /// The step that `ahead` begins with.
    #[inline]
    fn next(ahead: u64) -> Self {
        let index = (ahead >> (64 - STEP_BITS)) as usize;
        STEPS.get(index).copied().unwrap_or(Self::LONG)
    }
}

/// The step for every value that [`STEP_BITS`] bits can have.
#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, which refuses a wrong index"
)]
static STEPS: [Step; 1 << STEP_BITS] = {
    // First the steps of one symbol: a code and whatever may follow it.
    let mut single = [Step::LONG; 1 << STEP_BITS];
    let mut symbol = 0;
    while symbol < END_OF_STRING {
        let code = CODES[symbol];
        if code.bits as usize <= STEP_BITS {
            let free = STEP_BITS - code.bits as usize;
            let mut following = 0;
            while following < 1 << free {
                single[(code.code as usize) << free | following] = Step {
                    symbols: symbol as u16,
                    count: 1,
                    bits: code.bits,
                };
                following += 1;
            }
        }
        symbol += 1;
    }
    // Then a second symbol wherever what follows the first code settles it.
    let mut steps = single;
    let mut index = 0;
    while index < single.len() {
        let first = single[index];
        if first.count == 1 {
            let second = single[(index << first.bits) % single.len()];
            if second.count == 1 && (first.bits + second.bits) as usize <= STEP_BITS {
                steps[index] = Step {
                    symbols: first.symbols | second.symbols << 8,
                    count: 2,
                    bits: first.bits + second.bits,
                };
            }
        }
        index += 1;
    }
    steps
};

/// A code as [`SORTED`] holds it.
#[derive(Clone, Copy)]
struct Sorted {
    /// The code, aligned to its most significant bit.
    aligned: u32,
    bits: u8,
    symbol: u16,
}

/// All codes in the order of their bits: the one that a bit string begins with is the last that
/// does not exceed it.
#[expect(
    clippy::indexing_slicing,
    reason = "runs in the compiler, which refuses a wrong index"
)]
static SORTED: [Sorted; CODES.len()] = {
    let mut sorted = [Sorted {
        aligned: 0,
        bits: 0,
        symbol: 0,
    }; CODES.len()];
    let mut symbol = 0;
    while symbol < CODES.len() {
        let aligned = CODES[symbol].code << (32 - CODES[symbol].bits);
        let mut rank = 0;
        let mut other = 0;
        while other < CODES.len() {
            if CODES[other].code << (32 - CODES[other].bits) < aligned {
                rank += 1;
            }
            other += 1;
        }
        sorted[rank] = Sorted {
            aligned,
            bits: CODES[symbol].bits,
            symbol: symbol as u16,
        };
        symbol += 1;
    }
    sorted
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::huffman_code::Code;
    use super::*;

    /// What appendix B says of `input`, bit by bit.
    fn decode_slowly(input: &[u8]) -> Result<Vec<u8>, FaultKind> {
        let mut text = Vec::new();
        let (mut code, mut bits) = (0u32, 0u8);
        for bit in input
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        {
            code = code << 1 | u32::from(bit);
            bits += 1;
            let found = CODES
                .iter()
                .position(|known| known.bits == bits && known.code == code);
            match found {
                Some(END_OF_STRING) => return Err(FaultKind::EndOfString),
                Some(symbol) => {
                    text.push(symbol as u8);
                    (code, bits) = (0, 0);
                }
                None => {}
            }
        }
        let is_padding = bits < 8 && code == (1 << bits) - 1;
        if is_padding {
            Ok(text)
        } else {
            Err(FaultKind::Padding)
        }
    }

    fn decode_quickly(input: &[u8]) -> Result<Vec<u8>, FaultKind> {
        let mut text = b"before".to_vec();
        decode(input, &mut text)?;
        Ok(text.strip_prefix(b"before").unwrap().to_vec())
    }

    /// `text` in code, without padding, as ones and zeros.
    fn bits_of(text: &[u8]) -> String {
        let code = |symbol: &u8| {
            let Code { code, bits } = CODES[usize::from(*symbol)];
            format!("{code:0width$b}", width = usize::from(bits))
        };
        text.iter().map(code).collect()
    }

    /// Octets from ones and zeros, the last octet filled up with `padding`.
    fn octets(bits: &str, padding: &str) -> Vec<u8> {
        let missing = bits.len().next_multiple_of(8) - bits.len();
        let padded = format!("{bits}{}", padding.repeat(missing));
        let octet = |chunk: &[u8]| chunk.iter().fold(0, |octet, bit| octet << 1 | (bit - b'0'));
        padded.as_bytes().chunks(8).map(octet).collect()
    }

    #[test]
    fn code_is_complete_and_free_of_prefixes() {
        // Kraft: the codes' shares of all bit strings add up to one exactly when none is a prefix
        // of another and every bit string begins with one; sorted, each ends where the next begins.
        let mut expected = 0u64;
        for code in &SORTED {
            assert_eq!(u64::from(code.aligned), expected, "symbol {}", code.symbol);
            expected += 1 << (32 - code.bits);
        }
        assert_eq!(expected, 1 << 32);
    }

    #[test]
    fn every_octet_survives_at_every_alignment() {
        for symbol in 0..=u8::MAX {
            for before in 0..16 {
                let text = [vec![b'0'; before], vec![symbol, symbol, b'a', symbol]].concat();
                let input = octets(&bits_of(&text), "1");
                assert_eq!(decode_quickly(&input), Ok(text));
            }
        }
    }

    #[test]
    fn empty_string_is_empty() {
        assert_eq!(decode_quickly(&[]), Ok(Vec::new()));
    }

    #[test]
    fn padding_is_less_than_an_octet_of_ones() {
        assert_eq!(decode_quickly(&octets("00011", "1")), Ok(b"a".to_vec()));
        assert_eq!(
            decode_quickly(&octets("00011", "0")),
            Err(FaultKind::Padding)
        );
        assert_eq!(
            decode_quickly(&octets("0001111111111", "1")),
            Err(FaultKind::Padding)
        );
        assert_eq!(decode_quickly(&[0xff]), Err(FaultKind::Padding));
        // 'X' is 11111100: an octet without any padding.
        assert_eq!(decode_quickly(&[0b1111_1100]), Ok(b"X".to_vec()));
    }

    #[test]
    fn end_of_string_may_not_occur() {
        let end = "1".repeat(30);
        for before in [
            "",
            "a",
            "www.example.com",
            "0123456789abcdefghijklmnopqrstuvwxyz",
        ] {
            let bits = format!("{}{end}", bits_of(before.as_bytes()));
            assert_eq!(
                decode_quickly(&octets(&bits, "1")),
                Err(FaultKind::EndOfString)
            );
            let bits = format!("{bits}{}", bits_of(b"after it"));
            assert_eq!(
                decode_quickly(&octets(&bits, "1")),
                Err(FaultKind::EndOfString)
            );
        }
    }

    proptest! {
        #[test]
        fn text_survives(text: Vec<u8>) {
            prop_assert_eq!(decode_quickly(&octets(&bits_of(&text), "1")), Ok(text));
        }

        #[test]
        fn ascii_survives(text in "[ -~]{0,100}") {
            let input = octets(&bits_of(text.as_bytes()), "1");
            prop_assert_eq!(decode_quickly(&input), Ok(text.into_bytes()));
        }

        #[test]
        fn agrees_with_the_code_bit_by_bit(input: Vec<u8>) {
            prop_assert_eq!(decode_quickly(&input), decode_slowly(&input));
        }
    }
}
