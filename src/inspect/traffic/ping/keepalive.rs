//! What PINGs say of keepalive: who pinged how long after it had received anything from the other, and what came of
//! it. The data that [`PingLog`](super::PingLog) yields, of bounded size.

use super::kind::{PingKind, PingKinds};
use crate::capture::{Stamp, TimeDelta};
use crate::decode::{Direction, PerSide};

/// Waits this close to the shortest one are the same setting at work: a span of time, and percent.
const SAME_WAIT: (TimeDelta, i64) = (TimeDelta::from_millis(20), 5);

/// One PING, as far as keepalive policies look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The packet that completed it.
    pub stamp: Stamp,
    /// What its payload says of it.
    pub kind: PingKind,
    /// The time since its sender's PING before, if there was one.
    pub since_previous: Option<TimeDelta>,
    /// Whether the other side had sent HEADERS or DATA since then. gRPC servers forgive PINGs after
    /// they have sent such (gRFC A8).
    pub forgiven: bool,
    /// The packet that completed its acknowledgement.
    pub answered: Option<Stamp>,
    /// The time since its sender had last received anything from the other side.
    pub(super) silence: Option<TimeDelta>,
    /// Where it ends in its sender's byte stream.
    pub(super) end: u64,
}

/// How long a side waits without hearing anything before it sends a keepalive PING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingWaits {
    /// The shortest wait before a PING.
    pub shortest: TimeDelta,
    /// The longest of those that are alike.
    pub longest: TimeDelta,
    /// How many waits are alike.
    pub count: u64,
}

/// What is known of a connection's PINGs when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepaliveRecord {
    /// Kinds of the PINGs that each side sent.
    pub kinds: PerSide<PingKinds>,
    /// How long each side waits before a keepalive PING, where it sent any.
    pub waits: PerSide<Option<PingWaits>>,
    /// The client's latest PINGs that the server had answered when it sent its first GOAWAY with
    /// ENHANCE_YOUR_CALM.
    pub before_calm: Vec<Ping>,
    /// A PING that was not answered, nor was anything else received, until its sender closed.
    pub unanswered: Option<Unanswered>,
    /// PINGs of each side that nothing answered any more.
    pub outstanding: PerSide<Option<OutstandingPings>>,
}

/// PINGs that stayed unanswered, the latest ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutstandingPings {
    /// How many.
    pub count: u32,
    /// The first of them.
    pub first: Stamp,
    /// The latest of them.
    pub last: Stamp,
}

/// A PING that its sender waited for in vain, and then closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The side that sent it.
    pub by: Direction,
    /// The PING that stayed unanswered.
    pub ping: Ping,
    /// The time from the PING to the close.
    pub waited: TimeDelta,
    /// Whether the other side's kernel had acknowledged its bytes.
    pub received: bool,
}

impl PingWaits {
    /// Adds a wait: a shorter one replaces those that are not alike.
    pub(super) fn note(waits: &mut Option<Self>, wait: TimeDelta) {
        let alike =
            |shortest: TimeDelta| shortest + (shortest / 100 * SAME_WAIT.1).max(SAME_WAIT.0);
        match waits {
            Some(known) if wait > alike(known.shortest) => {}
            Some(known) if known.longest <= alike(wait) => {
                known.shortest = known.shortest.min(wait);
                known.longest = known.longest.max(wait);
                known.count += 1;
            }
            other => {
                *other = Some(Self {
                    shortest: wait,
                    longest: wait,
                    count: 1,
                });
            }
        }
    }
}
