//! What holds for any header blocks: nothing panics, what is encoded comes back, and what cannot
//! be known is unknown but never wrong.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::{Decoder, Field, HeaderBlock, MAX_BYTES, MAX_FIELDS};
use super::encoder::{Encoder, Item, Way};

/// Few names and values, so that they recur and are found in the tables, and some long ones.
fn fields() -> impl Strategy<Value = Item> {
    let name = prop_oneof![
        Just(":path".to_owned()),
        Just("te".to_owned()),
        "[a-d]",
        "x-[a-z]{0,40}",
        Just(String::new()),
    ];
    let value = prop_oneof![
        "[a-c]?",
        Just("trailers".to_owned()),
        "[ -é]{0,60}",
        "[a-z]{400}"
    ];
    let way = prop_oneof![
        4 => Just(Way::Indexed),
        2 => Just(Way::Inserted),
        1 => Just(Way::Plain),
        1 => Just(Way::Sensitive),
    ];
    (name, value, way, any::<bool>(), any::<bool>()).prop_map(
        |(name, value, way, is_coded, by_index)| Item::Field {
            name,
            value,
            way,
            is_coded,
            by_index,
        },
    )
}

fn blocks() -> impl Strategy<Value = Vec<Vec<Item>>> {
    let size = prop_oneof![
        8 => Just(None),
        1 => Just(Some(0)),
        1 => (0u32..600).prop_map(Some),
        1 => Just(Some(4096)),
    ];
    let block = (size, prop::collection::vec(fields(), 0..10)).prop_map(|(size, fields)| {
        size.map(Item::Resize)
            .into_iter()
            .chain(fields)
            .collect::<Vec<_>>()
    });
    prop::collection::vec(block, 1..12)
}

/// Encodes `blocks` as one connection would.
fn encode(blocks: &[Vec<Item>]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new();
    blocks.iter().map(|block| encoder.block(block)).collect()
}

fn decode(decoder: &mut Decoder, wire: &[u8]) -> HeaderBlock {
    let mut block = HeaderBlock::default();
    assert_eq!(decoder.decode(wire, &mut block), None);
    block
}

/// Checks fields whose tables were partly unseen against what they truly are; `entries` has what
/// each table entry was so far found to be.
fn check_partial<'a>(
    entries: &mut HashMap<i64, Field<'a>>,
    partial: &HeaderBlock,
    truth: &'a HeaderBlock,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(partial.len(), truth.len());
    for (seen, truth) in partial.fields().zip(truth.fields()) {
        prop_assert!(
            seen.name.is_none() || seen.name == truth.name,
            "{:?} {:?}",
            seen,
            truth
        );
        prop_assert!(
            seen.value.is_none() || seen.value == truth.value,
            "{:?} {:?}",
            seen,
            truth
        );
        prop_assert_eq!(seen.sensitive, truth.sensitive);
        let Some(number) = seen.entry else {
            prop_assert!(seen.name.is_some() && seen.value.is_some());
            continue;
        };
        let before = *entries.entry(number).or_insert(truth);
        prop_assert_eq!(
            before.name,
            truth.name,
            "entry {} was something else",
            number
        );
        prop_assert_eq!(before.entry, truth.entry, "entry {} was another", number);
    }
    Ok(())
}

proptest! {
    #[test]
    fn encoded_fields_come_back(blocks in blocks()) {
        let mut decoder = Decoder::new();
        for (wire, items) in encode(&blocks).iter().zip(&blocks) {
            let decoded = decode(&mut decoder, wire);
            let mut fields = decoded.fields();
            for item in items {
                let Item::Field { name, value, way, .. } = item else { continue };
                let field = fields.next().unwrap();
                prop_assert_eq!(field.name, Some(name.as_bytes()));
                prop_assert_eq!(field.value, Some(value.as_bytes()));
                prop_assert_eq!(field.sensitive, matches!(way, Way::Sensitive));
            }
            prop_assert!(fields.next().is_none());
        }
    }

    #[test]
    fn tail_of_a_connection_is_unknown_but_never_wrong(blocks in blocks(), skip in 0usize..12) {
        let wire = encode(&blocks);
        let mut whole = Decoder::new();
        let truths: Vec<_> = wire.iter().map(|wire| decode(&mut whole, wire)).collect();
        let mut tail = Decoder::unseen();
        let mut entries = HashMap::new();
        for (wire, truth) in wire.iter().zip(&truths).skip(skip) {
            let partial = decode(&mut tail, wire);
            check_partial(&mut entries, &partial, truth)?;
            // What was inserted before our eyes has a value. Here no table is larger than the
            // size assumed, so nothing goes early.
            let mut inserted = partial.fields().filter(|field| field.entry >= Some(0));
            prop_assert!(inserted.all(|field| field.value.is_some()), "{:?}", partial);
        }
    }

    #[test]
    fn lost_blocks_leave_unknowns_but_nothing_wrong(
        blocks in blocks(),
        lost in prop::collection::vec(any::<bool>(), 12),
    ) {
        let wire = encode(&blocks);
        let mut whole = Decoder::new();
        let truths: Vec<_> = wire.iter().map(|wire| decode(&mut whole, wire)).collect();
        let mut decoder = Decoder::new();
        let mut entries = HashMap::new();
        for ((wire, truth), lost) in wire.iter().zip(&truths).zip(lost) {
            if lost {
                decoder.forget();
            } else {
                check_partial(&mut entries, &decode(&mut decoder, wire), truth)?;
            }
        }
    }

    #[test]
    fn no_bytes_panic(blocks: Vec<Vec<u8>>, is_unseen: bool, limit: u32) {
        let mut decoder = if is_unseen { Decoder::unseen() } else { Decoder::new() };
        decoder.set_limit(limit);
        let mut into = HeaderBlock::default();
        for wire in blocks {
            if let Some(fault) = decoder.decode(&wire, &mut into) {
                prop_assert!(fault.at <= wire.len());
            }
        }
        prop_assert!(into.len() <= MAX_FIELDS);
        let length = |text: Option<&[u8]>| text.map_or(0, <[u8]>::len);
        let bytes: usize = into.fields().map(|field| length(field.name) + length(field.value)).sum();
        prop_assert!(bytes <= MAX_BYTES);
    }

    #[test]
    fn damaged_blocks_do_not_panic(
        blocks in blocks(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut wire = encode(&blocks);
        for (at, value) in damage {
            let block = at.index(wire.len());
            let length = wire[block].len();
            if length > 0 {
                wire[block][at.index(length)] = value;
            }
        }
        let mut decoder = Decoder::new();
        let mut into = HeaderBlock::default();
        for wire in wire {
            into.clear();
            if let Some(fault) = decoder.decode(&wire, &mut into) {
                prop_assert!(fault.at <= wire.len());
            }
        }
    }
}
