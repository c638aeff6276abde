//! The connections of a capture, or of one part of them: each flow with what is decoded and listened to of it.
//!
//! In: segments and moments. Out: calls of a [`Listener`], and what others have to know, until the
//! [shared state](super::shared_state) takes it: servers that speak HTTP/2, connects that failed, counts. What one part does
//! depends on no other but by what the whole tells all of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::Options;
use super::servers::{FailedConnect, KnownServers};
use crate::capture::Timestamp;
use crate::decode::anomaly::Anomalies;
use crate::decode::capture_quality::CaptureQuality;
use crate::decode::connection::{
    ConnectionDecoder, Decision, DetectContext, Keep, Numbers, Output, Unrelated,
};
use crate::decode::event::{Place, RecognitionOrder, RecognitionStep};
use crate::decode::link::Segment;
use crate::decode::listener::Listener;
use crate::decode::tcp::{Arrival, Ending, Flow, FlowKey, FlowSlot, Flows, PARTS, Signal};
use crate::decode::tls::{KeyLog, Trials};

/// What decoding of a connection goes by, beside its packets.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    pub(super) options: Options,
    pub(super) known: KnownServers,
}

impl Surroundings {
    /// What decides how a connection is taken, beside its bytes; `kept` is where it is followed on.
    pub(super) fn detect_context(&self, kept: Option<(FlowSlot, &Flow)>) -> DetectContext<'_> {
        DetectContext {
            ports: self.options.ports.as_slice(),
            known: &self.known,
            keep: Keep {
                data: self.options.keep_data,
            },
            keys: &self.options.keys,
            place: kept.map(|(slot, flow)| Place {
                slot,
                tcp_stream: flow.index(),
            }),
        }
    }
}

/// The connections of a capture, or of a part of them.
#[derive(Debug)]
pub(super) struct ConnectionTable<C> {
    pub(super) flows: Flows<ConnectionDecoder<C>>,
    pub(super) written: WrittenBeside,
    pub(super) quality: CaptureQuality,
    /// TCP connections that do not speak HTTP/2, by what they are.
    pub(super) unrelated: BTreeMap<Unrelated, u32>,
    /// Connections that count and were silent for so long that they were finished.
    pub(super) silent: u64,
    /// Servers seen to speak HTTP/2 that were not known to, and how many packets came before.
    pub(super) learned: Vec<(SocketAddr, u64)>,
    /// Connects that failed.
    pub(super) failed: Vec<FailedConnect<C>>,
}

impl<C> ConnectionTable<C> {
    /// All connections of a capture.
    pub(super) fn whole() -> Self {
        Self::with(Flows::default(), Numbers::of(0, 1))
    }

    /// Those of one part of a capture.
    pub(super) fn of_part(part: usize) -> Self {
        let number = |of: usize| u32::try_from(of).unwrap_or_default();
        Self::with(Flows::of_part(), Numbers::of(number(part), number(PARTS)))
    }

    fn with(flows: Flows<ConnectionDecoder<C>>, numbers: Numbers) -> Self {
        Self {
            flows,
            written: WrittenBeside {
                numbers,
                trials: Trials::default(),
                anomalies: Anomalies::default(),
            },
            quality: CaptureQuality::default(),
            unrelated: BTreeMap::new(),
            silent: 0,
            learned: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Takes the next segment, of the connection with that key.
    pub(super) fn push<L: Listener<Connection = C>>(
        &mut self,
        key: FlowKey,
        segment: &Segment<'_>,
        arrival: Arrival,
        around: &Surroundings,
        listener: &mut L,
    ) {
        let before = arrival.packets_before;
        self.pass(segment.stamp.time, before, around, listener);
        let mut located = self.flows.locate(key);
        if let Some((flow, connection)) = self.flows.pop_reopened(&mut located, segment) {
            let order = finished(before, &flow);
            self.end(flow, connection, order, around, listener);
        }
        let order = RecognitionOrder {
            packets_before: before,
            step: RecognitionStep::Packet,
            within: 0,
        };
        let out = &mut self.written.output(&around.options.keys, order, listener);
        let sink = &mut |connection: &mut ConnectionDecoder<C>, signal: Signal<'_>| {
            connection.push(signal, out);
        };
        let slot = self.flows.push(located, segment, arrival, sink);
        if let Some(slot) = slot
            && let Some((flow, connection)) = self.flows.at(slot)
        {
            let decision = match connection.is_in_doubt() {
                true => {
                    let context = around.detect_context(Some((slot, &*flow)));
                    connection.decide(flow, &context, false, out)
                }
                false => Decision::Wait,
            };
            let held = flow.held() + connection.held();
            self.flows.charge(slot, held);
            self.learn(decision, before, around);
        }
        self.end_crowded_out(before, around, listener);
    }

    /// It is `now`, by a packet that `before` packets came before, of whatever connection: what waits in
    /// vain for earlier segments goes on, and connections that ended a while ago are finished.
    pub(super) fn pass<L: Listener<Connection = C>>(
        &mut self,
        now: Timestamp,
        before: u64,
        around: &Surroundings,
        listener: &mut L,
    ) {
        let due = self.flows.next_due();
        if due.is_none_or(|due| due > now) {
            return;
        }
        let order = RecognitionOrder {
            packets_before: before,
            step: RecognitionStep::Finished,
            within: 0,
        };
        let out = &mut self.written.output(&around.options.keys, order, listener);
        self.flows
            .release(now, &mut |connection, signal: Signal<'_>| {
                connection.push(signal, out);
            });
        while let Some((flow, connection)) = self.flows.pop_finished(now) {
            let order = finished(before, &flow);
            self.end(flow, connection, order, around, listener);
        }
        self.end_crowded_out(before, around, listener);
    }

    fn end_crowded_out<L: Listener<Connection = C>>(
        &mut self,
        before: u64,
        around: &Surroundings,
        listener: &mut L,
    ) {
        while let Some((flow, connection)) = self.flows.pop_crowded_out() {
            let order = RecognitionOrder {
                step: RecognitionStep::Limits,
                ..finished(before, &flow)
            };
            self.end(flow, connection, order, around, listener);
        }
    }

    /// Finishes connections that have been silent for long.
    pub(super) fn end_idle<L: Listener<Connection = C>>(
        &mut self,
        now: Timestamp,
        before: u64,
        around: &Surroundings,
        listener: &mut L,
    ) {
        for (flow, connection) in self.flows.take_idle(now, ConnectionDecoder::counts) {
            if connection.counts() {
                self.silent += 1;
            }
            let order = finished(before, &flow);
            self.end(flow, connection, order, around, listener);
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
    pub(super) fn finish<L: Listener<Connection = C>>(
        &mut self,
        around: &Surroundings,
        listener: &mut L,
    ) {
        for (_, slot) in self.flows.places() {
            self.finish_one(slot, around, listener);
        }
    }

    /// The same of one connection.
    pub(super) fn finish_one<L: Listener<Connection = C>>(
        &mut self,
        slot: FlowSlot,
        around: &Surroundings,
        listener: &mut L,
    ) {
        if let Some((flow, connection)) = self.flows.forget(slot) {
            let order = RecognitionOrder {
                packets_before: u64::MAX,
                step: RecognitionStep::Finished,
                within: flow.packets_before().cast_signed(),
            };
            self.end(flow, connection, order, around, listener);
        }
    }

    /// Takes note of a server that is seen to speak HTTP/2.
    pub(super) fn learn(&mut self, decision: Decision, before: u64, around: &Surroundings) {
        if let Decision::Recognised {
            speaks_http2: Some(server),
        } = decision
            && !around.known.contains_key(&server)
        {
            self.learned.push((server, before));
        }
    }

    pub(super) fn end<L: Listener<Connection = C>>(
        &mut self,
        mut flow: Flow,
        mut connection: ConnectionDecoder<C>,
        order: RecognitionOrder,
        around: &Surroundings,
        listener: &mut L,
    ) {
        let out = &mut self.written.output(&around.options.keys, order, listener);
        flow.finish(&mut |signal| connection.push(signal, out));
        self.quality.add(&flow);
        if connect_failed(&flow) && !connection.counts() {
            connection.forget_bytes();
            self.failed.push(FailedConnect {
                flow,
                connection,
                packets_before: order.packets_before,
            });
            return;
        }
        let context = around.detect_context(None);
        let decision = connection.decide(&flow, &context, true, out);
        self.learn(decision, order.packets_before, around);
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

    /// Counts a connect that failed, since its server speaks HTTP/2.
    pub(super) fn count_connect<L: Listener<Connection = C>>(
        &mut self,
        failed: FailedConnect<C>,
        order: RecognitionOrder,
        around: &Surroundings,
        listener: &mut L,
    ) {
        let FailedConnect {
            flow,
            mut connection,
            ..
        } = failed;
        let out = &mut self.written.output(&around.options.keys, order, listener);
        connection.count_connect(&flow, out);
        self.conclude(flow, connection, listener);
    }

    pub(super) fn count_unrelated(&mut self, unrelated: Unrelated) {
        *self.unrelated.entry(unrelated).or_default() += 1;
    }

    /// Where what is decoded now goes, for what limits cost.
    pub(super) fn at_limit<'a, L>(
        &'a mut self,
        order: RecognitionOrder,
        around: &'a Surroundings,
        listener: &'a mut L,
    ) -> (&'a mut Flows<ConnectionDecoder<C>>, Output<'a, L>) {
        let out = self.written.output(&around.options.keys, order, listener);
        (&mut self.flows, out)
    }
}

/// What is written down beside events, and so lent out while the flow table is used.
#[derive(Debug)]
pub(super) struct WrittenBeside {
    pub(super) anomalies: Anomalies,
    numbers: Numbers,
    trials: Trials,
}

impl WrittenBeside {
    /// Where what is decoded goes.
    const fn output<'a, L>(
        &'a mut self,
        keys: &'a KeyLog,
        order: RecognitionOrder,
        listener: &'a mut L,
    ) -> Output<'a, L> {
        Output {
            listener,
            anomalies: &mut self.anomalies,
            numbers: &mut self.numbers,
            keys,
            trials: &mut self.trials,
            order,
        }
    }
}

/// Where a connection stands that is recognised after its end.
fn finished(packets_before: u64, flow: &Flow) -> RecognitionOrder {
    RecognitionOrder {
        packets_before,
        step: RecognitionStep::Finished,
        within: flow.last_seen().time.nanos(),
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
