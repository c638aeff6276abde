//! `abrupt-close`: a connection that ended under its calls without any GOAWAY.

use super::case::{self, Case, Hits, Proof, plural};
use super::{Confidence, Finding, Rule, Severity};
use crate::decode::Direction;
use crate::decode::tcp::Ending;
use crate::inspect::{Close, ConnectionRecord, Verdict};

pub(super) const RULE: Rule = Rule {
    name: "abrupt-close",
    meaning: "a connection with RPCs in flight was closed or reset without any GOAWAY",
    check,
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let hits = case.hit(|record, rpc| {
        rpc.verdict == Verdict::CutByClose && record.goaways.is_empty()
    });
    if hits.is_empty() {
        return None;
    }
    let complete = hits.iter().all(|(record, _)| record.missing.losses == 0);
    Some(Finding {
        rule: RULE.name,
        severity: Severity::Error,
        confidence: if complete { Confidence::Certain } else { Confidence::Likely },
        title: format!(
            "{} to {} ended without GOAWAY, with {} in flight",
            plural(hits.len(), "connection"),
            case.server,
            plural(case::count(&hits), "RPC"),
        ),
        connections: case::numbers(&hits),
        rpcs: case::calls(&hits),
        evidence: evidence(&hits),
        ruled_out: Vec::new(),
        explanation: explanation(&hits),
        advice: advice(&hits),
    })
}

fn evidence(hits: &Hits<'_>) -> Vec<super::Evidence> {
    let mut proof = Proof::default();
    for (record, rpcs) in hits {
        let Some(close) = record.close else { continue };
        let text = format!(
            "conn {}: {} of the {}, {} unanswered, no GOAWAY before",
            record.number,
            how(close),
            close.by.sender(),
            plural(rpcs.len(), "RPC"),
        );
        proof.cite(Some(close.stamp), text);
    }
    proof.into_vec()
}

const fn how(close: Close) -> &'static str {
    match close.ending {
        Ending::Fin => "FIN",
        Ending::Rst => "RST",
    }
}

fn closed_by(hits: &Hits<'_>, by: Direction) -> usize {
    let closed = |record: &ConnectionRecord| record.close.is_some_and(|close| close.by == by);
    hits.iter().filter(|(record, _)| closed(record)).count()
}

fn explanation(hits: &Hits<'_>) -> String {
    let by_server = closed_by(hits, Direction::ServerToClient);
    let by_client = closed_by(hits, Direction::ClientToServer);
    let mut text = match (by_server, by_client) {
        (_, 0) => "The server's end closed without a word of HTTP/2: it was stopped, killed or \
                   crashed, or something between the two closed in its name."
            .to_owned(),
        (0, _) => "The client's end closed while its own calls were in flight: it was stopped, or \
                   gave up the connection."
            .to_owned(),
        _ => format!(
            "The server's end closed {}, the client's end {}, without a word of HTTP/2.",
            plural(by_server, "connection"),
            plural(by_client, "connection"),
        ),
    };
    text.push_str(" Without a last stream id every call in flight may have run.");
    text
}

fn advice(hits: &Hits<'_>) -> Vec<String> {
    let mut advice = Vec::new();
    if closed_by(hits, Direction::ServerToClient) > 0 {
        advice.push(
            "Server: shut down gracefully (grpc-go: GracefulStop instead of Stop; Kubernetes: handle \
             SIGTERM, preStop and terminationGracePeriodSeconds), and look for crashes and kills at \
             that time"
                .into(),
        );
    }
    advice.push("Client: retry these only if they are idempotent".into());
    advice
}
