//! The error that the client library has shown to the application.
//!
//! In: a call that failed, its connection, and what else its client met. Out: the error as that library words
//! it, where its version is on the wire; `None` where the wire cannot tell. Only libraries are covered whose
//! words were read from their source, or from the logs of applications beside captures.

mod connects;
mod core;
mod go;
mod java;
mod node;
#[cfg(test)]
mod tests;
mod tonic;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::connection::record::{ConnectionRecord, Finished, calls_mut};
use super::super::stream::answer::MAX_MESSAGE;
use super::super::stream::answer_status::GRPC_STATUSES;
use super::super::stream::rpc::{CallId, Outcome, Rpc, Verdict};
use super::super::threads::Threads;
use super::client::{Client, ClientStack};
use crate::capture::TimeDelta;
use crate::decode::Direction;
use crate::decode::tcp::Ending;
use connects::Connects;

/// How soon a client reads what has arrived.
const UNREAD_WITHIN: TimeDelta = TimeDelta::from_millis(20);

/// A call that failed, and what there is to judge by.
#[derive(Clone, Copy, Debug)]
struct FailedCall<'a> {
    /// Its last attempt.
    rpc: &'a Rpc,
    /// The connection of that.
    record: &'a ConnectionRecord,
    /// The attempt before it.
    before: Option<&'a Rpc>,
    /// Whether the client's next connect to that server was refused.
    refused_next: bool,
}

/// Adds to each call the error that its application has got: that of its last attempt.
pub(crate) fn tell(connections: &mut [Finished], threads: Threads) {
    let piece = threads.piece(connections.len());
    let errors = errors(connections, piece, threads);
    let pieces = connections.chunks_mut(piece).zip(errors);
    threads.map(pieces, |(connections, errors)| {
        for (rpc, error) in calls_mut(connections).zip(errors) {
            rpc.app_error = error;
        }
    });
}

/// The errors of all calls, in their order, for so many connections at a time.
fn errors(connections: &[Finished], piece: usize, threads: Threads) -> Vec<Vec<Option<Arc<str>>>> {
    let calls = || calls_of(connections);
    // Most calls are of one attempt: the others are to be found by their ids.
    let linked = calls().flat_map(|(rpc, _)| {
        let links = [&rpc.retried_as, &rpc.retry_of].into_iter().flatten();
        links.map(|link| link.call)
    });
    let linked: FxHashSet<CallId> = linked.collect();
    let attempts: AttemptsById<'_> = calls()
        .filter(|(rpc, _)| rpc.retried_as.is_some() || linked.contains(&rpc.id))
        .map(|(rpc, record)| (rpc.id, (rpc, record)))
        .collect();
    let last = last_attempts(&attempts);
    let connects = Connects::of(connections);
    let error = |(rpc, record): (&Rpc, &ConnectionRecord)| {
        let (rpc, record) = match last.get(&rpc.id) {
            Some(last) => *attempts.get(last)?,
            None => (rpc, record),
        };
        let before = rpc.retry_of.as_ref();
        let before = before.and_then(|link| attempts.get(&link.call));
        predict(&FailedCall {
            rpc,
            record,
            before: before.map(|(before, _)| *before),
            refused_next: connects.next_is_refused(rpc, record),
        })
    };
    threads.map(connections.chunks(piece), |connections| {
        // Calls that died together have the same, as a rule: it is kept once.
        let mut latest: Option<Arc<str>> = None;
        let errors = calls_of(connections).map(|call| {
            let text = error(call)?;
            if latest.as_deref() != Some(&*text) {
                latest = Some(text.into());
            }
            latest.clone()
        });
        errors.collect()
    })
}

/// The calls of connections, each with its own.
fn calls_of(connections: &[Finished]) -> impl Iterator<Item = (&Rpc, &ConnectionRecord)> {
    connections
        .iter()
        .flat_map(|Finished { record, rpcs }| rpcs.iter().map(move |rpc| (rpc, record)))
}

/// Calls of several attempts, each with its connection.
type AttemptsById<'a> = FxHashMap<CallId, (&'a Rpc, &'a ConnectionRecord)>;

/// The last attempt of each that was repeated.
fn last_attempts(attempts: &AttemptsById<'_>) -> FxHashMap<CallId, CallId> {
    let mut last: FxHashMap<CallId, CallId> = FxHashMap::default();
    for first in attempts.keys() {
        // Each chain of attempts is walked once, for it may be as long as the capture.
        let (mut walked, mut attempt) = (Vec::new(), *first);
        while let Some((rpc, _)) = attempts.get(&attempt)
            && let Some(link) = &rpc.retried_as
        {
            if let Some(known) = last.get(&attempt) {
                attempt = *known;
                break;
            }
            walked.push(attempt);
            attempt = link.call;
        }
        last.extend(walked.into_iter().map(|call| (call, attempt)));
    }
    last
}

/// The error that the application has got of a call.
fn predict(call: &FailedCall<'_>) -> Option<String> {
    if matches!(call.rpc.outcome, Outcome::Recovered | Outcome::Ok) {
        return None;
    }
    let client = Client::of(call.record);
    match client.stack {
        ClientStack::GrpcGo => go::error(call, client.version?),
        ClientStack::GrpcJava => java::error(call),
        ClientStack::Core => core::error(call),
        ClientStack::GrpcJs => node::error(call),
        ClientStack::Tonic => tonic::error(call),
        ClientStack::DotNet | ClientStack::OtherGrpc | ClientStack::Other => None,
    }
}

impl<'a> FailedCall<'a> {
    /// How the server closed the connection, if it did, and that cut the call.
    fn cut_by_server(&self) -> Option<Ending> {
        let close = self.record.close?;
        let cut = self.rpc.verdict == Verdict::CutByClose && close.by == Direction::ServerToClient;
        cut.then_some(close.ending)
    }

    /// Whether the server's RST came so soon after its RST_STREAM that the client's kernel may have thrown that away
    /// unread.
    fn reset_may_be_unread(&self) -> bool {
        let close = self
            .record
            .close
            .filter(|close| close.by == Direction::ServerToClient && close.ending == Ending::Rst);
        let times = close.zip(self.rpc.ended);
        times.is_some_and(|(close, ended)| close.stamp.time - ended.time <= UNREAD_WITHIN)
    }

    /// Whether the client gave the connection up because its PING was not answered.
    fn keepalive_failed(&self) -> bool {
        let unanswered = self.record.keepalive.unanswered;
        let by_client = unanswered.is_some_and(|ping| ping.by == Direction::ClientToServer);
        self.rpc.verdict == Verdict::CutByClose && by_client
    }

    /// Whether the call was never processed and its repetition found no server.
    fn retry_was_refused(&self) -> bool {
        let unprocessed = matches!(
            self.rpc.verdict,
            Verdict::BeyondLastStreamId | Verdict::Refused
        );
        unprocessed && self.refused_next
    }

    /// The number and the text of the status that answered it; `None` where there is no text, or more than is
    /// kept.
    fn status(&self) -> Option<(usize, &'a str)> {
        let number = std::str::from_utf8(self.rpc.grpc_status.as_deref()?).ok()?;
        let message = std::str::from_utf8(self.rpc.grpc_message.as_deref()?).ok()?;
        let known = (1..MAX_MESSAGE).contains(&message.len());
        let answered = self.rpc.verdict == Verdict::Status && known;
        Some((number.parse().ok()?, message)).filter(|_| answered)
    }

    /// Whether its client had given up by its own deadline when it ended.
    fn is_past_deadline(&self) -> bool {
        let times = self.rpc.opened.zip(self.rpc.ended).zip(self.rpc.timeout);
        times.is_some_and(|((opened, ended), timeout)| {
            ended.time - opened.time >= TimeDelta::from(timeout)
        })
    }

    /// The same as libraries word it that write codes in capitals.
    fn status_in_capitals(&self) -> Option<String> {
        let (number, message) = self.status()?;
        Some(format!("{}: {message}", GRPC_STATUSES.get(number)?))
    }
}
