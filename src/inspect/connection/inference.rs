//! Statuses that are inferred where they cannot be read.
//!
//! In: calls that are over, and what was inferred when the connection has ended. Out: the calls, settled. Until then
//! those wait of which only the status is missing, so that nothing is told that may be taken back.

use super::Connection;
use crate::decode::http2::StreamId;
use crate::inspect::options::Options;
use crate::inspect::stream::connection_context::ConnectionContext;
use crate::inspect::stream::rpc::Doubt;
use crate::inspect::stream::{Stream, verdict};

impl Connection {
    /// A call is over: settles it, unless its status may still be inferred.
    pub(super) fn settle(
        &mut self,
        id: u32,
        call: Box<Stream>,
        context: &ConnectionContext,
        options: &Options,
    ) {
        let details = verdict::of(id, &call, context);
        if !self.awaiting.open || details.doubt != Some(Doubt::StatusUnreadable) {
            self.settled.settle(id, call, details, options);
        } else if let Some((id, (call, details))) = self.awaiting.push(id, (call, details)) {
            self.settled.settle(id, call, details, options);
        }
    }

    /// The connection is over, and so are its open calls; its client is known to have `received` so many
    /// bytes.
    pub(super) fn settle_open(
        &mut self,
        received: Option<u64>,
        context: &ConnectionContext,
        options: &Options,
    ) {
        for (id, mut call) in self.streams.table.take_calls(0) {
            call.progress.ended(received);
            self.settle(id, call, context, options);
        }
    }

    /// The status of an answer was inferred.
    pub(super) fn infer(&mut self, id: StreamId, status: u8, options: &Options) {
        if let Some(call) = self.streams.table.call_mut(id) {
            call.answer.infer_status(status);
        } else if let Some((mut call, mut details)) = self.awaiting.take(id.0) {
            call.answer.infer_status(status);
            verdict::with_status(&mut details, &call, &self.gaps);
            self.settled.settle(id.0, call, details, options);
        }
    }

    /// No status will be inferred any more: what waits is settled without.
    pub(super) fn infer_no_more(&mut self, options: &Options) {
        self.awaiting.open = false;
        while let Some((id, (call, details))) = self.awaiting.pop() {
            self.settled.settle(id, call, details, options);
        }
    }
}
