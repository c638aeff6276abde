//! How decoding stays within its limits: which connections are evicted, and which give up what they hold.
//!
//! In: the state after a segment. Out: connections finished or weakened, as events, and counts, which become
//! anomalies. A limit is exceeded by no more than what one segment brings.

use super::connections::{ConnectionTable, detect_context, output};
use crate::decode::anomaly::LimitKind;
use crate::decode::carrier::Carrier;
use crate::decode::connection::{ConnectionDecoder, Decision};
use crate::decode::limits::{GivenUp, human};
use crate::decode::listener::Listener;
use crate::decode::tcp::FlowSlot;

impl<C> ConnectionTable<C> {
    /// Comes back within the limits.
    pub(super) fn keep_limits<L: Listener<Connection = C>>(&mut self, listener: &mut L) {
        let limits = self.options.limits;
        let surplus = self
            .flows
            .take_surplus(limits.connections, ConnectionDecoder::counts);
        for (flow, mut connection) in surplus {
            if flow.is_over() {
                self.end(flow, connection, listener);
                continue;
            }
            let out = &mut output(&mut self.anomalies, &mut self.recognised, listener);
            // What comes of it now would decide more than is known.
            if connection.shed(seen(&flow), out) {
                self.given_up.connections += 1;
            } else {
                self.given_up.others += 1;
            }
            self.end(flow, connection, listener);
        }
        for slot in self.flows.holders(limits.held_bytes) {
            self.shed_held(slot, listener);
        }
    }

    /// Makes a connection give up what it holds: first what waits behind holes or for a decision, then
    /// what it reads by.
    fn shed_held<L: Listener<Connection = C>>(&mut self, slot: FlowSlot, listener: &mut L) {
        let Some((flow, connection)) = self.flows.at(slot) else {
            return;
        };
        let out = &mut output(&mut self.anomalies, &mut self.recognised, listener);
        let before = flow.held() + connection.held();
        if flow.held() > 0 {
            self.given_up.holes += 1;
            flow.give_up_holes(&mut |signal| connection.push(signal, out));
        }
        let mut decision = Decision::Wait;
        if !connection.counts() && connection.held() > 0 {
            self.given_up.undecided += 1;
            let context = detect_context(&self.options, &self.servers, Some((slot, &*flow)));
            decision = connection.decide(flow, &context, true, out);
        }
        if connection.held() > before / 2 && connection.shed(seen(flow), out) {
            self.given_up.sessions += 1;
        }
        let held = flow.held() + connection.held();
        self.flows.charge(slot, held);
        self.learn(decision, listener);
    }

    /// Says what was given up, as anomalies.
    pub(super) fn note_given_up(&mut self) {
        let limits = self.options.limits;
        let GivenUp {
            connections,
            others,
            holes,
            undecided,
            sessions,
        } = self.given_up;
        let most = limits.connections;
        let crowded = format!("more than {most} connections at a time");
        let bytes = human(limits.held_bytes);
        let heavy = format!("more than {bytes} held at a time");
        let all = [
            (
                LimitKind::Connections,
                connections,
                format!("{crowded}: the most silent were let go, with what they had open"),
            ),
            (
                LimitKind::Connections,
                others,
                format!("{crowded}: the most silent that showed no HTTP/2 were let go"),
            ),
            (
                LimitKind::HeldBytes,
                holes,
                format!("{heavy}: missing bytes were given up before their time"),
            ),
            (
                LimitKind::HeldBytes,
                undecided,
                format!("{heavy}: connections were judged before they had shown what they speak"),
            ),
            (
                LimitKind::HeldBytes,
                sessions,
                format!("{heavy}: frames and header tables of silent connections were given up"),
            ),
        ];
        for (limit, count, text) in all.into_iter().filter(|(_, count, _)| *count > 0) {
            self.anomalies.note_limit(limit, text, count);
        }
    }
}

/// What was seen last of a connection, as what carried something.
fn seen(flow: &crate::decode::tcp::Flow) -> Carrier {
    Carrier {
        stamp: flow.last_seen(),
        ..Carrier::default()
    }
}
