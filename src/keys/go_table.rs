//! Where a Go program has a function, whether or not it has symbols.
//!
//! In: an ELF file. Out: the function's address. The runtime needs its table of functions (`pclntab`: magic, header,
//! names, functions; Go's internal/abi and runtime/symtab.go) for tracebacks, so that no `strip` takes it away. One that
//! an obfuscator renamed is not found.

use super::elf::{Elf, u32_at, u64_at};

/// The header's first bytes: magic of Go 1.20 and later, or of 1.18 and 1.19, and two zeros; then the instructions'
/// alignment (1 on AMD64, 4 on ARM64) and the size of a pointer.
const MAGICS: [[u8; 6]; 2] = [
    [0xf1, 0xff, 0xff, 0xff, 0, 0],
    [0xf0, 0xff, 0xff, 0xff, 0, 0],
];

/// Those of Go 1.16 and 1.17, and of 1.2 to 1.15.
const OLD_MAGICS: [[u8; 4]; 2] = [[0xfa, 0xff, 0xff, 0xff], [0xfb, 0xff, 0xff, 0xff]];

/// How many functions a table may have: large programs have a tenth.
const MAX_FUNCTIONS: u64 = 10_000_000;

/// Without sections: where the linker puts a program's code after its first page of headers.
const HEADER_PAGE: u64 = 0x1000;

/// What a program's build information begins with (Go's debug/buildinfo), and how it is aligned: after it stand the size
/// of a pointer and flags, of which there are two.
const BUILD_INFO: &[u8] = b"\xff Go buildinf:";
const BUILD_INFO_ALIGNMENT: usize = 16;

/// How the messages of crypto/tls begin, which no obfuscator changes.
const MESSAGES_OF_TLS: &[u8] = b"crypto/tls: ";

/// What the names of its functions begin with.
const FUNCTIONS_OF_TLS: &[u8] = b"crypto/tls.";

/// What is known of a program that the Go linker made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GoProgram {
    /// Its functions have their names.
    Named,
    /// Others are in their place, or the table has another form, as `garble` makes it.
    Obfuscated,
    /// Go before 1.18, whose tables have another form.
    Old,
}

/// Whether the Go linker made it.
pub(super) fn program(elf: &Elf<'_>) -> Option<GoProgram> {
    match table(elf) {
        Some(table) if !holds(table, FUNCTIONS_OF_TLS) && holds(elf.data(), MESSAGES_OF_TLS) => {
            Some(GoProgram::Obfuscated)
        }
        Some(_) => Some(GoProgram::Named),
        None if is_old(elf) => Some(GoProgram::Old),
        None => has_build_info(elf).then_some(GoProgram::Obfuscated),
    }
}

fn is_old(elf: &Elf<'_>) -> bool {
    let place = section(elf).and_then(|offset| usize::try_from(offset).ok());
    let table = place.and_then(|place| elf.data().get(place..));
    table.is_some_and(|table| OLD_MAGICS.iter().any(|magic| table.starts_with(magic)))
}

/// Where in the file the section of the table begins.
fn section(elf: &Elf<'_>) -> Option<u64> {
    let named = [&b".gopclntab"[..], b".data.rel.ro.gopclntab"];
    let section = named.iter().find_map(|name| elf.section(name));
    section.map(|(_, offset)| offset)
}

/// The address of a function by its full name.
pub(super) fn function(elf: &Elf<'_>, name: &[u8]) -> Option<u64> {
    if let Some(address) = elf.function(name) {
        return Some(address);
    }
    let table = table(elf)?;
    let field = |number: usize| u64_at(table, 8 + 8 * number);
    let at = |place: u64| table.get(usize::try_from(place).ok()?..);
    let (functions, text) = (field(0)?.min(MAX_FUNCTIONS), field(2)?);
    let (names, names_end, entries) = (field(3)?, field(4)?, field(7)?);
    let text = match text {
        // Go 1.26 and later leave it out.
        0 => code_start(elf)?,
        text => text,
    };
    let names = at(names)?.get(..usize::try_from(names_end.checked_sub(names)?).ok()?)?;
    let wanted = name_offset(names, name)?;
    let entries = at(entries)?;
    let count = usize::try_from(functions).ok()?;
    let found = entries.chunks_exact(8).take(count).find(|entry| {
        let record = u32_at(entry, 4).and_then(|record| usize::try_from(record).ok());
        let named = record.and_then(|record| u32_at(entries, record.checked_add(4)?));
        named == Some(wanted)
    })?;
    let address = text.checked_add(u64::from(u32_at(found, 0)?))?;
    elf.is_code(address).then_some(address)
}

fn has_build_info(elf: &Elf<'_>) -> bool {
    let (blocks, _) = elf.data().as_chunks::<BUILD_INFO_ALIGNMENT>();
    let begins = |block: &[u8; BUILD_INFO_ALIGNMENT]| {
        block.starts_with(BUILD_INFO) && matches!(block.last(), Some(0..=3))
    };
    blocks.iter().any(begins)
}

fn table<'a>(elf: &Elf<'a>) -> Option<&'a [u8]> {
    let data = elf.data();
    if let Some(offset) = section(elf) {
        return data
            .get(usize::try_from(offset).ok()?..)
            .filter(|table| is_header(table));
    }
    if elf.has_sections() {
        return None;
    }
    let start = data
        .windows(8)
        .position(|window| window.first().is_some_and(|byte| *byte >= 0xf0) && is_header(window))?;
    data.get(start..)
}

fn is_header(bytes: &[u8]) -> bool {
    let known = MAGICS.iter().any(|magic| bytes.starts_with(magic));
    known && matches!(bytes.get(6), Some(1 | 4)) && bytes.get(7) == Some(&8)
}

/// Whether some bytes are anywhere in others.
pub(super) fn holds(data: &[u8], text: &[u8]) -> bool {
    data.windows(text.len()).any(|window| window == text)
}

fn code_start(elf: &Elf<'_>) -> Option<u64> {
    if let Some((address, _)) = elf.section(b".text") {
        return Some(address);
    }
    let (first, _) = elf.code().next()?;
    match first.offset {
        0 => first.address.checked_add(HEADER_PAGE),
        _ => Some(first.address),
    }
}

fn name_offset(names: &[u8], wanted: &[u8]) -> Option<u32> {
    let mut offset = 0;
    for name in names.split(|byte| *byte == 0) {
        if name == wanted {
            return u32::try_from(offset).ok();
        }
        offset += name.len() + 1;
    }
    None
}
