//! Which way bytes went, and what there is one of for each side.

use std::ops::{Index, IndexMut};

/// The way bytes went on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the side that opened the connection.
    ClientToServer,
    /// From the side that accepted it.
    ServerToClient,
}

impl Direction {
    /// The way that the other side sends.
    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }

    /// `c2s` or `s2c`, as machine-readable output has it.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::ClientToServer => "c2s",
            Self::ServerToClient => "s2c",
        }
    }

    /// Who sends this way: `client` or `server`.
    #[must_use]
    pub const fn sender(self) -> &'static str {
        match self {
            Self::ClientToServer => "client",
            Self::ServerToClient => "server",
        }
    }
}

/// One of a thing for each side of a connection, indexed by the way that the side sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PerSide<T> {
    /// Of the side that opened the connection.
    pub client: T,
    /// Of the side that accepted it.
    pub server: T,
}

impl<T> PerSide<T> {
    /// Both by the same function, the client's first.
    pub fn map<U>(self, mut function: impl FnMut(T) -> U) -> PerSide<U> {
        PerSide {
            client: function(self.client),
            server: function(self.server),
        }
    }

    /// That of `side`, and that of the other one.
    pub const fn split_mut(&mut self, side: Direction) -> (&mut T, &mut T) {
        match side {
            Direction::ClientToServer => (&mut self.client, &mut self.server),
            Direction::ServerToClient => (&mut self.server, &mut self.client),
        }
    }

    /// Both, the client's first.
    pub fn iter(&self) -> impl Iterator<Item = (Direction, &T)> {
        [
            (Direction::ClientToServer, &self.client),
            (Direction::ServerToClient, &self.server),
        ]
        .into_iter()
    }
}

impl<T> Index<Direction> for PerSide<T> {
    type Output = T;

    fn index(&self, side: Direction) -> &T {
        match side {
            Direction::ClientToServer => &self.client,
            Direction::ServerToClient => &self.server,
        }
    }
}

impl<T> IndexMut<Direction> for PerSide<T> {
    fn index_mut(&mut self, side: Direction) -> &mut T {
        match side {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }
}
