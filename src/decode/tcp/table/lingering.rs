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
    /// A connection of `part` has ended; the first to do so of those that are one too many by now, which lingers no longer.
    pub(super) fn push(&mut self, ended: EndedAt, part: usize) -> Option<EndedAt> {
        self.ended.insert(ended, part);
        let count = self.in_part.get_mut(part)?;
        *count = count.saturating_add(1);
        if *count <= MAX_LINGERING {
            return None;
        }
        let of_part = self.ended.iter().find(|(_, other)| **other == part);
        let crowded_out = of_part.map(|(ended, _)| *ended);
        // It could be chosen again by the next one that ends before it is taken out.
        crowded_out.inspect(|ended| self.remove(ended))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_that_end_at_once_each_crowds_out_another() {
        let mut slots = super::super::slots::Slots::default();
        let mut lingering = Lingering::default();
        let places: Vec<_> = (0..MAX_LINGERING + 2).map(|_| slots.insert(())).collect();
        let ended = places.iter().zip(0..);
        let crowded_out: Vec<_> = ended
            .filter_map(|(slot, second)| {
                let ended = (Timestamp::from_nanos(second * 1_000_000_000), 0, *slot);
                lingering.push(ended, 0)
            })
            .map(|(.., slot)| slot)
            .collect();
        assert_eq!(crowded_out, places[..2]);
    }
}
