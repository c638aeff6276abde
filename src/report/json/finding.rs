//! Findings, and the servers that they are about: two lists of the report; a finding is also the body
//! of the live event `finding`.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::Serialize;

use super::name::NameJson;
use super::value::{CallJson, Displayed, Each, PacketNumber, time};
use crate::capture::Timestamp;
use crate::inspect::diagnosis::{Evidence, Finding, NamedPair};
use crate::inspect::report::Files;
use crate::inspect::{CallId, Estimate, Server, Stack};

/// The twin of [`Finding`].
#[derive(Serialize, Debug)]
pub(super) struct FindingJson<'a> {
    rule: &'static str,
    severity: &'static str,
    confidence: &'static str,
    title: &'a str,
    between: Each<'a, NamedPair, (), PairJson<'a>>,
    connections: &'a [u32],
    rpcs: Each<'a, CallId, (), CallJson>,
    evidence: Each<'a, Evidence, Files, EvidenceJson<'a>>,
    explanation: Cow<'a, str>,
    ruled_out: &'a [String],
    advice: &'a [String],
}

impl<'a> FindingJson<'a> {
    pub(super) fn new(finding: &'a Finding, files: Files) -> Self {
        Self {
            rule: finding.rule,
            severity: finding.severity.name(),
            confidence: finding.confidence.name(),
            title: &finding.title,
            between: Each::new(&finding.between, (), |pair, ()| PairJson {
                names: &pair.text,
                rpcs: pair.calls,
                connections: pair.connections,
            }),
            connections: &finding.connections,
            rpcs: Each::new(&finding.rpcs, (), |call, ()| (*call).into()),
            evidence: Each::new(&finding.evidence, files, EvidenceJson::new),
            explanation: explanation(finding),
            ruled_out: &finding.ruled_out,
            advice: &finding.advice,
        }
    }
}

/// The twin of [`NamedPair`].
#[derive(Serialize, Debug)]
struct PairJson<'a> {
    names: &'a str,
    rpcs: u64,
    connections: u64,
}

/// Why, and what it was not: the contract has both in one text.
fn explanation(finding: &Finding) -> Cow<'_, str> {
    if finding.ruled_out.is_empty() {
        return Cow::Borrowed(&finding.explanation);
    }
    Cow::Owned(format!(
        "{} Not to blame: {}.",
        finding.explanation,
        finding.ruled_out.join("; ")
    ))
}

#[derive(Serialize, Debug)]
struct EvidenceJson<'a> {
    time: Option<Displayed<Timestamp>>,
    text: &'a str,
    #[serde(flatten)]
    packet: PacketNumber,
}

impl<'a> EvidenceJson<'a> {
    fn new(evidence: &'a Evidence, files: Files) -> Self {
        Self {
            time: time(evidence.stamp),
            text: &evidence.text,
            packet: PacketNumber::new(evidence.stamp, files),
        }
    }
}

/// The twin of [`Server`].
#[derive(Serialize, Debug)]
pub(super) struct ServerJson<'a> {
    address: SocketAddr,
    /// Who has it now; who had it before stands below.
    server_name: Option<NameJson<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    earlier_server_names: Vec<NameJson<'a>>,
    connections: u64,
    inferred: InferredJson<'a>,
}

impl<'a> ServerJson<'a> {
    pub(super) fn new(server: &'a Server) -> Self {
        let inferred = &server.inferred;
        let mut names = server.names.iter().map(|name| NameJson::from(&**name));
        let estimate = |estimate: Option<Estimate>| estimate.map(EstimateJson::from);
        Self {
            address: server.address,
            server_name: names.next_back(),
            earlier_server_names: names.collect(),
            connections: server.connections,
            inferred: InferredJson {
                max_connection_age_s: estimate(inferred.max_connection_age),
                max_connection_age_grace_s: estimate(inferred.max_connection_age_grace),
                max_connection_idle_s: estimate(inferred.max_connection_idle),
                keepalive_time_s: estimate(inferred.keepalive_time),
                client_keepalive_time_s: estimate(inferred.client_keepalive_time),
                requests_per_connection: estimate(inferred.requests_per_connection),
                stack: inferred.stack.as_ref().map(StackJson::new),
            },
        }
    }
}

#[derive(Serialize, Debug)]
struct InferredJson<'a> {
    max_connection_age_s: Option<EstimateJson>,
    max_connection_age_grace_s: Option<EstimateJson>,
    max_connection_idle_s: Option<EstimateJson>,
    keepalive_time_s: Option<EstimateJson>,
    client_keepalive_time_s: Option<EstimateJson>,
    requests_per_connection: Option<EstimateJson>,
    stack: Option<StackJson<'a>>,
}

#[derive(Serialize, Debug)]
struct EstimateJson {
    value: f64,
    samples: u64,
    min: f64,
    max: f64,
    confidence: &'static str,
}

impl From<Estimate> for EstimateJson {
    fn from(estimate: Estimate) -> Self {
        Self {
            value: estimate.value,
            samples: estimate.samples,
            min: estimate.min,
            max: estimate.max,
            confidence: estimate.confidence.name(),
        }
    }
}

#[derive(Serialize, Debug)]
struct StackJson<'a> {
    value: &'a str,
    samples: u64,
    confidence: &'static str,
}

impl<'a> StackJson<'a> {
    fn new(stack: &'a Stack) -> Self {
        Self {
            value: &stack.name,
            samples: stack.samples,
            confidence: stack.confidence.name(),
        }
    }
}
