//! A call as one capture shows it, for what another capture of its connection shows to be compared with.
//!
//! In: a stream that is over, and what became of it. Out: the little of it that is compared.

use super::Stream;
use super::rpc::{CallId, Rpc, Verdict};
use super::verdict::VerdictDetails;
use crate::capture::Stamp;
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;

/// How many are kept.
pub(in crate::inspect) const MAX_SEEN_CALLS: usize = 1_000_000;

/// A call that is over.
#[derive(Clone, Copy, Debug)]
pub(in crate::inspect) struct SeenCall {
    pub(in crate::inspect) call: CallId,
    pub(in crate::inspect) opened: Option<Stamp>,
    pub(in crate::inspect) ended: Option<Stamp>,
    pub(in crate::inspect) verdict: Verdict,
    /// Who sent the RST_STREAM that ended it.
    pub(in crate::inspect) reset_by: Option<Direction>,
}

/// The calls of a capture at the server, by connection and stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenCalls {
    pub(in crate::inspect) calls: Vec<SeenCall>,
    /// How many more there were.
    pub(in crate::inspect) left_out: u64,
}

impl SeenCall {
    pub(in crate::inspect) fn of(call: CallId, stream: &Stream, details: &VerdictDetails) -> Self {
        let server_reset = stream.reset_by_server.map(|(_, code)| code);
        Self {
            call,
            opened: stream.opened.map(|carrier| carrier.stamp),
            ended: details.ended,
            verdict: details.verdict,
            reset_by: reset_by(details.verdict, details.error, server_reset),
        }
    }

    /// That of a stream, among those of one connection in order.
    pub(in crate::inspect) fn of_stream(calls: &[Self], stream: u32) -> Option<&Self> {
        let place = calls.binary_search_by_key(&stream, |seen| seen.call.stream);
        calls.get(place.ok()?)
    }

    /// Where it was answered to its end.
    pub(in crate::inspect) fn answered(&self) -> Option<Stamp> {
        self.ended.filter(|_| is_answer(self.verdict))
    }
}

impl SeenCalls {
    pub(in crate::inspect) fn add(&mut self, calls: &mut Vec<SeenCall>) {
        if calls.is_empty() {
            return;
        }
        let room = MAX_SEEN_CALLS.saturating_sub(self.calls.len());
        let beyond = calls.len().saturating_sub(room);
        self.left_out += beyond as u64;
        self.calls.extend(calls.drain(..).take(room));
    }
}

impl Rpc {
    /// Who sent the RST_STREAM that ended it.
    pub(in crate::inspect) fn reset_by(&self) -> Option<Direction> {
        reset_by(self.verdict, self.error, self.server_reset)
    }

    /// Whether it was answered to its end.
    pub(in crate::inspect) const fn is_answered(&self) -> bool {
        is_answer(self.verdict)
    }
}

const fn is_answer(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Ok | Verdict::Status)
}

const fn reset_by(
    verdict: Verdict,
    error: Option<ErrorCode>,
    server_reset: Option<ErrorCode>,
) -> Option<Direction> {
    match verdict {
        Verdict::Refused | Verdict::ResetByServer => Some(Direction::ServerToClient),
        Verdict::ResetByClient => Some(Direction::ClientToServer),
        // At its deadline a call is taken back by whose clock says so first.
        Verdict::DeadlineExceeded if error.is_some() && server_reset.is_none() => {
            Some(Direction::ClientToServer)
        }
        _ => None,
    }
}
