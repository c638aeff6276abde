//! `--otlp`: what became certain, as spans and log records for a collector.
//!
//! In: news and findings as they are told. Out: requests in an [`Outbox`], which nobody waits for. A call that died waits a
//! moment, so that its span can name the attempt that followed, and is left out if it turns out to have ended well.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use h2sniff::capture::{TimeDelta, Timestamp};
use h2sniff::decode::Recognition;
use h2sniff::inspect::diagnosis::Finding;
use h2sniff::inspect::report::OtlpCounts;
use h2sniff::inspect::{CallId, EndNames, GoAway, News, Rpc, Verdict};
use h2sniff::pipeline::Pipeline;
use h2sniff::report::otlp::{
    BATCH, Otlp, OtlpRecord, OtlpSignal, RetrySpan, SpanConnection, SpansOf,
};

use crate::otlp::Outbox;

/// How long a call that died waits: clients repeat what a GOAWAY took at once.
const HOLD: TimeDelta = TimeDelta::from_secs(2);

/// How many wait; beyond it the earliest go without.
const MAX_HELD: usize = 1 << 14;

/// Of how many connections the ends and GOAWAYs are known: as many as are followed in most places, and a call of another has
/// no span.
const MAX_CONNECTIONS: usize = 1 << 16;

/// How many GOAWAYs of a connection.
const MAX_GOAWAYS: usize = 8;

/// Spans and log records on their way to a collector.
pub(super) struct SpanFeed {
    otlp: Otlp,
    outbox: Outbox,
    /// By their numbers, which grow.
    connections: BTreeMap<u32, KnownConnection>,
    held: VecDeque<HeldCall>,
    records: Vec<OtlpRecord>,
    /// Spans that could not be made, since their connection was forgotten.
    lost: u64,
}

struct KnownConnection {
    recognition: Box<Recognition>,
    names: EndNames,
    goaways: Vec<GoAway>,
}

struct HeldCall {
    due: Timestamp,
    rpc: Box<Rpc>,
}

impl KnownConnection {
    fn as_span_connection(&self) -> SpanConnection<'_> {
        SpanConnection::of(&self.recognition, &self.names, &self.goaways)
    }
}

impl SpanFeed {
    pub(super) fn new(otlp: Otlp, outbox: Outbox) -> Self {
        Self {
            otlp,
            outbox,
            connections: BTreeMap::new(),
            held: VecDeque::new(),
            records: Vec::new(),
            lost: 0,
        }
    }

    /// Takes what became certain by `now`.
    pub(super) fn news(&mut self, news: &[News], now: Timestamp) {
        for news in news {
            match news {
                News::Connection {
                    number,
                    recognition,
                    names,
                } => {
                    let known = KnownConnection {
                        recognition: Box::new(recognition.clone()),
                        names: names.clone(),
                        goaways: Vec::new(),
                    };
                    self.connections.insert(*number, known);
                    if self.connections.len() > MAX_CONNECTIONS {
                        self.connections.pop_first();
                    }
                }
                News::GoAway {
                    connection, goaway, ..
                } => {
                    if let Some(known) = self.connections.get_mut(connection)
                        && known.goaways.len() < MAX_GOAWAYS
                    {
                        known.goaways.push(goaway.clone());
                    }
                }
                // A status may turn out to be how a server cut it.
                News::Rpc { rpc, .. } if rpc.died() || rpc.verdict == Verdict::Status => {
                    self.held.push_back(HeldCall {
                        due: now + HOLD,
                        rpc: rpc.clone(),
                    });
                }
                News::Rpc { rpc, .. } if self.otlp.spans == SpansOf::All => self.span(rpc),
                _ => {}
            }
        }
    }

    /// A finding that is told.
    pub(super) fn finding(&mut self, finding: &Finding, pipeline: &mut Pipeline, now: Timestamp) {
        let first = finding.rpcs.first();
        let first = first.and_then(|call| {
            let known = self.connections.get(&call.connection)?;
            Some((pipeline.lost_call(call)?, known.as_span_connection()))
        });
        let record = self.otlp.log(finding, first, now);
        self.records.push(record);
    }

    /// Whether calls are due by `now`, or too many to wait on.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let first = self.held.front();
        first.is_some_and(|held| held.due <= now) || self.held.len() > MAX_HELD
    }

    /// Makes spans of what is due by `now`, with what is known of it by now, and hands them over.
    pub(super) fn settle(&mut self, pipeline: &mut Pipeline, now: Timestamp) {
        let has_forgotten = pipeline.has_forgotten_calls();
        while self.is_due(now) {
            let Some(HeldCall { rpc, .. }) = self.held.pop_front() else {
                break;
            };
            match pipeline.lost_call(&rpc.id) {
                Some(known) if self.otlp.spans.has(known) => self.span(known),
                // So many failed that it is no longer kept.
                None if has_forgotten && self.otlp.spans.has(&rpc) => self.span(&rpc),
                // It ended better than it looked, or did not die.
                _ => {}
            }
        }
        self.hand_over();
    }

    /// Hands over what there is.
    pub(super) fn hand_over(&mut self) {
        for signal in [OtlpSignal::Traces, OtlpSignal::Logs] {
            let of_signal = |record: &mut OtlpRecord| record.signal() == signal;
            let mut mine: Vec<_> = self.records.extract_if(.., of_signal).collect();
            while !mine.is_empty() {
                let rest = mine.split_off(mine.len().min(BATCH));
                self.outbox.offer(self.otlp.request(signal, mine));
                mine = rest;
            }
        }
    }

    /// What was sent, lost and waits.
    pub(super) fn counts(&self) -> OtlpCounts {
        let mut counts = self.outbox.counts();
        counts.spans.lost += self.lost;
        counts.waiting += self.held.len() as u64;
        counts
    }

    pub(super) fn take_notes(&self) -> Vec<String> {
        self.outbox.take_notes()
    }

    /// Sends what waits, for no longer than `within`, nor than nobody is in a hurry; gives the counts, and what is to be said.
    pub(super) fn close(
        self,
        within: Duration,
        is_hurried: impl Fn() -> bool,
    ) -> (OtlpCounts, Vec<String>) {
        let lost = self.lost;
        let (mut counts, notes) = self.outbox.close(within, is_hurried);
        counts.spans.lost += lost;
        (counts, notes)
    }

    fn span(&mut self, rpc: &Rpc) {
        let Some(connection) = self.connection(rpc.id) else {
            self.lost += 1;
            return;
        };
        let retry = rpc.retried_as.as_ref().and_then(|link| {
            Some(RetrySpan {
                stream: link.call.stream,
                opened: link.opened?,
                connection: self.connection(link.call)?,
                rpc: None,
            })
        });
        let record = self.otlp.span(rpc, connection, retry);
        self.records.push(record);
    }

    fn connection(&self, call: CallId) -> Option<SpanConnection<'_>> {
        let known = self.connections.get(&call.connection)?;
        Some(known.as_span_connection())
    }
}
