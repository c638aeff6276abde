//! How a call failed that was answered, in words.

use super::rpc::Rpc;

/// A failure as the wire said it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AnswerStatus {
    /// `grpc-status`.
    Grpc(Box<[u8]>),
    /// `:status`.
    Http(u16),
    /// gRPC without any.
    Missing,
}

impl AnswerStatus {
    /// What a call's answer said.
    pub(crate) fn of(rpc: &Rpc) -> Self {
        match (&rpc.grpc_status, rpc.http_status) {
            (Some(status), _) => Self::Grpc(status.clone()),
            (None, Some(status)) if status != 200 => Self::Http(status),
            _ => Self::Missing,
        }
    }

    /// It in words; `escape` makes of a peer's bytes what may be printed.
    pub(crate) fn words(&self, escape: fn(&[u8]) -> String) -> String {
        match (self, self.name()) {
            (Self::Grpc(status), Some(name)) => format!("{name} ({})", escape(status)),
            (Self::Grpc(status), None) => format!("gRPC status {}", escape(status)),
            (Self::Http(status), _) => format!("HTTP {status}"),
            (Self::Missing, _) => "gRPC without a status".to_owned(),
        }
    }

    /// Whether the server's side failed, rather than that it found the call at fault: the status codes that
    /// gRPC or a server's runtime gives by itself, and HTTP's server errors (RFC 9110, section 15.6).
    pub(crate) fn is_server_error(&self) -> bool {
        match self {
            Self::Missing | Self::Http(500..) => true,
            Self::Http(_) => false,
            Self::Grpc(status) => matches!(
                &**status,
                b"2" | b"4" | b"8" | b"12" | b"13" | b"14" | b"15"
            ),
        }
    }

    /// gRPC's name for it; `None` for one that nobody has named.
    fn name(&self) -> Option<&'static str> {
        let Self::Grpc(status) = self else {
            return None;
        };
        let number: usize = std::str::from_utf8(status).ok()?.parse().ok()?;
        GRPC_STATUSES.get(number).copied()
    }
}

/// gRPC's status codes in order (grpc.io, "Status codes and their use in gRPC").
pub(crate) const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
