//! Fed: the header blocks of one direction, and what happened between them:
//!
//! ```text
//! +--------+   +----------+-------------+-------+
//! | missed | + | instruct | length (16) | bytes | ...      a limit has no bytes
//! +--------+   +----------+-------------+-------+
//!
//! missed:    so many blocks came before the capture began, 7 at most
//! instruct:  when 0x03 is 2 the capture lacks this block, when 3 the peer announces a table of
//!            `length` times 4 bytes, else a block
//! ```
//!
//! Must hold: who missed blocks knows less than who saw all, and never otherwise: a name or value
//! that both know is the same, and an entry's number stands for one entry. All blocks as one give the
//! fields that they give one by one. No block yields more than is kept of one, no table more than is
//! followed. Once an error has cost the table, nothing is known of the truth, and nothing is compared.

#![no_main]

use std::collections::HashMap;

use h2sniff::decode::http2::hpack::{
    Decoder, Fault, FaultKind, Field, HeaderBlock, MAX_BYTES, MAX_FIELDS, MAX_SIZE,
};
use h2sniff_fuzz::Script;
use libfuzzer_sys::fuzz_target;

/// What an entry counts beside its name and value (RFC 7541, section 4.1).
const ENTRY_OVERHEAD: usize = 32;

/// The first index of the dynamic table (RFC 7541, section 2.3.3).
const FIRST_DYNAMIC: usize = 62;

fuzz_target!(|bytes: &[u8]| {
    let mut script = Script::new(bytes);
    let missed = usize::from(script.byte() & 7);
    let mut whole = Decoder::new();
    let mut late = Late::default();
    let mut all = Vec::new();
    let mut truths = HeaderBlock::default();
    let mut blocks = 0;
    let mut is_limited = false;
    while !script.is_over() {
        let instruction = script.byte() & 0x03;
        let length = script.half();
        if instruction == 3 {
            is_limited = true;
            whole.set_limit(u32::from(length) * 4);
            late.decoder.set_limit(u32::from(length) * 4);
            continue;
        }
        let block = script.bytes(length.into());
        let (truth, fault) = decode(&mut whole, block);
        let is_lost = instruction == 2;
        if is_lost {
            late.decoder.forget();
        }
        if fault.is_some_and(|fault| fault.stops_block()) {
            if blocks >= missed && !is_lost {
                decode(&mut late.decoder, block);
            }
            return;
        }
        if blocks >= missed && !is_lost {
            late.compare(block, &truth);
        }
        blocks += 1;
        all.extend_from_slice(block);
        for field in truth.fields() {
            truths.push(field.name, field.value);
        }
    }
    assert_table_is_bounded(&whole);
    if !is_limited && truths.len() < MAX_FIELDS {
        assert_all_as_one(&all, &truths);
    }
});

fn decode(decoder: &mut Decoder, block: &[u8]) -> (HeaderBlock, Option<Fault>) {
    let mut into = HeaderBlock::default();
    let fault = decoder.decode(block, &mut into);
    assert!(
        fault.is_none_or(|fault| fault.at <= block.len()),
        "{fault:?} is not in the block"
    );
    assert!(into.len() <= MAX_FIELDS);
    let kept: usize = into.fields().map(|field| size(&field)).sum();
    assert!(kept <= MAX_BYTES, "{kept} bytes of one block");
    (into, fault)
}

fn size(field: &Field<'_>) -> usize {
    [field.name, field.value]
        .into_iter()
        .flatten()
        .map(<[u8]>::len)
        .sum()
}

/// Who did not see all blocks.
struct Late {
    decoder: Decoder,
    /// The true number of each entry.
    entries: HashMap<i64, Option<i64>>,
}

impl Default for Late {
    fn default() -> Self {
        Self {
            decoder: Decoder::unseen(),
            entries: HashMap::new(),
        }
    }
}

impl Late {
    fn compare(&mut self, block: &[u8], truth: &HeaderBlock) {
        let (known, fault) = decode(&mut self.decoder, block);
        if let Some(fault) = fault.filter(Fault::stops_block) {
            // It may hold on to a name that whoever saw all had to let go.
            assert_eq!(fault.kind, FaultKind::BlockTooLarge, "{truth:?}");
            return;
        }
        assert_eq!(
            known.len(),
            truth.len(),
            "{known:?}, but in truth {truth:?}"
        );
        for (known, truth) in known.fields().zip(truth.fields()) {
            let agrees = |known: Option<&[u8]>, truth: Option<&[u8]>| {
                known.is_none() || truth.is_none() || known == truth
            };
            assert!(
                agrees(known.name, truth.name) && agrees(known.value, truth.value),
                "{known:?}, but in truth {truth:?}"
            );
            assert_eq!(known.sensitive, truth.sensitive);
            if let Some(number) = known.entry {
                let before = *self.entries.entry(number).or_insert(truth.entry);
                assert_eq!(before, truth.entry, "entry {number} was another one before");
            }
        }
    }
}

/// All blocks joined are one block with all fields: each representation ends by itself.
fn assert_all_as_one(all: &[u8], truths: &HeaderBlock) {
    let (joined, fault) = decode(&mut Decoder::new(), all);
    match fault.filter(Fault::stops_block) {
        Some(fault) => assert_eq!(fault.kind, FaultKind::BlockTooLarge),
        None => {
            let texts = |block: &HeaderBlock| {
                let texts = block
                    .fields()
                    .map(|field| format!("{:?} {:?}", field.name, field.value));
                texts.collect::<Vec<_>>()
            };
            assert_eq!(texts(&joined), texts(truths));
        }
    }
}

/// Asks for one entry after the other until there is none.
fn assert_table_is_bounded(decoder: &Decoder) {
    let mut size_of_all = 0;
    for index in FIRST_DYNAMIC.. {
        let (block, fault) = decode(&mut decoder.clone(), &indexed(index));
        let field = block.fields().next().filter(|_| fault.is_none());
        let Some(entry) = field.filter(|field| field.name.is_some()) else {
            break;
        };
        size_of_all += size(&entry) + ENTRY_OVERHEAD;
    }
    assert!(
        size_of_all <= MAX_SIZE as usize,
        "a table of {size_of_all} bytes"
    );
}

/// An indexed field (RFC 7541, section 6.1), its index in 7 bits and more (section 5.1).
fn indexed(index: usize) -> Vec<u8> {
    if index < 127 {
        return vec![0x80 | index as u8];
    }
    let mut bytes = vec![0xff];
    let mut rest = index - 127;
    while rest >= 128 {
        bytes.push(0x80 | (rest % 128) as u8);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}
