//! How decoding stays within its limits: which connections are evicted, and which give up what they hold.
//!
//! In: the state after some segments. Out: connections finished or weakened, as events, and counts, which become
//! anomalies. A limit is exceeded by no more than what
//! those segments bring.

use super::shared_state::{PartOf, SharedState};
use crate::decode::carrier::Carrier;
use crate::decode::connection::{ConnectionDecoder, Decision};
use crate::decode::event::{RecognitionOrder, RecognitionStep};
use crate::decode::listener::Listener;
use crate::decode::tcp::{self, FlowSlot};

impl<C> SharedState<C> {
    /// Comes back within the limits.
    pub(super) fn keep_limits<L: Listener<Connection = C>>(&mut self, parts: &mut [PartOf<'_, L>]) {
        let limits = self.around.options.limits;
        let flows: Vec<_> = parts.iter().map(|part| &part.table.flows).collect();
        let surplus = tcp::surplus(&flows, limits.connections, ConnectionDecoder::counts);
        for (part, slot) in surplus {
            self.evict(part, slot, parts.get_mut(part));
        }
        let flows: Vec<_> = parts.iter().map(|part| &part.table.flows).collect();
        for (part, slot) in tcp::holders(&flows, limits.held_bytes) {
            self.shed_held(slot, parts.get_mut(part));
        }
    }

    fn evict<L: Listener<Connection = C>>(
        &mut self,
        number: usize,
        slot: FlowSlot,
        part: Option<&mut PartOf<'_, L>>,
    ) {
        let Some(PartOf { table, listener }) = part else {
            return;
        };
        let order = self.at_limit();
        let Some((flow, mut connection)) = table.flows.evict(slot) else {
            return;
        };
        if !flow.is_over() {
            let (_, mut out) = table.at_limit(order, &self.around, *listener);
            // What comes of it now would decide more than is known.
            if connection.shed(seen(&flow), &mut out) {
                self.given_up.connections += 1;
            } else {
                self.given_up.others += 1;
            }
        }
        table.end(flow, connection, order, &self.around, *listener);
        // Most are connects that failed: few of them are kept.
        self.take_from(number, table);
    }

    /// Makes a connection give up what it holds: first what waits behind holes or for a decision, then
    /// what it reads by.
    fn shed_held<L: Listener<Connection = C>>(
        &mut self,
        slot: FlowSlot,
        part: Option<&mut PartOf<'_, L>>,
    ) {
        let Some(PartOf { table, listener }) = part else {
            return;
        };
        let order = self.at_limit();
        let (flows, mut out) = table.at_limit(order, &self.around, *listener);
        let Some((flow, connection)) = flows.at(slot) else {
            return;
        };
        let before = flow.held() + connection.held();
        if flow.held() > 0 {
            self.given_up.holes += 1;
            flow.give_up_holes(&mut |signal| connection.push(signal, &mut out));
        }
        let mut decision = Decision::Wait;
        if !connection.counts() && connection.held() > 0 {
            self.given_up.undecided += 1;
            let context = self.around.detect_context(Some((slot, &*flow)));
            decision = connection.decide(flow, &context, true, &mut out);
        }
        if connection.held() > before / 2 && connection.shed(seen(flow), &mut out) {
            self.given_up.sessions += 1;
        }
        let held = flow.held() + connection.held();
        flows.charge(slot, held);
        table.learn(decision, order.packets_before, &self.around);
    }

    fn at_limit(&self) -> RecognitionOrder {
        RecognitionOrder {
            packets_before: self.intake.packets(),
            step: RecognitionStep::Limits,
            within: 0,
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
