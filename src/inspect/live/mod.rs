//! What is certain before a capture ends, and the little that is kept meanwhile.
//!
//! In: connections after each event, and moments. Out: [`News`], each emitted once, as soon as it is
//! certain. Memory does not grow with time: ended connections and lost calls are kept for rules that look
//! across them, the latest [`MAX_RECENT`](super::MAX_RECENT) of each kind, so that no others push out what died; older
//! ones live on in counts.

pub(in crate::inspect) mod methods;
pub(in crate::inspect) mod recent;
mod recent_calls;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::connection::Connection;
use super::connection::goaway::GoAway;
use super::connection::record::{ConnectionRecord, EndNames, Finished, VerdictCounts};
use super::options::filter::Filter;
use super::stream::rpc::{CallId, Rpc};
use super::stream::verdict::SETTLED;
use crate::capture::Timestamp;
use crate::decode::http2::{Frame, FrameType, Payload};
use crate::decode::{Direction, Event, PerSide, Place, Recognition};
use methods::Methods;
use recent::RecentMap;
use recent_calls::RecentCalls;

/// Something that became certain.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum News {
    /// A connection was opened or first seen.
    Connection {
        /// Its number in this analysis.
        number: u32,
        /// What was known of it when it was recognised.
        recognition: Recognition,
        /// Who is at its ends, as far as known.
        names: EndNames,
    },
    /// A side sent GOAWAY.
    GoAway {
        /// The number of its connection in this analysis.
        connection: u32,
        /// The addresses of its connection's ends.
        ends: PerSide<SocketAddr>,
        /// Who is at them, as far as known.
        names: EndNames,
        /// The GOAWAY, with the streams that are beyond its last stream id by now.
        goaway: GoAway,
    },
    /// A call did not succeed, or, where all are to be told, did.
    Rpc {
        /// Since when that is certain.
        since: Timestamp,
        /// The addresses of its connection's ends.
        ends: PerSide<SocketAddr>,
        /// Who is at them, as far as known.
        names: EndNames,
        /// The call as it stands: whatever else comes does not change its verdict.
        rpc: Box<Rpc>,
    },
}

/// What a report does not list, to stay within bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlisted {
    /// Ended connections that a report no longer lists.
    pub connections: u64,
    /// Lost calls that a report no longer lists.
    pub rpcs: u64,
}

/// Follows connections while they go on, and keeps what became certain until it is taken.
#[derive(Debug, Default)]
pub(super) struct LiveTracker {
    /// Which calls are asked for.
    filter: Filter,
    news: Vec<News>,
    /// When to look at a connection again, though nothing happens on it.
    due: BTreeMap<(Timestamp, u32), Place>,
    ended: RecentMap<u32, ConnectionRecord>,
    /// Those on which calls died: no number of others pushes them out.
    ended_with_deaths: RecentMap<u32, ConnectionRecord>,
    lost: RecentCalls,
    /// Calls of connections that are no longer kept.
    verdicts: VerdictCounts,
    pub(super) methods: Methods,
}

impl LiveTracker {
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            filter,
            ..Self::default()
        }
    }

    pub(super) fn recognised(&mut self, recognition: &Recognition) {
        self.news.push(News::Connection {
            number: recognition.number,
            recognition: recognition.clone(),
            names: EndNames::default(),
        });
    }

    /// Looks at a connection after it took `event`.
    pub(super) fn after(&mut self, open: &mut Connection, event: &Event<'_>, now: Timestamp) {
        match event {
            Event::Frame(frame) => self.after_frame(open, frame, now),
            Event::Ended(ended) if open.has_read(ended.by, ended.position) => {
                self.report_lost(open, now);
            }
            Event::Ended(_) => self.look_again(open, now + SETTLED),
            _ => {}
        }
        self.take_settled(open, now);
    }

    fn after_frame(&mut self, open: &mut Connection, frame: &Frame<'_>, now: Timestamp) {
        let stream = frame.header.stream;
        match &frame.payload {
            Payload::GoAway { .. } => {
                self.report_goaway(open, frame);
                if let Some(ends) = open.shutdown().grace_ends() {
                    self.look_again(open, ends);
                }
            }
            Payload::ResetStream { .. } => {
                if let Some(rpc) = open.take_if_lost(stream.0, now) {
                    self.report(open, rpc, now);
                }
            }
            // Opened in spite of the GOAWAY or the close. The header block may not be complete yet,
            // hence later.
            _ if frame.header.kind == FrameType::HEADERS
                && frame.direction == Direction::ClientToServer =>
            {
                if open.shutdown().is_over() {
                    self.look_again(open, now);
                } else if open.shutdown().condemns(stream)
                    && let Some(ends) = open.shutdown().grace_ends()
                {
                    self.look_again(open, ends.max(now));
                }
            }
            _ => {}
        }
    }

    /// The connections to look at, though nothing happened on them.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Place> {
        let due = self.due.first_entry()?;
        let (at, _) = *due.key();
        (at <= now).then(|| due.remove())
    }

    /// Reports the calls of a connection that are lost for certain.
    pub(super) fn report_lost(&mut self, open: &mut Connection, now: Timestamp) {
        for rpc in open.take_lost(now) {
            self.report(open, rpc, now);
        }
    }

    /// A connection is over, and judged.
    pub(super) fn finish(&mut self, mut open: Connection, now: Option<Timestamp>) {
        self.take_settled(&mut open, now.unwrap_or_default());
        let record = open.take_finished().record;
        let kind = match record.verdicts.deaths() {
            0 => &mut self.ended,
            _ => &mut self.ended_with_deaths,
        };
        if let Some(oldest) = kind.push(record.number, record) {
            self.verdicts.merge(&oldest.verdicts);
        }
    }

    pub(super) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    pub(super) fn unlisted(&self) -> Unlisted {
        Unlisted {
            connections: self.ended.evicted() + self.ended_with_deaths.evicted(),
            rpcs: self.lost.evicted(),
        }
    }

    /// Calls of connections that are no longer kept.
    pub(super) const fn evicted_verdicts(&self) -> &VerdictCounts {
        &self.verdicts
    }

    /// A call that did not succeed, if it is kept.
    pub(super) fn lost_call(&self, call: &CallId) -> Option<&Rpc> {
        self.lost.get(call)
    }

    /// All that is kept of ended connections, and what is known of the `open` ones.
    pub(super) fn finished<'a>(&self, open: impl Iterator<Item = &'a Connection>) -> Vec<Finished> {
        let ended = self.ended.iter().chain(self.ended_with_deaths.iter());
        let records = ended.cloned();
        let mut finished: BTreeMap<u32, Finished> = records
            .chain(open.map(Connection::so_far))
            .map(|record| {
                (
                    record.number,
                    Finished {
                        record,
                        rpcs: Vec::new(),
                    },
                )
            })
            .collect();
        for rpc in self.lost.iter() {
            // A call may outlive the record of its connection.
            if let Some(of) = finished.get_mut(&rpc.id.connection) {
                // Whether a grace cut it is asked again, knowing more.
                of.rpcs.push(Rpc {
                    cut_by_grace: false,
                    ..rpc.clone()
                });
            }
        }
        let mut finished: Vec<_> = finished.into_values().collect();
        for of in &mut finished {
            of.rpcs.sort_by_key(|rpc| rpc.id.stream);
        }
        finished
    }

    /// Keeps what was found out by looking across connections.
    pub(super) fn keep_links(&mut self, finished: &[Finished]) {
        for rpc in finished.iter().flat_map(|of| &of.rpcs) {
            if let Some(kept) = self.lost.get_mut(&rpc.id) {
                kept.retried_as.clone_from(&rpc.retried_as);
                kept.retry_of.clone_from(&rpc.retry_of);
                kept.outcome = rpc.outcome;
                kept.cut_by_grace = rpc.cut_by_grace;
            }
        }
    }

    fn look_again(&mut self, open: &Connection, at: Timestamp) {
        if let Some(place) = open.place() {
            self.due.insert((at, open.number()), place);
        }
    }

    fn take_settled(&mut self, open: &mut Connection, now: Timestamp) {
        for (method, verdict) in open.take_counted() {
            self.methods.count(method.as_deref(), verdict);
        }
        for rpc in open.take_settled() {
            self.settle(open, rpc, now);
        }
    }

    /// A call is settled. It may have been reported before, and have ended better than it looked.
    fn settle(&mut self, open: &Connection, rpc: Rpc, now: Timestamp) {
        let before = self.lost.get_mut(&rpc.id);
        match before {
            Some(_) if !rpc.verdict.is_reported() => self.lost.remove(&rpc.id),
            Some(before) => {
                let Rpc {
                    retried_as,
                    retry_of,
                    outcome,
                    ..
                } = std::mem::replace(before, rpc);
                if retried_as.is_some() {
                    before.outcome = outcome;
                }
                before.retried_as = retried_as;
                before.retry_of = retry_of;
            }
            None if !rpc.verdict.is_reported() => self.news.push(News::Rpc {
                since: now,
                ends: open.ends(),
                names: EndNames::default(),
                rpc: Box::new(rpc),
            }),
            None => self.report_first(open, rpc, now),
        }
    }

    fn report(&mut self, open: &Connection, rpc: Rpc, now: Timestamp) {
        if !self.filter.wants_method(rpc.method.as_deref()) {
            return;
        }
        self.methods.count(rpc.method.as_deref(), rpc.verdict);
        self.report_first(open, rpc, now);
    }

    fn report_first(&mut self, open: &Connection, rpc: Rpc, now: Timestamp) {
        self.lost.push(rpc.clone());
        self.news.push(News::Rpc {
            since: now,
            ends: open.ends(),
            names: EndNames::default(),
            rpc: Box::new(rpc),
        });
    }

    fn report_goaway(&mut self, open: &Connection, frame: &Frame<'_>) {
        let Some(goaway) = open.shutdown().goaway_completed_by(frame) else {
            return;
        };
        self.news.push(News::GoAway {
            connection: open.number(),
            ends: open.ends(),
            names: EndNames::default(),
            goaway: goaway.clone(),
        });
    }
}
