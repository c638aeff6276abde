//! What became of a stream: the contract's tables as one function of what was seen.
//!
//! In: a stream, and what is known of its connection. Out: its verdict, in [`VerdictDetails`]. Two clocks
//! are never compared, except for deadlines, which are time.
//!
//! Everything that can end a stream is put on one line, the server's byte stream as the client's end
//! received it. What the server sent stands where its last byte stands. What the client sent stands
//! behind all that it had received by then, which its segment's acknowledgement number shows. So the
//! order is the one in which the client's end saw things, wherever the capture was made.
//!
//! ```text
//! server's bytes  ---- answer 3 ---- GOAWAY last=3 ---- answer 1 ---- FIN -->
//!                        ^                  ^                           ^
//!     client's RST_STREAM, acknowledging    |                           |
//!     up to here: before answer 3           5 is condemned here         1 would be cut here
//! ```

use super::client_gaps::HiddenReset;
use super::connection_context::{ConnectionContext, FinalGoAway};
use super::frame_gaps::FrameGaps;
use super::rpc::{Contradiction, Doubt, Processed, Race, Verdict};
use super::unacknowledged::is_delivery_in_doubt;
use super::uncertainty::{Uncertainty, is_placed, may_be_reset_unseen};
use super::{FromClient, FromServer, Known, Stream, processed, success};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::http2::ErrorCode;

/// A client cancels this much before the time its own header names: the header was computed a little
/// earlier than it was sent.
pub(super) const DEADLINE_TOLERANCE: TimeDelta = TimeDelta::from_millis(50);

/// A client throws an answer away this soon after the answer's end, or not at all.
pub(crate) const REJECTED_WITHIN: TimeDelta = TimeDelta::from_millis(200);

/// What has not come by this long after its time does not come: an answer above the last stream id, an answer
/// or the client's RST_STREAM after the deadline, the server's acknowledgement of a FIN.
pub(crate) const SETTLED: TimeDelta = TimeDelta::from_secs(1);

/// What became of a stream, and what decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VerdictDetails {
    pub(crate) verdict: Verdict,
    pub(crate) ended: Option<Stamp>,
    pub(crate) error: Option<ErrorCode>,
    pub(crate) race: Option<Race>,
    pub(crate) late_by: Option<TimeDelta>,
    pub(crate) processed: Processed,
    pub(crate) contradiction: Option<Contradiction>,
    /// Whether the client threw away a whole answer.
    pub(crate) rejected: bool,
    /// Of a call that cannot be judged: what about its answer is in doubt.
    pub(crate) doubt: Option<Doubt>,
    /// Whether it rests on what the client's requests take: that none of them was reset unseen.
    pub(crate) inferred: bool,
}

impl VerdictDetails {
    /// The server's word that it did not process the call may still be disproved, or may have been.
    const fn distrust(&mut self) {
        if matches!(self.processed, Processed::No) {
            self.processed = Processed::Maybe;
        }
    }
}

impl EndingEvent {
    /// Its place in the server's byte stream.
    pub(super) const fn end(&self) -> u64 {
        self.place.0
    }
}

impl EndedBy {
    /// Whether the client took the call back.
    const fn is_cancel(self) -> bool {
        matches!(
            self,
            Self::ResetByClient(ErrorCode::CANCEL) | Self::Rejected(ErrorCode::CANCEL)
        )
    }

    /// Whether a deadline that had passed before is what ended the call. An answer that was delivered is an
    /// answer all the same.
    const fn yields_to_deadline(self) -> bool {
        match self {
            Self::Answered | Self::ToldFailure => false,
            Self::Rejected(code) => matches!(code, ErrorCode::CANCEL),
            _ => true,
        }
    }
}

/// Something that can end a stream, and its place on the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndingEvent {
    place: (u64, Rank),
    pub(super) stamp: Stamp,
    pub(super) by: EndedBy,
}

/// What comes first of events at the same byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A frame of the server that ends there.
    Server,
    /// What the client sent after it had received that byte.
    Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndedBy {
    Answered,
    /// A header block of the answer that tells a failure.
    ToldFailure,
    /// The client threw a whole answer away.
    Rejected(ErrorCode),
    ResetByServer(ErrorCode),
    ResetByClient(ErrorCode),
    Condemned,
    Closed,
}

/// What became of a stream, as far as was seen so far.
pub(crate) fn of(id: u32, stream: &Stream, connection: &ConnectionContext) -> VerdictDetails {
    let condemning = connection
        .final_goaway
        .filter(|final_goaway| final_goaway.condemns(id));
    let first = first_event(stream, connection, condemning);
    let deadline = Deadline::of(stream);
    let mut uncertainty = Uncertainty::of(stream, connection);
    let (processed, contradiction) = processed::of(stream, connection, condemning.is_some());
    let mut details = VerdictDetails {
        verdict: Verdict::Unanswered,
        ended: None,
        error: None,
        race: None,
        late_by: None,
        processed,
        contradiction,
        rejected: false,
        doubt: None,
        inferred: false,
    };
    let Some(event) = first else {
        let passed = deadline
            .zip(connection.capture_end)
            .is_some_and(|(deadline, end)| end >= deadline.passes + SETTLED);
        details.verdict = match passed {
            _ if uncertainty.of_client || uncertainty.of_server || stream.opened.is_none() => {
                Verdict::Unknown
            }
            true => Verdict::DeadlineExceeded,
            false => Verdict::Unanswered,
        };
        details.distrust();
        return details;
    };
    uncertainty.of_server |=
        event.by != EndedBy::Condemned && connection.may_be_condemned_unseen(id);
    if is_placed(&event, connection) {
        // What the server sent later cannot have come before.
        uncertainty.of_server &= !connection.gaps.is_whole_to(event.place.0);
    }
    if uncertainty.of_client && matches!(event.by, EndedBy::Answered | EndedBy::ToldFailure) {
        let hidden = may_be_reset_unseen(stream, &event, deadline, connection);
        uncertainty.of_client = hidden == HiddenReset::Possible;
        details.inferred = hidden == HiddenReset::Unlikely;
    }
    details.ended = Some(event.stamp);
    details.verdict = match event.by {
        EndedBy::Answered => answered(stream, connection),
        EndedBy::ToldFailure => Verdict::Status,
        EndedBy::Rejected(_) => Verdict::ResetByClient,
        EndedBy::ResetByServer(ErrorCode::REFUSED_STREAM) => Verdict::Refused,
        EndedBy::ResetByServer(_) => Verdict::ResetByServer,
        EndedBy::ResetByClient(_) => Verdict::ResetByClient,
        EndedBy::Condemned => Verdict::BeyondLastStreamId,
        EndedBy::Closed => Verdict::CutByClose,
    };
    if let EndedBy::ResetByServer(code) | EndedBy::ResetByClient(code) | EndedBy::Rejected(code) =
        event.by
    {
        details.error = Some(code);
    }
    details.rejected = matches!(event.by, EndedBy::Rejected(_));
    if event.by.yields_to_deadline()
        && let Some(deadline) = deadline
        && deadline.comes_before(&event)
    {
        details.verdict = Verdict::DeadlineExceeded;
        details.rejected = false;
        if !event.by.is_cancel() {
            details.ended = None;
            details.error = None;
        }
    }
    let answered = matches!(event.by, EndedBy::Answered | EndedBy::ToldFailure);
    if is_delivery_in_doubt(stream, &event, deadline, connection) {
        details.verdict = Verdict::Unknown;
        details.doubt = Some(Doubt::AnswerUnacknowledged);
    } else if uncertainty.shakes(event.by, stream) {
        details.verdict = Verdict::Unknown;
        details.doubt = answered.then_some(Doubt::ResetMissing);
    } else if answered && details.verdict == Verdict::Unknown {
        details.doubt = Some(Doubt::StatusUnreadable);
    }
    if details.verdict == Verdict::Unknown {
        details.distrust();
    }
    if details.verdict == Verdict::BeyondLastStreamId
        && let Some(final_goaway) = condemning
    {
        (details.race, details.late_by) = race(stream, &final_goaway);
    }
    details
}

/// What became of a call of which nothing but the status was missing, now that it is inferred.
pub(crate) fn with_status(details: &mut VerdictDetails, stream: &Stream, gaps: &FrameGaps) {
    let Known::Value(succeeded) = success::of(stream, gaps) else {
        return;
    };
    details.doubt = None;
    (details.verdict, details.processed) = match succeeded {
        true => (Verdict::Ok, Processed::Yes),
        false => (Verdict::Status, Processed::Maybe),
    };
}

/// The first thing on the line; being condemned yields to an answer that was delivered later.
fn first_event(
    stream: &Stream,
    connection: &ConnectionContext,
    condemning: Option<FinalGoAway>,
) -> Option<EndingEvent> {
    let answered = stream
        .answer
        .ended
        .map(|answer| by_server(answer, EndedBy::Answered));
    let told_failure = stream
        .told_failure()
        .map(|head| by_server(head, EndedBy::ToldFailure));
    let others = [
        stream
            .reset_by_server
            .map(|(reset, code)| by_server(reset, EndedBy::ResetByServer(code))),
        stream
            .reset_by_client
            .map(|(reset, code)| by_client(reset, EndedBy::ResetByClient(code))),
        connection
            .closed_by_server
            .map(|close| by_server(after_all(close, stream), EndedBy::Closed)),
        client_close(stream, connection).map(|close| by_client(close, EndedBy::Closed)),
    ];
    let other = others.into_iter().flatten().min_by_key(|event| event.place);
    let comes_first = |event: &EndingEvent| other.is_none_or(|other| event.place <= other.place);
    let answered = answered.filter(|_| !is_pending(stream, connection));
    if let Some(answered) = answered.filter(comes_first) {
        return Some(rejection(stream, connection).unwrap_or(answered));
    }
    if let Some(told_failure) = told_failure.filter(comes_first) {
        return Some(told_failure);
    }
    // An answer may still come if the capture ends too early to tell.
    let told = |final_goaway: &FinalGoAway| {
        let waited = connection.capture_end;
        let waited = waited.map(|end| end - final_goaway.goaway.stamp.time);
        let ended = other.is_some() || connection.closed_by_client.is_some();
        ended || waited.is_none_or(|waited| waited >= SETTLED)
    };
    let condemned = condemning
        .filter(told)
        .map(|final_goaway| by_server(final_goaway.goaway, EndedBy::Condemned));
    [condemned, other]
        .into_iter()
        .flatten()
        .min_by_key(|event| event.place)
}

/// The client's end of the connection, as far as it can have ended the stream. A FIN ends one direction
/// (RFC 9293, section 3.6): the answer that comes later is delivered if it is acknowledged. A socket that
/// was closed altogether answers it with RST.
fn client_close(stream: &Stream, connection: &ConnectionContext) -> Option<FromClient> {
    if is_acknowledged(stream, connection) {
        connection.reset_by_client
    } else {
        connection
            .closed_by_client
            .filter(|closed| is_settled(*closed, stream, connection))
    }
}

/// Whether the client's kernel acknowledged the whole answer.
fn is_acknowledged(stream: &Stream, connection: &ConnectionContext) -> bool {
    let answer = stream.answer.ended;
    answer.is_some_and(|answer| {
        connection
            .acknowledged
            .is_some_and(|upto| upto >= answer.end)
    })
}

/// Whether no answer will be delivered any more after the client's FIN: the server has closed as well, the
/// client has answered with RST, or too long nobody has acknowledged the FIN, or the answer.
fn is_settled(closed: FromClient, stream: &Stream, connection: &ConnectionContext) -> bool {
    let long_ago = |time: Timestamp| {
        let end = connection.capture_end;
        end.is_some_and(|end| end - time >= SETTLED)
    };
    let unheard = !connection.client_fin_acknowledged && long_ago(closed.stamp.time);
    let undelivered = || {
        let answer = stream.answer.ended;
        answer.is_some_and(|answer| long_ago(answer.stamp.time))
    };
    connection.closed_by_server.is_some()
        || connection.reset_by_client.is_some()
        || unheard
        || undelivered()
}

/// Whether the answer came after the client's FIN, and it is not known yet whether it was delivered.
fn is_pending(stream: &Stream, connection: &ConnectionContext) -> bool {
    let Some((answer, closed)) = stream.answer.ended.zip(connection.closed_by_client) else {
        return false;
    };
    closed.received < answer.end
        && !is_acknowledged(stream, connection)
        && !is_settled(closed, stream, connection)
}

/// How the client threw away an answer that it had received whole: by RST_STREAM, or by ending the connection
/// right after it.
fn rejection(stream: &Stream, connection: &ConnectionContext) -> Option<EndingEvent> {
    let answer = stream.answer.ended?;
    let at_once = |by: &FromClient| {
        by.received >= answer.end && by.stamp.time - answer.stamp.time <= REJECTED_WITHIN
    };
    if let Some((by, code)) = stream.reset_by_client
        && stream.told_failure().is_none()
        && at_once(&by)
        && rejects(code, stream, connection)
    {
        return Some(by_client(by, EndedBy::Rejected(code)));
    }
    let error = connection.client_error?;
    let answered_last = error.last_frame == Some(answer.end);
    (answered_last && at_once(&error.by))
        .then(|| by_client(error.by, EndedBy::Rejected(error.error)))
}

/// Whether a RST_STREAM that follows a whole answer says that the client did not accept it.
fn rejects(code: ErrorCode, stream: &Stream, connection: &ConnectionContext) -> bool {
    match code {
        // It needs no more of the request; or the answer had been taken when another frame came.
        ErrorCode::NO_ERROR | ErrorCode::STREAM_CLOSED => false,
        // A client that has its answer takes back what it still owed; one that heard of an error, all of it.
        ErrorCode::CANCEL => {
            stream.request_ended && success::of(stream, &connection.gaps) == Known::Value(true)
        }
        _ => true,
    }
}

const fn by_server(event: FromServer, by: EndedBy) -> EndingEvent {
    EndingEvent {
        place: (event.end, Rank::Server),
        stamp: event.stamp,
        by,
    }
}

const fn by_client(event: FromClient, by: EndedBy) -> EndingEvent {
    EndingEvent {
        place: (event.received, Rank::Client),
        stamp: event.stamp,
        by,
    }
}

/// A FIN takes a sequence number of its own, after the last byte (RFC 9293, section 3.4); a reset is
/// treated alike, and its number may be older than what its sender had sent before it.
fn after_all(close: FromServer, stream: &Stream) -> FromServer {
    let reset = stream.reset_by_server.map(|(reset, _)| reset);
    let sent = [stream.answer.ended, reset].into_iter().flatten();
    let sent = sent.filter(|sent| sent.stamp < close.stamp);
    let end = sent.map(|sent| sent.end).fold(close.end, u64::max);
    FromServer {
        end: end.saturating_add(1),
        stamp: close.stamp,
    }
}

/// When a call's time was up, as its `grpc-timeout` says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    pub(super) passes: Timestamp,
}

impl Deadline {
    fn of(stream: &Stream) -> Option<Self> {
        let opened = stream.opened?.stamp.time;
        Some(Self {
            passes: opened + stream.request.timeout?.into(),
        })
    }

    fn comes_before(self, event: &EndingEvent) -> bool {
        let after = event.stamp.time - self.passes;
        match event.by {
            EndedBy::ResetByClient(ErrorCode::CANCEL) => {
                after + DEADLINE_TOLERANCE >= TimeDelta::ZERO
            }
            _ => after > TimeDelta::ZERO,
        }
    }
}

/// The verdict on an answer that was delivered.
fn answered(stream: &Stream, connection: &ConnectionContext) -> Verdict {
    match success::of(stream, &connection.gaps) {
        Known::Value(true) => Verdict::Ok,
        Known::Value(false) | Known::Absent => Verdict::Status,
        Known::Hidden => Verdict::Unknown,
    }
}

/// Whether the HEADERS crossed the GOAWAY in flight: the acknowledgement number of the segment that
/// first carried them proves it.
fn race(stream: &Stream, final_goaway: &FinalGoAway) -> (Option<Race>, Option<TimeDelta>) {
    let unknown = (Some(Race::Unknown), None);
    let Some(opened) = stream.opened else {
        return unknown;
    };
    let Some(acknowledged) = opened.acknowledged else {
        return unknown;
    };
    if acknowledged < final_goaway.goaway.end {
        return (Some(Race::InFlight), None);
    }
    if !opened.original {
        return unknown;
    }
    let late_by = final_goaway
        .received
        .map(|received| (opened.stamp.time - received.time).max(TimeDelta::ZERO));
    (Some(Race::AfterReceipt), late_by)
}
