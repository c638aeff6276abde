//! One table that an encoder may have after a gap: so many entries inserted unseen above those that are known.
//!
//! In: blocks. Out: each one's fields under this table, or that it cannot be.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use super::super::habits::Habits;
use super::super::representation::{LiteralName, Representation};
use super::super::static_table;

/// What each entry counts beside its name and value (RFC 7541, section 4.1).
const OVERHEAD: usize = 32;

/// Longest name of an entry whose name is not known. No name in use is longer.
const LONGEST_NAME: usize = 64;

/// An entry, or a field, that is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KnownField {
    /// `None` where it was named by an entry that is not known.
    pub(super) name: Option<Arc<[u8]>>,
    pub(super) value: Arc<[u8]>,
}

/// A field; `None` where it is that of an entry that was inserted unseen.
pub(super) type SeenField = Option<Arc<KnownField>>;

impl KnownField {
    /// Its size at least, and at most.
    fn sizes(&self) -> (usize, usize) {
        let value = self.value.len() + OVERHEAD;
        match &self.name {
            Some(name) => (value + name.len(), value + name.len()),
            None => (value, value + LONGEST_NAME),
        }
    }
}

/// A table that may be the encoder's.
#[derive(Clone, Debug)]
pub(super) struct Hypothesis {
    /// Newest first; `None` is one that was inserted unseen.
    entries: VecDeque<SeenField>,
    /// Whether older entries may lie below these.
    open: bool,
    /// The sum of all sizes at least.
    least: usize,
    /// How much larger those inserted unseen may be than they are counted.
    slack: usize,
    /// What it says of the answers that wait.
    pub(super) answers: VecDeque<u8>,
}

impl Hypothesis {
    /// A table that is known, newest first.
    pub(super) fn exact(entries: VecDeque<SeenField>) -> Self {
        let least = entries.iter().map(least).sum();
        Self {
            entries,
            open: false,
            least,
            slack: 0,
            answers: VecDeque::new(),
        }
    }

    /// How many entries it has.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The same after `count` more insertions in `bytes` missing bytes.
    pub(super) fn shifted(&self, count: usize, bytes: usize, max: usize) -> Self {
        let mut shifted = self.clone();
        for _ in 0..count {
            shifted.entries.push_front(None);
        }
        shifted.least += OVERHEAD * count;
        if count > 0 {
            // The shortest code of a byte has five bits (RFC 7541, appendix B).
            shifted.slack += bytes * 8 / 5 + LONGEST_NAME * count;
        }
        shifted.evict(max);
        shifted
    }

    /// A table of which nothing is known.
    pub(super) fn unknown(&self) -> Self {
        Self {
            entries: VecDeque::new(),
            open: true,
            least: 0,
            slack: 0,
            answers: self.answers.clone(),
        }
    }

    /// What all have in common of their newest entries.
    pub(super) fn common(all: &[Self]) -> Option<Self> {
        let first = all.first()?;
        let shared = first.entries.iter().enumerate();
        let shared = shared.take_while(|(at, entry)| {
            entry.is_some() && all.iter().all(|one| one.entries.get(*at) == Some(entry))
        });
        let entries: VecDeque<_> = shared.map(|(_, entry)| entry.clone()).collect();
        let mut common = Self::exact(entries);
        common.open = true;
        Some(common)
    }

    fn evict(&mut self, max: usize) {
        while self.least > max {
            let Some(entry) = self.entries.pop_back() else {
                return;
            };
            self.least -= least(&entry);
        }
        // Those inserted unseen are gone, and what they might have taken.
        if self.slack > 0 && self.entries.iter().all(is_whole) {
            self.slack = 0;
        }
    }

    /// How many of its newest entries are in the encoder's table for certain.
    fn certain(&self, max: usize) -> usize {
        let mut most = self.slack;
        let sizes = self.entries.iter().map(|entry| match entry {
            Some(known) => known.sizes().1,
            None => OVERHEAD,
        });
        sizes
            .take_while(|size| {
                most += size;
                most <= max
            })
            .count()
    }

    /// Whether this pair is in the encoder's table for certain.
    pub(super) fn has(&self, name: &[u8], value: &[u8], max: usize) -> bool {
        let certain = self.certain(max);
        let mut known = self.entries.iter().take(certain).flatten();
        known.any(|known| known.name.as_deref() == Some(name) && *known.value == *value)
    }

    /// Reads a block: its fields, and the table's size after it. `None` where this is not the encoder's table.
    pub(super) fn read(
        &mut self,
        block: &[Representation],
        mut max: usize,
        habits: &Habits,
    ) -> Option<(Vec<SeenField>, usize)> {
        let mut fields = Vec::with_capacity(block.len());
        for representation in block {
            match representation {
                Representation::Resize(size) => {
                    max = *size;
                    self.evict(max);
                    self.open &= max >= OVERHEAD;
                }
                Representation::Indexed(index) => fields.push(self.look_up(*index, max)?),
                Representation::Literal {
                    inserts,
                    name,
                    value,
                } => {
                    let name = match name {
                        LiteralName::Text(text) => Some(Arc::clone(text)),
                        LiteralName::Of(index) => {
                            let entry = self.look_up(*index, max)?;
                            entry.and_then(|known| known.name.clone())
                        }
                    };
                    if *inserts
                        && habits.never_repeats()
                        && let Some(name) = &name
                        && self.has(name, value, max)
                    {
                        return None;
                    }
                    let known = Arc::new(KnownField {
                        name,
                        value: Arc::clone(value),
                    });
                    fields.push(Some(Arc::clone(&known)));
                    if *inserts {
                        self.insert(known, max);
                    }
                }
            }
        }
        Some((fields, max))
    }

    fn insert(&mut self, known: Arc<KnownField>, max: usize) {
        self.least += known.sizes().0;
        self.entries.push_front(Some(known));
        self.evict(max);
    }

    /// The entry at `index` of both tables; `None` where there is none.
    fn look_up(&self, index: usize, max: usize) -> Option<SeenField> {
        let Some(position) = index.checked_sub(static_table::LENGTH + 1) else {
            return index
                .checked_sub(1)
                .and_then(|at| static_fields().get(at))
                .cloned();
        };
        match self.entries.get(position) {
            Some(entry) => Some(entry.clone()),
            None if self.open && position < max / OVERHEAD => Some(None),
            None => None,
        }
    }
}

fn least(entry: &SeenField) -> usize {
    entry.as_ref().map_or(OVERHEAD, |known| known.sizes().0)
}

/// Whether all of an entry is known.
fn is_whole(entry: &SeenField) -> bool {
    entry.as_ref().is_some_and(|known| known.name.is_some())
}

/// The static table's entries.
fn static_fields() -> &'static [SeenField] {
    static FIELDS: OnceLock<Vec<SeenField>> = OnceLock::new();
    FIELDS.get_or_init(|| {
        let entries = (1..=static_table::LENGTH).filter_map(static_table::look_up);
        let fields = entries.map(|entry| {
            let name = entry.name().unwrap_or_default();
            Some(Arc::new(KnownField {
                name: Some(name.into()),
                value: entry.text.get(name.len()..).unwrap_or_default().into(),
            }))
        });
        fields.collect()
    })
}
