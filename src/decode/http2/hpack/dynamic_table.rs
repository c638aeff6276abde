//! The dynamic table (RFC 7541, section 2.3.2), whole or partly unseen.
//!
//! Insertions and size changes come in, entries by position go out. An entry is found by its
//! distance from the newest, so whatever was inserted since we began to watch is found exactly,
//! however much lies unseen beneath it.
//!
//! ```text
//!   position   0      1      2      3      4      5   ...
//!            +------+------+------+------+------+------
//!   number   |  2   |  1   |  0   |  -1  |  -2  |  -3 ...
//!            +------+------+------+------+------+------
//!              newest      oldest   unseen: inserted before we
//!              seen        seen     watched, or evicted early
//! ```
//!
//! Where entries are unseen, or names of seen ones unknown, the table looks smaller than the
//! encoder's, so entries are evicted late or, where the table's true size is unknown too, early.
//! Neither can give a wrong answer: an encoder never refers to what it has evicted (section 4.4),
//! so a lingering entry is not asked for, and one gone early is reported as unknown.

use std::collections::VecDeque;

use super::entry::{Entry, TextLength};
use super::field_name::FieldName;

/// The size in bytes that a dynamic table has before any other is agreed on: the initial value of
/// SETTINGS_HEADER_TABLE_SIZE (RFC 9113, section 6.5.2).
pub const DEFAULT_SIZE: u32 = 4096;

/// Largest table in bytes that is followed: what browsers announce, the most in common use. Of a
/// larger table the oldest entries become unknown here.
pub const MAX_SIZE: u32 = 64 * 1024;

/// Size in bytes assumed of a table whose true size the capture does not show. Nearly all
/// encoders stay at 4 KiB; four times that loses little elsewhere and lets ten thousand
/// connections that began before the capture stay small.
pub const ASSUMED_SIZE: u32 = 16 * 1024;

/// For how many bytes of text, and entries, there is room in the first allocations: what a client of gRPC inserts with its
/// first request.
const FIRST_BYTES: usize = 256;
const FIRST_ENTRIES: usize = 16;

/// What each entry counts beside its name and value (section 4.1).
const ENTRY_OVERHEAD: usize = 32;

/// Most entries that a table of unknown size is believed to have, those of 32 MiB. An index beyond
/// them is an error whatever the size.
const MAX_UNSEEN: usize = 1 << 20;

/// The entries known of one direction's dynamic table.
#[derive(Clone, Debug)]
pub(super) struct DynamicTable {
    /// Texts of the entries, oldest first, behind those of evicted ones.
    bytes: Vec<u8>,
    /// How many bytes were ever removed from the front of `bytes`.
    removed: u64,
    /// The known entries, oldest first.
    slots: VecDeque<Slot>,
    /// Sum of the entries' sizes as section 4.1 counts them. Unknown names count nothing, so this
    /// is a lower bound of the true one.
    size: usize,
    /// The size beyond which entries are evicted.
    max_size: usize,
    /// Whether `max_size` is the encoder's own.
    is_sized: bool,
    /// Whether the table holds no entry but the known ones. Their names are then known too: an
    /// unknown name comes from an unseen entry.
    is_complete: bool,
    /// The number that the next entry gets.
    next: i64,
    /// How often it was changed.
    changes: u64,
}

/// Where an entry's text lies: name, then value, counted from the first byte ever stored.
#[derive(Clone, Debug)]
struct Slot {
    start: u64,
    name_length: TextLength,
    value_length: TextLength,
    known_name: FieldName,
}

impl Slot {
    fn text_length(&self) -> usize {
        self.name_length.bytes() + self.value_length.bytes()
    }

    fn size(&self) -> usize {
        self.text_length() + ENTRY_OVERHEAD
    }
}

impl DynamicTable {
    /// The empty table of a new connection.
    pub(super) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            removed: 0,
            slots: VecDeque::new(),
            size: 0,
            max_size: DEFAULT_SIZE as usize,
            is_sized: true,
            is_complete: true,
            next: 0,
            changes: 0,
        }
    }

    /// How often it was changed: as long as that stays, an index means the same.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    /// A table of unknown size and content.
    pub(super) const fn unseen() -> Self {
        let mut table = Self::new();
        table.max_size = ASSUMED_SIZE as usize;
        table.is_sized = false;
        table.is_complete = false;
        table
    }

    /// Every entry may have moved or gone, and the size may have changed.
    pub(super) fn forget(&mut self) {
        self.changes += 1;
        self.clear();
        self.max_size = self.max_size.max(ASSUMED_SIZE as usize);
        self.is_sized = false;
        self.is_complete = false;
        // The entries unseen from now on get numbers that none had before.
        self.next = self.next.saturating_add(MAX_UNSEEN as i64);
    }

    /// The decoding side allows tables of `limit` bytes: a table of unknown size may be as large.
    pub(super) fn expect(&mut self, limit: u32) {
        if !self.is_sized {
            self.changes += 1;
            self.max_size = self.max_size.max(limit.min(MAX_SIZE) as usize);
        }
    }

    /// The encoder set the table's size (section 6.3).
    pub(super) fn resize(&mut self, size: u32) {
        self.changes += 1;
        self.max_size = size.min(MAX_SIZE) as usize;
        self.is_sized = size <= MAX_SIZE;
        self.evict(0);
        if self.max_size < ENTRY_OVERHEAD {
            self.is_complete = true;
        }
    }

    /// The entry at `position`, counted from 0 at the newest. `None` if no entry can be there.
    #[inline]
    pub(super) fn look_up(&self, position: usize) -> Option<Entry<'_>> {
        if position >= MAX_UNSEEN {
            return None;
        }
        let number = self.next.saturating_sub(1).saturating_sub(position as i64);
        let slot = self
            .slots
            .len()
            .checked_sub(position + 1)
            .and_then(|at| self.slots.get(at));
        if let Some(slot) = slot {
            let start = usize::try_from(slot.start - self.removed).ok()?;
            return Some(Entry {
                text: self.bytes.get(start..start + slot.text_length())?,
                name_length: slot.name_length,
                known_name: slot.known_name,
                value_length: slot.value_length,
                number: Some(number),
            });
        }
        if self.is_complete || (self.is_sized && position >= self.max_size / ENTRY_OVERHEAD) {
            return None;
        }
        Some(Entry::unseen(number))
    }

    /// Its size in bytes, where that and all entries are known.
    pub(super) fn whole_size(&self) -> Option<usize> {
        (self.is_complete && self.is_sized).then_some(self.max_size)
    }

    /// The entries that are known whole, names and values, newest first.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let slots = self.slots.iter().rev();
        slots.filter_map(|slot| self.pair(slot))
    }

    /// Whether it has an entry with this name and value.
    pub(super) fn contains(&self, name: &[u8], value: &[u8]) -> bool {
        let alike = self.slots.iter().filter(|slot| {
            slot.value_length == TextLength::of(value.len())
                && slot.name_length == TextLength::of(name.len())
        });
        let mut pairs = alike.filter_map(|slot| self.pair(slot));
        pairs.any(|pair| pair == (name, value))
    }

    fn pair(&self, slot: &Slot) -> Option<(&[u8], &[u8])> {
        let start = usize::try_from(slot.start - self.removed).ok()?;
        let text = self.bytes.get(start..start + slot.text_length())?;
        text.split_at_checked(slot.name_length.known()?)
    }

    /// Inserts an entry whose name of `name_length` and value are `text`; the name is `known_name`.
    pub(super) fn insert(&mut self, text: &[u8], name_length: TextLength, known_name: FieldName) {
        // Also an entry that turns out too large is counted: in a table that is larger than we
        // believe it lies there, unseen.
        self.next = self.next.saturating_add(1);
        self.changes += 1;
        let size = text.len() + ENTRY_OVERHEAD;
        self.evict(size);
        if size > self.max_size {
            // The encoder's table is empty now, if it is no larger (section 4.4).
            self.is_complete = self.is_sized;
            return;
        }
        let value_length = TextLength::of(text.len() - name_length.bytes());
        self.make_room(text.len());
        let start = self.removed + self.bytes.len() as u64;
        self.bytes.extend_from_slice(text);
        self.slots.push_back(Slot {
            start,
            name_length,
            value_length,
            known_name,
        });
        self.size += size;
    }

    /// Evicts the oldest entries until `incoming` bytes fit, or none is left (sections 4.3, 4.4).
    fn evict(&mut self, incoming: usize) {
        while self.size + incoming > self.max_size {
            // Without the true size, the encoder may still have what goes here.
            self.is_complete &= self.is_sized;
            let Some(slot) = self.slots.pop_front() else {
                return;
            };
            self.size -= slot.size();
        }
    }

    /// Removes the texts of evicted entries where `incoming` bytes would otherwise need more memory,
    /// once they are a quarter of it: so a byte is moved three times on average, and memory stays
    /// below three times the table.
    fn make_room(&mut self, incoming: usize) {
        let first = self.slots.front().map_or(self.bytes.len(), |slot| {
            usize::try_from(slot.start - self.removed).unwrap_or(self.bytes.len())
        });
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(FIRST_BYTES);
            self.slots.reserve(FIRST_ENTRIES);
        }
        let is_full = self.bytes.len() + incoming > self.bytes.capacity();
        if is_full && first >= self.bytes.len() / 4 && first > 0 {
            self.bytes.drain(..first);
            self.removed += first as u64;
        }
    }

    /// How many bytes of memory it takes.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.slots.capacity() * size_of::<Slot>()
    }

    /// Removes all entries and gives their memory back.
    fn clear(&mut self) {
        self.removed += self.bytes.len() as u64;
        self.bytes = Vec::new();
        self.slots = VecDeque::new();
        self.size = 0;
    }
}
