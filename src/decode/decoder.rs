//! Packets to events: the whole of this stage behind one door.
//!
//! In: packets in capture order. Out: events, each with the number of its connection. What never
//! happens here: I/O, a look at the clock, a panic on what a packet holds.

mod eviction;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rustc_hash::FxHashSet;

use super::PerSide;
use super::anomaly::{Anomalies, Anomaly, Layer};
use super::capture_quality::CaptureQuality;
use super::connection::{Conversation, Counting, Decision, Surroundings, Unrelated};
use super::event::Event;
use super::http2::Keep;
use super::limits::Limits;
use super::link::{self, Segment, Stop};
use super::network::NetworkPath;
use super::tcp::{Ending, Flow, Flows, Side};
use super::tls::KeyLog;
pub use eviction::GivenUp;

use crate::capture::{LinkType, Packet, Timestamp};

/// Connects that came to nothing are kept until their server is known to speak HTTP/2, the latest of
/// them at most this many: a port scan must not grow memory.
const MAX_PENDING_CONNECTS: usize = 4_096;

/// How many server addresses are remembered to speak HTTP/2. The services of a large cluster fit
/// several times; beyond it, connects to further ones that come to nothing are not told.
const MAX_KNOWN_SERVERS: usize = 1 << 16;

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

/// Decodes packets.
#[derive(Debug, Default)]
pub struct Decoder {
    options: Options,
    links: link::Decoder,
    flows: Flows<Conversation>,
    /// Server addresses of connections that spoke HTTP/2.
    known: FxHashSet<SocketAddr>,
    connections: u32,
    pending: VecDeque<(Flow, Conversation)>,
    anomalies: Anomalies,
    tally: Tally,
    evicted: u64,
    oddities: CaptureQuality,
    given_up: GivenUp,
}

impl Decoder {
    /// A decoder that has seen nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Secrets that came to light: they serve connections still undecided, and those to come.
    pub fn read_keys(&mut self, key_log: &[u8]) {
        self.options.keys.read(key_log);
    }

    /// Takes the next packet; `sink` gets the events it brings.
    pub fn push(&mut self, packet: &Packet<'_>, sink: &mut impl FnMut(u32, Event<'_>)) {
        self.oddities.saw(packet.stamp);
        // Lent to the segment, which may lie in a datagram put together there.
        let mut links = std::mem::take(&mut self.links);
        match links.decode(packet) {
            Ok(segment) => self.push_segment(&segment, sink),
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

    /// Time has passed, packets or not: lets go of connections that ended a while ago, and of those
    /// that have been silent for long.
    pub fn tick(&mut self, now: Timestamp, sink: &mut impl FnMut(u32, Event<'_>)) {
        self.release(now, sink);
        while let Some((flow, conversation)) = self.flows.pop_finished(now) {
            self.end(flow, conversation, sink);
        }
        let speaks = |conversation: &Conversation| conversation.connection().is_some();
        for (flow, conversation) in self.flows.take_idle(now, speaks) {
            if speaks(&conversation) {
                self.evicted += 1;
            }
            self.end(flow, conversation, sink);
        }
    }

    /// How many connections were let go because nothing was heard of them, or there were too many.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted + self.given_up.connections
    }

    /// What was given up to stay within the limits.
    #[must_use]
    pub const fn given_up(&self) -> GivenUp {
        self.given_up
    }

    /// Nothing more will come: tells what was still held back.
    pub fn finish(&mut self, sink: &mut impl FnMut(u32, Event<'_>)) {
        for place in self.flows.places() {
            if let Some((flow, conversation)) = self.flows.forget(place) {
                self.end(flow, conversation, sink);
            }
        }
        self.release_connects(sink);
        for (_, conversation) in std::mem::take(&mut self.pending) {
            self.count_unrelated(conversation.unrelated().unwrap_or(Unrelated::Silent));
        }
        self.note_given_up();
        self.tally.tcp_connections = self.flows.count();
        self.count_others(link::Other::Fragment, self.links.unused_fragments());
        self.note_keys();
        std::mem::take(&mut self.oddities).note(&mut self.anomalies);
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
    fn release(&mut self, now: Timestamp, sink: &mut impl FnMut(u32, Event<'_>)) {
        let anomalies = &mut self.anomalies;
        self.flows.release(now, &mut |conversation, signal| {
            conversation.take(signal, anomalies, sink);
        });
    }

    fn push_segment(&mut self, segment: &Segment<'_>, sink: &mut impl FnMut(u32, Event<'_>)) {
        self.release(segment.stamp.time, sink);
        while let Some((flow, conversation)) = self.flows.pop_finished(segment.stamp.time) {
            self.end(flow, conversation, sink);
        }
        if let Some((flow, conversation)) = self.flows.pop_reopened(segment) {
            self.end(flow, conversation, sink);
        }
        let anomalies = &mut self.anomalies;
        let place = self.flows.push(segment, &mut |conversation, signal| {
            conversation.take(signal, anomalies, sink);
        });
        let Some(place) = place else { return };
        let Some((flow, conversation)) = self.flows.at(place) else {
            return;
        };
        let around = surroundings(&self.options, &self.known);
        let mut learned = None;
        if let Decision::Counts(counting) = conversation.decide(flow, &around, false) {
            learned = speaks_at(&counting);
            conversation.begin(next(&mut self.connections), *counting, anomalies, sink);
        }
        let held = flow.held() + conversation.held();
        self.flows.charge(place, held);
        self.learn(learned, sink);
        self.relieve(sink);
    }

    /// A server address speaks HTTP/2: connects to it that came to nothing count from now on.
    fn learn(&mut self, server: Option<SocketAddr>, sink: &mut impl FnMut(u32, Event<'_>)) {
        let room = self.known.len() < MAX_KNOWN_SERVERS;
        if server.is_some_and(|server| room && self.known.insert(server)) {
            self.release_connects(sink);
        }
    }

    fn end(
        &mut self,
        mut flow: Flow,
        mut conversation: Conversation,
        sink: &mut impl FnMut(u32, Event<'_>),
    ) {
        let anomalies = &mut self.anomalies;
        flow.finish(&mut |signal| conversation.take(signal, anomalies, sink));
        self.oddities.add(&flow);
        if came_to_nothing(&flow) {
            self.suspend(flow, conversation, sink);
            return;
        }
        let around = surroundings(&self.options, &self.known);
        if let Decision::Counts(counting) = conversation.decide(&flow, &around, true) {
            let learned = speaks_at(&counting);
            conversation.begin(next(&mut self.connections), *counting, anomalies, sink);
            self.learn(learned, sink);
        }
        match conversation.connection() {
            Some(number) => {
                sink(number, finished(&mut flow, conversation.client()));
            }
            None => self.count_unrelated(conversation.unrelated().unwrap_or(Unrelated::Silent)),
        }
    }

    /// A connect came to nothing: it counts once its server is known to speak HTTP/2.
    fn suspend(
        &mut self,
        flow: Flow,
        mut conversation: Conversation,
        sink: &mut impl FnMut(u32, Event<'_>),
    ) {
        conversation.forget_bytes();
        if self.known.contains(&flow.address(server_of(&flow))) {
            self.count_connect(flow, conversation, sink);
            return;
        }
        self.pending.push_back((flow, conversation));
        if self.pending.len() > MAX_PENDING_CONNECTS
            && let Some((_, oldest)) = self.pending.pop_front()
        {
            self.count_unrelated(oldest.unrelated().unwrap_or(Unrelated::Silent));
        }
    }

    /// Counts the connects that came to nothing whose server is known by now.
    fn release_connects(&mut self, sink: &mut impl FnMut(u32, Event<'_>)) {
        let known = &self.known;
        let is_known = |flow: &Flow| known.contains(&flow.address(server_of(flow)));
        if !self.pending.iter().any(|(flow, _)| is_known(flow)) {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        let (released, pending): (VecDeque<_>, _) =
            pending.into_iter().partition(|(flow, _)| is_known(flow));
        self.pending = pending;
        for (flow, conversation) in released {
            self.count_connect(flow, conversation, sink);
        }
    }

    fn count_connect(
        &mut self,
        mut flow: Flow,
        mut conversation: Conversation,
        sink: &mut impl FnMut(u32, Event<'_>),
    ) {
        if let Decision::Counts(counting) = conversation.count_connect(&flow) {
            let number = next(&mut self.connections);
            conversation.begin(number, *counting, &mut self.anomalies, sink);
            sink(number, finished(&mut flow, conversation.client()));
        }
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

/// The last event of a connection.
fn finished<'a>(flow: &mut Flow, client: Option<Side>) -> Event<'a> {
    let client = client.unwrap_or(Side::First);
    Event::Finished {
        network: Box::new(NetworkPath {
            sides: PerSide {
                client: flow.take_path_stats(client),
                server: flow.take_path_stats(client.peer()),
            },
            last_seen: flow.last_seen(),
        }),
    }
}

const fn surroundings<'a>(
    options: &'a Options,
    known: &'a FxHashSet<SocketAddr>,
) -> Surroundings<'a> {
    Surroundings {
        ports: options.ports.as_slice(),
        known,
        keep: Keep {
            data: options.keep_data,
        },
        keys: &options.keys,
    }
}

/// The address at which a connection that counts shows HTTP/2 to be spoken.
fn speaks_at(counting: &Counting) -> Option<SocketAddr> {
    let recognition = &counting.recognition;
    let speaks = recognition.transport.is_http2();
    speaks.then_some(recognition.server)
}

/// Whether a connect was refused or never answered: a SYN, and no byte of data or handshake back.
fn came_to_nothing(flow: &Flow) -> bool {
    let Some(client) = flow.opened_by() else {
        return false;
    };
    let server = client.peer();
    let refused = flow.ending(server) == Some(Ending::Rst) && !flow.begun(server);
    refused || !flow.spoke(server) && !flow.is_broken_off()
}

fn server_of(flow: &Flow) -> Side {
    flow.opened_by().unwrap_or(Side::First).peer()
}

fn next(counter: &mut u32) -> u32 {
    let number = *counter;
    *counter = counter.saturating_add(1);
    number
}
