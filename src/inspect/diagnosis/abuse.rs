//! What the rules on patterns of abuse have in common: a kind of frame of which one side sent too many
//! in a second.

use std::net::IpAddr;

use super::case::{Case, Proof, plural};
use super::{Confidence, Finding, Severity};
use crate::decode::Direction;
use crate::inspect::{Abuse, Burst, ConnectionRecord};

/// How a rule tells its pattern.
pub(super) struct Pattern {
    pub(super) rule: &'static str,
    pub(super) abuse: Abuse,
    /// What was too many, such as `SETTINGS frames in a second`.
    pub(super) what: &'static str,
    pub(super) explanation: &'static str,
    pub(super) advice: &'static str,
}

/// The finding of a pattern, where `counts` agrees to each of its bursts.
pub(super) fn find(
    case: &Case<'_>,
    pattern: &Pattern,
    counts: impl Fn(&ConnectionRecord, &Burst) -> bool,
) -> Option<Finding> {
    let mut hits: Vec<(&ConnectionRecord, Burst)> = Vec::new();
    for connection in case.connections() {
        let record = &connection.record;
        let bursts = record.traffic.bursts.iter();
        let bursts = bursts.filter(|burst| burst.abuse == pattern.abuse && counts(record, burst));
        hits.extend(bursts.map(|burst| (record, *burst)));
    }
    let (record, worst) = hits.iter().max_by_key(|(_, burst)| burst.most)?;
    let mut proof = Proof::default();
    for (record, burst) in &hits {
        let text = format!(
            "conn {}: the first of {} {} of the {}; {} in all",
            record.number,
            burst.most,
            pattern.what,
            burst.by.sender(),
            burst.total,
        );
        proof.cite(Some(burst.since), text);
    }
    let mut connections: Vec<_> = hits.iter().map(|(record, _)| record.number).collect();
    connections.dedup();
    Some(Finding {
        rule: pattern.rule,
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        title: format!(
            "{} sent {} up to {} {} on {}",
            sender(record, worst),
            match worst.by {
                Direction::ClientToServer => case.server.to_string(),
                Direction::ServerToClient => "its clients".to_owned(),
            },
            worst.most,
            pattern.what,
            plural(connections.len(), "connection"),
        ),
        connections,
        rpcs: Vec::new(),
        evidence: proof.into_vec(),
        explanation: format!(
            "{} Honest peers stay below {}. An attack does this, and so does a broken library.",
            pattern.explanation,
            pattern.abuse.threshold(),
        ),
        ruled_out: Vec::new(),
        advice: vec![pattern.advice.into()],
    })
}

fn sender(record: &ConnectionRecord, burst: &Burst) -> IpAddr {
    match burst.by {
        Direction::ClientToServer => record.client.ip(),
        Direction::ServerToClient => record.server.ip(),
    }
}
