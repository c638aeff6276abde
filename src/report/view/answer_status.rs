//! How a call failed that was answered, in words.

use crate::inspect::Rpc;

/// A failure as the wire said it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AnswerStatus {
    /// `grpc-status`.
    Grpc(Box<[u8]>),
    /// `:status`.
    Http(u16),
    /// gRPC without any.
    Missing,
}

impl AnswerStatus {
    /// What a call's answer said.
    pub(super) fn of(rpc: &Rpc) -> Self {
        match (&rpc.grpc_status, rpc.http_status) {
            (Some(status), _) => Self::Grpc(status.clone()),
            (None, Some(status)) if status != 200 => Self::Http(status),
            _ => Self::Missing,
        }
    }

    /// It in words; `escape` makes of a peer's bytes what may be printed.
    pub(super) fn words(&self, escape: fn(&[u8]) -> String) -> String {
        match (self, self.name()) {
            (Self::Grpc(status), Some(name)) => format!("{name} ({})", escape(status)),
            (Self::Grpc(status), None) => format!("gRPC status {}", escape(status)),
            (Self::Http(status), _) => format!("HTTP {status}"),
            (Self::Missing, _) => "gRPC without a status".to_owned(),
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
const GRPC_STATUSES: [&str; 17] = [
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
