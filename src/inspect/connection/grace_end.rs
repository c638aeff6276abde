//! How the time after a server's graceful GOAWAY ran out under calls that it had accepted.
//!
//! In: a connection that is over, with its calls. Out: which of them the server ended then, and how. Stacks
//! differ: some close, some reset each call first, some answer each with a status (C-core: `max connection
//! age`) and RST_STREAM NO_ERROR. What they have in common is one moment, a while after the GOAWAY:
//!
//! ```text
//! GOAWAY ----- answers ----- answers ------- statuses, RST_STREAMs -- FIN
//!   |<------------- the grace ------------->|
//! ```

use super::record::{ConnectionRecord, Finished, GraceEnd};
use crate::capture::{Stamp, TimeDelta};
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::inspect::stream::rpc::{Rpc, Verdict};

/// What a server does to its calls when the grace has run out happens within this time.
const ONE_MOMENT: TimeDelta = TimeDelta::from_millis(250);

/// A server that ends its calls sooner gave them no grace.
const SHORTEST: TimeDelta = TimeDelta::from_millis(50);

/// Marks the calls that a server cut when its grace ran out, and says in the record how it did.
pub(in crate::inspect) fn mark(finished: &mut Finished) {
    let Finished { record, rpcs } = finished;
    let Some(goaway) = graceful_goaway(record) else {
        return;
    };
    let ends = rpcs.iter().filter(|rpc| is_cut(rpc, record));
    let ends = ends.filter_map(|rpc| rpc.ended);
    let Some(last) = ends.clone().max_by_key(|ended| ended.time) else {
        return;
    };
    // What it did long before was something else.
    let at_the_end = |ended: &Stamp| last.time - ended.time <= ONE_MOMENT && *ended >= goaway;
    let Some(until) = ends.filter(at_the_end).min_by_key(|ended| ended.time) else {
        return;
    };
    let end = GraceEnd { goaway, until };
    if end.duration() < SHORTEST.max(record.round_trip().unwrap_or_default()) {
        return;
    }
    for rpc in rpcs {
        let with_the_rest = rpc.ended.is_some_and(|ended| at_the_end(&ended));
        if is_cut(rpc, record) && with_the_rest || is_cancelled(rpc, goaway, until) {
            rpc.cut_by_grace = true;
            record.grace_end = Some(Box::new(end));
            if rpc.verdict == Verdict::Status {
                record.verdicts.cut_by_status();
            }
        }
    }
}

/// Whether a server that stops took a call back on the way there: one that it had accepted when it began to
/// stop (C-core).
fn is_cancelled(rpc: &Rpc, goaway: Stamp, until: Stamp) -> bool {
    let meanwhile = |ended: Stamp| ended >= goaway && ended <= until;
    rpc.verdict == Verdict::Status
        && rpc.grpc_status.as_deref() == Some(b"1")
        && rpc.server_reset == Some(ErrorCode::NO_ERROR)
        && rpc.ended.is_some_and(meanwhile)
}

/// The first GOAWAY of a server that ended the connection gracefully.
fn graceful_goaway(record: &ConnectionRecord) -> Option<Stamp> {
    let first = record.server_goaways().next()?;
    let mut goaways = record.server_goaways();
    let graceful = goaways.all(|goaway| record.is_graceful(goaway));
    graceful.then_some(first.stamp)
}

/// Whether the server ended a call as servers do when they wait no longer. One that still owed its request
/// was not waited for.
fn is_cut(rpc: &Rpc, record: &ConnectionRecord) -> bool {
    let by_server = match rpc.verdict {
        Verdict::CutByClose => record
            .close
            .is_some_and(|close| close.by == Direction::ServerToClient),
        Verdict::ResetByServer => {
            matches!(rpc.error, Some(ErrorCode::NO_ERROR | ErrorCode::CANCEL))
        }
        Verdict::Status => {
            let ended = matches!(rpc.grpc_status.as_deref(), Some(b"14" | b"1"));
            ended && rpc.server_reset == Some(ErrorCode::NO_ERROR) && record.close.is_some()
        }
        _ => false,
    };
    by_server && !rpc.owes_request
}
