//! Connections that are over and still listened to: answers that arrive after a close say that the server
//! did the work.
//!
//! In: connections as they end. Out: those whose time is up, or that are too many of their part. Neither
//! depends on when somebody looked, nor on the connections of other parts.

use std::collections::BTreeMap;

use super::FlowSlot;
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::tcp::key::PARTS;

/// How long a finished connection is still listened to.
const LINGER: TimeDelta = TimeDelta::from_secs(2);

/// How many finished connections of a part are listened to at a time, 512 of all. A host that ends more
/// within two seconds ends connections of a call each, of which little can come late.
const MAX_LINGERING: u16 = 16;

/// A connection that is over: when it ended, at which packet, and where it lives.
pub(super) type EndedAt = (Timestamp, u64, FlowSlot);

/// Connections that are over, in the order in which they ended.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    /// Each with its part.
    ended: BTreeMap<EndedAt, usize>,
    in_part: [u16; PARTS],
}

impl Lingering {
    /// A connection of `part` has ended; the first to do so of those that are one too many by now.
    pub(super) fn push(&mut self, ended: EndedAt, part: usize) -> Option<EndedAt> {
        self.ended.insert(ended, part);
        let count = self.in_part.get_mut(part)?;
        *count = count.saturating_add(1);
        if *count <= MAX_LINGERING {
            return None;
        }
        let of_part = self.ended.iter().find(|(_, other)| **other == part);
        of_part.map(|(ended, _)| *ended)
    }

    /// From when on there is one to [take](Self::take_due).
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let ((at, ..), _) = self.ended.first_key_value()?;
        Some(*at + LINGER)
    }

    /// The next one that ended long enough before `now`; it lingers until it is [removed](Self::remove).
    pub(super) fn take_due(&self, now: Timestamp) -> Option<EndedAt> {
        let (ended, _) = self.ended.first_key_value()?;
        (now - ended.0 >= LINGER).then_some(*ended)
    }

    /// One is gone.
    pub(super) fn remove(&mut self, ended: &EndedAt) {
        let part = self.ended.remove(ended);
        if let Some(count) = part.and_then(|part| self.in_part.get_mut(part)) {
            *count = count.saturating_sub(1);
        }
    }
}
