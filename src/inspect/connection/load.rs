//! How much connections keep, so that all of them together stay within limits.

/// What a connection keeps, or all of them together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::inspect) struct Load {
    /// How many streams are followed.
    pub(in crate::inspect) streams: usize,
    /// How many calls a report is to list.
    pub(in crate::inspect) listed: usize,
    /// How many bytes the texts of calls take.
    pub(in crate::inspect) texts: usize,
}

impl Load {
    /// No stream, and so many calls.
    pub(in crate::inspect) const fn of_listed(listed: usize) -> Self {
        Self {
            streams: 0,
            listed,
            texts: 0,
        }
    }

    /// A part of the whole has changed.
    #[inline]
    pub(in crate::inspect) const fn change(&mut self, before: Self, after: Self) {
        self.streams = (self.streams + after.streams).saturating_sub(before.streams);
        self.listed = (self.listed + after.listed).saturating_sub(before.listed);
        self.texts = (self.texts + after.texts).saturating_sub(before.texts);
    }
}
