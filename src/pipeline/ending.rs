//! The end of a capture: whatever is still followed is finished.
//!
//! In: a pipeline that has had all packets. Out: its connections, finished some at a time, by all threads that there are.

use super::{BATCHES_PER_LIMIT, Pipeline};

/// How many connections are finished until the parts hear of each other, at most.
const MAX_FINISHED: usize = 512;

impl Pipeline {
    /// Finishes all connections, in the order in which they began: one by one where packets were taken in lockstep to the
    /// end, some at a time otherwise, whoever works.
    pub(super) fn finish_connections(&mut self) {
        let most = match self.report.packets <= self.lockstep_packets {
            true => 1,
            false => MAX_FINISHED.min(self.limits.connections / BATCHES_PER_LIMIT + 1),
        };
        for some in self.decoder.unfinished().some(most) {
            if let Some(background) = &mut self.background {
                background.batch().finish(some);
                background.start(self.decoder.lend());
                self.inspector.learn();
                if let Some(lent) = background.wait() {
                    self.decoder.give_back(lent);
                    self.gather();
                }
            } else {
                self.decoder.finish_some(some);
                self.settle();
            }
        }
        self.decoder.finish();
        self.settle();
    }
}
