//! The two ends of a flow, before it is known which of them is the client.

use std::ops::{Index, IndexMut};

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one whose packet was captured first.
    First,
    /// The one it was sent to.
    Second,
}

impl Side {
    /// The other one of the two.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// One of a thing for each end of a flow. [`PerSide`](crate::decode::PerSide) is the same once it is
/// known which end is the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerEnd<T> {
    /// Of the end whose packet was captured first.
    pub first: T,
    /// Of the end it was sent to.
    pub second: T,
}

impl<T> PerEnd<T> {
    /// Both, the first one's first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.first, &self.second].into_iter()
    }

    /// Both, the first one's first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        [&mut self.first, &mut self.second].into_iter()
    }
}

impl<T> Index<Side> for PerEnd<T> {
    type Output = T;

    #[inline]
    fn index(&self, side: Side) -> &T {
        match side {
            Side::First => &self.first,
            Side::Second => &self.second,
        }
    }
}

impl<T> IndexMut<Side> for PerEnd<T> {
    #[inline]
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::First => &mut self.first,
            Side::Second => &mut self.second,
        }
    }
}
