//! A column of texts as the numbers of those there are, since few of them come again and again.
//!
//! In: texts, a cell at a time. Out: Parquet's pages of them: the texts themselves, each once, and their numbers (Parquet
//! format, "Dictionary Encoding"). A text that is where one was before has its number, so that most are neither read nor
//! copied; that is most of what a row costs.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::runs;

/// A text of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum CellText {
    Kept(Arc<str>),
    Word(&'static str),
}

impl CellText {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Kept(text) => text,
            Self::Word(word) => word,
        }
    }

    /// Where it is: what is at the same place is the same text, as long as it is kept.
    fn place(&self) -> (usize, usize) {
        let text = self.as_str();
        (text.as_ptr().addr(), text.len())
    }
}

/// Texts of a column, in the order of its cells.
#[derive(Debug, Default)]
pub(super) struct CodedTexts {
    numbers: Vec<u32>,
    /// By their numbers.
    texts: Vec<CellText>,
    by_place: FxHashMap<(usize, usize), u32>,
    by_text: HashMap<Arc<str>, u32>,
    latest: Option<((usize, usize), u32)>,
}

impl CodedTexts {
    #[inline]
    pub(super) fn push(&mut self, text: &CellText) {
        let place = text.place();
        let number = match self.latest {
            Some((latest, number)) if latest == place => number,
            _ => match self.by_place.get(&place) {
                Some(number) => {
                    self.latest = Some((place, *number));
                    *number
                }
                None => self.new_place(place, text),
            },
        };
        self.numbers.push(number);
    }

    /// Takes a text for several cells.
    pub(super) fn push_many(&mut self, text: &CellText, times: usize) {
        self.push(text);
        let last = self.numbers.last().copied().unwrap_or_default();
        self.numbers
            .extend(std::iter::repeat_n(last, times.saturating_sub(1)));
    }

    /// The number of a text at a place where none was before. Only one that is kept here keeps its place.
    fn new_place(&mut self, place: (usize, usize), text: &CellText) -> u32 {
        if let Some(number) = self.by_text.get(text.as_str()) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.by_text.insert(text.as_str().into(), number);
        self.by_place.insert(place, number);
        self.texts.push(text.clone());
        number
    }

    /// The texts, each with its length before it (Parquet format, "Plain").
    pub(super) fn dictionary(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for text in &self.texts {
            let text = text.as_str();
            out.extend(u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out
    }

    /// The numbers, after how many bits each has.
    pub(super) fn numbers(&self, out: &mut Vec<u8>) {
        let greatest = self.texts.len().saturating_sub(1);
        let bits = (usize::BITS - greatest.leading_zeros()) as u8;
        out.push(bits);
        runs::encode(&self.numbers, |number| number, bits, out);
    }

    /// How many texts there are, each counted once.
    pub(super) fn distinct(&self) -> u32 {
        u32::try_from(self.texts.len()).unwrap_or(u32::MAX)
    }

    /// The first and the last by their bytes.
    pub(super) fn bounds(&self) -> Option<(&str, &str)> {
        let texts = || self.texts.iter().map(CellText::as_str);
        Some((texts().min()?, texts().max()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_wherever_it_is() {
        let mut texts = CodedTexts::default();
        for _ in 0..3 {
            texts.push(&CellText::Kept("checkout".into()));
            texts.push(&CellText::Word("checkout"));
            texts.push(&CellText::Word(""));
        }
        assert_eq!(texts.numbers, [0, 0, 1].repeat(3));
        assert_eq!(texts.dictionary(), b"\x08\0\0\0checkout\0\0\0\0");
        assert_eq!(texts.bounds(), Some(("", "checkout")));
    }
}
