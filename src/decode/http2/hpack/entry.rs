//! One entry of the static or the dynamic table, borrowed from where it is kept.

use super::field_name::FieldName;

/// A table entry. Its name and value lie side by side so that one copy takes both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// The name, if known, and after it the value, if known.
    pub(super) text: &'a [u8],
    /// Length of the name; `None` if it cannot be known.
    pub(super) name_length: Option<usize>,
    /// What its name is.
    pub(super) known_name: FieldName,
    /// Length of the value; `None` if it cannot be known.
    pub(super) value_length: Option<usize>,
    /// Number of the entry in the dynamic table; `None` in the static table.
    pub(super) number: Option<i64>,
}

impl<'a> Entry<'a> {
    /// An entry of the dynamic table that was inserted where the capture does not show it.
    pub(super) const fn unseen(number: i64) -> Self {
        Self {
            text: &[],
            name_length: None,
            known_name: FieldName::Other,
            value_length: None,
            number: Some(number),
        }
    }

    /// The name, if it is known.
    pub(super) fn name(&self) -> Option<&'a [u8]> {
        self.text.get(..self.name_length?)
    }
}
