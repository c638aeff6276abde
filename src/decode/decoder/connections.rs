//! The connections of a capture: each flow with what is decoded and listened to of it.
//!
//! In: segments and moments. Out: calls of a [`Listener`], and counts. What only all connections together
//! know is here or in the parts: numbers, servers that speak HTTP/2 ([`servers`](super::servers)), limits
//! ([`eviction`](super::eviction)).

use std::collections::BTreeMap;

use super::Options;
use super::servers::Servers;
use crate::capture::Timestamp;
use crate::decode::anomaly::{Anomalies, Layer};
use crate::decode::capture_quality::CaptureQuality;
use crate::decode::connection::{
    ConnectionDecoder, Decision, DetectContext, Keep, Output, Unrelated,
};
use crate::decode::event::Place;
use crate::decode::limits::GivenUp;
use crate::decode::link::Segment;
use crate::decode::listener::Listener;
use crate::decode::tcp::{Ending, Flow, FlowSlot, Flows, Signal};

/// The connections of a capture.
#[derive(Debug)]
pub(super) struct ConnectionTable<C> {
    pub(super) options: Options,
    pub(super) flows: Flows<ConnectionDecoder<C>>,
    pub(super) servers: Servers<C>,
    /// How many connections were recognised.
    pub(super) recognised: u32,
    pub(super) anomalies: Anomalies,
    pub(super) quality: CaptureQuality,
    /// TCP connections that do not speak HTTP/2, by what they are.
    pub(super) unrelated: BTreeMap<Unrelated, u32>,
    /// Connections that count and were silent for so long that they were finished.
    pub(super) silent: u64,
    pub(super) given_up: GivenUp,
}

impl<C> ConnectionTable<C> {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            flows: Flows::default(),
            servers: Servers::default(),
            recognised: 0,
            anomalies: Anomalies::default(),
            quality: CaptureQuality::default(),
            unrelated: BTreeMap::new(),
            silent: 0,
            given_up: GivenUp::default(),
        }
    }

    /// Takes the next segment.
    pub(super) fn push<L: Listener<Connection = C>>(
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

    /// Time has passed, packets or not: finishes connections that ended a while ago, and those that
    /// have been silent for long.
    pub(super) fn tick<L: Listener<Connection = C>>(&mut self, now: Timestamp, listener: &mut L) {
        self.release(now, listener);
        while let Some((flow, connection)) = self.flows.pop_finished(now) {
            self.end(flow, connection, listener);
        }
        for (flow, connection) in self.flows.take_idle(now, ConnectionDecoder::counts) {
            if connection.counts() {
                self.silent += 1;
            }
            self.end(flow, connection, listener);
        }
    }

    /// The listener's value of a connection, while it is followed.
    pub(super) fn connection(&mut self, place: Place) -> Option<&mut C> {
        let (flow, connection) = self.flows.at(place.slot)?;
        let is_same = flow.index() == place.tcp_stream;
        connection.listening_mut().filter(|_| is_same)
    }

    /// The listener's values of all connections that are followed, in no order.
    pub(super) fn connections(&mut self) -> impl Iterator<Item = &mut C> {
        self.flows
            .attachments()
            .filter_map(ConnectionDecoder::listening_mut)
    }

    /// Nothing more will come: emits what was still held back, and finishes every connection.
    pub(super) fn finish<L: Listener<Connection = C>>(&mut self, listener: &mut L) {
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
    }

    /// Says what was odd about the whole.
    pub(super) fn note_whole(&mut self) {
        self.note_keys();
        std::mem::take(&mut self.quality).note(&mut self.anomalies);
    }

    /// What waits in vain for earlier segments goes on, however soon the next packet comes.
    fn release<L: Listener<Connection = C>>(&mut self, now: Timestamp, listener: &mut L) {
        let out = &mut output(&mut self.anomalies, &mut self.recognised, listener);
        self.flows
            .release(now, &mut |connection, signal: Signal<'_>| {
                connection.push(signal, out);
            });
    }

    /// A server address speaks HTTP/2: connects to it that failed count from now on.
    pub(super) fn learn<L: Listener<Connection = C>>(
        &mut self,
        decision: Decision,
        listener: &mut L,
    ) {
        if let Decision::Recognised {
            speaks_http2: Some(server),
        } = decision
            && self.servers.learn(server)
        {
            self.count_connects(listener);
        }
    }

    pub(super) fn end<L: Listener<Connection = C>>(
        &mut self,
        mut flow: Flow,
        mut connection: ConnectionDecoder<C>,
        listener: &mut L,
    ) {
        let out = &mut output(&mut self.anomalies, &mut self.recognised, listener);
        flow.finish(&mut |signal| connection.push(signal, out));
        self.quality.add(&flow);
        if connect_failed(&flow) && !connection.counts() {
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

    fn count_unrelated(&mut self, unrelated: Unrelated) {
        *self.unrelated.entry(unrelated).or_default() += 1;
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
}

/// Where what is decoded goes, as parts of a decoder that its flow table is not.
pub(super) const fn output<'a, L>(
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
pub(super) fn detect_context<'a, C>(
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
    refused || !flow.is_known_to_have_spoken(server) && !flow.is_broken_off()
}
