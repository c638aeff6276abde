//! An HPACK encoder that uses every representation, to test the decoder against.

use std::collections::VecDeque;

use super::super::huffman_code::CODES;
use super::super::{Decoder, HeaderBlock};

/// How to send a field. The encoder falls back to a literal where no index fits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Indexed,
    Inserted,
    Plain,
    Sensitive,
}

/// One thing that a block says.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Resize(u32),
    Field {
        name: String,
        value: String,
        way: Way,
        is_coded: bool,
        by_index: bool,
    },
}

/// The encoder, with its own plain idea of the tables (RFC 7541, sections 2.3 and 4).
pub(super) struct Encoder {
    fixed: Vec<(String, String)>,
    /// The dynamic table, newest first.
    entries: VecDeque<(String, String)>,
    max_size: usize,
}

impl Encoder {
    pub(super) fn new() -> Self {
        let mut block = HeaderBlock::default();
        let indexes: Vec<u8> = (1..=61).map(|index| 0x80 | index).collect();
        assert_eq!(Decoder::new().decode(&indexes, &mut block), None);
        let text = |text: Option<&[u8]>| String::from_utf8(text.unwrap().to_vec()).unwrap();
        let fixed = block
            .fields()
            .map(|field| (text(field.name), text(field.value)))
            .collect();
        Self {
            fixed,
            entries: VecDeque::new(),
            max_size: 4096,
        }
    }

    pub(super) fn block(&mut self, items: &[Item]) -> Vec<u8> {
        let mut block = Vec::new();
        for item in items {
            match item {
                Item::Resize(size) => {
                    integer(&mut block, 0x20, 5, *size as usize);
                    self.max_size = *size as usize;
                    self.evict();
                }
                Item::Field {
                    name,
                    value,
                    way,
                    is_coded,
                    by_index,
                } => {
                    self.field(&mut block, (name, value), *way, *is_coded, *by_index);
                }
            }
        }
        block
    }

    fn field(
        &mut self,
        block: &mut Vec<u8>,
        (name, value): (&str, &str),
        way: Way,
        is_coded: bool,
        by_index: bool,
    ) {
        let place = |wanted: &dyn Fn(&(String, String)) -> bool| {
            // The dynamic table first, as most of the trouble is there.
            let dynamic = self.entries.iter().position(wanted).map(|at| at + 62);
            dynamic.or_else(|| self.fixed.iter().position(wanted).map(|at| at + 1))
        };
        let whole = place(&|entry| entry.0 == name && entry.1 == value);
        if let (Way::Indexed, Some(index)) = (way, whole) {
            integer(block, 0x80, 7, index);
            return;
        }
        let named = place(&|entry| entry.0 == name).filter(|_| by_index);
        let (pattern, bits) = match way {
            Way::Indexed | Way::Inserted => (0x40, 6),
            Way::Plain => (0x00, 4),
            Way::Sensitive => (0x10, 4),
        };
        integer(block, pattern, bits, named.unwrap_or(0));
        if named.is_none() {
            string(block, name, is_coded);
        }
        string(block, value, is_coded);
        if bits == 6 {
            self.entries.push_front((name.to_owned(), value.to_owned()));
            self.evict();
        }
    }

    fn evict(&mut self) {
        let size = |entry: &(String, String)| entry.0.len() + entry.1.len() + 32;
        while self.entries.iter().map(size).sum::<usize>() > self.max_size {
            self.entries.pop_back();
        }
    }
}

/// Adds an integer behind a pattern of bits (RFC 7541, section 5.1).
pub(in super::super) fn integer(block: &mut Vec<u8>, pattern: u8, bits: u32, value: usize) {
    let full = (1usize << bits) - 1;
    if value < full {
        block.push(pattern | value as u8);
        return;
    }
    block.push(pattern | full as u8);
    let mut rest = value - full;
    while rest >= 0x80 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

fn string(block: &mut Vec<u8>, text: &str, is_coded: bool) {
    if !is_coded {
        integer(block, 0, 7, text.len());
        block.extend_from_slice(text.as_bytes());
        return;
    }
    let mut coded = Vec::new();
    let (mut held, mut count) = (0u64, 0);
    for symbol in text.bytes() {
        let code = CODES[usize::from(symbol)];
        held = held << code.bits | u64::from(code.code);
        count += u32::from(code.bits);
        while count >= 8 {
            count -= 8;
            coded.push((held >> count) as u8);
        }
    }
    if count > 0 {
        coded.push((held << (8 - count)) as u8 | 0xff >> count);
    }
    integer(block, 0x80, 7, coded.len());
    block.extend_from_slice(&coded);
}
