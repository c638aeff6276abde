//! SETTINGS and PINGs of a connection one by one, each where it was seen: what a timeline shows beside calls.

use crate::capture::Stamp;
use crate::decode::Direction;

/// How many control frames of a connection are kept, where they are asked for. A busy gRPC connection makes
/// some fifty a second while it probes its bandwidth, so that this is a minute and a half of them,
/// in 200 KB.
const MAX_CONTROL_FRAMES: usize = 4_096;

/// The type of a control frame that a timeline shows (RFC 9113, sections 6.5 and 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlFrameKind {
    /// SETTINGS without ACK.
    Settings,
    /// SETTINGS with ACK.
    SettingsAck,
    /// PING without ACK, and its payload.
    Ping([u8; 8]),
    /// PING with ACK and its payload.
    PingAck([u8; 8]),
}

/// A control frame that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlFrame {
    /// The packet that completed it.
    pub stamp: Stamp,
    /// The direction of the side that sent it.
    pub from: Direction,
    /// Its type, and the payload of a PING.
    pub kind: ControlFrameKind,
}

/// The control frames of a connection, up to the bound; beyond it they are only counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlFrameLog {
    kept: Vec<ControlFrame>,
    left_out: u64,
}

impl ControlFrameLog {
    pub(crate) fn push(&mut self, frame: ControlFrame) {
        if self.kept.len() < MAX_CONTROL_FRAMES {
            self.kept.push(frame);
        } else {
            self.left_out += 1;
        }
    }

    /// Those that were kept: the first ones, in order.
    #[must_use]
    pub fn kept(&self) -> &[ControlFrame] {
        &self.kept
    }

    /// How many came after those, and are only counted.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_not_kept() {
        let mut log = ControlFrameLog::default();
        for _ in 0..MAX_CONTROL_FRAMES + 7 {
            log.push(ControlFrame {
                stamp: Stamp::default(),
                from: Direction::ClientToServer,
                kind: ControlFrameKind::Ping([0; 8]),
            });
        }
        assert_eq!(log.kept().len(), MAX_CONTROL_FRAMES);
        assert_eq!(log.left_out(), 7);
    }
}
