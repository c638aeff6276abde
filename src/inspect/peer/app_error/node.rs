//! What grpc-js says (subchannel-call.ts).

use super::FailedCall;
use crate::inspect::peer::client::{Client, LibraryVersion};
use crate::inspect::stream::rpc::{Outcome, Rpc, Verdict};

/// The first version known to say what a reset without an error leaves out.
const SAYS_WITHOUT_STATUS: LibraryVersion = LibraryVersion {
    major: 1,
    minor: 10,
};

pub(super) fn error(call: &FailedCall<'_>) -> Option<String> {
    let rpc = call.rpc;
    match rpc.verdict {
        // Its own words for that have times in them that only it knows.
        Verdict::Status if call.is_past_deadline() => None,
        Verdict::Status => {
            let (number, _) = call.status()?;
            Some(format!("{number} {}", call.status_in_capitals()?))
        }
        Verdict::CutByClose if call.cut_by_server()?.is_orderly() => {
            Some("14 UNAVAILABLE: Connection dropped".to_owned())
        }
        Verdict::ResetByServer => reset(rpc, Client::of(call.record).version?),
        Verdict::Refused if rpc.outcome == Outcome::Failed => {
            Some("14 UNAVAILABLE: Stream refused by server".to_owned())
        }
        _ => None,
    }
}

fn reset(rpc: &Rpc, version: LibraryVersion) -> Option<String> {
    let code = rpc.error?.0;
    let said = match code {
        0x0 if matches!(rpc.http_status, None | Some(200)) => match version {
            version if version < SAYS_WITHOUT_STATUS => return None,
            _ => "13 INTERNAL: Received RST_STREAM with code 0 (Call ended without gRPC status)",
        },
        0x0 => return None,
        0x2 => "13 INTERNAL: Received RST_STREAM with code 2 (Internal server error)",
        0x8 => "1 CANCELLED: Call cancelled",
        0xb => "8 RESOURCE_EXHAUSTED: Bandwidth exhausted or memory limit exceeded",
        0xc => "7 PERMISSION_DENIED: Protocol not secure enough",
        _ => return Some(format!("13 INTERNAL: Received RST_STREAM with code {code}")),
    };
    Some(said.to_owned())
}
