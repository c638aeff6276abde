//! What is asked of a connection that has not ended: how much it keeps, and what is certain of it already.

use std::net::SocketAddr;

use super::load::Load;
use super::settled::CountedCall;
use super::shutdown::Shutdown;
use super::{Connection, early_verdict};
use crate::capture::{Stamp, Timestamp};
use crate::decode::http2::StreamId;
use crate::decode::{Direction, PerSide, Place, RecognitionOrder};
use crate::inspect::options::passed_over::PassedOver;
use crate::inspect::options::{Options, UnlistedCalls};
use crate::inspect::stream::Stream;
use crate::inspect::stream::attempt::AttemptNews;
use crate::inspect::stream::rpc::Rpc;
use crate::inspect::stream::seen_call::SeenCall;
use crate::inspect::stream::verdict;
use crate::inspect::usual_times::UsualTime;

impl Connection {
    /// What it keeps now.
    pub(in crate::inspect) fn load(&self) -> Load {
        Load {
            streams: self.streams.table.call_count() + self.awaiting.len(),
            listed: self.settled.listed(),
            texts: self.streams.requests.texts(),
        }
    }

    /// How many calls are in flight: none that a close or a final GOAWAY has ended.
    pub(in crate::inspect) fn calls_in_flight(&self) -> u64 {
        let open = self.streams.open();
        if open == 0 || self.shutdown.is_over() {
            return 0;
        }
        let Some(final_goaway) = self.shutdown.final_goaway() else {
            return open;
        };
        let ids = self.streams.table.call_ids().into_iter();
        let spared = ids.filter(|id| !final_goaway.condemns(*id)).count();
        open.min(spared as u64)
    }

    /// Follows no more than `keep` streams from here on, those opened last: the others cannot be judged.
    pub(in crate::inspect) fn evict_streams(&mut self, keep: usize, now: Stamp, options: &Options) {
        self.settle_accepted(None, options);
        self.infer_no_more(options);
        let evicted = self.streams.table.take_calls(keep);
        let mut context = self.context();
        // What decides them will not be seen, just as if it were lost.
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            context
                .gaps
                .begin(direction, self.server_bytes.sent(), (None, None));
        }
        if !evicted.is_empty() {
            self.record.missing.streams += evicted.len() as u64;
        }
        for (id, call) in evicted {
            self.settle(id, call, &context, options);
        }
        self.streams.lose_flows(now);
    }

    /// Lists `calls` fewer than it would, the last ones.
    pub(in crate::inspect) fn unlist(&mut self, calls: usize, unlisted: UnlistedCalls) {
        self.settled.unlist(calls, unlisted);
    }

    /// Since this was last called: calls that are told instead of listed go into `told`, and those that another capture
    /// is compared with into `seen`.
    pub(in crate::inspect) fn give_unlisted(
        &mut self,
        told: &mut Vec<Rpc>,
        seen: &mut Vec<SeenCall>,
    ) {
        self.settled.give_unlisted(told, seen);
    }

    /// Those open calls that are lost for certain and were not reported before.
    pub(in crate::inspect) fn take_lost(&mut self, now: Timestamp) -> Vec<Rpc> {
        let ids = self.streams.table.call_ids().into_iter();
        ids.filter_map(|id| self.take_if_lost(id, now)).collect()
    }

    /// A call, if it is lost for certain and was not reported before.
    pub(in crate::inspect) fn take_if_lost(&mut self, id: u32, now: Timestamp) -> Option<Rpc> {
        let context = self.context();
        let stream = self.streams.table.call_mut(StreamId(id))?;
        let details = verdict::of(id, stream, &context);
        if stream.reported
            || !early_verdict::is_certain(details.verdict, stream, &self.shutdown, now)
        {
            return None;
        }
        stream.reported = true;
        let stream = Stream::clone(stream);
        Some(self.settled.report_early(id, stream, details))
    }

    /// Calls settled since this was last called.
    pub(in crate::inspect) fn take_settled(&mut self) -> Vec<Rpc> {
        self.settled.name_unnamed(|| self.streams.inferred_paths());
        self.settled.take_listed()
    }

    /// Methods and verdicts of all calls settled since this was last called.
    pub(in crate::inspect) fn take_counted(&mut self) -> Vec<CountedCall> {
        self.settled.take_counted()
    }

    /// What the filter left out.
    pub(in crate::inspect) fn take_passed_over(&mut self) -> PassedOver {
        self.settled.take_passed_over()
    }

    /// How long calls took that were answered well.
    pub(in crate::inspect) fn take_usual(&mut self) -> Vec<UsualTime> {
        self.settled.take_usual()
    }

    /// What became known of attempts since this was last called goes into `all`.
    pub(in crate::inspect) fn give_attempts(&mut self, all: &mut Vec<AttemptNews>) {
        self.settled.give_attempts(all);
    }

    /// What was seen of its end so far.
    pub(in crate::inspect) const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Whether all that the closing side sent before `position` was read. Where it was not, frames
    /// may still come that were overtaken by the close.
    pub(in crate::inspect) fn has_read(&self, by: Direction, position: u64) -> bool {
        by == Direction::ClientToServer || self.server_bytes.sent() >= position
    }

    /// Its number in this analysis.
    pub(in crate::inspect) const fn number(&self) -> u32 {
        self.record.number
    }

    /// What its number follows from.
    pub(in crate::inspect) const fn order(&self) -> RecognitionOrder {
        self.record.order
    }

    /// Where the decoder keeps it.
    pub(in crate::inspect) const fn place(&self) -> Option<Place> {
        self.place
    }

    /// The addresses of its two ends.
    pub(in crate::inspect) const fn ends(&self) -> PerSide<SocketAddr> {
        self.record.ends()
    }
}
