//! What tonic says (tonic, status.rs; transport/error.rs; transport/service/grpc_timeout.rs).

use super::FailedCall;
use crate::decode::http2::ErrorCode;
use crate::inspect::stream::rpc::Verdict;

pub(super) fn error(call: &FailedCall<'_>) -> Option<String> {
    let rpc = call.rpc;
    let said = match rpc.verdict {
        Verdict::Status => call.status()?.1,
        Verdict::CutByClose => {
            let plain = call.cut_by_server()?.is_orderly()
                && !rpc.answer_begun
                && call.record.server_goaways().next().is_none();
            Some("transport error").filter(|_| plain)?
        }
        Verdict::DeadlineExceeded if rpc.error == Some(ErrorCode::CANCEL) => "Timeout expired",
        _ => return None,
    };
    Some(said.to_owned())
}
