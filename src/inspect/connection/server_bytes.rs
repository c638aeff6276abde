//! How far the server's byte stream has come: what was seen of it, and what the client has acknowledged. What
//! the client sent is placed in it, for verdicts.

use crate::decode::Carrier;
use crate::inspect::stream::FromClient;

/// Positions in the server's byte stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServerBytes {
    sent: u64,
    acknowledged: Option<u64>,
}

impl ServerBytes {
    /// A frame was seen that ends here.
    pub(super) fn seen(&mut self, upto: u64) {
        self.sent = self.sent.max(upto);
    }

    /// The client acknowledged everything up to here.
    pub(super) fn acknowledge(&mut self, upto: u64) {
        self.acknowledged = self.acknowledged.max(Some(upto));
    }

    /// Up to where frames were seen.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Up to where the client has acknowledged them.
    pub(super) const fn acknowledged(&self) -> Option<u64> {
        self.acknowledged
    }

    /// The end of the last frame that the client had received whole; `None` where a later one was on its way
    /// already, so that it is not known.
    pub(super) fn last_frame_of(&self, by: FromClient) -> Option<u64> {
        (self.sent <= by.received).then_some(self.sent)
    }

    /// What the client had received when it sent something: what that segment acknowledges, else
    /// what it had acknowledged before, else what was seen to have been sent.
    pub(super) fn received_with(&self, carrier: Carrier) -> FromClient {
        let acknowledged = carrier.acknowledged.or(self.acknowledged);
        FromClient {
            received: acknowledged.unwrap_or(self.sent),
            stamp: carrier.stamp,
        }
    }
}
