//! One attempt of a call: what of it is compared with others, once it is over.

use std::time::Duration;

use super::fingerprint::Identity;
use super::rpc::{CallId, Rpc, Verdict};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::http2::ErrorCode;

/// One attempt of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) call: CallId,
    pub(crate) identity: Identity,
    pub(crate) opened: Timestamp,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) verdict: Verdict,
    /// When what decided the verdict came.
    pub(crate) ended: Option<Timestamp>,
    /// Whether the server said that it is the wrong one for it: 421 Misdirected Request (RFC 9110, section
    /// 15.5.20).
    pub(crate) misdirected: bool,
    /// Whether its client took it back.
    pub(crate) cancelled: bool,
}

/// What became known of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AttemptNews {
    /// It is lost for certain, though its stream is still followed: the attempt as it stands.
    Lost(Attempt),
    /// It is over: the attempt as it was in the end; nothing where its request is not fully known.
    Over(CallId, Option<Attempt>),
}

impl Attempt {
    /// Of a call that succeeded.
    pub(crate) fn of_success(
        call: CallId,
        identity: Identity,
        opened: Timestamp,
        ended: Option<Timestamp>,
        timeout: Option<Duration>,
    ) -> Self {
        Self {
            call,
            identity,
            opened,
            deadline: deadline(opened, timeout),
            verdict: Verdict::Ok,
            ended,
            misdirected: false,
            cancelled: false,
        }
    }

    /// Of a call that is over; `None` where its beginning was not captured.
    pub(crate) fn of(rpc: &Rpc, identity: Identity, timeout: Option<Duration>) -> Option<Self> {
        let ended = rpc.ended.map(|ended| ended.time);
        let success = Self::of_success(rpc.id, identity, rpc.opened?.time, ended, timeout);
        Some(Self {
            verdict: rpc.verdict,
            misdirected: rpc.verdict == Verdict::Status && rpc.http_status == Some(421),
            cancelled: rpc.verdict == Verdict::ResetByClient
                && rpc.error == Some(ErrorCode::CANCEL),
            ..success
        })
    }
}

impl Attempt {
    /// When the client can have known that it was lost and worth repeating; `None` if it was not.
    pub(crate) fn lost(&self) -> Option<Timestamp> {
        let repeatable = matches!(
            self.verdict,
            Verdict::BeyondLastStreamId
                | Verdict::CutByClose
                | Verdict::Refused
                | Verdict::ResetByServer
                | Verdict::Status
        );
        Some(self.ended?.max(self.opened)).filter(|_| repeatable)
    }

    /// Whether the server said that it did nothing of it.
    pub(crate) const fn is_unprocessed(&self) -> bool {
        matches!(self.verdict, Verdict::BeyondLastStreamId | Verdict::Refused)
    }
}

/// When a call's deadline runs out; `None` where that is centuries away.
fn deadline(opened: Timestamp, timeout: Option<Duration>) -> Option<Timestamp> {
    let timeout = TimeDelta::from(timeout?);
    (timeout < TimeDelta::MAX).then(|| opened + timeout)
}
