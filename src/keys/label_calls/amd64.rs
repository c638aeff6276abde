//! The code of AMD64: who is called with a label, and where the callee takes the client random from.

use std::collections::BTreeMap;

use super::super::elf::{Elf, u32_at};
use super::{Callees, RandomPlace};

/// How many bytes after a label the call that takes it stands at most.
const CALL_WITHIN: usize = 32;

/// Who is called with the labels, which stand at these addresses.
pub(super) fn callees(elf: &Elf<'_>, labels: &BTreeMap<u64, usize>) -> Callees {
    let mut callees = Callees::new();
    for (part, code) in elf.code() {
        for (at, bytes) in code.windows(7).enumerate() {
            let Some(next) = part.address.checked_add(at as u64 + 7) else {
                continue;
            };
            let label = label_argument(bytes, next).and_then(|address| labels.get(&address));
            let Some(label) = label else { continue };
            let after = code.get(at + 7..).unwrap_or_default();
            if let Some(callee) = next_call(elf, after, next) {
                callees.entry(callee).or_default().insert(*label);
            }
        }
    }
    callees
}

/// Reads in the function's code where it takes the client random's 32 bytes from.
pub(super) fn random_place(body: &[u8]) -> Option<RandomPlace> {
    pointed_at(body)
        .or_else(|| byte_by_byte(body))
        .or_else(|| inside(body))
}

/// What `lea displacement(%rip), %rsi` makes the second argument.
fn label_argument(bytes: &[u8], next: u64) -> Option<u64> {
    let displacement = bytes.strip_prefix(&[0x48, 0x8d, 0x35])?;
    relative(next, displacement)
}

/// Where the next `call` goes.
fn next_call(elf: &Elf<'_>, code: &[u8], start: u64) -> Option<u64> {
    let code = code.get(..code.len().min(CALL_WITHIN + 5))?;
    code.windows(5).enumerate().find_map(|(at, bytes)| {
        let displacement = bytes.strip_prefix(&[0xe8])?;
        let callee = relative(start.checked_add(at as u64 + 5)?, displacement)?;
        elf.is_code(callee).then_some(callee)
    })
}

fn relative(from: u64, displacement: &[u8]) -> Option<u64> {
    let displacement = u32_at(displacement, 0)?.cast_signed();
    from.checked_add_signed(i64::from(displacement))
}

/// BoringSSL: `mov pointer(%connection), %a` … `mov $32, %edx` … `lea offset(%a), %rsi`.
fn pointed_at(body: &[u8]) -> Option<RandomPlace> {
    const LENGTH_IN_EDX: [u8; 5] = [0xba, 32, 0, 0, 0];
    const WITHIN: usize = 24;

    body.windows(4).enumerate().find_map(|(at, bytes)| {
        let [rex @ (0x48 | 0x49), 0x8b, mode, pointer] = *bytes else {
            return None;
        };
        // An eight-bit displacement, of a register that is neither the stack's nor takes another byte.
        if mode >> 6 != 1 || mode & 7 == 4 || (rex == 0x48 && mode & 7 == 5 && pointer >= 0x80) {
            return None;
        }
        let target = (mode >> 3) & 7;
        let rest = body.get(at + 4..)?;
        let rest = rest.get(..rest.len().min(WITHIN))?;
        if !rest.windows(5).any(|bytes| bytes == LENGTH_IN_EDX) {
            return None;
        }
        let lea = [0x48, 0x8d, 0x70 | target];
        let offset = rest
            .windows(4)
            .find_map(|bytes| match bytes.strip_prefix(&lea) {
                Some([offset]) if *offset < 0x80 => Some(*offset),
                _ => None,
            });
        Some(RandomPlace {
            pointer: Some(pointer),
            offset: u32::from(offset?),
        })
    })
}

/// BoringSSL where its compiler put the loop over the bytes into it: `mov pointer(%connection), %a` …
/// `movzbl offset(%a, %index), %b` … `cmp $32, %index`.
fn byte_by_byte(body: &[u8]) -> Option<RandomPlace> {
    const WITHIN: usize = 0x60;

    let counts_to_32 = |bytes: &[u8]| matches!(bytes, [0x83, 0xf8..=0xff, 32]);
    if !body.windows(3).any(counts_to_32) {
        return None;
    }
    body.windows(4).enumerate().find_map(|(at, bytes)| {
        let [rex @ (0x48 | 0x49 | 0x4c | 0x4d), 0x8b, mode, pointer] = *bytes else {
            return None;
        };
        // Neither the stack nor the frame is the connection.
        if mode >> 6 != 1 || mode & 7 == 4 || pointer >= 0x80 {
            return None;
        }
        let target = (mode >> 3) & 7 | (rex & 4) << 1;
        let rest = body.get(at + 3..)?;
        let rest = rest.get(..rest.len().min(WITHIN))?;
        let offset = rest.windows(6).find_map(|bytes| {
            let [rex, 0x0f, 0xb6, mode, index, offset] = *bytes else {
                return None;
            };
            let high = if rex & 0xf0 == 0x40 {
                (rex & 1) << 3
            } else {
                0
            };
            let indexed = mode >> 6 == 1 && mode & 7 == 4 && index >> 6 == 0;
            let base = index & 7 | high;
            (indexed && base == target && offset < 0x80).then_some(offset)
        })?;
        Some(RandomPlace {
            pointer: Some(pointer),
            offset: u32::from(offset),
        })
    })
}

/// OpenSSL: `lea offset(%connection), %any`, the first whose offset is of more than eight bits.
fn inside(body: &[u8]) -> Option<RandomPlace> {
    /// Before it stand a version and pointers, after it nothing that a handshake needs.
    const PLAUSIBLE: std::ops::Range<u32> = 0x80..0x1000;

    (0..body.len()).find_map(|at| {
        let [rex, 0x8d, mode, rest @ ..] = body.get(at..)? else {
            return None;
        };
        if rex & 0xf8 != 0x48 || mode >> 6 != 2 {
            return None;
        }
        let offset = match (mode & 7, rest) {
            // r12 is named in another byte; without REX.B that is the stack.
            (4, [0x24, rest @ ..]) if rex & 1 == 1 => u32_at(rest, 0)?,
            (4, _) => return None,
            _ => u32_at(rest, 0)?,
        };
        let plausible = PLAUSIBLE.contains(&offset);
        plausible.then_some(RandomPlace {
            pointer: None,
            offset,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_random_is_found_in_the_code_of_each_library() {
        // lea 0x160(%rax),%rdx; mov $0x20,%ecx: libssl 3.0, Debian.
        let openssl = [0x48, 0x8d, 0x90, 0x60, 1, 0, 0, 0xb9, 0x20, 0, 0, 0];
        // lea 0x160(%r12),%r15: the one in Node 20.
        let node = [0x4d, 0x8d, 0xbc, 0x24, 0x60, 1, 0, 0];
        for code in [&openssl[..], &node] {
            let place = inside(code).unwrap();
            assert_eq!((place.pointer, place.offset), (None, 0x160));
            assert!(pointed_at(code).is_none());
        }
        // mov 0x30(%rbp),%rax; mov $0x20,%edx; mov %r14,%rdi; lea 0x30(%rax),%rsi: grpcio 1.85.
        let grpcio = [
            0x48, 0x8b, 0x45, 0x30, 0xba, 0x20, 0, 0, 0, 0x4c, 0x89, 0xf7, 0x48, 0x8d, 0x70, 0x30,
        ];
        let place = pointed_at(&grpcio).unwrap();
        assert_eq!((place.pointer, place.offset), (Some(0x30), 0x30));
        // mov 0x30(%rbx),%r12; movzbl 0x30(%r12,%rax,1),%ecx; cmp $0x20,%rax: Envoy 1.40.
        let envoy = [
            0x4c, 0x8b, 0x63, 0x30, 0x41, 0x0f, 0xb6, 0x4c, 0x04, 0x30, 0x48, 0x83, 0xf8, 0x20,
        ];
        let place = byte_by_byte(&envoy).unwrap();
        assert_eq!((place.pointer, place.offset), (Some(0x30), 0x30));
        assert!(
            inside(&[0x48, 0x8d, 0x84, 0x24, 0x60, 1, 0, 0]).is_none(),
            "the stack"
        );
        for code in [&b""[..], &[0x90; 64]] {
            assert!(
                pointed_at(code)
                    .or(byte_by_byte(code))
                    .or(inside(code))
                    .is_none()
            );
        }
    }
}
