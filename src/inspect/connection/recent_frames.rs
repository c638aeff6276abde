//! The frames that a side sent last: one of them is what a GOAWAY with an error code answers.
//!
//! In: every frame of both sides. Out, when a side declares the connection broken: the last frames of the other that
//! it had received by then, as its own acknowledgement says.

use crate::decode::http2::{Frame, FrameType, StreamId};
use crate::decode::{Carrier, Direction, PerSide};

/// How many frames of a side are kept.
const KEPT: usize = 4;

/// How many are shown.
const SHOWN: usize = 3;

/// A frame that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentFrame {
    /// What it is.
    pub kind: FrameType,
    /// Its stream; 0 is the connection.
    pub stream: StreamId,
    /// The number of the packet that completed it.
    pub packet: u64,
    /// Position of its end in its sender's byte stream.
    end: u64,
}

/// The latest of both sides.
#[derive(Clone, Debug, Default)]
pub(super) struct RecentFrames(PerSide<Ring>);

#[derive(Clone, Debug, Default)]
struct Ring {
    frames: [Option<SentFrame>; KEPT],
    /// How many there were.
    count: usize,
}

impl RecentFrames {
    /// A side sent a frame.
    pub(super) fn sent(&mut self, frame: &Frame<'_>) {
        let ring = &mut self.0[frame.direction];
        if let Some(place) = ring.frames.get_mut(ring.count % KEPT) {
            *place = Some(SentFrame {
                kind: frame.header.kind,
                stream: frame.header.stream,
                packet: frame.completed.stamp.packet,
                end: frame.span.end,
            });
        }
        ring.count = ring.count.wrapping_add(1);
    }

    /// The last frames of a side that the other had received when it sent something, in order.
    pub(super) fn received_by(&self, answer: Carrier, of: Direction) -> Box<[SentFrame]> {
        let ring = &self.0[of];
        let in_order =
            (0..KEPT).filter_map(|place| *ring.frames.get((ring.count + place) % KEPT)?);
        let received = |frame: &SentFrame| answer.acknowledged.is_none_or(|upto| frame.end <= upto);
        let mut frames: Vec<_> = in_order.filter(received).collect();
        frames.drain(..frames.len().saturating_sub(SHOWN));
        frames.into()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::scenario::analysis;

    #[test]
    fn what_the_other_side_had_received_stands_beside_an_error() {
        let reported = analysis(
            "C 0.000 HEADERS 1
             C 0.100 HEADERS 3
             C 0.200 WINDOW_UPDATE 0 10
             S 0.210 GOAWAY last=0 INTERNAL_ERROR ack=before
             S 0.220 FIN",
        );
        let [goaway] = &reported.connections[0].goaways[..] else {
            panic!("{:?}", reported.connections[0].goaways);
        };
        let answers: Vec<_> = goaway
            .answers
            .iter()
            .map(|frame| format!("{} {}", frame.kind, frame.stream))
            .collect();
        assert_eq!(answers.last().unwrap(), "HEADERS 3", "{answers:?}");
        assert_eq!(answers.len(), 3);
    }

    #[test]
    fn a_graceful_end_answers_nothing() {
        let reported = analysis(
            "C 0.000 HEADERS 1\nS 0.010 ANSWER 1\nS 0.100 GOAWAY last=1 NO_ERROR\nS 0.200 FIN",
        );
        assert!(reported.connections[0].goaways[0].answers.is_empty());
    }
}
