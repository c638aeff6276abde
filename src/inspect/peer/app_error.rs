//! The error that the client library has shown to the application.
//!
//! In: a call that failed, and its connection. Out: the error as that library words it, where its
//! version is on the wire. Only libraries are covered whose own source the words were read from.

use super::super::connection::record::{Close, ConnectionRecord};
use super::super::stream::rpc::{Outcome, Rpc, Verdict};
use super::client::{Client, ClientStack, LibraryVersion};
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::decode::tcp::Ending;

/// gRPC's status codes by number (grpc/grpc, doc/statuscodes.md), as grpc-go spells them.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// The first version of grpc-go that says why a transport closed.
const GO_SAYS_WHY: LibraryVersion = LibraryVersion {
    major: 1,
    minor: 38,
};

/// The error that the application has got of a call that failed in this attempt.
pub(crate) fn predict(rpc: &Rpc, record: &ConnectionRecord) -> Option<String> {
    if matches!(rpc.outcome, Outcome::Recovered | Outcome::Ok) {
        return None;
    }
    let client = Client::of(record);
    match client.stack {
        ClientStack::GrpcGo => go(rpc, record, client.version?),
        ClientStack::Core => core(rpc, record),
        ClientStack::GrpcJs => node(rpc),
        _ => None,
    }
}

fn go(rpc: &Rpc, record: &ConnectionRecord, version: LibraryVersion) -> Option<String> {
    let status_error =
        |code: &str, text: &str| Some(format!("rpc error: code = {code} desc = {text}"));
    match rpc.verdict {
        Verdict::Status => {
            let status: usize = std::str::from_utf8(rpc.grpc_status.as_deref()?)
                .ok()?
                .parse()
                .ok()?;
            let message = rpc.grpc_message.as_deref().unwrap_or_default();
            status_error(CODES.get(status)?, std::str::from_utf8(message).ok()?)
        }
        Verdict::CutByClose if version < GO_SAYS_WHY => {
            status_error("Unavailable", "transport is closing")
        }
        Verdict::CutByClose => status_error("Unavailable", &go_close(record.close?, record)?),
        Verdict::BeyondLastStreamId if rpc.outcome == Outcome::Failed => status_error(
            "Unavailable",
            "the stream is rejected because server is draining the connection",
        ),
        Verdict::Refused | Verdict::ResetByServer => {
            // A refusal may have been healed by a retry that the capture does not show.
            if rpc.verdict == Verdict::Refused && rpc.outcome != Outcome::Failed {
                return None;
            }
            let error = rpc.error?;
            let text = format!("stream terminated by RST_STREAM with error code: {error}");
            status_error(go_code(error), &text)
        }
        Verdict::DeadlineExceeded if rpc.error == Some(ErrorCode::CANCEL) => {
            status_error("DeadlineExceeded", "context deadline exceeded")
        }
        _ => None,
    }
}

/// How grpc-go since 1.38 words the end of a transport that the server closed.
fn go_close(close: Close, record: &ConnectionRecord) -> Option<String> {
    if close.by == Direction::ClientToServer {
        return None;
    }
    let read = match close.ending {
        Ending::Fin => "error reading from server: EOF",
        Ending::Rst => "error reading from server: connection reset by peer",
    };
    let Some(goaway) = record.server_goaways().last() else {
        return Some(read.to_owned());
    };
    let debug = std::str::from_utf8(&goaway.debug_data).ok()?;
    Some(format!(
        "closing transport due to: connection error: desc = \"{read}\", received prior goaway: \
         code: {}, debug data: {debug:?}",
        goaway.error
    ))
}

/// The status grpc-go makes of a RST_STREAM (http_util.go).
const fn go_code(error: ErrorCode) -> &'static str {
    match error.0 {
        0x7 => "Unavailable",
        0x8 => "Canceled",
        0x3 | 0xb => "ResourceExhausted",
        0xc => "PermissionDenied",
        _ => "Internal",
    }
}

fn core(rpc: &Rpc, record: &ConnectionRecord) -> Option<String> {
    let closed = record.close?.by == Direction::ServerToClient;
    if rpc.verdict != Verdict::CutByClose || !closed {
        return None;
    }
    let goaway = record.server_goaways().last();
    let why = goaway.map(|goaway| {
        let debug = String::from_utf8_lossy(&goaway.debug_data).into_owned();
        format!(
            " (GOAWAY received; Error code: {}; Debug Text: {debug})",
            goaway.error.0
        )
    });
    Some(format!(
        "UNAVAILABLE: Stream removed (Socket closed{})",
        why.unwrap_or_default()
    ))
}

fn node(rpc: &Rpc) -> Option<String> {
    let code = rpc.error.map(|error| error.0)?;
    match rpc.verdict {
        Verdict::ResetByServer => Some(format!("Received RST_STREAM with code {code}")),
        Verdict::Refused if rpc.outcome == Outcome::Failed => {
            Some("14 UNAVAILABLE: Stream refused by server".to_owned())
        }
        _ => None,
    }
}
