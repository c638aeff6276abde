//! The flow table: which segment belongs to which connection.
//!
//! In: segments. Out: what they brought, with their connection's attachment. What never happens here:
//! growing unasked; how many connections stay, and what they may hold, is for the caller to say, and
//! whom that costs is for [`bounds`].

mod bounds;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::aliases::{Twin, Twins};
use super::flow::Flow;
use super::key::{Key, Slot};
use super::reorder::{PATIENCE, PATIENCE_NANOS};
use super::signal::Signal;
use crate::capture::Timestamp;
use crate::decode::link::Segment;

/// How long, in nanoseconds, a finished connection is still listened to: answers that arrive after
/// a close say that the server did the work.
const LINGER_NANOS: i64 = 2_000_000_000;

/// How many finished connections are listened to at a time. A host that ends more within two seconds
/// ends connections of a call each, of which little can come late.
const MAX_LINGERING: usize = 512;

/// How many finished connections are remembered, so that a stray packet of one does not look like
/// a new connection. Each costs about a hundred bytes.
const MAX_REMEMBERED: usize = 65_536;

/// How many other addresses and networks a connection goes by: services are translated once, or twice.
const MAX_TWINS: usize = 8;

/// A segment stamped so much earlier than one before it, in nanoseconds, was not just overtaken, since
/// no queue is emptied as rarely: the capture's parts are in the wrong order.
const DISORDER_NANOS: i64 = 100_000_000;

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
    twins: Twins,
    /// Connections with segments that wait for earlier ones, and since when.
    waiting: VecDeque<(Timestamp, Slot)>,
    /// The latest time of a segment.
    latest: Option<Timestamp>,
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
    /// What else it goes by.
    twins: Vec<Twin>,
    flow: Flow,
    attachment: T,
    over: bool,
    /// What it holds, in bytes, as [`Flows::charge`] was told last.
    held: usize,
    /// The how many-th segment of all was its last one: times can be false.
    heard: u64,
}

impl<T> Entry<T> {
    fn is_reopened_by(&self, segment: &Segment<'_>) -> bool {
        let segment = as_first_seen(segment, &self.twins, &self.flow);
        self.flow.is_reopened_by(&segment)
    }

    /// Whether it is over since it was last asked: when, where it lives, and its number.
    fn has_ended(&mut self, at: Timestamp, slot: Slot) -> Option<(Timestamp, Slot, u32)> {
        if self.over || !self.flow.is_over() {
            return None;
        }
        self.over = true;
        Some((at, slot, self.flow.index()))
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        std::iter::once(self.key).chain(self.twins.iter().map(|twin| twin.key))
    }
}

impl<T> Default for Flows<T> {
    fn default() -> Self {
        Self {
            slots: FxHashMap::default(),
            entries: Vec::new(),
            free: Vec::new(),
            ended: VecDeque::new(),
            remembered: VecDeque::new(),
            twins: Twins::default(),
            waiting: VecDeque::new(),
            latest: None,
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
    /// the flow lives, unless the segment is left out or belongs to one that is finished.
    pub fn push(
        &mut self,
        segment: &Segment<'_>,
        sink: &mut impl FnMut(&mut T, Signal<'_>),
    ) -> Option<Slot> {
        let now = segment.stamp.time;
        self.release(now, sink);
        let slot = self.locate(segment)?;
        let entry = self.entries.get_mut(slot.0)?.as_mut()?;
        let waited = entry.flow.waits_since().is_some();
        self.segments += 1;
        let Entry {
            twins,
            flow,
            attachment,
            heard,
            ..
        } = entry;
        *heard = self.segments;
        let tell = &mut |signal: Signal<'_>| sink(attachment, signal);
        let fresh = match twins.as_slice() {
            [] => flow.push(segment, tell),
            twins => flow.push(&as_first_seen(segment, twins, flow), tell),
        };
        if !fresh {
            return None;
        }
        if !waited && let Some(since) = flow.waits_since() {
            self.waiting.push_back((since, slot));
        }
        self.ended.extend(entry.has_ended(now, slot));
        self.latest = self.latest.max(Some(now));
        Some(slot)
    }

    /// What lives at a place.
    pub fn at(&mut self, slot: Slot) -> Option<(&mut Flow, &mut T)> {
        let entry = self.entries.get_mut(slot.0)?.as_mut()?;
        Some((&mut entry.flow, &mut entry.attachment))
    }

    /// What is attached to all of them, in no order.
    pub fn attachments(&mut self) -> impl Iterator<Item = &mut T> {
        let entries = self.entries.iter_mut().flatten();
        entries.map(|entry| &mut entry.attachment)
    }

    /// Has the connections whose segments wait in vain, while others go on, go on as well.
    pub fn release(&mut self, now: Timestamp, sink: &mut impl FnMut(&mut T, Signal<'_>)) {
        while let Some((since, slot)) = self.waiting.front().copied() {
            if now.nanos_since(since) <= PATIENCE_NANOS {
                return;
            }
            self.waiting.pop_front();
            let Some(Some(entry)) = self.entries.get_mut(slot.0) else {
                continue;
            };
            let Entry {
                flow, attachment, ..
            } = entry;
            flow.release(now, &mut |signal| sink(attachment, signal));
            if let Some(since) = flow.waits_since() {
                self.waiting.push_back((since, slot));
            }
            // When it ended does not depend on when somebody looked.
            self.ended
                .extend(entry.has_ended(since.plus(PATIENCE), slot));
        }
    }

    /// Takes out the next connection that ended long enough before `now`.
    pub fn pop_finished(&mut self, now: Timestamp) -> Option<(Flow, T)> {
        loop {
            let (ended, slot, index) = *self.ended.front()?;
            if now.nanos_since(ended) < LINGER_NANOS && self.ended.len() <= MAX_LINGERING {
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
        let entry = self.entries.get_mut(slot.0)?.as_mut()?;
        let last_seen = entry.flow.last_seen().time;
        if last_seen.nanos_since(segment.stamp.time) > DISORDER_NANOS {
            entry.flow.break_off();
        } else if !entry.is_reopened_by(segment) {
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
        for key in entry.keys() {
            self.slots.remove(&key);
        }
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
        if let Some(slot) = self.locate_twin(key, segment) {
            return Some(slot);
        }
        let mut flow = Flow::new(self.next_index, segment);
        let latest = self.latest.unwrap_or(segment.stamp.time);
        if latest.nanos_since(segment.stamp.time) > DISORDER_NANOS {
            flow.break_off();
        }
        self.next_index = self.next_index.saturating_add(1);
        let entry = Some(Entry {
            key,
            twins: Vec::new(),
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
        self.twins.remember(segment, slot);
        Some(slot)
    }

    /// The connection that has just shown this very segment, in another network or under other
    /// addresses; from now on it goes by this key too.
    fn locate_twin(&mut self, key: Key, segment: &Segment<'_>) -> Option<Slot> {
        if !segment.of_any_interface {
            return None;
        }
        let bare = self.twins.elsewhere(segment);
        let bare = bare.filter_map(|key| Some((self.slots.get(&key).copied()??, false)));
        let opened = self.twins.opened_by(segment).map(|slot| (slot, true));
        let (slot, side) = bare.chain(opened).find_map(|(slot, translated)| {
            let entry = self.entries.get(slot.0)?.as_ref()?;
            let possible = !translated || entry.key.translates_to(key);
            let side = entry.flow.sender_of(segment, translated)?;
            possible.then_some((slot, side))
        })?;
        let entry = self.entries.get_mut(slot.0)?.as_mut()?;
        if entry.twins.len() >= MAX_TWINS {
            return None;
        }
        entry.twins.push(Twin {
            key,
            address: segment.source,
            side,
        });
        self.slots.insert(key, Some(slot));
        Some(slot)
    }

    fn take(&mut self, slot: Slot) -> Option<(Flow, T)> {
        let entry = self.vacate(slot)?;
        for key in entry.keys() {
            self.slots.insert(key, None);
            self.remembered.push_back(key);
        }
        while self.remembered.len() > MAX_REMEMBERED {
            let oldest = self.remembered.pop_front()?;
            if self.slots.get(&oldest).is_some_and(Option::is_none) {
                self.slots.remove(&oldest);
            }
        }
        Some((entry.flow, entry.attachment))
    }
}

/// A segment with the addresses under which its connection was seen first.
fn as_first_seen<'a>(segment: &Segment<'a>, twins: &[Twin], flow: &Flow) -> Segment<'a> {
    let key = Key::of(segment);
    let Some(twin) = twins.iter().find(|twin| twin.key == key) else {
        return *segment;
    };
    let sender = twin.sender_of(segment);
    Segment {
        source: flow.address(sender),
        destination: flow.address(sender.peer()),
        ..*segment
    }
}

fn opens(segment: &Segment<'_>) -> bool {
    use crate::decode::link::TcpFlags;
    segment.flags.contains(TcpFlags::SYN) && segment.acknowledgement.is_none()
}
