//! Which parts of a connection's frames are missing from the capture.

use crate::capture::Stamp;
use crate::decode::Direction;

/// Up to where frames of each side may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    client: Loss,
    server: Loss,
}

/// The latest loss of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Loss {
    #[default]
    None,
    /// Frames are missing, and where they go on was not found yet.
    Open,
    /// What is missing was sent before this was.
    Before(Stamp),
}

impl Losses {
    /// Frames are missing from here on.
    pub(crate) const fn begin(&mut self, direction: Direction) {
        *self.of_mut(direction) = Loss::Open;
    }

    /// They go on here.
    pub(crate) const fn end(&mut self, direction: Direction, stamp: Stamp) {
        *self.of_mut(direction) = Loss::Before(stamp);
    }

    /// Whether anything is missing.
    pub(crate) fn any(&self) -> bool {
        *self != Self::default()
    }

    /// Whether frames may be missing that a side sent after `since`.
    pub(crate) fn since(&self, direction: Direction, since: Stamp) -> bool {
        match self.of(direction) {
            Loss::None => false,
            Loss::Open => true,
            Loss::Before(stamp) => stamp > since,
        }
    }

    const fn of(&self, direction: Direction) -> Loss {
        match direction {
            Direction::ClientToServer => self.client,
            Direction::ServerToClient => self.server,
        }
    }

    const fn of_mut(&mut self, direction: Direction) -> &mut Loss {
        match direction {
            Direction::ClientToServer => &mut self.client,
            Direction::ServerToClient => &mut self.server,
        }
    }
}
