//! Gaps in what a client sent, and by when its server had read what is missing there.
//!
//! In: where gaps begin and end, what the server acknowledges, the streams on which it answers, and how long requests
//! are. Out: whether a gap can hide a RST_STREAM that came before an answer, or threw it away. Who has received RST_STREAM sends no more frames on that
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
//!
//! What was sent after the client had had an answer for longer than it takes to throw it away comes too late. And a gap
//! of whole frames in which no RST_STREAM fits holds none: by its length, or because the requests whose HEADERS are
//! missing in it fill it. The latter rests on [what requests of that client take](RequestSizes).

use std::collections::VecDeque;

use super::FromClient;
use super::request_sizes::{self, RequestSizes};
use super::server_progress::ServerProgress;
use super::verdict::REJECTED_WITHIN;
use crate::capture::{Stamp, TimeDelta};
use crate::decode::http2::{Flags, Frame, FrameType};

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
    /// How long this client's requests are.
    requests: RequestSizes,
    /// Bytes seen of requests whose HEADERS are missing, since the last that were seen.
    headless: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ClientGap {
    /// What the client had received, and when, before it sent anything of what is missing.
    behind: Option<FromClient>,
    /// Where the frame ends that came before it, in the client's byte stream, if that is in cleartext.
    begins: Option<u64>,
    /// The packet in which frames go on; `None` while that is not known.
    found: Option<Stamp>,
    /// Where they go on in the client's byte stream.
    resumes: Option<u64>,
    /// The first stream opened behind it.
    next_stream: Option<u32>,
    /// The requests that are missing in it, and in other gaps before the same stream.
    requests: Option<MissingRequests>,
    /// Those that had begun before it and not ended: their streams, and how many bytes of each were seen.
    begun: Vec<(u32, u64)>,
    /// When the server acknowledged all of it.
    acknowledged: Option<Stamp>,
    /// When the server answered on a stream that was opened behind it.
    read: Option<Stamp>,
}

/// Requests whose HEADERS are missing, and all bytes of the gaps in which they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MissingRequests {
    /// The first stream of them.
    first: u32,
    count: u64,
    /// With what of those requests was seen behind the gaps.
    bytes: u64,
}

/// Whether a RST_STREAM may be missing that came before an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HiddenReset {
    /// None can be.
    No,
    /// By what the client's requests take otherwise, none is.
    Unlikely,
    /// One may be.
    Possible,
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
    /// Frames are missing from here on, behind a frame that ended at `begins`.
    pub(super) fn begin(&mut self, behind: Option<FromClient>, begins: Option<u64>) {
        if self.gaps.back().is_some_and(|gap| gap.found.is_none()) {
            return;
        }
        let begun = self.requests.lose();
        if self.gaps.len() >= MAX_GAPS
            && let Some(gap) = self.gaps.pop_front()
        {
            self.dropped = gap.found;
        }
        self.gaps.push_back(ClientGap {
            behind,
            begins,
            begun,
            ..ClientGap::default()
        });
    }

    /// They go on here.
    pub(super) fn end(&mut self, stamp: Stamp) {
        if let Some(gap) = self.gaps.back_mut() {
            gap.found = Some(stamp);
        }
    }

    /// A frame of the client, before which it had opened streams up to `highest`.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>, highest: u32, server: &ServerProgress) {
        self.goes_on_at(frame.span.start, server);
        let (stream, kind) = (frame.header.stream, frame.header.kind);
        let bytes = frame.span.end - frame.span.start;
        let new = stream.is_client_initiated() && stream.0 > highest;
        match kind {
            FrameType::HEADERS if new => self.requests.open(stream.0, bytes),
            _ => {
                self.requests.go_on(stream.0, bytes);
                self.goes_on(stream.0, bytes, highest);
            }
        }
        let may_end = matches!(kind, FrameType::HEADERS | FrameType::DATA);
        if may_end && frame.header.flags.contains(Flags::END_STREAM) {
            self.requests.end(stream.0);
        }
    }

    /// A frame begins here in the client's byte stream.
    fn goes_on_at(&mut self, begins: u64, server: &ServerProgress) {
        if let Some(gap) = self.gaps.back_mut()
            && gap.found.is_some()
            && gap.resumes.is_none()
        {
            gap.resumes = Some(begins);
            gap.acknowledged = server.acknowledged_at(begins);
        }
    }

    /// So many more bytes of a stream; the highest opened so far is `highest`. They may be the rest of a request of which
    /// a gap holds the other part.
    fn goes_on(&mut self, id: u32, bytes: u64, highest: u32) {
        if id > highest {
            self.headless = self.headless.saturating_add(bytes);
        }
        for gap in &mut self.gaps {
            if let Some((_, seen)) = gap.begun.iter_mut().find(|(begun, _)| *begun == id) {
                *seen += bytes;
            }
            let missing = gap.next_stream.zip(gap.requests.as_mut());
            if let Some((next, requests)) = missing
                && (requests.first..next).contains(&id)
            {
                requests.bytes = requests.bytes.saturating_add(bytes);
            }
        }
    }

    /// The client opened a stream; the highest before was `highest`.
    pub(super) fn opened(&mut self, id: u32, highest: u32, server: &ServerProgress) {
        let first = match highest {
            0 => 1,
            highest => highest.saturating_add(2),
        };
        let from = self.gaps.iter().rposition(|gap| gap.next_stream.is_some());
        let from = from.map_or(0, |last| last + 1);
        let bytes = self.gaps.range(from..).map(ClientGap::bytes);
        let headless = std::mem::take(&mut self.headless);
        let bytes = bytes.sum::<Option<u64>>();
        let requests = bytes.map(|bytes| MissingRequests {
            first,
            count: u64::from(id.saturating_sub(first) / 2),
            bytes: bytes.saturating_add(headless),
        });
        for gap in self.gaps.range_mut(from..) {
            if gap.found.is_some() {
                gap.next_stream = Some(id);
                gap.requests = requests;
                gap.read = server.answered_at(id);
            }
        }
    }

    /// Whether no stream was opened yet behind the latest.
    pub(super) fn await_stream(&self) -> bool {
        let latest = self.gaps.back();
        latest.is_some_and(|gap| gap.next_stream.is_none())
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

    /// Whether one of them may hide a RST_STREAM of a call that was opened here, which came before its answer; the habits
    /// of a client that takes calls back tell nothing.
    pub(super) fn may_hide_reset(
        &self,
        opened: Stamp,
        answer: AnswerSent,
        takes_back: bool,
    ) -> HiddenReset {
        if self.dropped.is_some_and(|found| found > opened) {
            return HiddenReset::Possible;
        }
        let least = self.requests.least().filter(|_| !takes_back);
        let since = self
            .gaps
            .iter()
            .filter(|gap| gap.found.is_none_or(|found| found > opened));
        let hidden = since.map(|gap| {
            let cannot = gap.was_read_before(answer) || gap.is_behind(answer) || gap.is_too_short();
            match cannot {
                true => HiddenReset::No,
                false if gap.is_full(least) => HiddenReset::Unlikely,
                false => HiddenReset::Possible,
            }
        });
        hidden.max().unwrap_or(HiddenReset::No)
    }
}

impl ClientGap {
    /// How many bytes of whole frames are missing in it; `None` where that is not known.
    fn bytes(&self) -> Option<u64> {
        self.resumes?.checked_sub(self.begins?)
    }

    /// Whether what is missing can be no RST_STREAM, by its length.
    fn is_too_short(&self) -> bool {
        self.bytes()
            .is_some_and(|bytes| !request_sizes::can_hold_reset(bytes))
    }

    /// Whether requests of `least` bytes each fill it: those whose HEADERS are missing, perhaps with the rest of those
    /// that had begun.
    fn is_full(&self, least: Option<u64>) -> bool {
        let filled = |requests: MissingRequests, least: u64| {
            let MissingRequests { count, bytes, .. } = requests;
            let begun = self.begun.len() as u64;
            let seen: u64 = self.begun.iter().map(|(_, seen)| seen).sum();
            let alone = count > 0 && request_sizes::fill(count, least, bytes);
            let with_begun = request_sizes::fill(count + begun, least, bytes + seen);
            alone || (begun > 0 && with_begun)
        };
        let requests = self.requests.zip(least);
        requests.is_some_and(|(requests, least)| filled(requests, least))
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Timestamp;

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
        gaps.begin(None, None);
        gaps.end(at(100));
        gaps.goes_on_at(500, server);
        gaps.opened(7, 5, server);
        gaps
    }

    #[test]
    fn what_the_server_acknowledged_well_before_it_answered_held_no_reset() {
        let mut gaps = gap(&ServerProgress::default());
        assert_eq!(
            gaps.may_hide_reset(at(50), answer(200), false),
            HiddenReset::Possible
        );
        gaps.acknowledged(499, at(110));
        assert_eq!(
            gaps.may_hide_reset(at(50), answer(200), false),
            HiddenReset::Possible
        );
        gaps.acknowledged(500, at(120));
        assert_eq!(
            gaps.may_hide_reset(at(50), answer(200), false),
            HiddenReset::No
        );
        assert_eq!(
            gaps.may_hide_reset(at(50), answer(125), false),
            HiddenReset::No
        );
        assert_eq!(
            gaps.may_hide_reset(at(50), answer(124), false),
            HiddenReset::Possible
        );
        assert_eq!(
            gaps.may_hide_reset(at(101), answer(110), false),
            HiddenReset::No,
            "opened later"
        );
    }

    #[test]
    fn whoever_answers_on_a_later_stream_has_read_what_came_before() {
        let mut gaps = gap(&ServerProgress::default());
        gaps.answered(5, at(110));
        assert_eq!(
            gaps.may_hide_reset(at(50), answer(112), false),
            HiddenReset::Possible
        );
        gaps.answered(9, at(111));
        assert_eq!(
            gaps.may_hide_reset(at(50), answer(112), false),
            HiddenReset::No
        );
        assert_eq!(
            gaps.may_hide_reset(at(50), answer(111), false),
            HiddenReset::Possible
        );
    }

    #[test]
    fn a_gap_that_is_found_late_was_read_when_it_was() {
        let mut server = ServerProgress::default();
        server.acknowledge(400, at(90));
        server.acknowledge(600, at(95));
        let acknowledged = gap(&server);
        assert_eq!(
            acknowledged.may_hide_reset(at(50), answer(100), false),
            HiddenReset::No
        );
        assert_eq!(
            acknowledged.may_hide_reset(at(50), answer(99), false),
            HiddenReset::Possible
        );
        let mut server = ServerProgress::default();
        assert!(server.answer(7, at(95)));
        assert!(!server.answer(5, at(96)));
        assert_eq!(
            gap(&server).may_hide_reset(at(50), answer(96), false),
            HiddenReset::No
        );
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
        assert_eq!(
            gaps.may_hide_reset(at(50), overdue, false),
            HiddenReset::Possible
        );
        assert_eq!(
            gaps.may_hide_reset(at(50), again, false),
            HiddenReset::Possible
        );
        gaps.answered(7, at(130));
        assert_eq!(gaps.may_hide_reset(at(50), overdue, false), HiddenReset::No);
        assert_eq!(
            gaps.may_hide_reset(at(50), again, false),
            HiddenReset::Possible
        );
    }

    #[test]
    fn older_gaps_than_are_kept_stay_in_doubt() {
        let server = ServerProgress::default();
        let mut gaps = ClientGaps::default();
        for gap in 0..=MAX_GAPS as i64 {
            gaps.begin(None, None);
            gaps.end(at(gap));
            gaps.goes_on_at(500 + gap as u64, &server);
        }
        gaps.acknowledged(1_000, at(100));
        assert_eq!(
            gaps.may_hide_reset(at(-1), answer(200), false),
            HiddenReset::Possible
        );
        assert_eq!(
            gaps.may_hide_reset(at(0), answer(200), false),
            HiddenReset::No
        );
    }
}
