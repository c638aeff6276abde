//! One call as reports show it.

use super::large_message::LargeMessage;
use std::sync::Arc;
use std::time::Duration;

use super::at_server::AtServer;
use super::foreign_answer::ForeignAnswer;
use super::hops::Hops;
use super::progress::CallProgress;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::http2::ErrorCode;

/// What became of a stream: the first event that the client's end saw decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Verdict {
    /// Answered to the end, and well.
    Ok,
    /// Answered to the end with an error status, or gRPC without any.
    Status,
    /// Opened above the last stream id of the server's final GOAWAY, and not answered.
    BeyondLastStreamId,
    /// The TCP connection ended before the answer did.
    CutByClose,
    /// RST_STREAM REFUSED_STREAM from the server.
    Refused,
    /// RST_STREAM with another code from the server.
    ResetByServer,
    /// RST_STREAM from the client.
    ResetByClient,
    /// Cancelled at its deadline, or the deadline passed without an answer.
    DeadlineExceeded,
    /// The capture ends before anything else is known.
    Unanswered,
    /// The capture does not show what became of it.
    Unknown,
}

impl Verdict {
    /// All verdicts, in the order in which they are declared.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Status,
        Self::BeyondLastStreamId,
        Self::CutByClose,
        Self::Refused,
        Self::ResetByServer,
        Self::ResetByClient,
        Self::DeadlineExceeded,
        Self::Unanswered,
        Self::Unknown,
    ];

    /// Its name in reports, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Status => "status",
            Self::BeyondLastStreamId => "beyond_last_stream_id",
            Self::CutByClose => "cut_by_close",
            Self::Refused => "refused",
            Self::ResetByServer => "reset_by_server",
            Self::ResetByClient => "reset_by_client",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Unanswered => "unanswered",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a report lists the call unasked: it did not simply succeed.
    #[must_use]
    pub const fn is_reported(self) -> bool {
        !matches!(self, Self::Ok | Self::Unknown)
    }

    /// Whether the call died: neither answered, nor in flight, nor unknowable.
    #[must_use]
    pub const fn is_death(self) -> bool {
        !matches!(
            self,
            Self::Ok | Self::Status | Self::Unanswered | Self::Unknown
        )
    }
}

/// How a stream came to be beyond the last stream id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Race {
    /// Its HEADERS left before the client's kernel had the whole GOAWAY: proved.
    InFlight,
    /// Its HEADERS acknowledge the whole GOAWAY.
    AfterReceipt,
    /// No acknowledgement to judge by.
    Unknown,
}

impl Race {
    /// Its name in reports, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::AfterReceipt => "after_receipt",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether the server can have run the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Processed {
    /// Guaranteed not: safe to retry.
    No,
    /// Possibly: retry only if idempotent.
    Maybe,
    /// It answered: a retry would run it twice.
    Yes,
}

impl Processed {
    /// Its name in reports, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        }
    }
}

/// What takes a server's word that it did not process a call: REFUSED_STREAM, or a last stream id below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Contradiction {
    /// It had begun to answer.
    AnswerBegun,
    /// It had read of the call's body: WINDOW_UPDATE on the stream.
    BodyTaken,
    /// It refused much later than a refusal needs, and no limit was reached.
    RefusedLate,
    /// It answered above its own last stream id, or raised it.
    WordBroken,
    /// It is a proxy, and had passed the call on.
    PassedOn,
}

impl Contradiction {
    /// Its name in reports, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnswerBegun => "answer_begun",
            Self::BodyTaken => "body_taken",
            Self::RefusedLate => "refused_late",
            Self::WordBroken => "last_stream_id_broken",
            Self::PassedOn => "passed_on",
        }
    }

    /// What shows it, to stand after a number of calls and a colon.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::AnswerBegun => "an answer had begun",
            Self::BodyTaken => "the body was read (WINDOW_UPDATE on the stream)",
            Self::RefusedLate => {
                "refused long after it had come, with no limit reached, as a proxy does whose backend has \
                 not answered yet"
            }
            Self::WordBroken => "the server answered above its own last stream id, or raised it",
            Self::PassedOn => "the server is a proxy, and had passed it on",
        }
    }
}

/// What became of the call as a whole, retries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// This attempt itself succeeded.
    Ok,
    /// It failed, and no retry of it was seen to succeed.
    Failed,
    /// A retry of it succeeded.
    Recovered,
    /// The capture does not show it.
    Unknown,
}

impl Outcome {
    /// What became of a call of which no other attempt is known.
    pub(crate) const fn alone(verdict: Verdict, taken_back: Option<TakenBack>) -> Self {
        match verdict {
            Verdict::Ok => Self::Ok,
            _ if taken_back.is_some() => Self::Unknown,
            Verdict::Status | Verdict::ResetByClient | Verdict::DeadlineExceeded => Self::Failed,
            // A retry may have saved the call; linking attempts shows it.
            _ => Self::Unknown,
        }
    }

    /// Its name in reports, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Recovered => "recovered",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a client took a call back, where that is no failure of anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TakenBack {
    /// It had sent the call twice at once, and the other was answered (gRFC A6, hedging).
    TwinAnswered,
    /// It is a browser: a page was left, a script gave up, or the browser's cache was faster.
    Browser,
}

impl TakenBack {
    /// Its name in reports, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TwinAnswered => "twin_answered",
            Self::Browser => "browser",
        }
    }
}

/// Why the capture cannot say what became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Doubt {
    /// It was opened before the capture began.
    BeganBefore,
    /// Its HEADERS were not captured.
    HeadersMissing,
    /// One direction of its connection was not captured at all.
    OneWay,
    /// Frames are missing, in its time, that may have decided it.
    FramesMissing,
    /// It was answered, but frames of its client are missing that may have reset it before.
    ResetMissing,
    /// It was answered, and nothing shows that the client received the answer.
    AnswerUnacknowledged,
    /// It was followed no longer, to stay within bounds.
    Evicted,
    /// Its status cannot be read: it refers to headers that were not captured.
    StatusUnreadable,
}

impl Doubt {
    /// Its name in reports, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeganBefore => "began_before",
            Self::HeadersMissing => "headers_missing",
            Self::OneWay => "one_way",
            Self::FramesMissing => "frames_missing",
            Self::ResetMissing => "reset_missing",
            Self::AnswerUnacknowledged => "answer_unacknowledged",
            Self::Evicted => "given_up",
            Self::StatusUnreadable => "status_unreadable",
        }
    }
}

/// Which call: its connection's number and its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId {
    /// The connection's number in this analysis.
    pub connection: u32,
    /// The stream identifier (RFC 9113, section 5.1.1).
    pub stream: u32,
}

/// Another attempt of the same call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The other attempt, which may be on another connection.
    pub call: CallId,
    /// When it was opened, where that is known.
    pub opened: Option<Timestamp>,
    /// By what the two were recognised as one call.
    pub by: String,
}

/// A request header that was asked for, with all its values; `None` where one cannot be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedHeader {
    /// The name, in lower case.
    pub name: Arc<[u8]>,
    /// Its values in order; empty where the header is absent.
    pub values: Vec<Option<Box<[u8]>>>,
}

/// One call. Texts are bytes as the wire had them, not yet fit to print.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rpc {
    /// Its connection and stream.
    pub id: CallId,
    /// `:path`; `None` if it cannot be known.
    pub method: Option<Arc<[u8]>>,
    /// Whether `method` was not read but inferred from later requests of its connection.
    pub method_inferred: bool,
    /// `:authority`.
    pub authority: Option<Arc<[u8]>>,
    /// The segment that first carried the beginning of its HEADERS.
    pub opened: Option<Stamp>,
    /// For [`Verdict::Unknown`]: why the capture cannot say it.
    pub doubt: Option<Doubt>,
    /// How long its client would wait, as `grpc-timeout` says.
    pub timeout: Option<Duration>,
    /// Whether the server had begun to answer.
    pub answer_begun: bool,
    /// Whether the client had not sent all of its request: a body without its end, or a message in its midst.
    pub owes_request: bool,
    /// Whether the server ended it because the time after its GOAWAY had run out: by closing, by RST_STREAM,
    /// or with a status.
    pub cut_by_grace: bool,
    /// Whether the client threw away an answer that it had received whole.
    pub rejected: bool,
    /// Whether its client speaks gRPC and its answer is something else: a page of a proxy, as a rule.
    pub answer_is_foreign: bool,
    /// The length that the answer's `content-length` announces, and that of its body, where they differ.
    pub body_mismatch: Option<(u64, u64)>,
    /// The code of the server's RST_STREAM, whatever decided the verdict.
    pub server_reset: Option<ErrorCode>,
    /// How far it had come when it ended.
    pub progress: CallProgress,
    /// The event that decided the verdict.
    pub ended: Option<Stamp>,
    /// What became of it: the first event that the client's end saw decides.
    pub verdict: Verdict,
    /// Whether that rests on what the client's requests take where frames of it are missing: that no RST_STREAM is among
    /// them.
    pub verdict_inferred: bool,
    /// For [`Verdict::BeyondLastStreamId`]: how it got there.
    pub race: Option<Race>,
    /// For [`Race::AfterReceipt`]: the time from the first client segment that acknowledges the whole
    /// GOAWAY to the segment that first carried the HEADERS.
    pub late_by: Option<TimeDelta>,
    /// Whether the server can have run it.
    pub processed: Processed,
    /// What a capture at the server shows of it, where there is one.
    pub at_server: Option<Box<AtServer>>,
    /// Its way through proxies, as far as the capture shows it.
    pub hops: Option<Box<Hops>>,
    /// Why it may have been run though the server said that it was not.
    pub contradiction: Option<Contradiction>,
    /// `grpc-status`, as sent.
    pub grpc_status: Option<Box<[u8]>>,
    /// Whether `grpc_status` was not read but inferred from the connection's other answers.
    pub grpc_status_inferred: bool,
    /// `grpc-message`, percent-decoded.
    pub grpc_message: Option<Box<[u8]>>,
    /// `:status` of the final response.
    pub http_status: Option<u16>,
    /// What an answer is that has an HTTP status other than 200, and is not gRPC's.
    pub foreign_answer: Option<Box<ForeignAnswer>>,
    /// The code of the RST_STREAM that ended it.
    pub error: Option<ErrorCode>,
    /// The attempt that followed this one.
    pub retried_as: Option<Link>,
    /// The attempt that this one repeats.
    pub retry_of: Option<Link>,
    /// How many attempts its client says went before it (`grpc-previous-rpc-attempts`).
    pub previous_attempts: Option<u8>,
    /// Why its client took it back, where that is how it means to go on: no death.
    pub taken_back: Option<TakenBack>,
    /// What became of the call as a whole.
    pub outcome: Outcome,
    /// The error that the client library will have given to the application.
    pub app_error: Option<Arc<str>>,
    /// The request headers that were asked for.
    pub headers: Vec<RequestedHeader>,
    /// gRPC messages of the request: how many, and their bytes.
    pub request_messages: (u64, u64),
    /// gRPC messages of the answer: how many, and their bytes.
    pub response_messages: (u64, u64),
    /// The large gRPC message that was sent last.
    pub large_message: Option<Box<LargeMessage>>,
}

impl Rpc {
    /// Whether it died: by its verdict, or with a status when its server's grace ran out. One that its client
    /// took back by design did not.
    #[must_use]
    pub const fn died(&self) -> bool {
        (self.verdict.is_death() || self.cut_by_grace) && self.taken_back.is_none()
    }

    /// From its opening to its end; `None` where either was not captured.
    #[must_use]
    pub fn duration(&self) -> Option<TimeDelta> {
        Some(self.ended?.time - self.opened?.time)
    }
}

#[cfg(test)]
impl Rpc {
    /// A call of which nothing else is known: for tests of what is made of calls.
    pub(crate) fn bare(id: CallId, verdict: Verdict) -> Self {
        Self {
            id,
            method: None,
            method_inferred: false,
            authority: None,
            opened: None,
            doubt: None,
            timeout: None,
            answer_begun: false,
            owes_request: false,
            cut_by_grace: false,
            rejected: false,
            answer_is_foreign: false,
            body_mismatch: None,
            server_reset: None,
            progress: CallProgress::default(),
            large_message: None,
            ended: None,
            verdict,
            verdict_inferred: false,
            race: None,
            late_by: None,
            processed: Processed::Maybe,
            at_server: None,
            hops: None,
            contradiction: None,
            grpc_status: None,
            grpc_status_inferred: false,
            grpc_message: None,
            http_status: None,
            error: None,
            retried_as: None,
            retry_of: None,
            previous_attempts: None,
            foreign_answer: None,
            taken_back: None,
            outcome: Outcome::Unknown,
            app_error: None,
            headers: Vec::new(),
            request_messages: (0, 0),
            response_messages: (0, 0),
        }
    }
}
