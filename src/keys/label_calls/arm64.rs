//! The code of AArch64: who is called with a label, and where the callee takes the client random from.
//!
//! Every instruction has four bytes (Arm Architecture Reference Manual for A-profile, chapter C6). An address takes two:
//! `adrp` for its page of 4 KiB, and `add` for its place there.

use std::collections::BTreeMap;

use super::super::elf::Elf;
use super::{Callees, RandomPlace};

/// How many instructions before the `add` its `adrp` stands at most.
const PAGE_WITHIN: usize = 16;

/// How many instructions after a label the call that takes it stands at most.
const CALL_WITHIN: usize = 8;

/// The register of the second argument.
const SECOND_ARGUMENT: u32 = 1;

/// Registers that are the frame and the stack, not the connection.
const FRAME: u32 = 29;
const STACK: u32 = 31;

/// An instruction.
#[derive(Clone, Copy)]
struct Word(u32);

/// `add Xto, Xfrom, #value`.
struct AddImmediate {
    to: u32,
    from: u32,
    value: u32,
}

impl From<&[u8; 4]> for Word {
    fn from(bytes: &[u8; 4]) -> Self {
        Self(u32::from_le_bytes(*bytes))
    }
}

impl Word {
    /// The instruction that stands somewhere.
    fn at(words: &[[u8; 4]], place: usize) -> Option<Self> {
        words.get(place).map(Self::from)
    }

    fn add(self) -> Option<AddImmediate> {
        let is_add = self.0 & 0xffc0_0000 == 0x9100_0000;
        is_add.then_some(AddImmediate {
            to: self.0 & 31,
            from: self.0 >> 5 & 31,
            value: self.0 >> 10 & 0xfff,
        })
    }

    /// The page that `adrp Xregister, page` at an address means.
    fn page(self, register: u32, address: u64) -> Option<u64> {
        if self.0 & 0x9f00_001f != 0x9000_0000 | register {
            return None;
        }
        let pages = signed((self.0 >> 5 & 0x7_ffff) << 2 | self.0 >> 29 & 3, 21);
        (address & !0xfff).checked_add_signed(pages << 12)
    }

    /// Where `bl` at an address goes.
    fn callee(self, address: u64) -> Option<u64> {
        let is_call = self.0 >> 26 == 0b10_0101;
        let words = signed(self.0 & 0x3ff_ffff, 26);
        is_call
            .then(|| address.checked_add_signed(words << 2))
            .flatten()
    }

    /// The register and the offset of `ldr Xregister, [Xbase, #offset]`, where the base is neither frame nor stack.
    fn load(self) -> Option<(u32, u32)> {
        let base = self.0 >> 5 & 31;
        let is_load = self.0 & 0xffc0_0000 == 0xf940_0000 && base != FRAME && base != STACK;
        is_load.then_some((self.0 & 31, (self.0 >> 10 & 0xfff) * 8))
    }

    /// `mov X2, #32`, of 64 bits or 32: the third argument is a client random's length.
    const fn is_length(self) -> bool {
        self.0 & 0x7fff_ffff == 0x5280_0402
    }

    /// `cmp X, #32`: a loop ends after a client random's last byte.
    const fn counts_to_32(self) -> bool {
        self.0 & 0x7fff_fc1f == 0x7100_801f
    }
}

/// The number in the lowest bits, in two's complement.
fn signed(value: u32, bits: u32) -> i64 {
    let unused = 32 - bits;
    i64::from((value << unused).cast_signed() >> unused)
}

/// Who is called with the labels, which stand at these addresses.
pub(super) fn callees(elf: &Elf<'_>, labels: &BTreeMap<u64, usize>) -> Callees {
    let mut callees = Callees::new();
    for (part, code) in elf.code() {
        let (words, _) = code.as_chunks::<4>();
        let address = |at: usize| part.address.checked_add(4 * at as u64);
        for (at, word) in words.iter().enumerate() {
            let Some(add) = Word::from(word)
                .add()
                .filter(|add| add.to == SECOND_ARGUMENT)
            else {
                continue;
            };
            let before = at.saturating_sub(PAGE_WITHIN)..at;
            let page = before
                .rev()
                .find_map(|at| Word::at(words, at)?.page(add.from, address(at)?));
            let label = page.and_then(|page| labels.get(&page.checked_add(add.value.into())?));
            let Some(label) = label else { continue };
            let mut after = at + 1..=at + CALL_WITHIN;
            let callee = after.find_map(|at| Word::at(words, at)?.callee(address(at)?));
            if let Some(callee) = callee.filter(|callee| elf.is_code(*callee)) {
                callees.entry(callee).or_default().insert(*label);
            }
        }
    }
    callees
}

/// Reads in the function's code where it takes the client random's 32 bytes from.
pub(super) fn random_place(body: &[u8]) -> Option<RandomPlace> {
    let (words, _) = body.as_chunks::<4>();
    let words: Vec<_> = words.iter().map(Word::from).collect();
    pointed_at(&words).or_else(|| inside(&words))
}

/// BoringSSL: `ldr Xa, [Xconnection, #pointer]` … `add X, Xa, #offset`, and 32 as the length or as the end of a loop.
fn pointed_at(words: &[Word]) -> Option<RandomPlace> {
    const WITHIN: usize = 8;
    const LOOP_WITHIN: usize = 48;

    words.iter().enumerate().find_map(|(at, word)| {
        let (target, pointer) = word.load()?;
        let pointer = u8::try_from(pointer).ok()?;
        let rest = words.get(at + 1..)?;
        let near = rest.get(..rest.len().min(WITHIN))?;
        let adds = near.iter().filter_map(|word| word.add());
        let mut offsets = adds
            .filter(|add| add.from == target)
            .map(|add| add.value)
            .filter(|offset| (1..0x80).contains(offset));
        let offset = offsets.next()?;
        let mut counted = rest.iter().take(LOOP_WITHIN);
        let takes_32 =
            near.iter().any(|word| word.is_length()) || counted.any(|word| word.counts_to_32());
        takes_32.then_some(RandomPlace {
            pointer: Some(pointer),
            offset,
        })
    })
}

/// OpenSSL: `add X, Xconnection, #offset`, the first that is that large.
fn inside(words: &[Word]) -> Option<RandomPlace> {
    /// Before it stand a version and pointers, after it nothing that a handshake needs.
    const PLAUSIBLE: std::ops::Range<u32> = 0x80..0x1000;

    let adds = words.iter().filter_map(|word| word.add());
    let mut plausible = adds
        .filter(|add| add.from != FRAME && add.from != STACK)
        .filter(|add| PLAUSIBLE.contains(&add.value));
    Some(RandomPlace {
        pointer: None,
        offset: plausible.next()?.value,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::elf::ARM64;
    use super::super::find;
    use super::*;

    /// Instructions and where they stand.
    type Code<'a> = &'a [(u64, &'a [u32])];

    /// A file of nothing but these parts, each where it stands in the library that it comes from.
    fn file(code: Code<'_>, labels: &[(u64, &str)]) -> Vec<u8> {
        const HEADER: usize = 0x40;
        const PART: usize = 0x38;

        let code = code.iter().map(|(address, words)| {
            let bytes = words.iter().flat_map(|word| word.to_le_bytes());
            (*address, 5u32, bytes.collect::<Vec<u8>>())
        });
        let labels = labels
            .iter()
            .map(|(address, label)| (address - 1, 4, format!("\0{label}\0").into_bytes()));
        let parts: Vec<_> = code.chain(labels).collect();
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(HEADER, 0);
        file[0x12..0x14].copy_from_slice(&ARM64.to_le_bytes());
        file[0x20..0x28].copy_from_slice(&(HEADER as u64).to_le_bytes());
        file[0x36] = u8::try_from(PART).unwrap();
        file[0x38] = u8::try_from(parts.len()).unwrap();
        let mut offset = HEADER + PART * parts.len();
        for (address, flags, bytes) in &parts {
            file.extend_from_slice(&1u32.to_le_bytes());
            file.extend_from_slice(&flags.to_le_bytes());
            let size = bytes.len() as u64;
            for field in [offset as u64, *address, *address, size, size, 4] {
                file.extend_from_slice(&field.to_le_bytes());
            }
            offset += bytes.len();
        }
        file.extend(parts.into_iter().flat_map(|(_, _, bytes)| bytes));
        file
    }

    fn found(code: Code<'_>, labels: &[(u64, &str)]) -> Option<(u64, Option<u8>, u32)> {
        let file = file(code, labels);
        for length in 0..file.len() {
            if let Some(cut) = Elf::parse(file.get(..length).unwrap()) {
                let _ = find(&cut);
            }
        }
        let (address, place) = find(&Elf::parse(&file).unwrap())?;
        Some((address, place.pointer, place.offset))
    }

    /// libssl 3.0.22, Debian.
    const OPENSSL: Code<'_> = &[
        (
            0x50388,
            &[0x900001c1, 0xaa1403e2, 0xaa1c03e0, 0x910ba021, 0x97ffa9f3],
        ),
        (
            0x50418,
            &[0x900001c1, 0xaa1b03e2, 0xaa1c03e0, 0x910c0021, 0x97ffa9cf],
        ),
        (
            0x72960,
            &[
                0xf00000a1, 0xaa1303e0, 0x91364021, 0x91014062, 0xf9400463, 0x97ff207c,
            ],
        ),
        (
            0x3ab64,
            &[
                0xaa0103e4, 0xaa0003e1, 0xaa0303e5, 0xaa0403e0, 0xd2800403, 0xaa0203e4, 0x91058022,
                0x17ffe1fc,
            ],
        ),
    ];

    const LABELS_OF_OPENSSL: [(u64, &str); 3] = [
        (0x882e8, "EARLY_EXPORTER_SECRET"),
        (0x88300, "EXPORTER_SECRET"),
        (0x89d90, "CLIENT_RANDOM"),
    ];

    #[test]
    fn openssl_has_the_client_random_in_the_connection() {
        let wanted = Some((0x3ab64, None, 0x160));
        assert_eq!(found(OPENSSL, &LABELS_OF_OPENSSL), wanted);
        assert_eq!(found(OPENSSL, &LABELS_OF_OPENSSL[..2]), wanted);
        assert_eq!(found(OPENSSL, &LABELS_OF_OPENSSL[..1]), None, "one label");
        assert_eq!(found(OPENSSL, &[]), None);
        let (function, callers) = OPENSSL.split_last().unwrap();
        assert_eq!(found(callers, &LABELS_OF_OPENSSL), None, "no callee");
        assert_eq!(found(&[*function], &LABELS_OF_OPENSSL), None, "no call");
    }

    #[test]
    fn boringssl_has_it_behind_a_pointer() {
        // grpcio 1.85.3: its length is an argument.
        let grpcio: Code<'_> = &[
            (
                0xb00a60,
                &[0xf0001261, 0xaa1a03e2, 0x91098021, 0xaa1803e0, 0x97ff9ba4],
            ),
            (0xb00ab8, &[0xf0001261, 0x910a0021, 0x97ff9b90]),
            (
                0xb00be0,
                &[0xf0001261, 0xaa1a03e2, 0x910a8021, 0xaa1803e0, 0x97ff9b44],
            ),
            (
                0xae7900,
                &[
                    0xa9b87bfd, 0x910003fd, 0xa90153f3, 0xaa0003f3, 0x52800034, 0xf9403400,
                    0xf9412800, 0xb4000320, 0xa9025bf5, 0x910143f5, 0xaa0103f4, 0xaa1503e0,
                    0xa90363f7, 0xaa0303f7, 0xaa0203f8, 0x97faf465, 0xaa1403e0, 0xa9047fff,
                    0x97d786d6, 0xaa0003f6, 0xaa1503e0, 0x8b1706c1, 0x91010c21, 0x97faf461,
                    0x35000180, 0x52800014, 0xf94023e0, 0x97fdf1ad, 0xaa1503e0, 0x97faf483,
                    0xa9425bf5, 0xa94363f7, 0x2a1403e0, 0xa94153f3, 0xa8c87bfd, 0xd65f03c0,
                    0xaa1603e2, 0xaa1403e1, 0xaa1503e0, 0x97faf9cd, 0x34fffe20, 0xaa1503e0,
                    0x52800401, 0x97fafd55, 0x34fffda0, 0xf9401a61, 0xaa1503e0, 0xd2800402,
                    0x9100c021, 0x97fffc53,
                ],
            ),
        ];
        let labels = [
            (0xd4f260, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"),
            (0xd4f280, "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
            (0xd4f2a0, "CLIENT_TRAFFIC_SECRET_0"),
        ];
        let wanted = Some((0xae7900, Some(0x30), 0x30));
        assert_eq!(found(grpcio, &labels), wanted);
        // Envoy 1.40.0: the compiler put the loop over the bytes into it.
        let envoy: Code<'_> = &[
            (
                0x592571c,
                &[0xd0fd84c1, 0x912e2821, 0x91002aa2, 0xaa1303e0, 0x94004538],
            ),
            (
                0x5949550,
                &[0xf0fd8521, 0x91388021, 0xaa1403e0, 0xaa1503e2, 0x97ffb5ab],
            ),
            (
                0x5949638,
                &[0xd0fd8421, 0x913b6c21, 0x91045682, 0xaa1303e0, 0x97ffb571],
            ),
            (
                0x5936c0c,
                &[
                    0xd10243ff, 0xa9057bfd, 0xa9065ff8, 0xa90757f6, 0xa9084ff4, 0x910143fd,
                    0xf9403408, 0xf9413508, 0xb4000f88, 0xaa0003f3, 0x910063e0, 0xaa0303f4,
                    0xaa0103f6, 0xaa0203f8, 0x9401c4f9, 0xaa1603e0, 0xa900ffff, 0x9415bc18,
                    0xd37ffa95, 0xaa0003f7, 0x8b0002a8, 0x910063e0, 0x91010d01, 0x9401c4f4,
                    0x34000cc0, 0x910063e0, 0xaa1603e1, 0xaa1703e2, 0x9401c6ae, 0x34000c20,
                    0x910063e0, 0x52800401, 0x9401c71a, 0x34000ba0, 0xf9401a76, 0x910063e0,
                    0xd10023a1, 0x52800802, 0x9401c717, 0x34000ae0, 0xaa1f03e8, 0x9100c2c9,
                    0x52801fea, 0x3868692b, 0xf85f83ad, 0x91000508, 0x53047d6c, 0x7102817f,
                    0x9a9f314e, 0x321c058f, 0x11015d8c, 0x0a0e01ef, 0x0a2e018c, 0x910005ae,
                    0xf81f83ae, 0x2a0c01ec, 0x12000d6e, 0x390001ac, 0x5280060c, 0x710029df,
                    0x33000d6c, 0x9a9f314b, 0xf85f83ad, 0x11015dce, 0xf100811f,
                ],
            ),
        ];
        let labels = [
            (0x9bfb8a, "CLIENT_RANDOM"),
            (0x9f0e20, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"),
            (0x9cfedb, "SERVER_TRAFFIC_SECRET_0"),
        ];
        let wanted = Some((0x5936c0c, Some(0x30), 0x30));
        assert_eq!(found(envoy, &labels), wanted);
    }
}
