//! What an ELF file says of itself: what is mapped where, sections and symbols.
//!
//! In: the bytes of a 64-bit little-endian file. Out: addresses as offsets in the file and the other way round. Nothing
//! in it is trusted: what points outside the file is passed over.

/// `e_machine` of AMD64 and of AArch64 (ELF-64 object file format; their processor supplements).
pub(super) const AMD64: u16 = 62;
pub(super) const ARM64: u16 = 183;

/// How many headers are read at most: large programs have dozens.
const MAX_HEADERS: u16 = 4096;

/// How many symbols are looked at in a table: the largest programs have millions.
const MAX_SYMBOLS: usize = 1 << 23;

/// `PF_X`.
const EXECUTABLE: u32 = 1;

const PT_LOAD: u32 = 1;
const SHT_SYMTAB: u32 = 2;
const SHT_DYNSYM: u32 = 11;

/// A file.
#[derive(Debug)]
pub(super) struct Elf<'a> {
    data: &'a [u8],
    pub(super) machine: u16,
    segments: Vec<LoadedSegment>,
    sections: Vec<ElfSection<'a>>,
}

/// A part of the file that is mapped.
#[derive(Debug)]
pub(super) struct LoadedSegment {
    flags: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) size: u64,
}

/// A part of the file that has a name.
#[derive(Debug)]
struct ElfSection<'a> {
    name: &'a [u8],
    kind: u32,
    address: u64,
    offset: u64,
    size: u64,
    link: u32,
}

impl LoadedSegment {
    pub(super) const fn is_executable(&self) -> bool {
        self.flags & EXECUTABLE != 0
    }
}

impl<'a> Elf<'a> {
    /// `None` if it is no such file.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        // Magic, 64-bit, little-endian.
        if !data.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let table = |at: usize, size: usize, count: usize| {
            let (start, each) = (u64_at(data, at)?, u64::from(u16_at(data, size)?));
            let count = u16_at(data, count)?.min(MAX_HEADERS);
            Some((0..u64::from(count)).filter_map(move |number| {
                let at = number.checked_mul(each)?.checked_add(start)?;
                data.get(usize::try_from(at).ok()?..)
            }))
        };
        let segments = table(0x20, 0x36, 0x38)?.filter_map(segment).collect();
        let raw: Vec<_> = table(0x28, 0x3a, 0x3c)?.collect();
        let names = raw.get(usize::from(u16_at(data, 0x3e)?));
        let names = names.and_then(|header| u64_at(header, 0x18));
        let sections = raw.iter().filter_map(|header| {
            let name = names?.checked_add(u64::from(u32_at(header, 0)?))?;
            Some(ElfSection {
                name: text_at(data, usize::try_from(name).ok()?)?,
                kind: u32_at(header, 4)?,
                address: u64_at(header, 0x10)?,
                offset: u64_at(header, 0x18)?,
                size: u64_at(header, 0x20)?,
                link: u32_at(header, 0x28)?,
            })
        });
        Some(Self {
            data,
            machine: u16_at(data, 0x12)?,
            segments,
            sections: sections.collect(),
        })
    }

    pub(super) const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The parts that hold code, with their bytes.
    pub(super) fn code(&self) -> impl Iterator<Item = (&LoadedSegment, &'a [u8])> {
        let code = self.segments.iter().filter(|part| part.is_executable());
        code.filter_map(|part| {
            let start = usize::try_from(part.offset).ok()?;
            let end = start.checked_add(usize::try_from(part.size).ok()?)?;
            Some((part, self.data.get(start..end.min(self.data.len()))?))
        })
    }

    /// Where in the file an address is.
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        let part = self.segments.iter().find(|part| {
            let into = address.checked_sub(part.address);
            into.is_some_and(|into| into < part.size)
        })?;
        part.offset.checked_add(address - part.address)
    }

    /// The address of a place in the file.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        let part = self.segments.iter().find(|part| {
            let into = offset.checked_sub(part.offset);
            into.is_some_and(|into| into < part.size)
        })?;
        part.address.checked_add(offset - part.offset)
    }

    /// Whether code stands at an address.
    pub(super) fn is_code(&self, address: u64) -> bool {
        let holds = |part: &LoadedSegment| {
            let into = address.checked_sub(part.address);
            part.is_executable() && into.is_some_and(|into| into < part.size)
        };
        self.segments.iter().any(holds)
    }

    /// Address and offset of the section that has a name.
    pub(super) fn section(&self, name: &[u8]) -> Option<(u64, u64)> {
        let section = self.sections.iter().find(|section| section.name == name)?;
        Some((section.address, section.offset))
    }

    pub(super) const fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    /// The address of a function that a symbol names.
    pub(super) fn function(&self, name: &[u8]) -> Option<u64> {
        let tables = self.sections.iter();
        tables
            .filter(|section| matches!(section.kind, SHT_SYMTAB | SHT_DYNSYM))
            .find_map(|table| self.symbol(table, name))
            .filter(|address| self.is_code(*address))
    }

    fn symbol(&self, table: &ElfSection<'_>, name: &[u8]) -> Option<u64> {
        const SYMBOL: usize = 24;
        const STT_FUNC: u8 = 2;

        let names = self.sections.get(usize::try_from(table.link).ok()?)?;
        let names = self.data.get(usize::try_from(names.offset).ok()?..)?;
        let start = usize::try_from(table.offset).ok()?;
        let end = start.checked_add(usize::try_from(table.size).ok()?)?;
        let symbols = self.data.get(start..end)?.chunks_exact(SYMBOL);
        symbols.take(MAX_SYMBOLS).find_map(|symbol| {
            let is_function = symbol.get(4)? & 0xf == STT_FUNC;
            let address = u64_at(symbol, 8)?;
            if !is_function || address == 0 {
                return None;
            }
            let found = names.get(usize::try_from(u32_at(symbol, 0)?).ok()?..)?;
            let ends = found.get(name.len()) == Some(&0);
            (ends && found.starts_with(name)).then_some(address)
        })
    }
}

fn segment(header: &[u8]) -> Option<LoadedSegment> {
    if u32_at(header, 0)? != PT_LOAD {
        return None;
    }
    Some(LoadedSegment {
        flags: u32_at(header, 4)?,
        offset: u64_at(header, 8)?,
        address: u64_at(header, 0x10)?,
        size: u64_at(header, 0x20)?,
    })
}

fn text_at(data: &[u8], at: usize) -> Option<&[u8]> {
    let text = data.get(at..)?;
    text.split(|byte| *byte == 0).next()
}

pub(super) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    let bytes = data.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

pub(super) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

pub(super) fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    let bytes = data.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}
