//! Packets that listeners received and the worker has not taken yet.
//!
//! A listener holds the lock for as long as it takes to copy a packet, the worker for as long as it
//! takes to swap the whole batch for an empty one: neither waits for the other's work.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use h2sniff::capture::{DroppedPackets, KernelCounts, LiveEvent, Timestamp};

/// Bytes that may wait, packets and what is noted of each: about a second of 30,000 gRPC calls.
const MAX_WAITING: usize = 64 << 20;

/// A batch that grew beyond this is shrunk once it is empty, so that one burst does not cost its
/// memory for ever.
const KEEP_CAPACITY: usize = 1 << 20;

/// Packets in order of arrival, their bytes one behind the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    packets: Vec<QueuedPacket>,
}

/// What is noted of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueuedPacket {
    pub(super) interface: usize,
    pub(super) time: Timestamp,
    pub(super) original_length: u32,
    /// Where its bytes end; they begin where those of the packet before end.
    end: usize,
}

impl Batch {
    /// Packets with their bytes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (QueuedPacket, &[u8])> {
        self.packets.iter().scan(0, |start, packet| {
            let data = self.bytes.get(*start..packet.end).unwrap_or_default();
            *start = packet.end;
            Some((*packet, data))
        })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Bytes that it takes.
    pub(super) const fn size(&self) -> usize {
        self.bytes.len() + self.packets.len() * size_of::<QueuedPacket>()
    }

    /// The time of the last packet.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.packets.last().map(|packet| packet.time)
    }

    /// Gives back what it does not need.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.packets.shrink_to_fit();
    }

    /// Empties it for the next packets.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        self.bytes.shrink_to(KEEP_CAPACITY);
        self.packets
            .shrink_to(KEEP_CAPACITY / size_of::<QueuedPacket>());
    }

    /// Puts the packets of another behind its own.
    pub(super) fn append(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.packets
            .extend(other.packets.into_iter().map(|packet| QueuedPacket {
                end: packet.end + before,
                ..packet
            }));
    }

    fn push(&mut self, interface: usize, time: Timestamp, original_length: u32, data: &[u8]) {
        self.bytes.extend_from_slice(data);
        self.packets.push(QueuedPacket {
            interface,
            time,
            original_length,
            end: self.bytes.len(),
        });
    }
}

/// What became of an interface.
#[derive(Debug)]
pub(super) enum InterfaceChange {
    Gone { interface: usize, detail: String },
    Back { interface: usize },
}

/// What stands in the queue beside packets.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) interface_changes: Vec<InterfaceChange>,
    /// What the kernel counted, all interfaces together.
    pub(super) counts: KernelCounts,
    /// Packets dropped here.
    pub(super) dropped: u64,
    /// Whether no listener listens any more.
    pub(super) closed: bool,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<QueueState>,
    filled: Condvar,
}

#[derive(Debug)]
struct QueueState {
    batch: Batch,
    interface_changes: Vec<InterfaceChange>,
    counts: Vec<KernelCounts>,
    away: Vec<bool>,
    dropped: Vec<u64>,
    /// Whether nobody takes packets any more.
    is_over: bool,
    listening: usize,
}

/// How many changes wait; an interface that flaps faster than they are read says nothing new.
const MAX_CHANGES: usize = 1_024;

impl Queue {
    /// A queue for this many listeners.
    pub(super) fn new(listeners: usize) -> Self {
        Self {
            inner: Mutex::new(QueueState {
                batch: Batch::default(),
                interface_changes: Vec::new(),
                counts: vec![KernelCounts::default(); listeners],
                away: vec![false; listeners],
                dropped: vec![0; listeners],
                is_over: false,
                listening: listeners,
            }),
            filled: Condvar::new(),
        }
    }

    /// Takes what a listener received, or drops it.
    pub(super) fn push(&self, interface: usize, event: LiveEvent<'_>) {
        let mut inner = self.lock();
        match event {
            LiveEvent::Packet {
                time,
                original_length,
                data,
            } => {
                inner.see(interface);
                if inner.is_over || inner.batch.size() + data.len() > MAX_WAITING {
                    if let Some(dropped) = inner.dropped.get_mut(interface) {
                        *dropped += 1;
                    }
                    return;
                }
                let first = inner.batch.is_empty();
                inner.batch.push(interface, time, original_length, data);
                if !first {
                    return;
                }
            }
            LiveEvent::Pause(counts) => {
                if let Some(known) = inner.counts.get_mut(interface) {
                    *known = counts;
                }
                return;
            }
            LiveEvent::Gone(detail) => {
                if let Some(away) = inner.away.get_mut(interface) {
                    *away = true;
                }
                inner.note(InterfaceChange::Gone { interface, detail });
            }
            LiveEvent::Back => inner.see(interface),
        }
        drop(inner);
        self.filled.notify_one();
    }

    /// A listener stopped.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.listening = inner.listening.saturating_sub(1);
        drop(inner);
        self.filled.notify_one();
    }

    /// Waits for packets, but not for long, and swaps them for the empty `batch`.
    pub(super) fn take(&self, batch: &mut Batch, wait: Duration) -> Taken {
        let mut inner = self.lock();
        if inner.batch.is_empty() && inner.interface_changes.is_empty() && inner.listening > 0 {
            inner = self
                .filled
                .wait_timeout(inner, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        std::mem::swap(&mut inner.batch, batch);
        let mut counts = KernelCounts::default();
        for of in &inner.counts {
            counts.received += of.received;
            counts.dropped += of.dropped;
            counts.interface_dropped += of.interface_dropped;
        }
        Taken {
            interface_changes: std::mem::take(&mut inner.interface_changes),
            counts,
            dropped: inner.dropped.iter().sum(),
            closed: inner.listening == 0,
        }
    }

    /// Nobody takes any more packets: what waits, and what comes, is dropped. Gives how many were, with those before.
    pub(super) fn give_up(&self) -> u64 {
        let mut inner = self.lock();
        inner.is_over = true;
        let batch = std::mem::take(&mut inner.batch);
        for (packet, _) in batch.iter() {
            if let Some(dropped) = inner.dropped.get_mut(packet.interface) {
                *dropped += 1;
            }
        }
        inner.dropped.iter().sum()
    }

    /// What each interface lost so far.
    pub(super) fn lost(&self) -> Vec<DroppedPackets> {
        let inner = self.lock();
        let interfaces = inner.counts.iter().zip(&inner.dropped);
        let lost = interfaces.map(|(kernel, dropped)| DroppedPackets {
            by_system: kernel.dropped + dropped,
            by_interface: kernel.interface_dropped,
        });
        lost.collect()
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn note(&mut self, change: InterfaceChange) {
        if self.interface_changes.len() < MAX_CHANGES {
            self.interface_changes.push(change);
        }
    }

    /// An interface is there.
    fn see(&mut self, interface: usize) {
        let away = self.away.get_mut(interface);
        if away.is_some_and(std::mem::take) {
            self.note(InterfaceChange::Back { interface });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(data: &[u8]) -> LiveEvent<'_> {
        LiveEvent::Packet {
            time: Timestamp::from_nanos(7),
            original_length: 9,
            data,
        }
    }

    #[test]
    fn packets_come_out_as_they_went_in() {
        let queue = Queue::new(1);
        queue.push(0, packet(b"one"));
        queue.push(0, packet(b""));
        queue.push(0, packet(b"three"));
        let mut batch = Batch::default();
        let taken = queue.take(&mut batch, Duration::ZERO);
        let data: Vec<_> = batch.iter().map(|(_, data)| data).collect();
        assert_eq!(data, [&b"one"[..], b"", b"three"]);
        assert!(!taken.closed);
        queue.close();
        batch.clear();
        assert!(queue.take(&mut batch, Duration::from_secs(60)).closed);
        assert!(batch.is_empty());
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_never_waits() {
        let queue = Queue::new(1);
        let large = vec![0; 1 << 20];
        for _ in 0..70 {
            queue.push(0, packet(&large));
        }
        let mut batch = Batch::default();
        let taken = queue.take(&mut batch, Duration::ZERO);
        assert_eq!(batch.packets.len() as u64 + taken.dropped, 70);
        assert_eq!(batch.packets.len(), 63, "and what is noted of each");
        assert_eq!(queue.lost()[0].by_system, 7);
        batch.clear();
        queue.push(0, packet(b"again"));
        queue.take(&mut batch, Duration::ZERO);
        assert_eq!(batch.packets.len(), 1);
        queue.push(0, packet(b"too late"));
        assert_eq!(queue.give_up(), 8);
        queue.push(0, packet(b"later still"));
        assert_eq!(queue.lost()[0].by_system, 9);
    }
}
