//! Header blocks in, fields out: the representations of RFC 7541, section 6, in their order.

use super::block::{FieldParts, HeaderBlock};
use super::dynamic_table::{DEFAULT_SIZE, DynamicTable};
use super::entry::{Entry, TextLength};
use super::fault::{Fault, FaultKind};
use super::field_name::FieldName;
use super::habits::Habits;
use super::input::Input;
use super::recovery::Recovery;
use super::static_table;

/// Decodes the header blocks that one side of a connection sends, in the order in which it sent
/// them.
///
/// Allocates nothing before the first insertion into its table.
#[derive(Clone, Debug)]
pub struct Decoder {
    table: DynamicTable,
    /// The largest table that the decoding side allows; `None` where the capture does not show it.
    limit: Option<u32>,
    /// What its encoder keeps to, while that may be of use.
    habits: Option<Box<Habits>>,
}

impl Decoder {
    /// For a connection seen from its start: the table is empty and 4,096 bytes large.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            table: DynamicTable::new(),
            limit: Some(DEFAULT_SIZE),
            habits: None,
        }
    }

    /// The same, of an encoder whose habits are learned, so that a [`Recovery`] can begin when blocks are lost.
    pub(in crate::decode::http2) fn learning() -> Self {
        Self {
            habits: Some(Box::default()),
            ..Self::new()
        }
    }

    /// What goes on where the table is lost that is known whole so far; `None` where it is not, or where its encoder
    /// shows no habits to go by.
    pub(in crate::decode::http2) fn begin_recovery(&mut self) -> Option<Box<Recovery>> {
        let habits = self.habits.take()?;
        let max = self.table.whole_size()?;
        habits
            .is_grpc()
            .then(|| Box::new(Recovery::new(*habits, self.table.pairs(), max)))
    }

    /// No recovery will begin.
    pub(in crate::decode::http2) fn stop_learning(&mut self) {
        self.habits = None;
    }

    /// For a connection that began before the capture: the table's size and entries are unknown.
    #[must_use]
    pub const fn unseen() -> Self {
        Self {
            table: DynamicTable::unseen(),
            limit: None,
            habits: None,
        }
    }

    /// A header block was lost. What it inserted moved all entries, so none can be told any more;
    /// those inserted from now on can.
    pub fn forget(&mut self) {
        self.table.forget();
        if let Some(limit) = self.limit {
            self.table.expect(limit);
        }
    }

    /// How many bytes of memory the table takes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.table.held()
    }

    /// The decoding side announced SETTINGS_HEADER_TABLE_SIZE, in bytes. That limits the sizes
    /// that the encoder may choose; it changes none (section 4.2).
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = Some(limit);
        self.table.expect(limit);
    }

    /// How often its table was changed: as long as that stays, a block that only has indexes comes to the same.
    pub(in crate::decode::http2) const fn changes(&self) -> u64 {
        self.table.changes()
    }

    /// A block of so many bytes came that was decoded before.
    pub(in crate::decode::http2) fn pass_repeated(&mut self, length: usize) {
        if let Some(habits) = &mut self.habits {
            habits.block(length);
        }
    }

    /// Decodes one block, all of its fragments joined, and appends its fields to `into`.
    ///
    /// Returns the fault that [stopped the block](Fault::stops_block), if one did: the fields
    /// before it are in `into`, those after it are missing, and the decoder has
    /// [forgotten](Self::forget) its table, which they may have changed. Else returns the first
    /// fault that was noted.
    pub fn decode(&mut self, block: &[u8], into: &mut HeaderBlock) -> Option<Fault> {
        into.prepare();
        let mut input = Input::new(block);
        let mut noted = None;
        let mut is_start = true;
        while let Some(first) = input.peek() {
            let at = input.at();
            let step = match first {
                0x80.. => self.indexed(&mut input, into),
                0x40..=0x7f => self.literal(&mut input, into, Literal::Indexed),
                0x20..=0x3f => match self.resize(&mut input) {
                    Ok(fault) => {
                        let late = Fault {
                            at,
                            kind: FaultKind::SizeUpdateLate,
                        };
                        noted = noted.or((!is_start).then_some(late)).or(fault);
                        continue;
                    }
                    Err(fault) => Err(fault),
                },
                0x10..=0x1f => self.literal(&mut input, into, Literal::NeverIndexed),
                0x00..=0x0f => self.literal(&mut input, into, Literal::Plain),
            };
            if let Err(fault) = step {
                into.abandon();
                self.forget();
                return Some(fault);
            }
            is_start = false;
        }
        if let Some(habits) = &mut self.habits {
            habits.block(block.len());
        }
        noted
    }

    /// A field that is in a table (section 6.1).
    fn indexed(&self, input: &mut Input<'_>, into: &mut HeaderBlock) -> Result<(), Fault> {
        let at = input.at();
        let index = input.integer(7)?;
        let entry = self.look_up(index, at)?;
        let kept = into.push_entry(entry);
        room(kept, at)
    }

    /// A field whose value, and perhaps name, is spelled out (section 6.2).
    fn literal(
        &mut self,
        input: &mut Input<'_>,
        into: &mut HeaderBlock,
        kind: Literal,
    ) -> Result<(), Fault> {
        let at = input.at();
        let index = input.integer(kind.prefix())?;
        let text = into.buffer();
        let start = text.len();
        let (name_length, known_name, number) = if index == 0 {
            let length = input.string(text)?;
            let known = FieldName::of(text.get(start..).unwrap_or_default());
            (TextLength::of(length), known, None)
        } else {
            let entry = self.look_up(index, at)?;
            // Copied out of the table first: the insertion may evict it (section 4.4).
            text.extend_from_slice(entry.name().unwrap_or_default());
            (entry.name_length, entry.known_name, entry.number)
        };
        let value_length = input.string(text)?;
        if self.habits.is_some() {
            let text = text.get(start..).unwrap_or_default();
            self.learn(text, name_length, kind);
        }
        if kind == Literal::Indexed {
            let text = text.get(start..).unwrap_or_default();
            self.table.insert(text, name_length, known_name);
        }
        let kept = into.finish(FieldParts {
            name_length,
            value_length: TextLength::of(value_length),
            known_name,
            sensitive: kind == Literal::NeverIndexed,
            indexed: false,
            entry: number,
        });
        room(kept, at)
    }

    /// What a literal shows of its encoder's habits; the table is as it was before it.
    fn learn(&mut self, text: &[u8], name_length: TextLength, kind: Literal) {
        let name_length = name_length.known();
        let Some((name, value)) = name_length.and_then(|length| text.split_at_checked(length))
        else {
            return;
        };
        let inserted = (kind == Literal::Indexed).then(|| self.table.contains(name, value));
        if let Some(habits) = &mut self.habits {
            habits.literal(name, value, inserted);
            if habits.are_broken() {
                self.habits = None;
            }
        }
    }

    /// A new size of the dynamic table (section 6.3), followed even where it is not allowed.
    fn resize(&mut self, input: &mut Input<'_>) -> Result<Option<Fault>, Fault> {
        let at = input.at();
        let size = input.integer(5)?;
        self.table.resize(size);
        let exceeded = self.limit.filter(|limit| size > *limit);
        Ok(exceeded.map(|limit| Fault {
            at,
            kind: FaultKind::SizeUpdateAboveLimit { size, limit },
        }))
    }

    /// The entry at `index` of both tables, one behind the other (section 2.3.3).
    #[inline]
    fn look_up(&self, index: u32, at: usize) -> Result<Entry<'_>, Fault> {
        let whole = index as usize;
        if whole == 0 {
            return Err(Fault {
                at,
                kind: FaultKind::IndexZero,
            });
        }
        let entry = match whole.checked_sub(static_table::LENGTH + 1) {
            None => static_table::look_up(whole),
            Some(position) => self.table.look_up(position),
        };
        entry.ok_or(Fault {
            at,
            kind: FaultKind::IndexBeyondTables { index },
        })
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// The kinds of literal fields, which differ in what an intermediary may do with them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Literal {
    /// Inserted into the dynamic table (section 6.2.1).
    Indexed,
    /// Not inserted (section 6.2.2).
    Plain,
    /// Not inserted, here or by any intermediary (section 6.2.3).
    NeverIndexed,
}

impl Literal {
    /// Bits of the first byte that hold the name's index.
    const fn prefix(self) -> u32 {
        match self {
            Self::Indexed => 6,
            Self::Plain | Self::NeverIndexed => 4,
        }
    }
}

fn room(kept: bool, at: usize) -> Result<(), Fault> {
    if kept {
        Ok(())
    } else {
        Err(Fault {
            at,
            kind: FaultKind::BlockTooLarge,
        })
    }
}
