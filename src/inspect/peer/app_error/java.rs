//! What grpc-java on Netty says (NettyClientHandler, GrpcUtil.Http2Error).

use super::FailedCall;
use crate::decode::http2::ErrorCode;
use crate::decode::tcp::Ending;
use crate::inspect::stream::rpc::{Outcome, Verdict};

pub(super) fn error(call: &FailedCall<'_>) -> Option<String> {
    let rpc = call.rpc;
    if call.retry_was_refused() {
        return Some("UNAVAILABLE: io exception".to_owned());
    }
    match rpc.verdict {
        Verdict::Status => call.status_in_capitals(),
        Verdict::CutByClose if call.keepalive_failed() => {
            Some("UNAVAILABLE: Keepalive failed. The connection is likely gone".to_owned())
        }
        Verdict::CutByClose => closed(call),
        Verdict::ResetByServer if call.reset_may_be_unread() => None,
        Verdict::Refused | Verdict::ResetByServer => {
            if rpc.verdict == Verdict::Refused && rpc.outcome != Outcome::Failed {
                return None;
            }
            let (code, name) = http2_error(rpc.error?)?;
            Some(format!("{code}: RST_STREAM closed stream. {name}"))
        }
        _ => None,
    }
}

fn closed(call: &FailedCall<'_>) -> Option<String> {
    let ending = call.cut_by_server()?;
    // Each GOAWAY replaces what the one before said.
    let Some(goaway) = call.record.server_goaways().last() else {
        return Some(match ending {
            Ending::Fin | Ending::CloseNotify => {
                "UNAVAILABLE: Network closed for unknown reason".to_owned()
            }
            Ending::Rst => "UNAVAILABLE: io exception".to_owned(),
        });
    };
    if ending == Ending::Rst {
        return None;
    }
    let (code, name) = http2_error(goaway.error)?;
    let debug_data = std::str::from_utf8(&goaway.debug_data).ok()?;
    let said = match debug_data {
        "" => String::new(),
        _ => format!(", debug data: {debug_data}"),
    };
    Some(format!(
        "{code}: Connection closed after GOAWAY. {name}{said}"
    ))
}

/// The code that it makes of an error code, and its words for that.
fn http2_error(error: ErrorCode) -> Option<(&'static str, String)> {
    let (code, more) = match error.0 {
        0x0 | 0x7 => ("UNAVAILABLE", ""),
        0x1..=0x6 | 0x9 | 0xa => ("INTERNAL", ""),
        0x8 => ("CANCELLED", ""),
        0xb => ("RESOURCE_EXHAUSTED", " (Bandwidth exhausted)"),
        0xc => (
            "PERMISSION_DENIED",
            " (Permission denied as protocol is not secure enough to call)",
        ),
        0xd => ("UNKNOWN", ""),
        _ => return None,
    };
    Some((code, format!("HTTP/2 error code: {error}{more}")))
}
