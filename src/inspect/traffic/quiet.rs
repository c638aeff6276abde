//! For how long a connection had been quiet when it was closed, as the side that closed it knew.
//!
//! In: when each side sent frames, and how much of them the other acknowledged. Out: a [`QuietClose`]. A side
//! that closes an idle connection may be crossed by a request that it has not received; the acknowledgement
//! number of the segment with the FIN or RST says so, and that request does not end the silence it measured.
//!
//! ```text
//! client   frame ................................ HEADERS ->
//! server          |------- silence, 60 s ----------| FIN, does not acknowledge HEADERS
//! ```

use crate::capture::{Stamp, TimeDelta};
use crate::decode::{Carrier, Direction, PerSide};

/// How quiet a connection was when its first FIN or RST was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietClose {
    /// The time since the last frame of either side that the closing side knew.
    pub silence: TimeDelta,
    /// The time since the last stream had ended; `None` where one was open, or none had been.
    pub idle: Option<TimeDelta>,
}

/// Follows when each side last sent a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastFrames(PerSide<LastFrame>);

#[derive(Clone, Copy, Debug, Default)]
struct LastFrame {
    latest: Option<Sent>,
    /// The latest before those that were sent when everything before was acknowledged.
    before: Option<Stamp>,
    /// Where the first of those ends.
    first_end: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    end: u64,
    stamp: Stamp,
}

impl LastFrames {
    /// A side sent a frame that ends at `end` in its byte stream, of which the other side has acknowledged
    /// so much.
    pub(crate) fn sent(&mut self, by: Direction, end: u64, stamp: Stamp, acknowledged: u64) {
        let side = &mut self.0[by];
        if let Some(latest) = side.latest
            && latest.end <= acknowledged
        {
            side.before = Some(latest.stamp);
            side.first_end = end;
        } else if side.latest.is_none() {
            side.first_end = end;
        }
        side.latest = Some(Sent { end, stamp });
    }

    /// How long it was quiet until a side closed.
    pub(crate) fn silence(&self, by: Direction, close: Carrier) -> Option<TimeDelta> {
        let own = self.0[by].latest.map(|latest| latest.stamp);
        let other = self.0[by.reverse()];
        let received = match (other.latest, close.acknowledged) {
            (Some(latest), Some(acknowledged))
                if acknowledged < latest.end && acknowledged < other.first_end =>
            {
                other.before
            }
            (latest, _) => latest.map(|latest| latest.stamp),
        };
        let last = own.max(received)?;
        Some(close.stamp.time - last.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn a_request_that_crosses_the_close_does_not_end_the_silence() {
        let (client, server) = (Direction::ClientToServer, Direction::ServerToClient);
        let close = |acknowledged| Carrier {
            stamp: at(60_010),
            acknowledged: Some(acknowledged),
            original: true,
        };
        let mut frames = LastFrames::default();
        frames.sent(client, 10, at(0), 0);
        frames.sent(server, 10, at(10), 0);
        frames.sent(client, 20, at(60_009), 10);
        frames.sent(client, 30, at(60_009), 10);
        let silence = |acknowledged| frames.silence(server, close(acknowledged)).unwrap();
        assert_eq!(silence(10), TimeDelta::from_secs(60));
        assert_eq!(silence(30), TimeDelta::from_millis(1));
    }
}
