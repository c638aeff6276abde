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

use rustc_hash::FxHashMap;

use super::record::{ConnectionRecord, Finished, GraceEnd};
use crate::capture::{Stamp, TimeDelta};
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::inspect::stream::rpc::{Rpc, Verdict};

/// What a server does to its calls when the grace has run out happens within this time.
const ONE_MOMENT: TimeDelta = TimeDelta::from_millis(250);

/// A server that ends its calls sooner gave them no grace.
const SHORTEST: TimeDelta = TimeDelta::from_millis(50);

/// What C-core says to the calls that it waits for no longer.
const CUT_WORDS: [&[u8]; 2] = [b"max connection age", b"Cancelling all calls"];

/// Marks the calls that a server cut when its grace ran out, and says in the record how it did.
pub(in crate::inspect) fn mark(finished: &mut Finished) {
    let Finished { record, rpcs } = finished;
    let Some(goaway) = graceful_goaway(record) else {
        return;
    };
    let cut = which_were_cut(record, rpcs);
    let ends = rpcs.iter().zip(&cut).filter(|(_, cut)| **cut);
    let ends = ends.filter_map(|(rpc, _)| rpc.ended);
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
    for (rpc, cut) in rpcs.iter_mut().zip(cut) {
        let with_the_rest = rpc.ended.is_some_and(|ended| at_the_end(&ended));
        if cut && with_the_rest || is_cancelled(rpc, goaway, until) {
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

/// Which calls the server ended as servers do when they wait no longer. One that still owed its request was
/// not waited for.
fn which_were_cut(record: &ConnectionRecord, rpcs: &[Rpc]) -> Vec<bool> {
    let mut words: FxHashMap<&[u8], u32> = FxHashMap::default();
    for rpc in rpcs.iter().filter(|rpc| may_be_cut_by_status(rpc)) {
        *words.entry(message(rpc)).or_default() += 1;
    }
    let by_server = record
        .close
        .is_some_and(|close| close.by == Direction::ServerToClient);
    // A handler may answer so by itself; the same to several calls is the server's own word.
    let servers_word = |rpc: &Rpc| {
        CUT_WORDS.contains(&message(rpc)) || words.get(message(rpc)).is_some_and(|calls| *calls > 1)
    };
    let is_cut = |rpc: &Rpc| match rpc.verdict {
        Verdict::CutByClose => by_server,
        Verdict::ResetByServer => {
            matches!(rpc.error, Some(ErrorCode::NO_ERROR | ErrorCode::CANCEL))
        }
        Verdict::Status => record.close.is_some() && may_be_cut_by_status(rpc) && servers_word(rpc),
        _ => false,
    };
    let cut = rpcs.iter().map(|rpc| is_cut(rpc) && !rpc.owes_request);
    cut.collect()
}

/// UNAVAILABLE or CANCELLED, and RST_STREAM NO_ERROR behind it.
fn may_be_cut_by_status(rpc: &Rpc) -> bool {
    rpc.verdict == Verdict::Status
        && matches!(rpc.grpc_status.as_deref(), Some(b"14" | b"1"))
        && rpc.server_reset == Some(ErrorCode::NO_ERROR)
}

fn message(rpc: &Rpc) -> &[u8] {
    rpc.grpc_message.as_deref().unwrap_or_default()
}
