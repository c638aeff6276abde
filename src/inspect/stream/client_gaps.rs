//! Gaps in what a client sent, and by when its server had read what is missing there.
//!
//! In: where gaps begin and end, what the server acknowledges, and the streams on which it answers. Out: whether a
//! gap can hide a RST_STREAM that came before an answer. Who has received RST_STREAM sends no more frames on that
//! stream (RFC 9113, section 6.4), so that none was read of a stream that is answered later.
//!
//! ```text
//! client   HEADERS 5   [ gap: RST_STREAM 5? ]   HEADERS 7
//! server                         ACK of all that          HEADERS 7            answer 5
//!                                 |                        |                    |
//!                                 it has it, and reads it   it has read it       it was not reset
//!                                 within READ_WITHIN
//! ```
//!
//! Frames are read in the order of the byte stream: who answers on a stream that was opened behind the gap has read
//! the gap. An acknowledgement is the kernel's, and shows only that its program can read.

use std::collections::VecDeque;

use super::FromClient;
use super::verdict::REJECTED_WITHIN;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::Carrier;

/// A server that goes on running reads what its kernel has acknowledged within this time. Of 2,218 calls of recordings
/// that a client reset and that were answered all the same, 14 answers were captured behind the acknowledgement of the
/// reset, the last 0.12 ms behind it.
const READ_WITHIN: TimeDelta = TimeDelta::from_millis(5);

/// How many gaps are kept: a call that was open for longer than these is in doubt by the older ones.
const MAX_GAPS: usize = 64;

/// The latest gaps in what a client sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientGaps {
    gaps: VecDeque<ClientGap>,
    /// Where frames went on behind the latest gap that is not kept.
    dropped: Option<Stamp>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ClientGap {
    /// What the client had received, and when, before it sent anything of what is missing.
    behind: Option<FromClient>,
    /// The packet in which frames go on; `None` while that is not known.
    found: Option<Stamp>,
    /// Where they go on in the client's byte stream.
    resumes: Option<u64>,
    /// The first stream opened behind it.
    next_stream: Option<u32>,
    /// When the server acknowledged all of it.
    acknowledged: Option<Stamp>,
    /// When the server answered on a stream that was opened behind it.
    read: Option<Stamp>,
}

/// An answer, for the question whether a reset came before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerSent {
    /// Where it ends in the server's byte stream.
    pub(crate) end: u64,
    /// The packet that carried its end.
    pub(crate) stamp: Stamp,
    /// Whether that can have been the first packet with it.
    pub(crate) original: bool,
    /// Whether its client may have given the call up by then, because its time had passed.
    pub(crate) overdue: bool,
}

impl ClientGaps {
    /// Frames are missing from here on.
    pub(super) fn begin(&mut self, behind: Option<FromClient>) {
        if self.gaps.back().is_some_and(|gap| gap.found.is_none()) {
            return;
        }
        if self.gaps.len() >= MAX_GAPS
            && let Some(gap) = self.gaps.pop_front()
        {
            self.dropped = gap.found;
        }
        self.gaps.push_back(ClientGap {
            behind,
            ..ClientGap::default()
        });
    }

    /// They go on here.
    pub(super) fn end(&mut self, stamp: Stamp) {
        if let Some(gap) = self.gaps.back_mut() {
            gap.found = Some(stamp);
        }
    }

    /// A frame begins here in the client's byte stream.
    pub(crate) fn frame(&mut self, begins: u64, server: &ServerProgress) {
        if let Some(gap) = self.gaps.back_mut()
            && gap.found.is_some()
            && gap.resumes.is_none()
        {
            gap.resumes = Some(begins);
            gap.acknowledged = server.acknowledged.first(begins);
        }
    }

    /// The client opened a stream.
    pub(super) fn opened(&mut self, id: u32, server: &ServerProgress) {
        let behind = self.gaps.iter_mut().rev();
        for gap in behind.take_while(|gap| gap.next_stream.is_none()) {
            if gap.found.is_some() {
                gap.next_stream = Some(id);
                gap.read = server.answered.first(id.into());
            }
        }
    }

    /// The server acknowledged the client's bytes up to here.
    pub(crate) fn acknowledged(&mut self, upto: u64, stamp: Stamp) {
        for gap in &mut self.gaps {
            if gap.resumes.is_some_and(|resumes| resumes <= upto) {
                gap.acknowledged.get_or_insert(stamp);
            }
        }
    }

    /// The server answered on a stream above all before.
    pub(crate) fn answered(&mut self, id: u32, stamp: Stamp) {
        for gap in &mut self.gaps {
            if gap.next_stream.is_some_and(|next| next <= id) {
                gap.read.get_or_insert(stamp);
            }
        }
    }

    /// Whether one of them may hide a RST_STREAM of a call that was opened here, which came before its answer.
    pub(super) fn may_hide_reset(&self, opened: Stamp, answer: AnswerSent) -> bool {
        let dropped = self.dropped.is_some_and(|found| found > opened);
        let mut since = self
            .gaps
            .iter()
            .filter(|gap| gap.found.is_none_or(|found| found > opened));
        dropped || since.any(|gap| !gap.was_read_before(answer) && !gap.is_behind(answer))
    }
}

impl ClientGap {
    /// Whether all that is missing was sent when the client had received an answer, and could not throw it away any
    /// more.
    fn is_behind(&self, answer: AnswerSent) -> bool {
        self.behind.is_some_and(|behind| {
            behind.received >= answer.end && behind.stamp.time - answer.stamp.time > REJECTED_WITHIN
        })
    }

    /// Whether the server had read what is missing before it sent an answer.
    fn was_read_before(&self, answer: AnswerSent) -> bool {
        let read = self.read.is_some_and(|read| read < answer.stamp);
        let acknowledged = self
            .acknowledged
            .is_some_and(|stamp| stamp.time + READ_WITHIN <= answer.stamp.time);
        answer.original && (read || (acknowledged && !answer.overdue))
    }
}

/// How far the server was seen to have come with what the client sent, of late. A gap is known only when the capture
/// shows no more of what fills it; by then the server may have gone on.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerProgress {
    /// How much it had acknowledged.
    acknowledged: Milestones,
    /// The highest stream on which it had answered.
    answered: Milestones,
}

impl ServerProgress {
    /// It acknowledged the client's bytes up to here.
    pub(crate) fn acknowledge(&mut self, upto: u64, stamp: Stamp) {
        self.acknowledged.reach(upto, stamp);
    }

    /// It answered on a stream; whether on one above all before.
    pub(crate) fn answer(&mut self, id: u32, stamp: Stamp) -> bool {
        let above = self.highest_answered() < id;
        if above {
            self.answered.reach(id.into(), stamp);
        }
        above
    }

    /// The highest stream on which it was seen to answer.
    pub(crate) fn highest_answered(&self) -> u32 {
        let highest = self.answered.latest();
        highest.map_or(0, |highest| u32::try_from(highest).unwrap_or(u32::MAX))
    }
}

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
        let before = self.last.unwrap_or(FromClient { received, stamp });
        self.last = Some(FromClient {
            received: received.max(before.received),
            stamp: stamp.max(before.stamp),
        });
    }

    /// What it had received then, and when.
    pub(crate) const fn last(&self) -> Option<FromClient> {
        self.last
    }
}

/// Values that only grow, and when they were reached: the latest, and never too early.
#[derive(Clone, Debug, Default)]
struct Milestones {
    reached: VecDeque<(u64, Stamp)>,
    /// When the last of them was begun.
    begun: Timestamp,
}

/// Milestones within this time are one, reached by its end.
const STEP: TimeDelta = TimeDelta::from_millis(1);

/// How many milestones are kept.
const MAX_MILESTONES: usize = 32;

impl Milestones {
    fn reach(&mut self, value: u64, stamp: Stamp) {
        if let Some(last) = self.reached.back_mut()
            && stamp.time - self.begun < STEP
        {
            *last = (value.max(last.0), stamp.max(last.1));
            return;
        }
        if self.reached.len() >= MAX_MILESTONES {
            self.reached.pop_front();
        }
        self.begun = stamp.time;
        self.reached.push_back((value, stamp));
    }

    fn latest(&self) -> Option<u64> {
        self.reached.back().map(|(value, _)| *value)
    }

    /// When this much, or more, had been reached.
    fn first(&self, value: u64) -> Option<Stamp> {
        let at = self
            .reached
            .partition_point(|(reached, _)| *reached < value);
        self.reached.get(at).map(|(_, stamp)| *stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Stamp {
        Stamp {
            time: Timestamp::from_nanos(milliseconds * 1_000_000),
            packet: milliseconds as u64,
            file: 0,
        }
    }

    fn answer(milliseconds: i64) -> AnswerSent {
        AnswerSent {
            end: 1_000,
            stamp: at(milliseconds),
            original: true,
            overdue: false,
        }
    }

    /// A gap that is found at 100 ms, behind which stream 7 begins at byte 500.
    fn gap(server: &ServerProgress) -> ClientGaps {
        let mut gaps = ClientGaps::default();
        gaps.begin(None);
        gaps.end(at(100));
        gaps.frame(500, server);
        gaps.opened(7, server);
        gaps
    }

    #[test]
    fn what_the_server_acknowledged_well_before_it_answered_held_no_reset() {
        let mut gaps = gap(&ServerProgress::default());
        assert!(gaps.may_hide_reset(at(50), answer(200)));
        gaps.acknowledged(499, at(110));
        assert!(gaps.may_hide_reset(at(50), answer(200)));
        gaps.acknowledged(500, at(120));
        assert!(!gaps.may_hide_reset(at(50), answer(200)));
        assert!(!gaps.may_hide_reset(at(50), answer(125)));
        assert!(gaps.may_hide_reset(at(50), answer(124)));
        assert!(!gaps.may_hide_reset(at(101), answer(110)), "opened later");
    }

    #[test]
    fn whoever_answers_on_a_later_stream_has_read_what_came_before() {
        let mut gaps = gap(&ServerProgress::default());
        gaps.answered(5, at(110));
        assert!(gaps.may_hide_reset(at(50), answer(112)));
        gaps.answered(9, at(111));
        assert!(!gaps.may_hide_reset(at(50), answer(112)));
        assert!(gaps.may_hide_reset(at(50), answer(111)));
    }

    #[test]
    fn a_gap_that_is_found_late_was_read_when_it_was() {
        let mut server = ServerProgress::default();
        server.acknowledge(400, at(90));
        server.acknowledge(600, at(95));
        let acknowledged = gap(&server);
        assert!(!acknowledged.may_hide_reset(at(50), answer(100)));
        assert!(acknowledged.may_hide_reset(at(50), answer(99)));
        let mut server = ServerProgress::default();
        assert!(server.answer(7, at(95)));
        assert!(!server.answer(5, at(96)));
        assert!(!gap(&server).may_hide_reset(at(50), answer(96)));
    }

    #[test]
    fn an_answer_sent_again_or_past_its_time_proves_less() {
        let mut gaps = gap(&ServerProgress::default());
        gaps.acknowledged(500, at(120));
        let overdue = AnswerSent {
            overdue: true,
            ..answer(200)
        };
        let again = AnswerSent {
            original: false,
            ..answer(200)
        };
        assert!(gaps.may_hide_reset(at(50), overdue));
        assert!(gaps.may_hide_reset(at(50), again));
        gaps.answered(7, at(130));
        assert!(!gaps.may_hide_reset(at(50), overdue));
        assert!(gaps.may_hide_reset(at(50), again));
    }

    #[test]
    fn older_gaps_than_are_kept_stay_in_doubt() {
        let server = ServerProgress::default();
        let mut gaps = ClientGaps::default();
        for gap in 0..=MAX_GAPS as i64 {
            gaps.begin(None);
            gaps.end(at(gap));
            gaps.frame(500 + gap as u64, &server);
        }
        gaps.acknowledged(1_000, at(100));
        assert!(gaps.may_hide_reset(at(-1), answer(200)));
        assert!(!gaps.may_hide_reset(at(0), answer(200)));
    }

    #[test]
    fn milestones_are_never_too_early() {
        let mut milestones = Milestones::default();
        for step in 0..200_u64 {
            milestones.reach(step * 10, at(step as i64));
        }
        assert_eq!(milestones.first(1_990), Some(at(199)));
        assert_eq!(milestones.first(1_981), Some(at(199)));
        assert_eq!(milestones.first(10), Some(at(200 - MAX_MILESTONES as i64)));
        assert_eq!(milestones.first(2_000), None);
    }
}
