//! What the parts of a capture's connections make together: which servers speak HTTP/2, limits, counts.
//!
//! In: what each part has for the others. Out: what they all go by, connects that count after all, connections
//! evicted. The parts may run side by side in between; what is done here is done in one order.

use super::Options;
use super::connections::{ConnectionTable, Surroundings};
use super::intake::Intake;
use super::servers::{self, FailedConnects};
use crate::decode::anomaly::{Anomalies, Anomaly, Layer};
use crate::decode::event::{RecognitionOrder, RecognitionStep};
use crate::decode::limits::GivenUp;
use crate::decode::listener::Listener;

/// One part, and who listens to it.
pub(super) struct PartOf<'a, L: Listener> {
    pub(super) table: &'a mut ConnectionTable<L::Connection>,
    pub(super) listener: &'a mut L,
}

/// What spans the parts.
#[derive(Debug)]
pub(super) struct SharedState<C> {
    pub(super) intake: Intake,
    pub(super) around: Surroundings,
    failed: FailedConnects<C>,
    pub(super) given_up: GivenUp,
    /// What each part keeps.
    loads: Vec<TableLoad>,
    /// What all of them keep.
    load: TableLoad,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default)]
struct TableLoad {
    connections: usize,
    held_bytes: usize,
}

impl<C> SharedState<C> {
    pub(super) fn new(options: Options, parts: usize) -> Self {
        Self {
            intake: Intake::default(),
            around: Surroundings {
                options,
                ..Surroundings::default()
            },
            failed: FailedConnects::default(),
            given_up: GivenUp::default(),
            loads: vec![TableLoad::default(); parts],
            load: TableLoad::default(),
        }
    }

    /// Takes what a part has for the others. Whether there is something to [settle](Self::settle).
    pub(super) fn take_from(&mut self, part: usize, table: &mut ConnectionTable<C>) -> bool {
        // As after nearly every packet.
        if !table.learned.is_empty() || !table.failed.is_empty() {
            self.hear_of_servers(part, table);
        }
        if let Some(before) = self.loads.get_mut(part) {
            let now = TableLoad {
                connections: table.flows.len(),
                held_bytes: table.flows.held(),
            };
            let all = &mut self.load;
            all.connections = all.connections - before.connections + now.connections;
            all.held_bytes = all.held_bytes - before.held_bytes + now.held_bytes;
            *before = now;
        }
        self.failed.has_counting() || self.is_beyond_limits()
    }

    /// Servers that a part has seen to speak HTTP/2, and connects that failed there.
    fn hear_of_servers(&mut self, part: usize, table: &mut ConnectionTable<C>) {
        let mut learned = false;
        for (server, packets_before) in table.learned.drain(..) {
            learned |= servers::learn(&mut self.around.known, server, packets_before);
        }
        for failed in table.failed.drain(..) {
            if let Some(unrelated) = self.failed.push(part, failed, &self.around.known) {
                self.intake.tally.count_unrelated(unrelated, 1);
            }
        }
        if learned {
            self.failed.learn(&self.around.known);
        }
    }

    /// Has connects that count after all count, and comes back within the limits.
    pub(super) fn settle<L: Listener<Connection = C>>(&mut self, parts: &mut [PartOf<'_, L>]) {
        let counting = self.failed.take_counting().into_iter();
        let counting = counting.map(|(part, failed)| {
            let after = failed.counts_after(&self.around.known);
            let order = RecognitionOrder {
                packets_before: after.unwrap_or(failed.packets_before),
                step: RecognitionStep::Server,
                within: failed.flow.packets_before().cast_signed(),
            };
            (order, part, failed)
        });
        let mut counting: Vec<_> = counting.collect();
        counting.sort_by_key(|(order, ..)| *order);
        for (order, part, failed) in counting {
            if let Some(PartOf { table, listener }) = parts.get_mut(part) {
                table.count_connect(failed, order, &self.around, *listener);
            }
        }
        if self.is_beyond_limits() {
            self.keep_limits(parts);
            for (part, PartOf { table, .. }) in parts.iter_mut().enumerate() {
                self.take_from(part, table);
            }
        }
    }

    fn is_beyond_limits(&self) -> bool {
        let limits = self.around.options.limits;
        self.load.connections > limits.connections || self.load.held_bytes > limits.held_bytes
    }

    /// All parts are finished.
    pub(super) fn finish<L: Listener<Connection = C>>(&mut self, parts: &mut [PartOf<'_, L>]) {
        self.settle(parts);
        for unrelated in self.failed.take_waiting() {
            self.intake.tally.count_unrelated(unrelated, 1);
        }
        for PartOf { table, .. } in parts.iter_mut() {
            self.intake.tally.tcp_connections += table.flows.count();
            for (unrelated, count) in std::mem::take(&mut table.unrelated) {
                self.intake.tally.count_unrelated(unrelated, count);
            }
            self.intake
                .quality
                .merge(std::mem::take(&mut table.quality));
        }
        self.intake.finish();
    }

    /// What was odd, in order of first sight: that of the whole, of its `parts`, and of the capture.
    pub(super) fn take_anomalies(&mut self, parts: Vec<Anomalies>) -> Vec<Anomaly> {
        let mut anomalies = std::mem::take(&mut self.intake.anomalies);
        anomalies.merge(parts);
        self.given_up
            .note_in(self.around.options.limits, &mut anomalies);
        let keys = &self.around.options.keys;
        for (lines, why) in [
            (keys.bad_lines(), "cannot be read"),
            (keys.left_out(), "are more than is kept"),
        ] {
            if lines > 0 {
                let text = format!("{lines} lines of the key log {why}: they are left out");
                anomalies.note(Layer::Tls, text, None, None);
            }
        }
        if let Some(note) = keys.encoding_note() {
            anomalies.note(Layer::Tls, note.to_owned(), None, None);
        }
        std::mem::take(&mut self.intake.quality).note(&mut anomalies);
        anomalies.into_vec()
    }
}
