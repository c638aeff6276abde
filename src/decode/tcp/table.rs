//! The flow table: which segment belongs to which connection.
//!
//! In: segments. Out: what they brought, with their connection's attachment. What never happens here:
//! growing unasked; how many connections stay, and what they may hold, is for the caller to say, and
//! whom that costs is for [`bounds`].

mod bounds;

use std::collections::VecDeque;
use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use super::flow::{Flow, Signal};
use crate::capture::Timestamp;
use crate::decode::link::Segment;

/// How long, in nanoseconds, a finished connection is still listened to: answers that arrive after
/// a close say that the server did the work.
const LINGER_NANOS: i64 = 2_000_000_000;

/// How many finished connections are remembered, so that a stray packet of one does not look like
/// a new connection. Each costs about a hundred bytes.
const MAX_REMEMBERED: usize = 65_536;

/// Where a flow and what is attached to it live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(usize);

/// Addresses and network of a connection, the same for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    lower: SocketAddr,
    upper: SocketAddr,
    scope: u64,
}

impl Key {
    fn of(segment: &Segment<'_>) -> Self {
        let (lower, upper) = if segment.source <= segment.destination {
            (segment.source, segment.destination)
        } else {
            (segment.destination, segment.source)
        };
        Self {
            lower,
            upper,
            scope: segment.scope,
        }
    }
}

/// All connections of a capture, each with an attachment for the stage above.
#[derive(Debug)]
pub struct Flows<T> {
    /// The current connection of each pair of addresses; `None` once it is finished and let go.
    slots: FxHashMap<Key, Option<Slot>>,
    entries: Vec<Option<Entry<T>>>,
    free: Vec<Slot>,
    /// Connections that are over, in the order in which they ended, by place and number; some may have
    /// gone since.
    ended: VecDeque<(Timestamp, Slot, u32)>,
    remembered: VecDeque<Key>,
    next_index: u32,
    /// When idle connections were last looked for.
    swept: Option<Timestamp>,
    /// What all of them hold, in bytes.
    held: usize,
    /// How many segments there were.
    segments: u64,
}

#[derive(Debug)]
struct Entry<T> {
    key: Key,
    flow: Flow,
    attachment: T,
    over: bool,
    /// What it holds, in bytes, as [`Flows::charge`] was told last.
    held: usize,
    /// The how many-th segment of all was its last one: times can be false.
    heard: u64,
}

impl<T> Default for Flows<T> {
    fn default() -> Self {
        Self {
            slots: FxHashMap::default(),
            entries: Vec::new(),
            free: Vec::new(),
            ended: VecDeque::new(),
            remembered: VecDeque::new(),
            next_index: 0,
            swept: None,
            held: 0,
            segments: 0,
        }
    }
}

impl<T: Default> Flows<T> {
    /// How many connections were seen.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.next_index
    }

    /// How many are followed now, those included that are over and only listened to.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether none is followed now.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives a segment to its flow; `sink` gets what it brought, with the flow's attachment. Says where
    /// the flow lives, unless the segment belongs to one that is finished.
    pub fn push(
        &mut self,
        segment: &Segment<'_>,
        sink: &mut impl FnMut(&mut T, Signal<'_>),
    ) -> Option<Slot> {
        let slot = self.locate(segment)?;
        let entry = self.entries.get_mut(slot.0)?.as_mut()?;
        self.segments += 1;
        let Entry {
            flow,
            attachment,
            heard,
            ..
        } = entry;
        *heard = self.segments;
        flow.push(segment, &mut |signal| sink(attachment, signal));
        if !entry.over && entry.flow.is_over() {
            entry.over = true;
            self.ended
                .push_back((segment.stamp.time, slot, entry.flow.index()));
        }
        Some(slot)
    }

    /// What lives at a place.
    pub fn at(&mut self, slot: Slot) -> Option<(&mut Flow, &mut T)> {
        let entry = self.entries.get_mut(slot.0)?.as_mut()?;
        Some((&mut entry.flow, &mut entry.attachment))
    }

    /// Takes out the next connection that ended long enough before `now`.
    pub fn pop_finished(&mut self, now: Timestamp) -> Option<(Flow, T)> {
        loop {
            let (ended, slot, index) = *self.ended.front()?;
            if now.nanos_since(ended) < LINGER_NANOS {
                return None;
            }
            self.ended.pop_front();
            if self.lives(slot, index) {
                return self.take(slot);
            }
        }
    }

    /// Takes out a connection whose addresses `segment` uses for a new one.
    pub fn pop_reopened(&mut self, segment: &Segment<'_>) -> Option<(Flow, T)> {
        let slot = self.slots.get(&Key::of(segment)).copied().flatten()?;
        let entry = self.entries.get(slot.0)?.as_ref()?;
        if !entry.flow.is_reopened_by(segment) {
            return None;
        }
        let taken = self.take(slot);
        self.slots.remove(&Key::of(segment));
        self.tidy_ended();
        taken
    }

    /// Where what is left lives, in order of appearance.
    #[must_use]
    pub fn places(&self) -> Vec<Slot> {
        let left = (0..).zip(&self.entries).filter_map(|(slot, entry)| {
            let entry = entry.as_ref()?;
            Some((entry.flow.index(), Slot(slot)))
        });
        let mut left: Vec<_> = left.collect();
        left.sort_unstable_by_key(|(index, _)| *index);
        left.into_iter().map(|(_, slot)| slot).collect()
    }

    /// Takes out a connection without a memory of it.
    pub fn forget(&mut self, slot: Slot) -> Option<(Flow, T)> {
        let entry = self.vacate(slot)?;
        self.slots.remove(&entry.key);
        Some((entry.flow, entry.attachment))
    }

    fn vacate(&mut self, slot: Slot) -> Option<Entry<T>> {
        let entry = self.entries.get_mut(slot.0)?.take()?;
        self.free.push(slot);
        self.held = self.held.saturating_sub(entry.held);
        Some(entry)
    }

    /// Whether the connection of this number is still at this place.
    fn lives(&self, slot: Slot, index: u32) -> bool {
        let entry = self.entries.get(slot.0).and_then(Option::as_ref);
        entry.is_some_and(|entry| entry.flow.index() == index)
    }

    fn locate(&mut self, segment: &Segment<'_>) -> Option<Slot> {
        let key = Key::of(segment);
        match self.slots.get(&key) {
            Some(Some(slot)) => return Some(*slot),
            // A stray packet of a connection that is finished and let go.
            Some(None) if !opens(segment) => return None,
            _ => {}
        }
        let flow = Flow::new(self.next_index, segment);
        self.next_index = self.next_index.saturating_add(1);
        let entry = Some(Entry {
            key,
            flow,
            attachment: T::default(),
            over: false,
            held: 0,
            heard: self.segments,
        });
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.entries.get_mut(slot.0) {
                    *place = entry;
                }
                slot
            }
            None => {
                self.entries.push(entry);
                Slot(self.entries.len() - 1)
            }
        };
        self.slots.insert(key, Some(slot));
        Some(slot)
    }

    fn take(&mut self, slot: Slot) -> Option<(Flow, T)> {
        let entry = self.vacate(slot)?;
        self.slots.insert(entry.key, None);
        self.remembered.push_back(entry.key);
        if self.remembered.len() > MAX_REMEMBERED
            && let Some(oldest) = self.remembered.pop_front()
            && self.slots.get(&oldest).is_some_and(Option::is_none)
        {
            self.slots.remove(&oldest);
        }
        Some((entry.flow, entry.attachment))
    }
}

fn opens(segment: &Segment<'_>) -> bool {
    use crate::decode::link::TcpFlags;
    segment.flags.contains(TcpFlags::SYN) && segment.acknowledgement.is_none()
}
