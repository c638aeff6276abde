//! What is certain of a connection that has not ended: the calls that are lost already.
//!
//! Verdicts are those of [`verdict::of`]; here it is only known when one can be told before
//! the connection ends. The answers that may still overtake a verdict are those on the way:
//!
//! ```text
//!                        GOAWAY last=3                    + GRACE
//! server  -----------------+--------------------------------+------>
//!                          | an answer to 5 may still come  | 5 is lost
//! ```
//!
//! A reset or a close is final at once, for whatever comes after it no longer counts.

use super::Connection;
use super::completion::tell;
use super::record::Ends;
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::http2::{Frame, StreamId};
use crate::decode::{Direction, Place};
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::stream::Stream;
use crate::inspect::stream::rpc::{CallId, Rpc, Verdict};
use crate::inspect::stream::verdict::{self, VerdictDetails};

/// How long after the final GOAWAY a stream above its last stream id may still be answered: a server
/// that ran the call all the same has answered by then, or takes longer than anybody waits to be told.
pub(in crate::inspect) const GRACE: TimeDelta = TimeDelta::from_secs(1);

impl Connection {
    /// Those open calls that are lost for certain and were not told before.
    pub(in crate::inspect) fn tell_lost(&mut self, now: Timestamp) -> Vec<Rpc> {
        self.streams
            .call_ids()
            .into_iter()
            .filter_map(|id| self.tell_if_lost(id, now))
            .collect()
    }

    /// A call, if it is lost for certain and was not told before.
    pub(in crate::inspect) fn tell_if_lost(&mut self, id: u32, now: Timestamp) -> Option<Rpc> {
        self.context.final_goaway = self.goaways.final_of_server();
        let stream = self.streams.call_mut(StreamId(id))?;
        let reset = stream.reset_by_client.is_some() || stream.reset_by_server.is_some();
        let details = verdict::of(id, stream, &self.context);
        if stream.told || !self.is_certain(&details, reset, now) {
            return None;
        }
        let stream = self.streams.call_mut(StreamId(id))?;
        stream.told = true;
        let identity = stream.request.fingerprint.identity();
        let timeout = stream.request.timeout;
        let call = CallId {
            connection: self.record.number,
            stream: id,
        };
        let rpc = tell(call, Stream::clone(stream), details);
        self.note_attempt(&rpc, identity, timeout);
        Some(rpc)
    }

    fn is_certain(&self, details: &VerdictDetails, reset: bool, now: Timestamp) -> bool {
        let over = reset || self.is_closed();
        match details.verdict {
            // Told when the answer is delivered, or never.
            Verdict::Ok | Verdict::Status | Verdict::Unknown | Verdict::Unanswered => false,
            _ => over || self.grace_ends().is_some_and(|ends| now >= ends),
        }
    }

    /// Whether either side ended it.
    pub(in crate::inspect) const fn is_closed(&self) -> bool {
        self.context.closed_by_client.is_some() || self.context.closed_by_server.is_some()
    }

    /// When streams above the last stream id are lost for certain.
    pub(in crate::inspect) fn grace_ends(&self) -> Option<Timestamp> {
        let last_word = self.goaways.final_of_server()?;
        Some(last_word.goaway.stamp.time + GRACE)
    }

    /// Whether the server's final GOAWAY condemns a stream of the client.
    pub(in crate::inspect) fn condemns(&self, stream: StreamId) -> bool {
        let last_word = self.goaways.final_of_server();
        last_word.is_some_and(|last_word| last_word.condemns(stream.0))
    }

    /// Whether all that the closing side sent before `position` was read. Where it was not, frames
    /// may still come that were overtaken by the close.
    pub(in crate::inspect) fn has_read(&self, by: Direction, position: u64) -> bool {
        by == Direction::ClientToServer || self.sent_by_server >= position
    }

    /// Its number in this analysis.
    pub(in crate::inspect) const fn number(&self) -> u32 {
        self.record.number
    }

    /// Where the decoder keeps it.
    pub(in crate::inspect) const fn place(&self) -> Option<Place> {
        self.place
    }

    /// Its two ends.
    pub(in crate::inspect) const fn ends(&self) -> Ends {
        Ends {
            client: self.record.client,
            server: self.record.server,
        }
    }

    /// The GOAWAY that a frame was.
    pub(in crate::inspect) fn goaway_completed_by(&self, frame: &Frame<'_>) -> Option<&GoAway> {
        let mut goaways = self.goaways.iter();
        goaways.rfind(|goaway| goaway.from == frame.direction && goaway.end == frame.span.end)
    }

    /// Calls settled since the last time.
    pub(in crate::inspect) fn take_settled(&mut self) -> Vec<Rpc> {
        self.name_unnamed();
        std::mem::take(&mut self.settled)
    }

    /// Methods and verdicts of all calls settled since the last time.
    pub(in crate::inspect) fn take_counted(&mut self) -> Vec<super::CountedCall> {
        std::mem::take(&mut self.counted)
    }
}
