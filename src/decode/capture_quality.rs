//! What was odd about how the capture was made, over all of its connections.
//!
//! In: packets' stamps, and connections that are over. Out: at most one [`Anomaly`](super::anomaly::Anomaly)
//! of each kind, once the capture has ended.

use super::anomaly::{Anomalies, Layer};
use super::tcp::Flow;
use crate::capture::{Stamp, TimeDelta, Timestamp};

/// Packets that come so much behind their time are no oddity: a host empties the
/// queues of its cards one by one. It is what segments wait for those that they overtook.
const USUAL: TimeDelta = TimeDelta::from_millis(10);

/// Packets that were captured more than once, and connections at more than one place.
#[derive(Debug, Default)]
pub(super) struct CaptureQuality {
    duplicates: u64,
    first_duplicate: Option<Stamp>,
    /// Connections that several files show.
    shared: u64,
    first_shared: Option<Stamp>,
    latest: Option<Timestamp>,
    /// Packets stamped earlier than one before them, and by how much at most.
    behind: u64,
    furthest: TimeDelta,
    first_behind: Option<Stamp>,
}

impl CaptureQuality {
    /// Takes note of a packet's place in time.
    #[inline]
    pub(super) fn saw(&mut self, stamp: Stamp) {
        let latest = *self.latest.get_or_insert(stamp.time);
        if stamp.time >= latest {
            self.latest = Some(stamp.time);
            return;
        }
        let behind = latest - stamp.time;
        if behind > USUAL {
            self.behind += 1;
            self.furthest = self.furthest.max(behind);
            self.first_behind.get_or_insert(stamp);
        }
    }

    /// Takes what is known of a connection that is over.
    pub(super) fn add(&mut self, flow: &Flow) {
        let duplicates = flow.duplicates();
        self.duplicates += duplicates.segments;
        self.shared += u64::from(duplicates.elsewhere.is_some());
        self.first_duplicate = earlier(self.first_duplicate, duplicates.first);
        self.first_shared = earlier(self.first_shared, duplicates.elsewhere);
    }

    /// Takes what was found of other connections.
    pub(super) fn merge(&mut self, other: Self) {
        self.duplicates += other.duplicates;
        self.shared += other.shared;
        self.first_duplicate = earlier(self.first_duplicate, other.first_duplicate);
        self.first_shared = earlier(self.first_shared, other.first_shared);
    }

    /// Emits what was found.
    pub(super) fn note(self, anomalies: &mut Anomalies) {
        if self.behind > 0 {
            let packets = match self.behind {
                1 => "1 packet is".to_owned(),
                many => format!("{many} packets are"),
            };
            let millis = self.furthest.as_nanos() / 1_000_000;
            let text = format!(
                "{packets} out of their order, by up to {millis} ms: what would have been seen to \
                 follow may not be; `reordercap` mends such a capture"
            );
            anomalies.note(Layer::Capture, text, self.first_behind, None);
        }
        if self.shared > 0 {
            let connections = match self.shared {
                1 => "1 connection is".to_owned(),
                many => format!("{many} connections are"),
            };
            let text = format!(
                "{connections} in several captures, as where they were made at both ends: of each \
                 counts the capture that shows it first"
            );
            anomalies.note(Layer::Tcp, text, self.first_shared, None);
        }
        if self.duplicates > 0 {
            let packets = match self.duplicates {
                1 => "1 packet was".to_owned(),
                many => format!("{many} packets were"),
            };
            let text = format!(
                "{packets} captured before, as on another interface or by a mirror port: the first \
                 copy of each counts"
            );
            anomalies.note(Layer::Tcp, text, self.first_duplicate, None);
        }
    }
}

/// The earlier of two stamps, as far as they are there.
fn earlier(one: Option<Stamp>, other: Option<Stamp>) -> Option<Stamp> {
    one.into_iter().chain(other).min()
}
