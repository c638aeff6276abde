//! HMAC-MD5, for the one suite that has it: `TLS_RSA_WITH_NULL_MD5`.
//!
//! In: a key and parts of a message. Out: their MAC (RFC 2104). Nothing depends on its strength: the suite encrypts nothing,
//! and who alters a capture has its keys. `ring` has no MD5.

/// Length of a digest, and of a MAC's key, in bytes.
pub(super) const LENGTH: usize = 16;

/// Length of what is digested at once, in bytes.
const BLOCK: usize = 64;

/// What stands before a round starts (RFC 1321, section 3.3).
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// By how many bits the steps of each round turn.
const TURNS: [[u32; 4]; 4] = [
    [7, 12, 17, 22],
    [5, 9, 14, 20],
    [4, 11, 16, 23],
    [6, 10, 15, 21],
];

/// A key for MACs.
pub(super) struct Md5Key {
    inner: [u8; BLOCK],
    outer: [u8; BLOCK],
}

impl Md5Key {
    /// A key of at most [`BLOCK`] bytes, which those of records are.
    pub(super) fn new(key: &[u8]) -> Self {
        let padded = |with: u8| {
            let mut block = [with; BLOCK];
            block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
            block
        };
        Self {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    pub(super) fn sign(&self, parts: [&[u8]; 2]) -> [u8; LENGTH] {
        let [first, second] = parts;
        let inner = digest(&[&self.inner[..], first, second].concat());
        digest(&[&self.outer[..], &inner].concat())
    }
}

/// MD5 (RFC 1321).
fn digest(message: &[u8]) -> [u8; LENGTH] {
    let bits = (message.len() as u64).wrapping_mul(8);
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(BLOCK) - 8, 0);
    padded.extend_from_slice(&bits.to_le_bytes());
    let mut state = START;
    for block in padded.as_chunks::<BLOCK>().0 {
        let mixed = mixed(state, block);
        state
            .iter_mut()
            .zip(mixed)
            .for_each(|(to, from)| *to = to.wrapping_add(from));
    }
    let mut digest = [0; LENGTH];
    let (words, _) = digest.as_chunks_mut::<4>();
    words
        .iter_mut()
        .zip(state)
        .for_each(|(to, word)| *to = word.to_le_bytes());
    digest
}

/// The four rounds over a block (RFC 1321, section 3.4).
fn mixed(state: [u32; 4], block: &[u8; BLOCK]) -> [u32; 4] {
    let (words, _) = block.as_chunks::<4>();
    let [mut a, mut b, mut c, mut d] = state;
    for step in 0..BLOCK {
        let round = step / 16;
        let (function, word) = match round {
            0 => (b & c | !b & d, step),
            1 => (b & d | c & !d, 5 * step + 1),
            2 => (b ^ c ^ d, 3 * step + 5),
            _ => (c ^ (b | !d), 7 * step),
        };
        let word = words
            .get(word % 16)
            .map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let turn = TURNS.get(round).and_then(|turns| turns.get(step % 4));
        let sum = a
            .wrapping_add(function)
            .wrapping_add(word)
            .wrapping_add(sine(step));
        let turned = sum.rotate_left(turn.copied().unwrap_or(0));
        (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
    }
    [a, b, c, d]
}

/// The constant of a step: 2³² times the sine of its number from one, without its sign.
fn sine(step: usize) -> u32 {
    (((step + 1) as f64).sin().abs() * 4_294_967_296.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 1321, appendix A.5.
    #[test]
    fn the_published_digests_are_met() {
        let digits = "1234567890".repeat(8);
        for (message, wanted) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            (&digits, "57edf4a22be3c955ac49da2e2107b67a"),
        ] {
            assert_eq!(hex(&digest(message.as_bytes())), wanted);
        }
    }

    /// RFC 2202, section 2.
    #[test]
    fn the_published_macs_are_met() {
        let mac = Md5Key::new(&[0x0b; 16]).sign([b"Hi ", b"There"]);
        assert_eq!(hex(&mac), "9294727a3638bb1c13f48ef8158bfc9d");
        let mac = Md5Key::new(b"Jefe").sign([b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&mac), "750c783e6ab0b503eaa86e310a5db738");
    }
}
