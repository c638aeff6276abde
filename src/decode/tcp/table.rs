//! The flow table: which segment belongs to which connection.
//!
//! In: segments. Out: what they brought, with their connection's attachment. How many connections stay,
//! and what they may hold, is for the caller to say; whom that costs is for [`bounds`].

mod bounds;
mod lingering;
mod slots;

use std::collections::{BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use super::aliases::{Alias, Aliases};
use super::arrival::Arrival;
use super::flow::Flow;
use super::key::{FlowKey, FlowSlot, PARTS};
use super::reorder::PATIENCE;
use super::signal::Signal;
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::link::Segment;
pub use bounds::{holders, surplus};
use lingering::{EndedAt, Lingering};
use slots::Slots;

/// How many finished connections of a part are remembered, so that a stray packet of one does not look
/// like a new connection, 65,536 of all. Each costs about a hundred bytes.
const MAX_REMEMBERED: usize = 2_048;

/// How many other addresses and networks a connection goes by: services are translated once, or twice.
const MAX_ALIASES: usize = 8;

/// A segment stamped so much earlier than one before it was not just overtaken, since
/// no queue is emptied as rarely: the capture's parts are in the wrong order.
const DISORDER: TimeDelta = TimeDelta::from_millis(100);

/// All connections of a capture, each with an attachment for the stage above.
#[derive(Debug)]
pub struct Flows<T> {
    /// The current connection of each pair of addresses; `None` once it is finished and gone.
    slots: FxHashMap<FlowKey, Option<FlowSlot>>,
    entries: Slots<FlowEntry<T>>,
    lingering: Lingering,
    /// Connections that are over and one too many of their part, for [`Self::pop_crowded_out`].
    crowded_out: Vec<FlowSlot>,
    /// Finished connections, by part.
    remembered: [VecDeque<FlowKey>; PARTS],
    aliases: Aliases,
    /// Connections with segments that wait for earlier ones, and since when; some may wait no more.
    waiting: BTreeSet<(Timestamp, FlowSlot)>,
    next_index: u32,
    /// How many packets came before each connection, where its number is not its place among all.
    begins: Option<Vec<u64>>,
    /// When idle connections were last looked for.
    swept: Option<Timestamp>,
    /// What all of them hold, in bytes.
    held: usize,
}

/// Where a table has the connection of a pair of addresses, found once for all that is done with a segment.
#[derive(Clone, Copy, Debug)]
pub struct Located {
    key: FlowKey,
    /// `None` where it has none, and none within where that is finished and gone.
    slot: Option<Option<FlowSlot>>,
}

#[derive(Debug)]
struct FlowEntry<T> {
    key: FlowKey,
    /// What else it goes by.
    aliases: Vec<Alias>,
    flow: Flow,
    attachment: T,
    /// That it is over.
    over: Option<EndedAt>,
    /// What it holds, in bytes, as [`Flows::charge`] was given last.
    held: usize,
    /// How many packets came before its last segment: times can be false.
    last_packet: u64,
}

impl<T> FlowEntry<T> {
    fn is_reopened_by(&self, segment: &Segment<'_>) -> bool {
        match self.aliases.as_slice() {
            [] => self.flow.is_reopened_by(segment),
            aliases => {
                let segment = as_first_seen(segment, aliases, &self.flow);
                self.flow.is_reopened_by(&segment)
            }
        }
    }

    /// Whether it is over since it was last asked.
    fn has_ended(&mut self, at: Timestamp, slot: FlowSlot) -> Option<EndedAt> {
        if self.over.is_some() || !self.flow.is_over() {
            return None;
        }
        self.over = Some((at, self.last_packet, slot));
        self.over
    }

    fn keys(&self) -> impl Iterator<Item = FlowKey> {
        std::iter::once(self.key).chain(self.aliases.iter().map(|alias| alias.key))
    }
}

impl<T> Default for Flows<T> {
    fn default() -> Self {
        Self {
            slots: FxHashMap::default(),
            entries: Slots::default(),
            lingering: Lingering::default(),
            crowded_out: Vec::new(),
            remembered: [const { VecDeque::new() }; PARTS],
            aliases: Aliases::default(),
            waiting: BTreeSet::new(),
            next_index: 0,
            begins: None,
            swept: None,
            held: 0,
        }
    }
}

impl<T: Default> Flows<T> {
    /// A table of one of several parts, which [remembers where each connection began](Self::begins).
    #[must_use]
    pub fn of_part() -> Self {
        Self {
            begins: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// How many packets came before each connection, of a table [of one part](Self::of_part).
    #[must_use]
    pub fn begins(&self) -> &[u64] {
        self.begins.as_deref().unwrap_or_default()
    }

    /// How many connections were seen.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.next_index
    }

    /// How many are followed now, those included that are over and only listened to.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is followed now.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the connection of a pair of addresses is.
    #[must_use]
    pub fn locate(&self, key: FlowKey) -> Located {
        let slot = self.slots.get(&key).copied();
        Located { key, slot }
    }

    /// Gives a segment to its flow, which was just located; `sink` gets what it brought, with the flow's attachment.
    /// Says where the flow lives, unless the segment is left out or belongs to one that is finished.
    pub fn push(
        &mut self,
        located: Located,
        segment: &Segment<'_>,
        arrival: Arrival,
        sink: &mut impl FnMut(&mut T, Signal<'_>),
    ) -> Option<FlowSlot> {
        let now = segment.stamp.time;
        self.release(now, sink);
        let slot = self.slot_of(located, segment, arrival)?;
        let entry = self.entries.get_mut(slot)?;
        let waited = entry.flow.waits_since().is_some();
        let FlowEntry {
            aliases,
            flow,
            attachment,
            last_packet,
            ..
        } = entry;
        *last_packet = arrival.packets_before;
        let emit = &mut |signal: Signal<'_>| sink(attachment, signal);
        let fresh = match aliases.as_slice() {
            [] => flow.push(segment, emit),
            aliases => flow.push(&as_first_seen(segment, aliases, flow), emit),
        };
        if !fresh {
            return None;
        }
        if !waited && let Some(since) = flow.waits_since() {
            self.waiting.insert((since, slot));
        }
        let ended = entry.has_ended(now, slot);
        self.linger(ended);
        Some(slot)
    }

    /// A connection is over, if it is.
    fn linger(&mut self, ended: Option<EndedAt>) {
        let Some(ended) = ended else { return };
        let (.., slot) = ended;
        let Some(entry) = self.entries.get(slot) else {
            return;
        };
        let crowded_out = self.lingering.push(ended, entry.key.part());
        self.crowded_out.extend(crowded_out.map(|(.., slot)| slot));
    }

    /// From when on there is something to [release](Self::release) or [pop](Self::pop_finished), though no
    /// segment comes.
    pub fn next_due(&self) -> Option<Timestamp> {
        let waits_longer = TimeDelta::from_nanos(1);
        let released = self.waiting.first();
        let released = released.map(|(since, _)| *since + PATIENCE + waits_longer);
        let finished = self.lingering.next_due();
        released.into_iter().chain(finished).min()
    }

    /// What lives at a place.
    pub fn at(&mut self, slot: FlowSlot) -> Option<(&mut Flow, &mut T)> {
        let entry = self.entries.get_mut(slot)?;
        Some((&mut entry.flow, &mut entry.attachment))
    }

    /// What is attached to all of them, in no order.
    pub fn attachments(&mut self) -> impl Iterator<Item = &mut T> {
        let entries = self.entries.values_mut();
        entries.map(|entry| &mut entry.attachment)
    }

    /// Has the connections whose segments wait in vain, while others go on, go on as well.
    pub fn release(&mut self, now: Timestamp, sink: &mut impl FnMut(&mut T, Signal<'_>)) {
        while let Some((since, slot)) = self.waiting.first().copied() {
            if now - since <= PATIENCE {
                return;
            }
            self.waiting.pop_first();
            let Some(entry) = self.entries.get_mut(slot) else {
                continue;
            };
            let FlowEntry {
                flow, attachment, ..
            } = entry;
            flow.release(now, None, &mut |signal| sink(attachment, signal));
            if let Some(since) = flow.waits_since() {
                self.waiting.insert((since, slot));
            }
            // When it ended does not depend on when somebody looked.
            let ended = entry.has_ended(since + PATIENCE, slot);
            self.linger(ended);
        }
    }

    /// Takes out the next connection that ended long enough before `now`.
    pub fn pop_finished(&mut self, now: Timestamp) -> Option<(Flow, T)> {
        let (.., slot) = self.lingering.take_due(now)?;
        self.take(slot)
    }

    /// Takes out the next connection that is over and was crowded out by others that are.
    pub fn pop_crowded_out(&mut self) -> Option<(Flow, T)> {
        let slot = self.crowded_out.pop()?;
        self.take(slot)
    }

    /// Takes out a connection whose addresses `segment` uses for a new one: then there is none any more.
    pub fn pop_reopened(
        &mut self,
        located: &mut Located,
        segment: &Segment<'_>,
    ) -> Option<(Flow, T)> {
        let slot = located.slot.flatten()?;
        let entry = self.entries.get_mut(slot)?;
        let last_seen = entry.flow.last_seen().time;
        if last_seen - segment.stamp.time > DISORDER {
            entry.flow.break_off();
        } else if !entry.is_reopened_by(segment) {
            return None;
        }
        let taken = self.take(slot);
        self.slots.remove(&located.key);
        located.slot = None;
        taken
    }

    /// Where what is left lives, in order of appearance, each with how many packets came before it.
    #[must_use]
    pub fn places(&self) -> Vec<(u64, FlowSlot)> {
        let left = self.entries.iter();
        let left = left.map(|(slot, entry)| (entry.flow.packets_before(), slot));
        let mut left: Vec<_> = left.collect();
        left.sort_unstable();
        left
    }

    /// Takes out a connection without a memory of it.
    pub fn forget(&mut self, slot: FlowSlot) -> Option<(Flow, T)> {
        let entry = self.vacate(slot)?;
        for key in entry.keys() {
            self.slots.remove(&key);
        }
        Some((entry.flow, entry.attachment))
    }

    fn vacate(&mut self, slot: FlowSlot) -> Option<FlowEntry<T>> {
        let entry = self.entries.take(slot)?;
        if let Some(ended) = &entry.over {
            self.lingering.remove(ended);
        }
        self.held = self.held.saturating_sub(entry.held);
        Some(entry)
    }

    fn slot_of(
        &mut self,
        located: Located,
        segment: &Segment<'_>,
        arrival: Arrival,
    ) -> Option<FlowSlot> {
        let Located { key, slot } = located;
        match slot {
            Some(Some(slot)) => return Some(slot),
            // A stray packet of a connection that is finished and gone.
            Some(None) if !opens(segment) => return None,
            _ => {}
        }
        if let Some(slot) = self.locate_alias(key, segment) {
            return Some(slot);
        }
        let mut flow = Flow::new(self.next_index, segment, arrival);
        if arrival.latest - segment.stamp.time > DISORDER {
            flow.break_off();
        }
        self.next_index = self.next_index.saturating_add(1);
        if let Some(begins) = &mut self.begins {
            begins.push(arrival.packets_before);
        }
        let slot = self.entries.insert(FlowEntry {
            key,
            aliases: Vec::new(),
            flow,
            attachment: T::default(),
            over: None,
            held: 0,
            last_packet: arrival.packets_before,
        });
        self.slots.insert(key, Some(slot));
        self.aliases.remember(segment, slot);
        Some(slot)
    }

    /// The connection that has just shown this very segment, in another network or under other
    /// addresses; from now on it goes by this key too.
    fn locate_alias(&mut self, key: FlowKey, segment: &Segment<'_>) -> Option<FlowSlot> {
        if !segment.of_any_interface {
            return None;
        }
        let bare = self.aliases.elsewhere(segment);
        let bare = bare.filter_map(|key| Some((self.slots.get(&key).copied()??, false)));
        let opened = self.aliases.opened_by(segment).map(|slot| (slot, true));
        let (slot, side) = bare.chain(opened).find_map(|(slot, translated)| {
            let entry = self.entries.get(slot)?;
            let possible = !translated || entry.key.translates_to(key);
            let side = entry.flow.sender_of(segment, translated)?;
            possible.then_some((slot, side))
        })?;
        let entry = self.entries.get_mut(slot)?;
        if entry.aliases.len() >= MAX_ALIASES {
            return None;
        }
        entry.aliases.push(Alias {
            key,
            address: segment.source,
            side,
        });
        self.slots.insert(key, Some(slot));
        Some(slot)
    }

    fn take(&mut self, slot: FlowSlot) -> Option<(Flow, T)> {
        let entry = self.vacate(slot)?;
        for key in entry.keys() {
            self.slots.insert(key, None);
            let Some(remembered) = self.remembered.get_mut(key.part()) else {
                continue;
            };
            remembered.push_back(key);
            if remembered.len() > MAX_REMEMBERED
                && let Some(oldest) = remembered.pop_front()
                && self.slots.get(&oldest).is_some_and(Option::is_none)
            {
                self.slots.remove(&oldest);
            }
        }
        Some((entry.flow, entry.attachment))
    }
}

/// A segment with the addresses under which its connection was seen first.
fn as_first_seen<'a>(segment: &Segment<'a>, aliases: &[Alias], flow: &Flow) -> Segment<'a> {
    let key = FlowKey::of(segment);
    let Some(alias) = aliases.iter().find(|alias| alias.key == key) else {
        return *segment;
    };
    let sender = alias.sender_of(segment);
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
