//! How long a server let calls go on after it had announced the end of their connection.
//!
//! In: a connection with its calls. Out: the time from the announcement to the moment at which the server
//! ended what was still open: by the close, by RST_STREAM, or by trailers that say so.
//!
//! ```text
//! server   GOAWAY ............ last frame |------ 1 s ------| FIN      grpc-go since 1.63
//!            |<------- grace ----------->|
//! ```

use super::super::connection::record::{ConnectionRecord, Finished};
use super::super::peer::server::{ServerStack, Stack};
use super::super::stream::rpc::Verdict;
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::http2::ErrorCode;

/// How long grpc-go waits for its client to close, once it has ended the connection (http2_server.go).
const GO_WAITS: TimeDelta = TimeDelta::from_secs(1);

/// How much earlier than that its FIN may be seen.
const TOLERANCE: TimeDelta = TimeDelta::from_millis(20);

/// What is no grace where the round trip is not known.
const AT_ONCE: TimeDelta = TimeDelta::from_millis(20);

/// The grace that a connection's calls had, in seconds; `None` where none of them was cut, or none was given.
pub(super) fn of(finished: &Finished, stack: Option<&Stack>) -> Option<f64> {
    let record = &finished.record;
    let kind = stack.map_or(ServerStack::Other, |stack| stack.kind);
    let mut goaways = record.server_goaways();
    let graceful = record
        .server_goaways()
        .all(|goaway| goaway.error == ErrorCode::NO_ERROR);
    let first = goaways.next().filter(|_| graceful)?;
    if record.goaway_answers_client() {
        return None;
    }
    let began = match kind {
        // Its timer begins with the second GOAWAY (NettyServerHandler).
        ServerStack::GrpcJava => record.final_goaway()?.stamp,
        _ => first.stamp,
    };
    let ended = ended_by_frames(finished).or_else(|| {
        let close = record.close?;
        let mut cut = finished.rpcs.iter().filter(|rpc| rpc.cut_by_grace);
        let closed = cut.any(|rpc| rpc.verdict == Verdict::CutByClose);
        closed.then(|| close.stamp.time - waited_for_client(record, stack))
    })?;
    let waited = ended - began.time;
    let none = record.round_trip().unwrap_or(AT_ONCE);
    (waited > none).then(|| waited.as_secs_f64())
}

/// When the server ended most of the calls that it ended by frames when its grace had run out.
fn ended_by_frames(finished: &Finished) -> Option<Timestamp> {
    let cut = finished.rpcs.iter().filter(|rpc| rpc.cut_by_grace);
    let by_frames = cut.filter(|rpc| rpc.verdict != Verdict::CutByClose);
    let mut moments: Vec<_> = by_frames.filter_map(|rpc| Some(rpc.ended?.time)).collect();
    moments.sort_unstable();
    moments.get(moments.len() / 2).copied()
}

/// For how long a server had ended a connection already when its FIN came.
fn waited_for_client(record: &ConnectionRecord, stack: Option<&Stack>) -> TimeDelta {
    let waits = stack
        .is_some_and(|stack| stack.kind == ServerStack::GrpcGo && !stack.name.ends_with("< 1.56"));
    let mute = record
        .close
        .filter(|close| close.ending.is_orderly())
        .zip(record.server_last_frame)
        .map(|(close, last)| close.stamp.time - last);
    match mute {
        Some(mute) if waits && mute + TOLERANCE >= GO_WAITS => GO_WAITS,
        _ => TimeDelta::ZERO,
    }
}
