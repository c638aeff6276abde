//! The names of fields that an analysis asks for.
//!
//! In: a name. Out: which of them it is, if it is one. A name is told once, when it is spelled out; an entry of a header
//! table keeps what it was told to be, so that most fields are known by it and no bytes are compared.

/// A field's name, as far as it is of interest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldName {
    /// Any other, or one that cannot be known.
    #[default]
    Other,
    /// `:method`.
    Method,
    /// `:scheme`.
    Scheme,
    /// `:path`.
    Path,
    /// `:authority`.
    Authority,
    /// `:protocol` (RFC 8441).
    Protocol,
    /// `:status`.
    Status,
    /// `content-type`.
    ContentType,
    /// `content-length`.
    ContentLength,
    /// `te`.
    Te,
    /// `user-agent`.
    UserAgent,
    /// `server`.
    Server,
    /// `traceparent` (W3C Trace Context).
    TraceParent,
    /// `grpc-timeout`.
    GrpcTimeout,
    /// `grpc-status`.
    GrpcStatus,
    /// `grpc-message`.
    GrpcMessage,
    /// `grpc-previous-rpc-attempts`.
    GrpcPreviousRpcAttempts,
}

impl FieldName {
    /// Which one a name is.
    #[must_use]
    pub const fn of(name: &[u8]) -> Self {
        match name {
            b":method" => Self::Method,
            b":scheme" => Self::Scheme,
            b":path" => Self::Path,
            b":authority" => Self::Authority,
            b":protocol" => Self::Protocol,
            b":status" => Self::Status,
            b"content-type" => Self::ContentType,
            b"content-length" => Self::ContentLength,
            b"te" => Self::Te,
            b"user-agent" => Self::UserAgent,
            b"server" => Self::Server,
            b"traceparent" => Self::TraceParent,
            b"grpc-timeout" => Self::GrpcTimeout,
            b"grpc-status" => Self::GrpcStatus,
            b"grpc-message" => Self::GrpcMessage,
            b"grpc-previous-rpc-attempts" => Self::GrpcPreviousRpcAttempts,
            _ => Self::Other,
        }
    }
}
