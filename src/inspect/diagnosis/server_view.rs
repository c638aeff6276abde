//! What a rule looks at: one server, its connections and their calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rustc_hash::FxHashSet;

use super::Says;
use super::finding::{Evidence, Finding, Severity};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::http2::ErrorCode;
use crate::inspect::StatusMessages;
use crate::inspect::connection::record::{ConnectionRecord, Finished};
use crate::inspect::server::{Inferred, Server};
use crate::inspect::stream::rpc::{CallId, Contradiction, Outcome, Rpc, Verdict};
use crate::units;

/// What the stamps of a capture with several queues are off by, and what two packets of one moment are apart.
const AT_ONCE: TimeDelta = TimeDelta::from_millis(10);

/// How many packets prove a finding at most; more prove it no better.
const MAX_EVIDENCE: usize = 20;

/// One server with all that was seen of it.
#[derive(Clone, Debug)]
pub struct ServerView<'a> {
    /// The address and port of the server.
    pub server: SocketAddr,
    /// What its settings must be.
    pub inferred: &'a Inferred,
    /// The capture's last moment; `None` where it has no packet.
    pub capture_end: Option<Timestamp>,
    /// Whether findings repeat what answers say beside their status.
    pub messages: StatusMessages,
    connections: Vec<&'a Finished>,
    /// The calls of which a finding says what ended them.
    explained: FxHashSet<CallId>,
    /// What the rule that looks now says of its calls.
    asked_by: Says,
}

impl<'a> ServerView<'a> {
    /// A server's connections, by number.
    #[must_use]
    pub fn new(
        server: &'a Server,
        connections: Vec<&'a Finished>,
        capture_end: Option<Timestamp>,
    ) -> Self {
        Self {
            server: server.address,
            inferred: &server.inferred,
            capture_end,
            messages: StatusMessages::default(),
            connections,
            explained: FxHashSet::default(),
            asked_by: Says::WhatHappened,
        }
    }

    /// Says whether findings repeat what answers say beside their status.
    #[must_use]
    pub fn telling(self, messages: StatusMessages) -> Self {
        Self { messages, ..self }
    }

    /// A rule looks next that says this of its calls.
    pub(super) const fn asked_by(&mut self, says: Says) {
        self.asked_by = says;
    }

    /// A finding said what ended these calls.
    pub(super) fn explain(&mut self, rpcs: &[CallId]) {
        self.explained.extend(rpcs);
    }

    /// The connections to it, by number.
    pub fn connections(&self) -> impl Iterator<Item = &'a Finished> {
        self.connections.iter().copied()
    }

    /// Whether what is said of these calls rests on a status or a verdict that was inferred: one of them has it, or the attempt
    /// that followed.
    pub(super) fn rests_on_inference(&self, calls: &[CallId]) -> bool {
        let inferring = self
            .connections()
            .filter(|one| one.record.missing.inferred + one.record.missing.inferred_verdicts > 0);
        let rpcs = inferring.flat_map(|one| &one.rpcs);
        let inferred: FxHashSet<_> = rpcs
            .filter(|rpc| rpc.grpc_status_inferred || rpc.verdict_inferred)
            .flat_map(|rpc| [Some(rpc.id), rpc.retry_of.as_ref().map(|link| link.call)])
            .flatten()
            .collect();
        !inferred.is_empty() && calls.iter().any(|call| inferred.contains(call))
    }

    /// The connection to it of a number.
    pub(super) fn connection(&self, number: u32) -> Option<&'a Finished> {
        let by_number = |finished: &&Finished| finished.record.number;
        let place = self.connections.binary_search_by_key(&number, by_number);
        self.connections.get(place.ok()?).copied()
    }

    /// Those connections on which `which` picks calls, with the calls it picks. A rule that says what ended
    /// its calls does not see those of which another has said it.
    pub fn affected(
        &self,
        which: impl Fn(&ConnectionRecord, &Rpc) -> bool,
    ) -> Vec<(&'a ConnectionRecord, Vec<&'a Rpc>)> {
        let affected = self.connections.iter().map(|Finished { record, rpcs }| {
            let picked = rpcs.iter().filter(|rpc| which(record, rpc));
            let picked: Vec<_> = picked.filter(|rpc| self.shows(rpc)).collect();
            (record, picked)
        });
        affected.filter(|(_, picked)| !picked.is_empty()).collect()
    }

    /// Whether the rule that looks now may name a call.
    pub(super) fn shows(&self, rpc: &Rpc) -> bool {
        self.asked_by == Says::WhatHappened || !self.explained.contains(&rpc.id)
    }
}

/// Calls grouped by connection, as [`ServerView::affected`] gives them.
pub(super) type Affected<'a> = [(&'a ConnectionRecord, Vec<&'a Rpc>)];

/// What a rule finds about these calls, with their connections; the rule says the rest.
pub(super) fn finding(rule: &'static str, affected: &Affected<'_>) -> Finding {
    Finding {
        connections: numbers(affected),
        rpcs: calls(affected),
        ..Finding::of_rule(rule)
    }
}

/// The same about calls that the server did not process, so that client libraries retry them by themselves:
/// an error, or a warning where a retry recovered every call.
pub(super) fn finding_of_unprocessed(rule: &'static str, affected: &Affected<'_>) -> Finding {
    let recovered = rpcs(affected).all(|rpc| rpc.outcome == Outcome::Recovered);
    Finding {
        severity: if recovered {
            Severity::Warning
        } else {
            Severity::Error
        },
        ..finding(rule, affected)
    }
}

/// What client libraries do with calls that the server did not process: the end of an advice to retry.
pub(super) const RETRIED_ONCE: &str = "gRPC clients do so once by themselves";

/// Why calls that the server said it did not process may have run all the same; `None` where it kept its word.
pub(super) fn contradictions(affected: &Affected<'_>) -> Option<String> {
    let mut kinds: BTreeMap<Contradiction, usize> = BTreeMap::new();
    for contradiction in rpcs(affected).filter_map(|rpc| rpc.contradiction) {
        *kinds.entry(contradiction).or_default() += 1;
    }
    let kinds = kinds.iter();
    let kinds = kinds.map(|(kind, calls)| format!("{}: {}", units::count(*calls), kind.meaning()));
    let kinds = kinds.collect::<Vec<_>>().join("; ");
    (!kinds.is_empty()).then(|| {
        format!("What was seen contradicts the word that nothing was processed ({kinds}).")
    })
}

/// Whether a call was open when an error ended its connection, and died then. A call that its client took
/// back did not.
pub(super) fn died_with(rpc: &Rpc, error: Stamp) -> bool {
    let cancelled = rpc.verdict == Verdict::ResetByClient && rpc.error == Some(ErrorCode::CANCEL);
    let deadline = || Some(rpc.opened?.time + rpc.timeout?.into());
    let open = match rpc.ended {
        Some(ended) => ended >= error || error.time - ended.time <= AT_ONCE,
        None => deadline().is_none_or(|deadline| deadline >= error.time),
    };
    rpc.verdict.is_death() && open && !cancelled
}

/// The calls, by connection and then by stream.
pub(super) fn rpcs<'a>(affected: &Affected<'a>) -> impl Iterator<Item = &'a Rpc> {
    affected.iter().flat_map(|(_, rpcs)| rpcs.iter().copied())
}

/// The numbers of the connections.
pub(super) fn numbers(affected: &Affected<'_>) -> Vec<u32> {
    affected.iter().map(|(record, _)| record.number).collect()
}

/// Which calls they are, by connection and then by stream.
pub(super) fn calls(affected: &Affected<'_>) -> Vec<CallId> {
    rpcs(affected).map(|rpc| rpc.id).collect()
}

/// How many calls there are on all connections together.
pub(super) fn count(affected: &Affected<'_>) -> usize {
    affected.iter().map(|(_, rpcs)| rpcs.len()).sum()
}

/// Collects evidence up to the bound, in the order given.
#[derive(Debug, Default)]
pub(super) struct EvidenceList(Vec<Evidence>);

impl EvidenceList {
    pub(super) fn cite(&mut self, stamp: Option<Stamp>, text: impl Into<String>) {
        if self.0.len() < MAX_EVIDENCE {
            self.0.push(Evidence {
                stamp,
                text: text.into(),
            });
        }
    }

    pub(super) fn into_vec(self) -> Vec<Evidence> {
        self.0
    }
}
