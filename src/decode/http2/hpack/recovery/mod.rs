//! What a server's header blocks say after a gap: all header tables that it may have are followed, and what is the
//! same under all of them is so.
//!
//! In: how many bytes are missing, and each block that follows. Out: the `grpc-status` of blocks that refer to entries
//! from before the gap.
//!
//! ```text
//! table before the gap     [B A]
//! gap: 0, 1, 2 ... insertions        [B A]   [? B A]   [? ? B A] ...
//! :status 200, second entry           A  ok   B  no     ?  no: the pair that must be there is A
//! first entry, END_STREAM             B: known
//! ```
//!
//! It rests on what the encoder [kept to](Habits) while its table was known: that it inserts no pair again, that its
//! successful answers have one `content-type`, and that it inserts no more at once than it did. That is evidence and
//! no proof. Where no table is left, one of them was not so: all that was found is taken back, and nothing more is
//! looked for on this connection.

mod hypothesis;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use super::habits::Habits;
use super::representation::{self, LiteralName, Representation};
use super::static_table;
use hypothesis::{Hypothesis, KnownField};
use rules::UNKNOWN;

/// Most hypotheses that are followed.
const MAX_HYPOTHESES: usize = 160;

/// Most insertions in a gap that are told apart; beyond, nothing is known of the table.
const MAX_INSERTIONS: usize = 40;

/// Most answers that wait until hypotheses agree.
const MAX_WAITING: usize = 256;

/// So many hypotheses that are left so many blocks after a gap are merged.
const STUBBORN: (usize, u32) = (24, 32);

/// What may be done for nothing, and for each block: entries copied and fields resolved. A hundred times what
/// captures in use need, so that gaps which somebody arranged cost no more than reading does.
const WORK: (usize, usize) = (65_536, 512);

/// Most statuses that are kept until the connection ends, so that they can be taken back; of more, the oldest stay
/// unknown.
const MAX_FOUND: usize = 16_384;

/// The header tables that a server may have.
#[derive(Debug)]
pub(in crate::decode::http2) struct Recovery {
    habits: Habits,
    /// The table's size.
    max: usize,
    hypotheses: Vec<Hypothesis>,
    /// Streams whose status is not agreed on.
    waiting: VecDeque<u32>,
    found: VecDeque<(u32, u8)>,
    /// Bytes missing since the last block.
    missing: usize,
    /// Blocks since the last gap.
    age: u32,
    /// What may still be done.
    work: usize,
}

/// Nothing more can be found.
pub(in crate::decode::http2) struct NothingLeft;

impl Recovery {
    /// From a table that is known whole: its entries, newest first, and its size.
    pub(super) fn new<'a>(
        habits: Habits,
        entries: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        max: usize,
    ) -> Self {
        let entries = entries.map(|(name, value)| {
            let (name, value) = (Some(name.into()), value.into());
            Some(Arc::new(KnownField { name, value }))
        });
        Self {
            habits,
            max,
            hypotheses: vec![Hypothesis::exact(entries.collect())],
            waiting: VecDeque::new(),
            found: VecDeque::new(),
            missing: 0,
            age: 0,
            work: WORK.0,
        }
    }

    /// So many bytes are missing in which header blocks may have been.
    pub(in crate::decode::http2) fn miss(&mut self, bytes: usize) {
        self.missing = self.missing.saturating_add(bytes);
    }

    /// Reads a block of a stream. `asks` says that its status is wanted.
    pub(in crate::decode::http2) fn block(
        &mut self,
        stream: u32,
        bytes: &[u8],
        ends: bool,
        asks: bool,
    ) -> Result<(), NothingLeft> {
        let block = representation::read(bytes).ok_or(NothingLeft)?;
        self.work = (self.work + WORK.1).min(WORK.0);
        self.branch()?;
        self.learn(&block, bytes.len());
        if self.habits.are_broken() {
            return Err(NothingLeft);
        }
        let before = self.hypotheses.len();
        self.spend(before * (block.len() + 8))?;
        let (habits, max) = (&self.habits, self.max);
        let mut max_after = max;
        self.hypotheses.retain_mut(|hypothesis| {
            let content_type = habits.content_type().map(|value| &**value);
            let content_type =
                content_type.filter(|value| hypothesis.has(b"content-type", value, max));
            let Some((fields, after)) = hypothesis.read(&block, max, habits) else {
                return false;
            };
            max_after = after;
            let allowed = rules::allow(&fields, ends, content_type);
            if asks && allowed {
                hypothesis.answers.push_back(rules::status(&fields));
            }
            allowed
        });
        self.max = max_after;
        self.age += 1;
        if self.hypotheses.is_empty() {
            return Err(NothingLeft);
        }
        if asks {
            self.waiting.push_back(stream);
        }
        self.agree(self.hypotheses.len() < before);
        if self.hypotheses.len() > STUBBORN.0 && self.age >= STUBBORN.1 {
            self.merge();
        }
        Ok(())
    }

    /// What was found: streams and statuses, which nothing has contradicted.
    pub(in crate::decode::http2) fn take_found(&mut self) -> impl Iterator<Item = (u32, u8)> {
        self.found.drain(..)
    }

    /// How many bytes of memory it takes, about.
    pub(in crate::decode::http2) fn held(&self) -> usize {
        let entries = self
            .hypotheses
            .iter()
            .map(|hypothesis| hypothesis.len() * 8);
        let answers = self.hypotheses.len() * self.waiting.len();
        entries.sum::<usize>() + answers + self.found.len() * 8
    }

    fn spend(&mut self, work: usize) -> Result<(), NothingLeft> {
        self.work = self.work.checked_sub(work).ok_or(NothingLeft)?;
        Ok(())
    }

    /// Takes what is missing before a block into account: each table may have been shifted by each number of
    /// insertions.
    fn branch(&mut self) -> Result<(), NothingLeft> {
        let bytes = std::mem::take(&mut self.missing);
        let most = self.habits.most_insertions(bytes);
        if most == 0 {
            return Ok(());
        }
        let told_apart = most.min(MAX_INSERTIONS);
        if self.hypotheses.len() * (told_apart + 2) > MAX_HYPOTHESES {
            self.merge();
        }
        let entries = self.hypotheses.iter().map(Hypothesis::len).sum::<usize>();
        self.spend((entries + told_apart) * (told_apart + 1))?;
        let max = self.max;
        let mut branches = Vec::new();
        for hypothesis in &self.hypotheses {
            let counts = 0..=told_apart;
            branches.extend(counts.map(|count| hypothesis.shifted(count, bytes, max)));
        }
        if most > MAX_INSERTIONS
            && let Some(hypothesis) = self.hypotheses.first()
        {
            // It stands for all, so it must not say of what waits what others do not.
            let mut unknown = hypothesis.unknown();
            unknown
                .answers
                .iter_mut()
                .for_each(|answer| *answer = UNKNOWN);
            branches.push(unknown);
        }
        self.hypotheses = branches;
        self.age = 0;
        Ok(())
    }

    /// What a block shows of the encoder's habits whatever its table is.
    fn learn(&mut self, block: &[Representation], bytes: usize) {
        for representation in block {
            let Representation::Literal {
                inserts,
                name,
                value,
            } = representation
            else {
                continue;
            };
            let name = match name {
                LiteralName::Text(text) => &**text,
                LiteralName::Of(index) => static_table::look_up(*index)
                    .and_then(|entry| entry.name())
                    .unwrap_or_default(),
            };
            self.habits.literal(name, value, inserts.then_some(false));
        }
        self.habits.block(bytes);
    }

    /// Keeps what all tables have in common, and gives up what waits.
    fn merge(&mut self) {
        self.waiting.clear();
        self.hypotheses = Hypothesis::common(&self.hypotheses).into_iter().collect();
    }

    /// Finds the statuses that are the same under all tables.
    fn agree(&mut self, fewer: bool) {
        // Only the newest may be agreed on, where none was ruled out.
        let from = match fewer {
            true => 0,
            false => self.waiting.len().saturating_sub(1),
        };
        for at in (from..self.waiting.len()).rev() {
            let mut answers = self.hypotheses.iter().map(|one| one.answers.get(at));
            let first = answers.next().flatten().copied();
            let agreed = answers.all(|answer| answer == first.as_ref());
            let only = self.hypotheses.len() == 1;
            if !agreed || (first == Some(UNKNOWN) && !only) {
                continue;
            }
            let stream = self.waiting.remove(at);
            for hypothesis in &mut self.hypotheses {
                hypothesis.answers.remove(at);
            }
            if let (Some(stream), Some(status)) =
                (stream, first.filter(|status| *status != UNKNOWN))
            {
                if self.found.len() >= MAX_FOUND {
                    self.found.pop_front();
                }
                self.found.push_back((stream, status));
            }
        }
        while self.waiting.len() > MAX_WAITING {
            self.waiting.pop_front();
            for hypothesis in &mut self.hypotheses {
                hypothesis.answers.pop_front();
            }
        }
    }
}
