//! A header block as it is written: its representations (RFC 7541, section 6), before tables are asked.
//!
//! In: a whole block. Out: its representations with strings decoded, for whoever has to read one block under several
//! tables.

use std::sync::Arc;

use super::input::Input;

/// One representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Representation {
    /// A field that is in a table (section 6.1).
    Indexed(usize),
    /// A field whose value, and perhaps name, is spelled out (section 6.2).
    Literal {
        /// Whether it enters the dynamic table.
        inserts: bool,
        name: LiteralName,
        value: Arc<[u8]>,
    },
    /// A new size of the dynamic table (section 6.3).
    Resize(usize),
}

/// The name of a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LiteralName {
    /// That of an entry.
    Of(usize),
    /// Spelled out.
    Text(Arc<[u8]>),
}

/// Most representations of a block that are read.
const MAX_REPRESENTATIONS: usize = 256;

/// Reads a block; `None` where it is malformed or too long.
pub(super) fn read(block: &[u8]) -> Option<Vec<Representation>> {
    let mut input = Input::new(block);
    let mut representations = Vec::new();
    while let Some(first) = input.peek() {
        if representations.len() >= MAX_REPRESENTATIONS {
            return None;
        }
        representations.push(match first {
            0x80.. => Representation::Indexed(input.integer(7).ok()? as usize),
            0x40..=0x7f => literal(&mut input, 6)?,
            0x20..=0x3f => Representation::Resize(input.integer(5).ok()? as usize),
            0x00..=0x1f => literal(&mut input, 4)?,
        });
    }
    Some(representations)
}

fn literal(input: &mut Input<'_>, prefix: u32) -> Option<Representation> {
    let name = match input.integer(prefix).ok()? {
        0 => LiteralName::Text(text(input)?),
        index => LiteralName::Of(index as usize),
    };
    Some(Representation::Literal {
        inserts: prefix == 6,
        name,
        value: text(input)?,
    })
}

fn text(input: &mut Input<'_>) -> Option<Arc<[u8]>> {
    let mut text = Vec::new();
    input.string(&mut text).ok()?;
    Some(text.into())
}
