//! Which library a client is, as its `user-agent` says, and what that library calls its settings.

use crate::inspect::ConnectionRecord;

/// A client library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inspect) enum ClientStack {
    GrpcGo,
    GrpcJava,
    /// gRPC C-core: C++, Python, Ruby, PHP.
    Core,
    GrpcJs,
    DotNet,
    Tonic,
    Other,
}

impl ClientStack {
    pub(in crate::inspect) fn of(record: &ConnectionRecord) -> Self {
        let agent = record.user_agent.as_deref().unwrap_or_default();
        let has = |name: &str| {
            agent
                .windows(name.len())
                .any(|window| window == name.as_bytes())
        };
        let known = [
            ("grpc-go/", Self::GrpcGo),
            ("grpc-java-", Self::GrpcJava),
            ("grpc-node-js/", Self::GrpcJs),
            ("grpc-dotnet/", Self::DotNet),
            ("tonic/", Self::Tonic),
            ("grpc-c/", Self::Core),
            ("grpc-c++/", Self::Core),
            ("grpc-python/", Self::Core),
        ];
        let known = known.iter().find(|(name, _)| has(name));
        known.map_or(Self::Other, |(_, stack)| *stack)
    }

    /// What it calls the time it waits before a keepalive PING.
    pub(in crate::inspect) const fn keepalive_time(self) -> &'static str {
        match self {
            Self::GrpcGo => "keepalive.ClientParameters.Time",
            Self::GrpcJava => "keepAliveTime",
            Self::Core => "GRPC_ARG_KEEPALIVE_TIME_MS (grpc.keepalive_time_ms)",
            Self::GrpcJs => "grpc.keepalive_time_ms",
            Self::DotNet => "KeepAlivePingDelay",
            Self::Tonic => "http2_keep_alive_interval",
            Self::Other => "its keepalive time",
        }
    }

    /// What it calls the permission to send keepalive PINGs while no call is open.
    pub(in crate::inspect) const fn without_calls(self) -> &'static str {
        match self {
            Self::GrpcGo => "keepalive.ClientParameters.PermitWithoutStream",
            Self::GrpcJava => "keepAliveWithoutCalls",
            Self::Core | Self::GrpcJs => "grpc.keepalive_permit_without_calls",
            Self::DotNet => "KeepAlivePingPolicy",
            Self::Tonic => "keep_alive_while_idle",
            Self::Other => "keepalive without calls",
        }
    }
}
