//! Packets to events: the whole of this stage behind one door.
//!
//! In: packets in capture order. Out: calls of a [`Listener`]. No I/O, no look at the clock, no panic on
//! what a packet holds.

mod connections;
mod eviction;
mod servers;

use std::collections::BTreeMap;

use super::anomaly::{Anomaly, Layer};
use super::connection::Unrelated;
use super::event::Place;
use super::limits::{GivenUp, Limits};
use super::link::{self, Stop};
use super::listener::Listener;
use super::tls::KeyLog;
use connections::ConnectionTable;

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
    /// Packets of link types that cannot be read, by type.
    pub unknown_links: BTreeMap<u32, u64>,
}

/// Decodes packets. `C` is what the [`Listener`] makes of a connection, kept here beside its flow.
#[derive(Debug)]
pub struct Decoder<C> {
    links: link::Decoder,
    connections: ConnectionTable<C>,
    tally: Tally,
    finished: bool,
}

impl<C> Decoder<C> {
    /// A decoder that has seen nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            links: link::Decoder::default(),
            connections: ConnectionTable::new(options),
            tally: Tally::default(),
            finished: false,
        }
    }

    /// Secrets that came to light: they serve connections still undecided, and those to come.
    pub fn read_keys(&mut self, key_log: &[u8]) {
        self.connections.options.keys.read(key_log);
    }

    /// Takes the next packet; `listener` gets what it brings.
    pub fn push<L: Listener<Connection = C>>(&mut self, packet: &Packet<'_>, listener: &mut L) {
        self.connections.quality.saw(packet.stamp);
        match self.links.decode(packet) {
            Ok(segment) => self.connections.push(&segment, listener),
            Err(Stop::Fragment) => {}
            Err(Stop::Other(other)) => self.tally.count(other, 1),
            Err(Stop::Damaged(fault)) => {
                let text = format!("{}: such packets are left out", fault.name());
                let anomalies = &mut self.connections.anomalies;
                anomalies.note(Layer::Link, text, Some(packet.stamp), None);
            }
        }
    }

    /// Time has passed, packets or not: finishes connections that ended a while ago, and those that
    /// have been silent for long.
    pub fn tick<L: Listener<Connection = C>>(&mut self, now: Timestamp, listener: &mut L) {
        self.connections.tick(now, listener);
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
        self.connections.silent + self.connections.given_up.connections
    }

    /// What was given up to stay within the limits.
    #[must_use]
    pub const fn given_up(&self) -> GivenUp {
        self.connections.given_up
    }

    /// Nothing more will come: emits what was still held back, and finishes every connection. A second
    /// call does nothing.
    pub fn finish<L: Listener<Connection = C>>(&mut self, listener: &mut L) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.connections.finish(listener);
        self.tally.tcp_connections = self.connections.flows.count();
        self.tally.unrelated = std::mem::take(&mut self.connections.unrelated);
        self.tally
            .count(link::Other::Fragment, self.links.unused_fragments());
        self.connections.note_whole();
    }

    /// What was odd, in order of first sight. To be called once, after [`Self::finish`].
    pub fn take_anomalies(&mut self) -> Vec<Anomaly> {
        std::mem::take(&mut self.connections.anomalies).into_vec()
    }

    /// What was found beside HTTP/2.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Tally {
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
