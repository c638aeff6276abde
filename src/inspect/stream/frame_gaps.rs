//! Which parts of a connection's frames are missing from the capture: marks where gaps begin and end come
//! in; whether a gap can hide something that was sent at a certain time or place goes out.

use crate::capture::Stamp;
use crate::decode::{Direction, PerSide};

/// Up to where frames of each side may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameGaps {
    latest: PerSide<FrameGap>,
    /// Up to where in the server's byte stream all frames were seen.
    server_whole_to: Option<u64>,
}

/// The latest gap in what one side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FrameGap {
    #[default]
    None,
    /// Frames are missing, and where they go on was not found yet.
    Open,
    /// What is missing was sent before this was.
    Before(Stamp),
}

impl FrameGaps {
    /// Frames are missing from here on; the server's were seen up to `server_upto`.
    pub(crate) fn begin(&mut self, direction: Direction, server_upto: u64) {
        self.latest[direction] = FrameGap::Open;
        if direction == Direction::ServerToClient {
            self.server_whole_to.get_or_insert(server_upto);
        }
    }

    /// They go on here.
    pub(crate) fn end(&mut self, direction: Direction, stamp: Stamp) {
        self.latest[direction] = FrameGap::Before(stamp);
    }

    /// Whether anything is missing.
    pub(crate) fn any(&self) -> bool {
        *self != Self::default()
    }

    /// Whether frames may be missing that a side sent after `since`.
    pub(crate) fn since(&self, direction: Direction, since: Stamp) -> bool {
        match self.latest[direction] {
            FrameGap::None => false,
            FrameGap::Open => true,
            FrameGap::Before(stamp) => stamp > since,
        }
    }

    /// Whether no frame of the server is missing before this place in its byte stream.
    pub(crate) fn is_whole_to(&self, place: u64) -> bool {
        self.server_whole_to
            .is_none_or(|whole_to| place <= whole_to)
    }
}
