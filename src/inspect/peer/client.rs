//! Which library a client is, as its `user-agent` says, and what that library calls its settings.

use super::super::connection::record::ConnectionRecord;

/// The library a client is built with, and its version where one is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inspect) struct Client {
    pub(in crate::inspect) stack: ClientStack,
    pub(in crate::inspect) version: Option<LibraryVersion>,
}

/// A client library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inspect) enum ClientStack {
    GrpcGo,
    GrpcJava,
    /// gRPC C-core and what wraps it: C++, Python, Ruby, PHP.
    Core,
    GrpcJs,
    DotNet,
    Tonic,
    /// Another implementation of gRPC.
    OtherGrpc,
    /// Anything else, and what says nothing of itself.
    Other,
}

/// The first two numbers of a version: `1.33` of `1.33.3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::inspect) struct LibraryVersion {
    pub(in crate::inspect) major: u32,
    pub(in crate::inspect) minor: u32,
}

/// How the word begins that names a library (grpc/grpc, doc/PROTOCOL-HTTP2.md, "User Agents").
const KNOWN: [(&str, ClientStack); 10] = [
    ("grpc-go/", ClientStack::GrpcGo),
    ("grpc-java-", ClientStack::GrpcJava),
    ("grpc-node-js/", ClientStack::GrpcJs),
    ("grpc-dotnet/", ClientStack::DotNet),
    ("tonic/", ClientStack::Tonic),
    ("grpc-c/", ClientStack::Core),
    ("grpc-c++/", ClientStack::Core),
    ("grpc-python", ClientStack::Core),
    ("grpc-ruby/", ClientStack::Core),
    ("grpc-php/", ClientStack::Core),
];

impl Client {
    pub(in crate::inspect) fn of(record: &ConnectionRecord) -> Self {
        Self::read(record.user_agent.as_deref().unwrap_or_default())
    }

    /// Reads a `user-agent`, in which the application may have put words of its own before the
    /// library's.
    fn read(user_agent: &[u8]) -> Self {
        let text = String::from_utf8_lossy(user_agent);
        let named = text.split_ascii_whitespace().find_map(|word| {
            let (_, stack) = KNOWN.iter().find(|(name, _)| word.starts_with(name))?;
            let version = word.split_once('/').map(|(_, version)| version);
            Some(Self {
                stack: *stack,
                version: version.and_then(LibraryVersion::parse),
            })
        });
        named.unwrap_or(Self {
            stack: if text.contains("grpc") {
                ClientStack::OtherGrpc
            } else {
                ClientStack::Other
            },
            version: None,
        })
    }
}

impl LibraryVersion {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['.', '-']);
        Some(Self {
            major: numbers.next()?.parse().ok()?,
            minor: numbers.next()?.parse().ok()?,
        })
    }
}

impl ClientStack {
    pub(in crate::inspect) const fn is_grpc(self) -> bool {
        !matches!(self, Self::Other)
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
            Self::OtherGrpc | Self::Other => "its keepalive time",
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
            Self::OtherGrpc | Self::Other => "keepalive without calls",
        }
    }

    /// What it calls the authority of its requests.
    pub(in crate::inspect) const fn authority(self) -> &'static str {
        match self {
            Self::GrpcGo => "grpc.WithAuthority",
            Self::GrpcJava => "overrideAuthority",
            Self::Core | Self::GrpcJs => "grpc.default_authority",
            Self::Tonic => "Endpoint::origin",
            Self::DotNet => "the Host header",
            Self::OtherGrpc | Self::Other => {
                "grpc-go: grpc.WithAuthority; grpc-java: overrideAuthority; C-core: \
                 grpc.default_authority; tonic: Endpoint::origin"
            }
        }
    }

    /// What it calls the largest message that it takes.
    pub(in crate::inspect) const fn largest_message(self) -> &'static str {
        match self {
            Self::GrpcGo => "grpc.MaxCallRecvMsgSize",
            Self::GrpcJava => "maxInboundMessageSize",
            Self::Core | Self::GrpcJs => "grpc.max_receive_message_length",
            Self::Tonic => "max_decoding_message_size",
            Self::DotNet => "MaxReceiveMessageSize",
            Self::OtherGrpc | Self::Other => {
                "its limit on received messages (grpc-go: MaxCallRecvMsgSize; grpc-java: \
                 maxInboundMessageSize; C-core and grpc-js: grpc.max_receive_message_length; tonic: \
                 max_decoding_message_size)"
            }
        }
    }

    /// What it calls the flow-control window that it gives each stream it receives.
    pub(in crate::inspect) const fn stream_window(self) -> &'static str {
        match self {
            Self::GrpcGo => "grpc.WithInitialWindowSize",
            Self::GrpcJava => "NettyChannelBuilder.flowControlWindow",
            Self::Core => "grpc.http2.lookahead_bytes",
            Self::DotNet => "SocketsHttpHandler.InitialHttp2StreamWindowSize",
            Self::Tonic => "Endpoint::initial_stream_window_size",
            Self::GrpcJs | Self::OtherGrpc | Self::Other => GENERIC_WINDOW,
        }
    }

    /// What it calls the flow-control window that all streams of a connection share.
    pub(in crate::inspect) const fn connection_window(self) -> &'static str {
        match self {
            Self::GrpcGo => "grpc.WithInitialConnWindowSize",
            Self::GrpcJava => "NettyChannelBuilder.flowControlWindow",
            Self::Tonic => "Endpoint::initial_connection_window_size",
            Self::Core | Self::DotNet | Self::GrpcJs | Self::OtherGrpc | Self::Other => {
                GENERIC_WINDOW
            }
        }
    }
}

const GENERIC_WINDOW: &str =
    "INITIAL_WINDOW_SIZE for streams, WINDOW_UPDATE on stream 0 for the connection";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(user_agent: &[u8]) -> (ClientStack, Option<(u32, u32)>) {
        let Client { stack, version } = Client::read(user_agent);
        (stack, version.map(|version| (version.major, version.minor)))
    }

    #[test]
    fn libraries_are_known_behind_an_applications_own_words() {
        assert_eq!(
            read(b"lab-go-client grpc-go/1.33.3"),
            (ClientStack::GrpcGo, Some((1, 33)))
        );
        assert_eq!(
            read(b"grpc-go/1.64.0-dev"),
            (ClientStack::GrpcGo, Some((1, 64)))
        );
        assert_eq!(
            read(b"grpc-python-asyncio/1.85.1 grpc-c/58.0.0 (linux; chttp2)"),
            (ClientStack::Core, Some((1, 85)))
        );
        assert_eq!(
            read(b"grpc-node-js/1.14.7"),
            (ClientStack::GrpcJs, Some((1, 14)))
        );
        assert_eq!(
            read(b"grpc-java-netty/1.60.1"),
            (ClientStack::GrpcJava, Some((1, 60)))
        );
        assert_eq!(read(b"tonic/0.12.3"), (ClientStack::Tonic, Some((0, 12))));
        assert_eq!(read(b"grpc-go/x.y"), (ClientStack::GrpcGo, None));
    }

    #[test]
    fn what_is_not_known_is_grpc_or_not() {
        assert_eq!(read(b"dart-grpc/2.0.0"), (ClientStack::OtherGrpc, None));
        assert_eq!(read(b"grpc-swift-nio/1.2"), (ClientStack::OtherGrpc, None));
        assert_eq!(read(b"curl/8.5.0"), (ClientStack::Other, None));
        assert_eq!(read(b""), (ClientStack::Other, None));
        assert!(ClientStack::Tonic.is_grpc() && !ClientStack::Other.is_grpc());
    }

    #[test]
    fn versions_compare_by_number() {
        let version = |text| LibraryVersion::parse(text).unwrap();
        assert!(version("1.9.0") < version("1.38.0"));
        assert!(version("2.0") > version("1.38"));
    }
}
