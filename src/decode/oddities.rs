//! What was odd about how the capture was made, over all of its connections: told once.

use super::anomaly::{Anomalies, Layer};
use super::tcp::Flow;
use crate::capture::Stamp;

/// Packets that were captured more than once, and connections at more than one place.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    copies: u64,
    first_copy: Option<Stamp>,
    /// Connections that several files show.
    shared: u64,
    first_shared: Option<Stamp>,
}

impl Oddities {
    /// Takes what is known of a connection that is over.
    pub(super) fn add(&mut self, flow: &Flow) {
        let copied = flow.copied();
        self.copies += copied.segments;
        self.shared += u64::from(copied.elsewhere.is_some());
        self.first_copy = earlier(self.first_copy, copied.first);
        self.first_shared = earlier(self.first_shared, copied.elsewhere);
    }

    /// Says what was found.
    pub(super) fn note(self, anomalies: &mut Anomalies) {
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
        if self.copies > 0 {
            let packets = match self.copies {
                1 => "1 packet was".to_owned(),
                many => format!("{many} packets were"),
            };
            let text = format!(
                "{packets} captured before, as on another interface or by a mirror port: the first \
                 copy of each counts"
            );
            anomalies.note(Layer::Tcp, text, self.first_copy, None);
        }
    }
}

/// The earlier of two stamps, as far as they are there.
fn earlier(one: Option<Stamp>, other: Option<Stamp>) -> Option<Stamp> {
    one.into_iter().chain(other).min()
}
