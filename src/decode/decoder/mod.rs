//! Packets to events: the whole of this stage behind one door.
//!
//! In: packets in capture order. Out: calls of a [`Listener`]. No I/O, no look at the clock, no panic on
//! what a packet holds.

mod batch;
mod connections;
mod divided;
mod eviction;
mod incoming;
mod intake;
mod part_set;
mod servers;
mod shared_state;
mod tcp_streams;

use std::collections::BTreeMap;

use super::anomaly::Anomaly;
use super::connection::Unrelated;
use super::event::Place;
use super::limits::{GivenUp, Limits};
use super::link;
use super::listener::Listener;
use super::tls::KeyLog;
use connections::ConnectionTable;
use shared_state::{PartOf, SharedState};

pub use batch::PacketBatch;
pub use divided::{ConnectionPart, DividedDecoder, Lent};
pub use incoming::Incoming;
pub use part_set::PartSet;
pub use tcp_streams::TcpStreams;

use crate::capture::{LinkType, Packet, Timestamp};

/// How many link types that cannot be read are counted apart; a capture has one or two.
const MAX_UNKNOWN_LINKS: usize = 64;

/// What to decode.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Server ports to take for HTTP/2 even if no preface was seen.
    pub ports: Vec<u16>,
    /// First bytes of each DATA frame to keep.
    pub keep_data: usize,
    /// Secrets of TLS connections.
    pub keys: KeyLog,
    /// How much to keep at a time.
    pub limits: Limits,
}

/// What a capture held beside HTTP/2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// TCP connections of any kind.
    pub tcp_connections: u32,
    /// TCP connections that do not speak HTTP/2, by what they are.
    pub unrelated: BTreeMap<Unrelated, u32>,
    /// Packets that hold no TCP, by what they are.
    pub not_tcp: BTreeMap<&'static str, u64>,
    /// Packets that end within their headers or contradict themselves.
    pub damaged: u64,
    /// Packets of link types that cannot be read, by type.
    pub unknown_links: BTreeMap<u32, u64>,
}

/// Decodes packets. `C` is what the [`Listener`] makes of a connection, kept here beside its flow.
#[derive(Debug)]
pub struct Decoder<C> {
    shared: SharedState<C>,
    connections: ConnectionTable<C>,
    finished: bool,
}

impl<C> Decoder<C> {
    /// A decoder that has seen nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            shared: SharedState::new(options, 1),
            connections: ConnectionTable::whole(),
            finished: false,
        }
    }

    /// Secrets that came to light: they serve connections still undecided, and those to come.
    pub fn read_keys(&mut self, key_log: &[u8]) {
        self.shared.around.options.keys.read(key_log);
    }

    /// Takes the next packet; `listener` gets what it brings.
    pub fn push<L: Listener<Connection = C>>(&mut self, packet: &Packet<'_>, listener: &mut L) {
        let Self {
            shared,
            connections,
            ..
        } = self;
        let Some((segment, arrival)) = shared.intake.segment(Incoming::Packet(packet)) else {
            return;
        };
        connections.push(&segment, arrival, &shared.around, listener);
        self.settle(listener);
    }

    /// Time has passed, packets or not: finishes connections that ended a while ago, and those that
    /// have been silent for long.
    pub fn tick<L: Listener<Connection = C>>(&mut self, now: Timestamp, listener: &mut L) {
        let before = self.shared.intake.packets();
        let around = &self.shared.around;
        self.connections.pass(now, before, around, listener);
        self.connections.end_idle(now, before, around, listener);
        self.settle(listener);
    }

    /// The listener's value of a connection, while it is followed.
    pub fn connection(&mut self, place: Place) -> Option<&mut C> {
        self.connections.connection(place)
    }

    /// The listener's values of all connections that are followed, in no order.
    pub fn connections(&mut self) -> impl Iterator<Item = &mut C> {
        self.connections.connections()
    }

    /// How many connections were evicted because nothing was received of them, or there were too many.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.connections.silent + self.shared.given_up.connections
    }

    /// What was given up to stay within the limits.
    #[must_use]
    pub const fn given_up(&self) -> GivenUp {
        self.shared.given_up
    }

    /// Nothing more will come: emits what was still held back, and finishes every connection. A second
    /// call does nothing.
    pub fn finish<L: Listener<Connection = C>>(&mut self, listener: &mut L) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let Self {
            shared,
            connections,
            ..
        } = self;
        connections.finish(&shared.around, listener);
        shared.take_from(0, connections);
        shared.finish(&mut [PartOf {
            table: connections,
            listener,
        }]);
    }

    /// What was odd, in order of first sight. To be called once, after [`Self::finish`].
    pub fn take_anomalies(&mut self) -> Vec<Anomaly> {
        let connections = std::mem::take(&mut self.connections.written.anomalies);
        self.shared.take_anomalies(vec![connections])
    }

    /// What was found beside HTTP/2.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.shared.intake.tally
    }

    fn settle<L: Listener<Connection = C>>(&mut self, listener: &mut L) {
        let Self {
            shared,
            connections,
            ..
        } = self;
        if shared.take_from(0, connections) {
            shared.settle(&mut [PartOf {
                table: connections,
                listener,
            }]);
        }
    }
}

impl Tally {
    fn count_unrelated(&mut self, unrelated: Unrelated, connections: u32) {
        *self.unrelated.entry(unrelated).or_default() += connections;
    }

    fn count(&mut self, other: link::Other, packets: u64) {
        if packets == 0 {
            return;
        }
        if let link::Other::LinkType(LinkType(number)) = other {
            let links = &mut self.unknown_links;
            if links.len() < MAX_UNKNOWN_LINKS || links.contains_key(&number) {
                *links.entry(number).or_default() += packets;
            }
        } else {
            *self.not_tcp.entry(other.name()).or_default() += packets;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Stamp;
    use crate::decode::listener::EachEvent;
    use crate::testing::wire::{End, Peers, SYN};

    #[test]
    fn finishing_twice_counts_and_notes_everything_once() {
        let mut decoder = Decoder::new(Options::default());
        decoder.read_keys(b"CLIENT_RANDOM no secret\n");
        let mut listener = EachEvent::new(|_, _| ());
        let data = Peers::new(40_000, 443).packet(End::Client, 0, None, SYN, b"");
        let packet = Packet {
            stamp: Stamp::default(),
            link_type: LinkType::RAW,
            original_length: u32::try_from(data.len()).unwrap(),
            data: &data,
            options: crate::capture::PacketOptions::default(),
        };
        decoder.push(&packet, &mut listener);
        decoder.finish(&mut listener);
        decoder.finish(&mut listener);
        assert_eq!(decoder.tally().tcp_connections, 1);
        assert_eq!(
            decoder.tally().unrelated,
            BTreeMap::from([(Unrelated::Silent, 1)])
        );
        let anomalies = decoder.take_anomalies();
        assert_eq!(anomalies.len(), 1, "{anomalies:?}");
    }
}
