//! What an end of the wire cannot tell as the truth does, each with its reason.
//!
//! Read by the judgement, which excuses nothing else and complains of an entry that does not show.

/// How many victims' HEADERS began in an earlier packet than the one that completed them, which is
/// the one that the truth names. In every other scenario, and for every other victim, the two are the same.
pub(crate) const STRADDLING: [(&str, usize); 2] =
    [("08-maxstreams10", 1), ("10d-node-client-singlegoaway", 6)];

/// What a capture says differently, and why it must.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        scenario: "07a-keepalive-client",
        end: End::Server,
        client: "10.77.0.1:37870",
        aspect: Aspect::Transport,
        ours: "not listed",
        times: 1,
        reason: "its five SYNs fell into the black hole: none of them is in server.pcap",
    },
    Difference {
        scenario: "14a-midconnection",
        end: End::Server,
        client: "10.77.0.1:50188",
        aspect: Aspect::RequestId,
        ours: "[]",
        times: 30,
        reason: "server.pcap begins two seconds into the connection; every request names x-rpc-id by a \
            dynamic table entry made before, so the value is there but its name is not",
    },
];

/// A disagreement with the truth that is no mistake.
pub(crate) struct Difference {
    pub(crate) scenario: &'static str,
    pub(crate) end: End,
    pub(crate) client: &'static str,
    pub(crate) aspect: Aspect,
    /// What the report says instead.
    pub(crate) ours: &'static str,
    /// For how many streams (connections) it does: all of them, or the entry is stale.
    pub(crate) times: usize,
    pub(crate) reason: &'static str,
}

/// What two accounts of a stream or a connection can differ in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aspect {
    Verdict,
    Race,
    Error,
    GrpcStatus,
    Method,
    RequestId,
    Opened,
    Transport,
    Connection,
    Goaway,
}

/// At which end a capture was made.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum End {
    Client,
    Server,
}

impl End {
    pub(crate) fn capture(self) -> &'static str {
        match self {
            Self::Client => "client.pcap",
            Self::Server => "server.pcap",
        }
    }
}
