//! Packets to events in parts that can be followed side by side, each with a listener of its own.
//!
//! In: packets, one by one, or collected into batches. Out: calls of each part's listener. A connection is in
//! one part, by its addresses. The parts, and the moments at which they hear of each other, do not depend on
//! who does the work: what comes out is the same for one thread and for many.
//!
//! ```text
//!            .-> PacketBatch -> part 0  -> listener 0  --.
//!  packets --+-> PacketBatch -> part 1  -> listener 1  --+-> the whole: servers, limits, numbers
//!            '-> PacketBatch -> part 31 -> listener 31 --'
//! ```

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::batch::{PacketBatch, PlaceInPart};
use super::connections::{ConnectionTable, Surroundings};
use super::incoming::Incoming;
use super::part_set::PartSet;
use super::shared_state::{PartOf, SharedState};
use super::tcp_streams::TcpStreams;
use super::{GivenUp, Options, Tally};
use crate::capture::Timestamp;
use crate::decode::anomaly::Anomaly;
use crate::decode::event::Place;
use crate::decode::link::Segment;
use crate::decode::listener::Listener;
use crate::decode::tcp::{Arrival, FlowKey, PARTS, part_of};

/// Decodes packets in parts.
#[derive(Debug)]
pub struct DividedDecoder<L, C> {
    shared: SharedState<C>,
    parts: Vec<ConnectionPart<L, C>>,
    /// Those that something was done to since they were [settled](Self::settle).
    touched: PartSet,
    /// At what time there is something to do, whether or not a segment comes.
    due: Option<Timestamp>,
}

/// A part of the connections, and who listens to them.
#[derive(Debug)]
pub struct ConnectionPart<L, C> {
    table: ConnectionTable<C>,
    /// Who listens.
    pub listener: L,
}

/// Connections that are to be finished, in the order in which they began.
#[derive(Debug)]
pub struct ToFinish(Vec<PlaceInPart>);

impl ToFinish {
    /// Some at a time.
    pub fn some(&self, most: usize) -> impl Iterator<Item = &[PlaceInPart]> {
        self.0.chunks(most.max(1))
    }
}

/// What decoding of a batch takes, apart from the rest of the decoder: threads may share it.
#[derive(Debug)]
pub struct Lent<L, C> {
    around: Surroundings,
    /// Each part, until a thread begins it.
    to_do: Vec<Mutex<Option<ConnectionPart<L, C>>>>,
    done: Mutex<Vec<(usize, ConnectionPart<L, C>)>>,
}

impl<L: Listener<Connection = C>, C> ConnectionPart<L, C> {
    /// The listener's value of a connection, while it is followed, and the listener.
    pub fn connection(&mut self, place: Place) -> Option<(&mut L, &mut C)> {
        let connection = self.table.connection(place)?;
        Some((&mut self.listener, connection))
    }

    /// The listener's values of all connections that are followed, in no order.
    pub fn connections(&mut self) -> impl Iterator<Item = &mut C> {
        self.table.connections()
    }

    /// Takes the segments of a batch that are of this part, the `number`-th, and what time does meanwhile.
    fn take(&mut self, number: usize, batch: &PacketBatch, around: &Surroundings) {
        let mut passed = 0;
        for (segment, arrival) in batch.of_part(number) {
            let packet = arrival.packets_before.saturating_sub(batch.packets_before);
            let packet = usize::try_from(packet).unwrap_or(usize::MAX);
            self.pass_others(batch, passed..packet, around);
            passed = packet + 1;
            self.push(FlowKey::of(&segment), &segment, arrival, around);
        }
        self.pass_others(batch, passed..batch.packets(), around);
        for slot in batch.to_finish(number) {
            self.table.finish_one(slot, around, &mut self.listener);
        }
    }

    /// Time passes with the packets of other parts.
    fn pass_others(&mut self, batch: &PacketBatch, packets: Range<usize>, around: &Surroundings) {
        let Range { mut start, end } = packets;
        while let Some(due) = self.table.flows.next_due()
            && let Some((packet, now)) = batch.first_at(due, start, end)
        {
            start = packet + 1;
            self.pass(now, batch.packets_before + packet as u64, around);
        }
    }

    fn push(
        &mut self,
        key: FlowKey,
        segment: &Segment<'_>,
        arrival: Arrival,
        around: &Surroundings,
    ) {
        let listener = &mut self.listener;
        listener.moment(segment.stamp.time);
        self.table.push(key, segment, arrival, around, listener);
    }

    fn pass(&mut self, now: Timestamp, before: u64, around: &Surroundings) {
        if self.table.flows.next_due().is_some_and(|due| due <= now) {
            self.listener.moment(now);
            self.table.pass(now, before, around, &mut self.listener);
        }
    }
}

impl<L: Listener<Connection = C>, C> Lent<L, C> {
    /// Decodes what a batch has of the parts that no other thread has begun. Each of several `threads` begins elsewhere:
    /// as a rule it meets the parts that it had before, and what it releases is memory of its own, for which no other
    /// thread has to wait. Where most is to be done is begun first, so that none has to wait for the last.
    pub fn decode(&self, batch: &PacketBatch, thread: usize, threads: usize) {
        let begin = |thread: usize| self.to_do.len() * thread / threads.max(1);
        let own = begin(thread)..begin(thread + 1);
        let mut parts: Vec<_> = self.to_do.iter().enumerate().collect();
        parts.sort_by_key(|(number, _)| {
            (
                !own.contains(number),
                Reverse(batch.amount_of_part(*number)),
            )
        });
        for (number, part) in parts {
            // Not held while it is decoded.
            let part = lock(part).take();
            if let Some(mut part) = part {
                part.take(number, batch, &self.around);
                lock(&self.done).push((number, part));
            }
        }
    }
}

/// What a thread that panicked has left is not used: whoever waits for it panics too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<L: Listener<Connection = C>, C> DividedDecoder<L, C> {
    /// A decoder that has seen nothing yet, in one part.
    pub fn undivided(options: Options, listener: L) -> Self {
        let part = ConnectionPart {
            table: ConnectionTable::whole(),
            listener,
        };
        Self {
            shared: SharedState::new(options, 1),
            parts: vec![part],
            touched: PartSet::default(),
            due: None,
        }
    }

    /// A decoder that has seen nothing yet; `listener` makes that of each part.
    pub fn divided(options: Options, listener: impl FnMut() -> L) -> Self {
        let listeners = std::iter::repeat_with(listener).take(PARTS);
        let parts = listeners
            .enumerate()
            .map(|(number, listener)| ConnectionPart {
                table: ConnectionTable::of_part(number),
                listener,
            });
        Self {
            shared: SharedState::new(options, PARTS),
            parts: parts.collect(),
            touched: PartSet::default(),
            due: None,
        }
    }

    /// Secrets that came to light: they serve connections still undecided, and those to come.
    pub fn read_keys(&mut self, key_log: &[u8]) {
        self.shared.around.options.keys.read(key_log);
    }

    /// Takes the next packet at once, and shows `seen` the segment in it. What it brings is not
    /// [settled](Self::settle) yet.
    pub fn push(&mut self, incoming: Incoming<'_, '_>, seen: &mut dyn FnMut(&Segment<'_>)) {
        let now = incoming.stamp().time;
        if self.due.is_some_and(|due| due <= now) {
            self.pass(now);
        }
        let SharedState { intake, around, .. } = &mut self.shared;
        let Some((segment, arrival)) = intake.segment(incoming) else {
            return;
        };
        seen(&segment);
        let key = FlowKey::of(&segment);
        let number = match self.parts.len() {
            1 => 0,
            _ => part_of(&segment, &key),
        };
        if let Some(part) = self.parts.get_mut(number) {
            part.push(key, &segment, arrival, around);
            self.touched.insert(number);
            self.due = earlier(self.due, part.table.flows.next_due());
        }
    }

    /// Has every part do what is due by `now`.
    fn pass(&mut self, now: Timestamp) {
        let before = self.shared.intake.packets();
        let mut due = None;
        for part in &mut self.parts {
            part.pass(now, before, &self.shared.around);
            due = earlier(due, part.table.flows.next_due());
        }
        self.due = due;
        self.touched = PartSet::ALL;
    }

    /// Time has passed, packets or not: finishes connections that ended a while ago, and those that
    /// have been silent for long.
    pub fn tick(&mut self, now: Timestamp) {
        self.pass(now);
        let before = self.shared.intake.packets();
        for ConnectionPart { table, listener } in &mut self.parts {
            table.end_idle(now, before, &self.shared.around, listener);
        }
    }

    /// Adds the next packet to a batch, and shows `seen` the segment in it.
    pub fn collect(
        &mut self,
        incoming: Incoming<'_, '_>,
        batch: &mut PacketBatch,
        seen: &mut dyn FnMut(&Segment<'_>),
    ) {
        batch.count_packet(incoming.stamp().time, self.shared.intake.packets());
        if let Some((segment, arrival)) = self.shared.intake.segment(incoming) {
            seen(&segment);
            batch.keep(&segment, arrival);
        }
    }

    /// Gives away what decoding of a batch takes; until it is [given back](Self::give_back) packets can only
    /// be collected.
    pub fn lend(&mut self) -> Lent<L, C> {
        let parts = std::mem::take(&mut self.parts);
        let done = Vec::with_capacity(parts.len());
        Lent {
            around: std::mem::take(&mut self.shared.around),
            to_do: parts
                .into_iter()
                .map(|part| Mutex::new(Some(part)))
                .collect(),
            done: Mutex::new(done),
        }
    }

    /// Takes back what was lent. What was decoded is not [settled](Self::settle) yet.
    pub fn give_back(&mut self, lent: Lent<L, C>) {
        self.shared.around = lent.around;
        let mut parts = std::mem::take(&mut *lock(&lent.done));
        parts.sort_unstable_by_key(|(number, _)| *number);
        self.parts = parts.into_iter().map(|(_, part)| part).collect();
        self.touched = PartSet::ALL;
    }

    /// Tells the parts of each other: which servers speak HTTP/2, and what goes beyond the limits. Which parts
    /// something was done to since the last time.
    pub fn settle(&mut self) -> PartSet {
        let mut touched = std::mem::take(&mut self.touched);
        let mut unsettled = false;
        for number in touched.numbers() {
            if let Some(part) = self.parts.get_mut(number) {
                unsettled |= self.shared.take_from(number, &mut part.table);
            }
        }
        if unsettled {
            self.shared.settle(&mut parts_of(&mut self.parts));
            touched = PartSet::ALL;
        }
        touched
    }

    /// Its parts.
    pub fn parts(&mut self) -> &mut [ConnectionPart<L, C>] {
        &mut self.parts
    }

    /// Nothing more will come: the connections that are to be [finished](Self::finish_some), in order.
    pub fn unfinished(&self) -> ToFinish {
        let places = self.parts.iter().enumerate();
        let places = places.flat_map(|(number, part)| {
            let places = part.table.flows.places().into_iter();
            places.map(move |(packets_before, slot)| (packets_before, number, slot))
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        let places = places.into_iter().map(|(_, number, slot)| (number, slot));
        ToFinish(places.collect())
    }

    /// Emits what was still held back of some connections, and finishes them. What that brings is not
    /// [settled](Self::settle) yet.
    pub fn finish_some(&mut self, connections: &[PlaceInPart]) {
        // Part by part, as threads do.
        let mut connections = connections.to_vec();
        connections.sort_by_key(|(number, _)| *number);
        for (number, slot) in connections {
            if let Some(ConnectionPart { table, listener }) = self.parts.get_mut(number) {
                table.finish_one(slot, &self.shared.around, listener);
                self.touched.insert(number);
            }
        }
    }

    /// Every connection is finished; what the parts then have for each other is [settled](Self::settle).
    pub fn finish(&mut self) {
        self.shared.finish(&mut parts_of(&mut self.parts));
        self.touched = PartSet::ALL;
    }

    /// What was odd, in order of first sight; `number` says which numbers the connections have, by those that
    /// they were [recognised](crate::decode::Recognition::number) with. To be called once, after
    /// [`Self::finish`].
    pub fn take_anomalies(&mut self, number: impl Fn(u32) -> Option<u32>) -> Vec<Anomaly> {
        let anomalies = self.parts.iter_mut().map(|part| {
            let mut anomalies = std::mem::take(&mut part.table.written.anomalies);
            anomalies.renumber(&number);
            anomalies
        });
        let anomalies = anomalies.collect();
        self.shared.take_anomalies(anomalies)
    }

    /// Where the TCP connections of its parts stand among all.
    #[must_use]
    pub fn tcp_streams(&self) -> TcpStreams {
        let begins = self.parts.iter().map(|part| part.table.flows.begins());
        TcpStreams::of(begins.map(<[u64]>::to_vec).collect())
    }

    /// How many connections were evicted because nothing was received of them, or there were too many.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        let silent: u64 = self.parts.iter().map(|part| part.table.silent).sum();
        silent + self.shared.given_up.connections
    }

    /// What was given up to stay within the limits.
    #[must_use]
    pub const fn given_up(&self) -> GivenUp {
        self.shared.given_up
    }

    /// What was found beside HTTP/2.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.shared.intake.tally
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

fn parts_of<L: Listener<Connection = C>, C>(
    parts: &mut [ConnectionPart<L, C>],
) -> Vec<PartOf<'_, L>> {
    let parts = parts.iter_mut().map(|part| PartOf {
        table: &mut part.table,
        listener: &mut part.listener,
    });
    parts.collect()
}
