//! Where a client stood the last time that nothing of what it had sent was missing.
//!
//! In: its frames, and what it acknowledges. Out: what it had received by then of what the server sent, and when: what is
//! missing came later, so that no RST_STREAM among it came before.

use super::FromClient;
use crate::capture::Stamp;
use crate::decode::Carrier;

/// Where the client stood the last time that nothing of what it had sent was missing: what is missing came later.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClientStanding {
    /// Where its last frame ends in its byte stream.
    frames_end: u64,
    last: Option<FromClient>,
}

impl ClientStanding {
    /// A frame of the client ends here in its byte stream.
    pub(crate) fn frame(&mut self, end: u64, carrier: Carrier) {
        self.frames_end = end;
        if let Some(received) = carrier.acknowledged
            && carrier.original
        {
            self.stand(received, carrier.stamp);
        }
    }

    /// The client acknowledged the server's bytes up to `received`, when all that it had sent was captured, up to here
    /// in its byte stream. A frame that has begun by then stands before it.
    pub(crate) fn acknowledged(&mut self, place: u64, received: u64, stamp: Stamp) {
        if place == self.frames_end {
            self.stand(received, stamp);
        }
    }

    fn stand(&mut self, received: u64, stamp: Stamp) {
        let last = self.last.get_or_insert(FromClient { received, stamp });
        last.received = last.received.max(received);
        last.stamp = last.stamp.max(stamp);
    }

    /// Where its last frame ends.
    pub(crate) const fn frames_end(&self) -> u64 {
        self.frames_end
    }

    /// What it had received then, and when.
    pub(crate) const fn last(&self) -> Option<FromClient> {
        self.last
    }
}
