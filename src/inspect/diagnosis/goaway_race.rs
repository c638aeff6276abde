//! `goaway-race`: calls opened beyond the last stream id (RFC 9113, section 6.8).

use super::case::{self, Case, Hits, Proof, plural};
use super::{Confidence, Finding, Rule};
use crate::inspect::{Outcome, Processed, Race, Rpc, Verdict};

pub(super) const RULE: Rule = Rule {
    name: "goaway-race",
    meaning: "RPCs were opened beyond the last stream id of the server's final GOAWAY, and so \
              thrown away unprocessed",
    check,
};

fn check(case: &Case<'_>) -> Option<Finding> {
    let hits = case.hit(|_, rpc| rpc.verdict == Verdict::BeyondLastStreamId);
    if hits.is_empty() {
        return None;
    }
    let count = case::count(&hits);
    let of = if hits.len() == 1 { "a connection" } else { "its connections" };
    Some(Finding {
        rule: RULE.name,
        severity: case::severity_unless_recovered(&hits),
        confidence: Confidence::Certain,
        title: format!(
            "server {} ended {of} by GOAWAY while {} on the way: thrown away, not processed",
            case.server,
            if count == 1 { "1 RPC was".into() } else { format!("{count} RPCs were") },
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
        let Some(goaway) = record.final_goaway() else { continue };
        proof.cite(
            Some(goaway.stamp),
            format!(
                "conn {}: GOAWAY last_stream_id={} {}, {} beyond",
                record.number,
                goaway.last_stream_id,
                goaway.error,
                plural(rpcs.len(), "unanswered stream"),
            ),
        );
        let example = rpcs.iter().find(|rpc| rpc.race == Some(Race::InFlight)).or(rpcs.first());
        if let Some(rpc) = example {
            let text = match rpc.race {
                Some(Race::InFlight) => "does not acknowledge the whole GOAWAY: it left before",
                Some(Race::AfterReceipt) => "acknowledges the whole GOAWAY: it left after",
                _ => "carries no acknowledgement to judge by",
            };
            let stream = rpc.id.stream;
            proof.cite(rpc.opened, format!("HEADERS of stream {}:{stream} {text}", record.number));
        }
    }
    proof.into_vec()
}

fn explanation(hits: &Hits<'_>) -> String {
    let rpcs = || hits.iter().flat_map(|(_, rpcs)| rpcs.iter());
    let with = |race| rpcs().filter(|rpc| rpc.race == Some(race)).count();
    let total = rpcs().count();
    let mut text = format!(
        "The server's final GOAWAY named the last stream it would process; {} above it. A server \
         drops such streams in silence.",
        if total == 1 { "1 RPC was".into() } else { format!("{total} RPCs were") },
    );
    for (race, meaning) in [
        (
            Race::InFlight,
            "crossed the GOAWAY in flight: the TCP acknowledgements on their HEADERS do not cover it",
        ),
        (
            Race::AfterReceipt,
            "left when the client's kernel had the GOAWAY already (its application may not have \
             read it yet)",
        ),
        (Race::Unknown, "cannot be placed: no acknowledgement to judge by"),
    ] {
        match with(race) {
            0 => {}
            count if count == total => text.push_str(&format!(" All {meaning}.")),
            count => text.push_str(&format!(" {count} {meaning}.")),
        }
    }
    let unprocessed = rpcs().filter(|rpc| rpc.processed == Processed::No).count();
    let recovered = rpcs().filter(|rpc| rpc.outcome == Outcome::Recovered).count();
    match recovered {
        0 => {}
        all if all == total => text.push_str(" Every one was recovered by a retry."),
        some => text.push_str(&format!(" {some} were recovered by a retry.")),
    }
    if unprocessed == total {
        text.push_str(
            " None of them was processed: streams above the last stream id are safe to retry \
             (RFC 9113, section 6.8).",
        );
    }
    text
}

fn advice(hits: &Hits<'_>) -> Vec<String> {
    let announced = hits.iter().any(|(record, _)| record.warned == Some(true));
    let rpcs = || hits.iter().flat_map(|(_, rpcs)| rpcs.iter());
    let late = |rpc: &&&Rpc| rpc.race == Some(Race::AfterReceipt);
    let mut advice = Vec::new();
    if rpcs().any(|rpc| rpc.processed == Processed::No) {
        advice.push(
            "Client: retry these calls on a new connection, even non-idempotent ones; gRPC clients \
             do so once by themselves"
                .into(),
        );
    }
    if !announced {
        advice.push(
            "Server: end connections less often, or gracefully: first GOAWAY 2^31-1, then the real \
             last stream id a round trip later (nginx: raise keepalive_requests and keepalive_time)"
                .into(),
        );
    }
    if rpcs().filter(late).count() > 0 {
        advice.push(
            "Client: upgrade a library that opens streams after it has received GOAWAY".into(),
        );
    }
    advice
}
