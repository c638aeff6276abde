//! What grpc-go says (internal/transport/http2_client.go, stream.go, rpc_util.go).

use super::FailedCall;
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::decode::tcp::Ending;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::peer::client::LibraryVersion;
use crate::inspect::stream::foreign_answer::ForeignBody;
use crate::inspect::stream::rpc::{Outcome, Rpc, Verdict};

/// gRPC's status codes by number, as grpc-go spells them.
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

/// The first version that says why a transport closed.
const SAYS_WHY: LibraryVersion = version(1, 38);

/// The first that leaves debug data out where it is empty.
const NO_EMPTY_DEBUG_DATA: LibraryVersion = version(1, 40);

/// The first that words answers that are not gRPC's as below.
const NAMES_HTTP_STATUS: LibraryVersion = version(1, 41);

/// The first known to put a colon between the parts of an error of a connect.
const COLON_AFTER_DIALING: LibraryVersion = version(1, 60);

/// From here on it may repeat the body of an answer that is not gRPC's.
const REPEATS_BODY: LibraryVersion = version(1, 79);

/// The first known to name an error of the socket without its addresses.
const NO_ADDRESSES: LibraryVersion = version(1, 80);

/// The first that says how often it tried.
const COUNTS_ATTEMPTS: LibraryVersion = version(1, 82);

/// How many bytes of a request it keeps to repeat it, unless set (MaxRetryRPCBufferSize): a larger one is sent
/// once.
const RETRY_BUFFER: u64 = 256 << 10;

const fn version(major: u32, minor: u32) -> LibraryVersion {
    LibraryVersion { major, minor }
}

pub(super) fn error(call: &FailedCall<'_>, version: LibraryVersion) -> Option<String> {
    let FailedCall { rpc, record, .. } = *call;
    if call.retry_was_refused() {
        return status_error("Unavailable", &dialing(record, version)?);
    }
    match rpc.verdict {
        Verdict::Status => answered(call, version),
        Verdict::CutByClose if version < SAYS_WHY => {
            status_error("Unavailable", "transport is closing")
        }
        Verdict::CutByClose => status_error("Unavailable", &closed(call, version)?),
        Verdict::BeyondLastStreamId => status_error("Unavailable", draining(rpc)?),
        Verdict::Refused | Verdict::ResetByServer => {
            // A refusal may have been healed by a retry that the capture does not show.
            if rpc.verdict == Verdict::Refused && rpc.outcome != Outcome::Failed {
                return None;
            }
            let error = rpc.error?;
            let text = format!("stream terminated by RST_STREAM with error code: {error}");
            status_error(code(error), &text)
        }
        Verdict::DeadlineExceeded if rpc.error == Some(ErrorCode::CANCEL) => {
            status_error("DeadlineExceeded", "context deadline exceeded")
        }
        _ => None,
    }
}

fn status_error(code: &str, text: &str) -> Option<String> {
    Some(format!("rpc error: code = {code} desc = {text}"))
}

/// A status that the server sent, or an answer that is none of gRPC's.
fn answered(call: &FailedCall<'_>, version: LibraryVersion) -> Option<String> {
    let Some((number, message)) = call.status() else {
        return not_grpc(call.rpc, version);
    };
    let status = status_error(CODES.get(number)?, message)?;
    let Some(previous) = call.rpc.previous_attempts.filter(|previous| *previous > 0) else {
        return Some(status);
    };
    if version < COUNTS_ATTEMPTS {
        return Some(status);
    }
    // What it had repeated once it would have repeated again.
    let retryable = call.before?.grpc_status == call.rpc.grpc_status;
    let attempts = u32::from(previous) + 1;
    let text = format!("max retries exhausted: failed after {attempts} attempts: {status}");
    status_error(CODES.get(number)?, &text).filter(|_| retryable)
}

/// An answer with another HTTP status than 200 and no gRPC content type.
fn not_grpc(rpc: &Rpc, version: LibraryVersion) -> Option<String> {
    let status = rpc.http_status.filter(|status| *status != 200)?;
    if version < NAMES_HTTP_STATUS {
        return None;
    }
    let foreign = rpc.foreign_answer.as_deref()?;
    let content_type = match foreign.content_type.as_deref() {
        None => "malformed header: missing HTTP content-type".to_owned(),
        Some(content_type) => {
            let content_type = std::str::from_utf8(content_type).ok()?;
            format!("transport: received unexpected content-type {content_type:?}")
        }
    };
    let (name, code) = http_status(status)?;
    let mut text = format!(
        "unexpected HTTP status code received from server: {status} ({name}); {content_type}"
    );
    match &foreign.body {
        ForeignBody::Beginning(body) if version >= REPEATS_BODY => {
            text.push_str("\ndata: ");
            quote(body, &mut text);
        }
        ForeignBody::Unknown if version >= REPEATS_BODY => return None,
        _ => {}
    }
    status_error(code, &text)
}

/// Bytes as Go's verb `%q` writes them (strconv.Quote).
fn quote(bytes: &[u8], text: &mut String) {
    let wide = |character: char| match u32::from(character) {
        number @ ..=0xffff => format!("\\u{number:04x}"),
        number => format!("\\U{number:08x}"),
    };
    text.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => text.extend(['\\', character]),
                '\x07' => text.push_str("\\a"),
                '\x08' => text.push_str("\\b"),
                '\x0c' => text.push_str("\\f"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\x0b' => text.push_str("\\v"),
                ' '..='~' => text.push(character),
                ..'\u{80}' => text.push_str(&format!("\\x{:02x}", u32::from(character))),
                _ if character.escape_debug().len() > 1 => text.push_str(&wide(character)),
                _ => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('"');
}

/// Go's name of an HTTP status (net/http, status.go), and the code grpc-go makes of it (http_util.go).
const fn http_status(status: u16) -> Option<(&'static str, &'static str)> {
    Some(match status {
        400 => ("Bad Request", "Internal"),
        401 => ("Unauthorized", "Unauthenticated"),
        403 => ("Forbidden", "PermissionDenied"),
        404 => ("Not Found", "Unimplemented"),
        405 => ("Method Not Allowed", "Unknown"),
        408 => ("Request Timeout", "Unknown"),
        413 => ("Request Entity Too Large", "Unknown"),
        415 => ("Unsupported Media Type", "Unknown"),
        421 => ("Misdirected Request", "Unknown"),
        429 => ("Too Many Requests", "Unavailable"),
        431 => ("Request Header Fields Too Large", "Unknown"),
        500 => ("Internal Server Error", "Unknown"),
        501 => ("Not Implemented", "Unknown"),
        502 => ("Bad Gateway", "Unavailable"),
        503 => ("Service Unavailable", "Unavailable"),
        504 => ("Gateway Timeout", "Unavailable"),
        _ => return None,
    })
}

/// What it says since 1.38 of a transport that ended.
fn closed(call: &FailedCall<'_>, version: LibraryVersion) -> Option<String> {
    let record = call.record;
    let why = if call.keepalive_failed() {
        "keepalive ping failed to receive ACK within timeout".to_owned()
    } else {
        let read = match call.cut_by_server()? {
            Ending::Fin | Ending::CloseNotify => "EOF".to_owned(),
            Ending::Rst if version < NO_ADDRESSES => format!(
                "read tcp {}->{}: read: connection reset by peer",
                record.client, record.server
            ),
            Ending::Rst => "connection reset by peer".to_owned(),
        };
        format!("error reading from server: {read}")
    };
    // It keeps what the first GOAWAY said.
    let mut goaways = record.goaways.iter();
    let goaway = goaways.find(|goaway| goaway.from == Direction::ServerToClient);
    let Some(goaway) = goaway else {
        return Some(why);
    };
    let debug_data = std::str::from_utf8(&goaway.debug_data).ok()?;
    let said = match debug_data {
        "" if version >= NO_EMPTY_DEBUG_DATA => String::new(),
        _ => format!(", debug data: {debug_data:?}"),
    };
    Some(format!(
        "closing transport due to: connection error: desc = \"{why}\", received prior goaway: \
         code: {}{said}",
        goaway.error
    ))
}

/// What it says of a stream above the last stream id that it did not repeat.
fn draining(rpc: &Rpc) -> Option<&'static str> {
    let (_, length) = rpc.request_messages;
    match rpc.outcome {
        // It is known to have failed, or it cannot have been repeated.
        Outcome::Failed if rpc.retry_of.is_some() => {
            Some("the stream is rejected because server is draining the connection")
        }
        Outcome::Failed => Some("the connection is draining"),
        _ if length > RETRY_BUFFER => Some("the connection is draining"),
        _ => None,
    }
}

/// What it says where no connection can be made.
fn dialing(record: &ConnectionRecord, version: LibraryVersion) -> Option<String> {
    (version >= COLON_AFTER_DIALING).then(|| {
        format!(
            "connection error: desc = \"transport: Error while dialing: dial tcp {}: connect: \
             connection refused\"",
            record.server
        )
    })
}

/// The status it makes of a RST_STREAM (http_util.go).
const fn code(error: ErrorCode) -> &'static str {
    match error.0 {
        0x7 => "Unavailable",
        0x8 => "Canceled",
        0x3 | 0xb => "ResourceExhausted",
        0xc => "PermissionDenied",
        _ => "Internal",
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    fn quoted(bytes: &[u8]) -> String {
        let mut text = String::new();
        quote(bytes, &mut text);
        text
    }

    #[test]
    fn bytes_are_quoted_as_go_does() {
        let page = "<a href=\"\\\">\r\n\t\0\u{7f}é\u{200b}";
        assert_eq!(
            quoted(page.as_bytes()),
            r#""<a href=\"\\\">\r\n\t\x00\x7fé\u200b""#
        );
        assert_eq!(quoted(b"\xff\x07"), r#""\xff\a""#);
    }
}
