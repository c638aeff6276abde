//! A call's way through proxies: plain data.

use std::net::SocketAddr;

use super::rpc::{CallId, Link, Verdict};
use crate::capture::{Stamp, TimeDelta};
use crate::decode::tcp::Ending;

/// A call's way through proxies, as far as the capture shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hops {
    /// The call on the connection before the proxy that this one was made for.
    pub forwarded_from: Option<Link>,
    /// The calls that the proxy made for this one on connections behind it, in order of time: several where it repeated
    /// the call.
    pub forwarded_as: Vec<ForwardedCall>,
    /// Of a call that did not succeed: where on its way that was decided.
    pub failed_at: Option<FailedHop>,
}

/// A call that a proxy made for another. Times are known where one capture holds both.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardedCall {
    /// Which it is, and by what it was recognised.
    pub link: Link,
    /// From the request before the proxy to that behind it.
    pub held: Option<TimeDelta>,
    /// How long the call behind the proxy took.
    pub took: Option<TimeDelta>,
    /// From the end of the call behind the proxy to the end of that before it.
    pub returned: Option<TimeDelta>,
}

/// Where a call that did not succeed was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailedHop {
    /// At its client, which took it back: what it waited for, if the proxy had passed it on.
    Client(Option<CallId>),
    /// Between client and proxy: its connection or stream ended, though the upstream had answered, or before anything was
    /// passed on.
    Downstream(Option<CallId>),
    /// At the proxy, which answered by itself, or ended it: while this call behind it was under way, or without one.
    Proxy(Option<CallId>),
    /// Between proxy and upstream: there was no connection to be had.
    Connect {
        /// The server that could not be reached.
        upstream: SocketAddr,
        /// The connect that failed.
        connection: u32,
        /// The packet that refused it.
        stamp: Stamp,
    },
    /// Between proxy and upstream: this call ended without an answer.
    Upstream(UpstreamFailure),
    /// At the server, which answered this call with an error.
    Server {
        /// The call behind the proxy.
        call: CallId,
        /// The server that answered.
        upstream: SocketAddr,
        /// The end of its answer.
        stamp: Option<Stamp>,
    },
}

/// How a call behind a proxy ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamFailure {
    /// The call behind the proxy.
    pub call: CallId,
    /// The server that it was made to.
    pub upstream: SocketAddr,
    /// What became of it.
    pub verdict: Verdict,
    /// For [`Verdict::CutByClose`]: how the upstream closed its connection.
    pub ending: Option<Ending>,
    /// The packet that shows it, where it is known.
    pub stamp: Option<Stamp>,
}

impl FailedHop {
    /// Its name in reports, in snake case.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::Downstream(_) => "downstream",
            Self::Proxy(_) => "proxy",
            Self::Connect { .. } => "upstream_connect",
            Self::Upstream(_) => "upstream",
            Self::Server { .. } => "server",
        }
    }

    /// The call behind the proxy that shows it.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match self {
            Self::Client(call) | Self::Downstream(call) | Self::Proxy(call) => *call,
            Self::Connect { .. } => None,
            Self::Upstream(failure) => Some(failure.call),
            Self::Server { call, .. } => Some(*call),
        }
    }

    /// The server behind the proxy, where it is its part that failed.
    #[must_use]
    pub const fn upstream(&self) -> Option<SocketAddr> {
        match self {
            Self::Client(_) | Self::Downstream(_) | Self::Proxy(_) => None,
            Self::Upstream(failure) => Some(failure.upstream),
            Self::Connect { upstream, .. } | Self::Server { upstream, .. } => Some(*upstream),
        }
    }
}
