//! What gRPC C-core and its wrappers say (chttp2_transport.cc).

use super::FailedCall;
use crate::decode::http2::ErrorCode;
use crate::inspect::stream::rpc::Verdict;

pub(super) fn error(call: &FailedCall<'_>) -> Option<String> {
    match call.rpc.verdict {
        Verdict::Status => call.status_in_capitals(),
        Verdict::CutByClose => closed(call),
        Verdict::DeadlineExceeded if call.rpc.error == Some(ErrorCode::CANCEL) => {
            Some("DEADLINE_EXCEEDED: Deadline Exceeded".to_owned())
        }
        _ => None,
    }
}

fn closed(call: &FailedCall<'_>) -> Option<String> {
    let by_fin = call.cut_by_server()?.is_orderly();
    let goaway = call.record.server_goaways().last();
    let why = goaway.map(|goaway| {
        let debug = String::from_utf8_lossy(&goaway.debug_data).into_owned();
        format!(
            " (GOAWAY received; Error code: {}; Debug Text: {debug})",
            goaway.error.0
        )
    });
    let why = why.unwrap_or_default();
    by_fin.then(|| format!("UNAVAILABLE: Stream removed (Socket closed{why})"))
}
