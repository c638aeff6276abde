//! What a whole answer says: whether the call succeeded.

use super::answer::Answer;
use super::frame_gaps::FrameGaps;
use super::{Known, Stream};
use crate::decode::Direction;

/// Whether a complete answer says that the call succeeded; absent, where gRPC has no status at all. gRPC says
/// so in its trailers, and only of messages that are whole (grpc/grpc, doc/PROTOCOL-HTTP2.md).
pub(super) fn of(stream: &Stream, gaps: &FrameGaps) -> Known<bool> {
    let Answer {
        http_status,
        grpc_status,
        messages,
        ..
    } = &stream.answer;
    if stream.told_failure().is_some() {
        return Known::Value(false);
    }
    let is_grpc = stream.request.format.is_some() || stream.answer.is_grpc(None);
    match grpc_status {
        Known::Value(status) => {
            let cut_short = messages.is_cut_short() && is_whole(stream, gaps);
            return Known::Value(**status == *b"0" && !cut_short);
        }
        Known::Hidden if is_grpc => return Known::Hidden,
        _ => {}
    }
    if matches!(http_status, Known::Value(400..)) {
        return Known::Value(false);
    }
    if *grpc_status == Known::Hidden || *http_status == Known::Hidden {
        return Known::Hidden;
    }
    if is_grpc {
        return Known::Absent;
    }
    match http_status {
        Known::Value(_) => Known::Value(true),
        // The response's HEADERS came before the capture began, or were lost.
        Known::Absent | Known::Hidden => Known::Hidden,
    }
}

/// Whether no frame of the answer can be missing.
fn is_whole(stream: &Stream, gaps: &FrameGaps) -> bool {
    stream
        .opened
        .is_some_and(|opened| !gaps.since(Direction::ServerToClient, opened.stamp))
}
