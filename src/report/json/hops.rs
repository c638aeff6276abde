//! A call's way through proxies, and the servers behind them.

use std::net::SocketAddr;

use serde::Serialize;

use super::rpc::LinkJson;
use super::value::{CallJson, Displayed};
use crate::capture::TimeDelta;
use crate::inspect::{FailedHop, ForwardedCall, HopTime, Hops, Upstream, Verdict};

/// The twin of [`Hops`].
#[derive(Serialize, Debug)]
pub(super) struct HopsJson<'a> {
    forwarded_from: Option<LinkJson<'a>>,
    forwarded_as: Vec<ForwardedCallJson<'a>>,
    failed_at: Option<FailedHopJson>,
}

impl<'a> HopsJson<'a> {
    pub(super) fn new(hops: &'a Hops) -> Self {
        Self {
            forwarded_from: hops.forwarded_from.as_ref().map(LinkJson::new),
            forwarded_as: hops
                .forwarded_as
                .iter()
                .map(ForwardedCallJson::new)
                .collect(),
            failed_at: hops.failed_at.as_ref().map(FailedHopJson::new),
        }
    }
}

/// The twin of [`ForwardedCall`].
#[derive(Serialize, Debug)]
struct ForwardedCallJson<'a> {
    #[serde(flatten)]
    link: LinkJson<'a>,
    held_ms: Option<f64>,
    took_ms: Option<f64>,
    returned_ms: Option<f64>,
}

impl<'a> ForwardedCallJson<'a> {
    fn new(call: &'a ForwardedCall) -> Self {
        Self {
            link: LinkJson::new(&call.link),
            held_ms: call.held.map(TimeDelta::as_millis_f64),
            took_ms: call.took.map(TimeDelta::as_millis_f64),
            returned_ms: call.returned.map(TimeDelta::as_millis_f64),
        }
    }
}

/// The twin of [`FailedHop`].
#[derive(Serialize, Debug)]
struct FailedHopJson {
    hop: &'static str,
    call: Option<CallJson>,
    upstream: Option<Displayed<SocketAddr>>,
    verdict: Option<&'static str>,
}

impl FailedHopJson {
    fn new(failed: &FailedHop) -> Self {
        let verdict = match failed {
            FailedHop::Upstream(failure) => Some(failure.verdict),
            FailedHop::Server { .. } => Some(Verdict::Status),
            _ => None,
        };
        Self {
            hop: failed.name(),
            call: failed.call().map(CallJson::from),
            upstream: failed.upstream().map(Displayed),
            verdict: verdict.map(Verdict::name),
        }
    }
}

/// The twin of [`Upstream`].
#[derive(Serialize, Debug)]
pub(super) struct UpstreamJson {
    proxy: Displayed<SocketAddr>,
    server: Displayed<SocketAddr>,
    calls: u64,
    held_ms: Option<HopTimeJson>,
    took_ms: Option<HopTimeJson>,
    returned_ms: Option<HopTimeJson>,
}

impl UpstreamJson {
    pub(super) fn new(upstream: &Upstream) -> Self {
        Self {
            proxy: Displayed(upstream.proxy),
            server: Displayed(upstream.server),
            calls: upstream.calls,
            held_ms: upstream.held.map(HopTimeJson::new),
            took_ms: upstream.took.map(HopTimeJson::new),
            returned_ms: upstream.returned.map(HopTimeJson::new),
        }
    }
}

/// The twin of [`HopTime`], in milliseconds.
#[derive(Serialize, Debug)]
struct HopTimeJson {
    median: f64,
    p99: f64,
}

impl HopTimeJson {
    fn new(time: HopTime) -> Self {
        Self {
            median: time.median.as_millis_f64(),
            p99: time.p99.as_millis_f64(),
        }
    }
}
