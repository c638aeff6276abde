//! One entry of the static or the dynamic table, borrowed from where it is kept.

use super::field_name::FieldName;

/// How many bytes a name or a value has, if that is known: half of what an `Option` would take, of which there is one of
/// each for every field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextLength(u32);

impl TextLength {
    /// The text cannot be known.
    pub(super) const UNKNOWN: Self = Self(u32::MAX);

    /// That of a text; none is kept that is as long as a `u32` can say.
    #[inline]
    pub(super) const fn of(bytes: usize) -> Self {
        Self(bytes as u32)
    }

    /// The length, if it is known.
    #[inline]
    pub(super) const fn known(self) -> Option<usize> {
        match self {
            Self::UNKNOWN => None,
            Self(bytes) => Some(bytes as usize),
        }
    }

    /// How much room the text takes: an unknown one takes none.
    #[inline]
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::UNKNOWN => 0,
            Self(bytes) => bytes as usize,
        }
    }
}

/// A table entry. Its name and value lie side by side so that one copy takes both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// The name, if known, and after it the value, if known.
    pub(super) text: &'a [u8],
    /// Length of the name.
    pub(super) name_length: TextLength,
    /// What its name is.
    pub(super) known_name: FieldName,
    /// Length of the value.
    pub(super) value_length: TextLength,
    /// Number of the entry in the dynamic table; `None` in the static table.
    pub(super) number: Option<i64>,
}

impl<'a> Entry<'a> {
    /// An entry of the dynamic table that was inserted where the capture does not show it.
    pub(super) const fn unseen(number: i64) -> Self {
        Self {
            text: &[],
            name_length: TextLength::UNKNOWN,
            known_name: FieldName::Other,
            value_length: TextLength::UNKNOWN,
            number: Some(number),
        }
    }

    /// The name, if it is known.
    pub(super) fn name(&self) -> Option<&'a [u8]> {
        self.text.get(..self.name_length.known()?)
    }
}
