//! Packets to events: the whole of this stage behind one door.
//!
//! In: packets in capture order. Out: calls of a [`Listener`]. No I/O, no look at the clock, no panic on
//! what a packet holds.

mod eviction;
mod servers;

use std::collections::BTreeMap;

use super::anomaly::{Anomalies, Anomaly, Layer};
use super::capture_quality::CaptureQuality;
use super::connection::{ConnectionDecoder, Decision, DetectContext, Keep, Output, Unrelated};
use super::event::Place;
use super::limits::Limits;
use super::link::{self, Segment, Stop};
use super::listener::Listener;
use super::tcp::{Ending, Flow, FlowSlot, Flows, Signal};
use super::tls::KeyLog;
pub use eviction::GivenUp;
use servers::Servers;

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
    options: Options,
    links: link::Decoder,
    flows: Flows<ConnectionDecoder<C>>,
    servers: Servers<C>,
    /// How many connections were recognised.
    recognised: u32,
    anomalies: Anomalies,
    tally: Tally,
    evicted: u64,
    quality: CaptureQuality,
    given_up: GivenUp,
}

impl<C> Decoder<C> {
    /// A decoder that has seen nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            links: link::Decoder::default(),
            flows: Flows::default(),
            servers: Servers::default(),
            recognised: 0,
            anomalies: Anomalies::default(),
            tally: Tally::default(),
            evicted: 0,
            quality: CaptureQuality::default(),
            given_up: GivenUp::default(),
        }
    }

    /// Secrets that came to light: they serve connections still undecided, and those to come.
    pub fn read_keys(&mut self, key_log: &[u8]) {
        self.options.keys.read(key_log);
    }

    /// Takes the next packet; `listener` gets what it brings.
    pub fn push<L: Listener<Connection = C>>(&mut self, packet: &Packet<'_>, listener: &mut L) {
        self.quality.saw(packet.stamp);
        // Lent to the segment, which may lie in a datagram put together there.
        let mut links = std::mem::take(&mut self.links);
        match links.decode(packet) {
            Ok(segment) => self.push_segment(&segment, listener),
            Err(Stop::Fragment) => {}
            Err(Stop::Other(other)) => self.count_others(other, 1),
            Err(Stop::Damaged(fault)) => {
                let text = format!("{}: such packets are left out", fault.name());
                self.anomalies
                    .note(Layer::Link, text, Some(packet.stamp), None);
            }
        }
        self.links = links;
    }

    /// Time has passed, packets or not: finishes connections that ended a while ago, and those that
    /// have been silent for long.
    pub fn tick<L: Listener<Connection = C>>(&mut self, now: Timestamp, listener: &mut L) {
        self.release(now, listener);
        while let Some((flow, connection)) = self.flows.pop_finished(now) {
            self.end(flow, connection, listener);
        }
        for (flow, connection) in self.flows.take_idle(now, ConnectionDecoder::counts) {
            if connection.counts() {
                self.evicted += 1;
            }
            self.end(flow, connection, listener);
        }
    }

    /// The listener's value of a connection, while it is followed.
    pub fn connection(&mut self, place: Place) -> Option<&mut C> {
        let (flow, connection) = self.flows.at(place.slot)?;
        let is_same = flow.index() == place.tcp_stream;
        connection.listening_mut().filter(|_| is_same)
    }

    /// The listener's values of all connections that are followed, in no order.
    pub fn connections(&mut self) -> impl Iterator<Item = &mut C> {
        self.flows
            .attachments()
            .filter_map(ConnectionDecoder::listening_mut)
    }

    /// How many connections were evicted because nothing was received of them, or there were too many.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted + self.given_up.connections
    }

    /// What was given up to stay within the limits.
    #[must_use]
    pub const fn given_up(&self) -> GivenUp {
        self.given_up
    }

    /// Nothing more will come: emits what was still held back, and finishes every connection.
    pub fn finish<L: Listener<Connection = C>>(&mut self, listener: &mut L) {
        for place in self.flows.places() {
            if let Some((flow, connection)) = self.flows.forget(place) {
                self.end(flow, connection, listener);
            }
        }
        self.count_connects(listener);
        for unrelated in self.servers.take_failed() {
            self.count_unrelated(unrelated);
        }
        self.note_given_up();
        self.tally.tcp_connections = self.flows.count();
        self.count_others(link::Other::Fragment, self.links.unused_fragments());
        self.note_keys();
        std::mem::take(&mut self.quality).note(&mut self.anomalies);
    }

    /// What was odd, in order of first sight. To be called once, after [`Self::finish`].
    pub fn take_anomalies(&mut self) -> Vec<Anomaly> {
        std::mem::take(&mut self.anomalies).into_vec()
    }

    /// What was found beside HTTP/2.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What waits in vain for earlier segments goes on, however soon the next packet comes.
    fn release<L: Listener<Connection = C>>(&mut self, now: Timestamp, listener: &mut L) {
        let out = &mut output(&mut self.anomalies, &mut self.recognised, listener);
        self.flows
            .release(now, &mut |connection, signal: Signal<'_>| {
                connection.push(signal, out);
            });
    }

    fn push_segment<L: Listener<Connection = C>>(
        &mut self,
        segment: &Segment<'_>,
        listener: &mut L,
    ) {
        self.release(segment.stamp.time, listener);
        while let Some((flow, connection)) = self.flows.pop_finished(segment.stamp.time) {
            self.end(flow, connection, listener);
        }
        if let Some((flow, connection)) = self.flows.pop_reopened(segment) {
            self.end(flow, connection, listener);
        }
        let out = &mut output(&mut self.anomalies, &mut self.recognised, listener);
        let slot = self
            .flows
            .push(segment, &mut |connection, signal: Signal<'_>| {
                connection.push(signal, out);
            });
        let Some(slot) = slot else { return };
        let Some((flow, connection)) = self.flows.at(slot) else {
            return;
        };
        let context = detect_context(&self.options, &self.servers, Some((slot, &*flow)));
        let decision = connection.decide(flow, &context, false, out);
        let held = flow.held() + connection.held();
        self.flows.charge(slot, held);
        self.learn(decision, listener);
        self.keep_limits(listener);
    }

    /// A server address speaks HTTP/2: connects to it that failed count from now on.
    fn learn<L: Listener<Connection = C>>(&mut self, decision: Decision, listener: &mut L) {
        if let Decision::Recognised {
            speaks_http2: Some(server),
        } = decision
            && self.servers.learn(server)
        {
            self.count_connects(listener);
        }
    }

    fn end<L: Listener<Connection = C>>(
        &mut self,
        mut flow: Flow,
        mut connection: ConnectionDecoder<C>,
        listener: &mut L,
    ) {
        let out = &mut output(&mut self.anomalies, &mut self.recognised, listener);
        flow.finish(&mut |signal| connection.push(signal, out));
        self.quality.add(&flow);
        if connect_failed(&flow) {
            self.suspend(flow, connection, listener);
            return;
        }
        let context = detect_context(&self.options, &self.servers, None);
        let decision = connection.decide(&flow, &context, true, out);
        self.learn(decision, listener);
        self.conclude(flow, connection, listener);
    }

    fn conclude<L: Listener<Connection = C>>(
        &mut self,
        mut flow: Flow,
        connection: ConnectionDecoder<C>,
        listener: &mut L,
    ) {
        if let Err(unrelated) = connection.finish(&mut flow, listener) {
            self.count_unrelated(unrelated);
        }
    }

    /// A connect failed: it counts once its server is known to speak HTTP/2.
    fn suspend<L: Listener<Connection = C>>(
        &mut self,
        flow: Flow,
        mut connection: ConnectionDecoder<C>,
        listener: &mut L,
    ) {
        connection.forget_bytes();
        if self.servers.speak_http2(&flow) {
            self.count_connect(flow, connection, listener);
        } else if let Some(unrelated) = self.servers.suspend(flow, connection) {
            self.count_unrelated(unrelated);
        }
    }

    /// Counts the connects that failed whose server is known by now.
    fn count_connects<L: Listener<Connection = C>>(&mut self, listener: &mut L) {
        for (flow, connection) in self.servers.take_known() {
            self.count_connect(flow, connection, listener);
        }
    }

    fn count_connect<L: Listener<Connection = C>>(
        &mut self,
        flow: Flow,
        mut connection: ConnectionDecoder<C>,
        listener: &mut L,
    ) {
        let out = &mut output(&mut self.anomalies, &mut self.recognised, listener);
        connection.count_connect(&flow, out);
        self.conclude(flow, connection, listener);
    }

    /// Says what of the key log is of no use.
    fn note_keys(&mut self) {
        let keys = &self.options.keys;
        for (lines, why) in [
            (keys.bad_lines(), "cannot be read"),
            (keys.left_out(), "are more than is kept"),
        ] {
            if lines > 0 {
                let text = format!("{lines} lines of the key log {why}: they are left out");
                self.anomalies.note(Layer::Tls, text, None, None);
            }
        }
    }

    fn count_unrelated(&mut self, unrelated: Unrelated) {
        *self.tally.unrelated.entry(unrelated).or_default() += 1;
    }

    fn count_others(&mut self, other: link::Other, packets: u64) {
        if packets == 0 {
            return;
        }
        if let link::Other::LinkType(LinkType(number)) = other {
            let links = &mut self.tally.unknown_links;
            if links.len() < MAX_UNKNOWN_LINKS || links.contains_key(&number) {
                *links.entry(number).or_default() += packets;
            }
        } else {
            *self.tally.not_tcp.entry(other.name()).or_default() += packets;
        }
    }
}

/// Where what is decoded goes, as parts of a decoder that its flow table is not.
const fn output<'a, L>(
    anomalies: &'a mut Anomalies,
    recognised: &'a mut u32,
    listener: &'a mut L,
) -> Output<'a, L> {
    Output {
        listener,
        anomalies,
        recognised,
    }
}

/// What decides how a connection is taken, beside its bytes; `kept` is where it is followed on.
fn detect_context<'a, C>(
    options: &'a Options,
    servers: &'a Servers<C>,
    kept: Option<(FlowSlot, &Flow)>,
) -> DetectContext<'a> {
    DetectContext {
        ports: options.ports.as_slice(),
        known: servers.known(),
        keep: Keep {
            data: options.keep_data,
        },
        keys: &options.keys,
        place: kept.map(|(slot, flow)| Place {
            slot,
            tcp_stream: flow.index(),
        }),
    }
}

/// Whether a connect was refused or never answered: a SYN, and no byte of data or handshake back.
fn connect_failed(flow: &Flow) -> bool {
    let Some(client) = flow.opened_by() else {
        return false;
    };
    let server = client.peer();
    let refused = flow.ending(server) == Some(Ending::Rst) && !flow.begun(server);
    refused || !flow.spoke(server) && !flow.is_broken_off()
}
