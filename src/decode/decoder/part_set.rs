//! Which parts of a capture's connections something concerns.

use crate::decode::tcp::PARTS;

/// Some of the parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartSet(u32);

const _: () = assert!(PARTS <= 32, "a bit for each");

impl PartSet {
    /// All of them.
    pub const ALL: Self = Self(u32::MAX);

    /// Adds a part.
    pub const fn insert(&mut self, part: usize) {
        self.0 |= 1 << part;
    }

    /// Their numbers, in order.
    pub fn numbers(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            usize::try_from(next).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_that_was_added_comes_once_and_in_order() {
        let mut set = PartSet::default();
        assert_eq!(set.numbers().count(), 0);
        for number in [31, 4, 0, 4] {
            set.insert(number);
        }
        assert_eq!(set.numbers().collect::<Vec<_>>(), [0, 4, 31]);
        assert_eq!(PartSet::ALL.numbers().count(), 32);
    }
}
