//! What passed on a connection beside its calls: settings and pings, each where it was seen.

use crate::capture::Stamp;
use crate::decode::Direction;

/// How many passages of a connection are kept, where they are asked for. A busy gRPC connection makes
/// some fifty a second while it probes its bandwidth, so that this is a minute and a half of them,
/// in 200 KB.
const MAX_PASSAGES: usize = 4_096;

/// What passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// SETTINGS.
    Settings,
    /// SETTINGS with ACK.
    SettingsAck,
    /// PING and its payload.
    Ping([u8; 8]),
    /// PING with ACK and its payload.
    PingAck([u8; 8]),
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The packet that completed it.
    pub stamp: Stamp,
    /// Who sent it.
    pub from: Direction,
    /// What it was.
    pub passing: Passing,
}

/// The passages of a connection, up to the bound; beyond it they are only counted.
#[derive(Clone, Debug, Default)]
pub struct Passages {
    kept: Vec<Passage>,
    left_out: u64,
}

impl Passages {
    pub(crate) fn push(&mut self, passage: Passage) {
        if self.kept.len() < MAX_PASSAGES {
            self.kept.push(passage);
        } else {
            self.left_out += 1;
        }
    }

    /// Those that were kept: the first ones, in order.
    #[must_use]
    pub fn kept(&self) -> &[Passage] {
        &self.kept
    }

    /// How many later ones were not.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_not_kept() {
        let mut passages = Passages::default();
        for _ in 0..MAX_PASSAGES + 7 {
            passages.push(Passage {
                stamp: Stamp::default(),
                from: Direction::ClientToServer,
                passing: Passing::Ping([0; 8]),
            });
        }
        assert_eq!(passages.kept().len(), MAX_PASSAGES);
        assert_eq!(passages.left_out(), 7);
    }
}
