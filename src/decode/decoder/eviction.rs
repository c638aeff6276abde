//! How decoding stays within its limits: who goes, who gives up what, and that it is told.
//!
//! In: the state after a segment. Out: connections ended or weakened, as events; and counts, which
//! become anomalies. What never happens here: a limit exceeded by more than one segment brings.

use super::{Decision, Decoder, next, speaks_at, surroundings};
use crate::decode::Carrier;
use crate::decode::anomaly::LimitKind;
use crate::decode::connection::Conversation;
use crate::decode::event::Event;
use crate::decode::limits::human;
use crate::decode::tcp::Slot;

/// What was given up to stay within the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// Connections in HTTP/2 that were let go.
    pub connections: u64,
    /// Others that were let go.
    pub others: u64,
    /// How often connections waited no longer for bytes that were missing.
    pub holes: u64,
    /// How often connections were decided about before they had shown what they speak.
    pub undecided: u64,
    /// How often connections in HTTP/2 lost frames begun and header tables.
    pub sessions: u64,
}

impl Decoder {
    /// Comes back within the limits.
    pub(super) fn relieve(&mut self, sink: &mut impl FnMut(u32, Event<'_>)) {
        let limits = self.options.limits;
        let speaks = |conversation: &Conversation| conversation.connection().is_some();
        for (flow, mut conversation) in self.flows.take_surplus(limits.connections, speaks) {
            if flow.is_over() {
                self.end(flow, conversation, sink);
                continue;
            }
            let carrier = seen(&flow);
            // What comes of it now would decide more than is known.
            if conversation.let_go(carrier, &mut self.anomalies, sink) {
                self.given_up.connections += 1;
            } else {
                self.given_up.others += 1;
            }
            self.end(flow, conversation, sink);
        }
        for place in self.flows.holders(limits.held_bytes) {
            self.lighten(place, sink);
        }
    }

    /// Makes a connection give up what it holds: first what waits behind holes or for a decision, then
    /// what it reads by.
    fn lighten(&mut self, place: Slot, sink: &mut impl FnMut(u32, Event<'_>)) {
        let Some((flow, conversation)) = self.flows.at(place) else {
            return;
        };
        let anomalies = &mut self.anomalies;
        let before = flow.held() + conversation.held();
        if flow.held() > 0 {
            self.given_up.holes += 1;
            flow.give_up_holes(&mut |signal| conversation.take(signal, anomalies, sink));
        }
        let around = surroundings(&self.options, &self.known);
        let undecided = conversation.connection().is_none() && conversation.held() > 0;
        let mut learned = None;
        if undecided {
            self.given_up.undecided += 1;
            if let Decision::Counts(counting) = conversation.decide(flow, &around, true) {
                learned = speaks_at(&counting);
                conversation.begin(next(&mut self.connections), *counting, anomalies, sink);
            }
        }
        if conversation.held() > before / 2 && conversation.let_go(seen(flow), anomalies, sink) {
            self.given_up.sessions += 1;
        }
        let held = flow.held() + conversation.held();
        self.flows.charge(place, held);
        self.learn(learned, sink);
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
