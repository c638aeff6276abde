//! `tls-not-decrypted`: connections whose calls stay hidden, and what TCP and the handshake tell of them all
//! the same.

use std::collections::BTreeMap;

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::capture::TimeDelta;
use crate::decode::Direction;
use crate::inspect::connection::record::ConnectionRecord;
use crate::units::{count, counted, spread, was};

/// Lifetimes that differ by no more than this share of the longest are one setting.
const ALIKE: i64 = 20;

/// How many connections it takes to see a habit.
const HABIT: usize = 3;

pub(super) const RULE: Rule = Rule {
    name: "tls-not-decrypted",
    meaning: "connections are TLS without keys: their calls cannot be told, only who closed them and when",
    evidence: "The FIN or RST of each connection, how long it lived, what its handshake offered, and how many bytes \
               went each way.",
    fixes: &[
        "Capture with the secrets: SSLKEYLOGFILE, or a client or server that writes a key log",
        "Capture where it is plain: behind the proxy or load balancer that ends TLS",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let records = view.connections().map(|finished| &finished.record);
    let hidden: Vec<_> = records.filter(|record| record.is_hidden()).collect();
    if hidden.is_empty() {
        return None;
    }
    let mut evidence = EvidenceList::default();
    for record in &hidden {
        let stamp = record.close.map_or(record.recognised, |close| close.stamp);
        evidence.cite(Some(stamp), told(record));
    }
    Some(Finding {
        severity: Severity::Info,
        title: format!(
            "{} to {} {} not decrypted: {}",
            counted(hidden.len(), "TLS connection"),
            view.server,
            was(hidden.len()),
            closes(&hidden),
        ),
        connections: hidden.iter().map(|record| record.number).collect(),
        evidence: evidence.into_vec(),
        explanation: explanation(&hidden),
        advice: vec![
            "Capture again with secrets, or give those there are: SSLKEYLOGFILE (curl, browsers, Python), \
             tls.Config.KeyLogWriter (Go), the tls-keylog option of Node, \
             grpc_tls_credentials_options_set_tls_session_key_log_file_path (C-core), an agent that logs \
             secrets (Java); secrets that are in the capture (pcapng) are used by themselves"
                .into(),
            "Or capture where it is plain: behind the proxy or load balancer that ends TLS".into(),
        ],
        ..Finding::of_rule(RULE.name)
    })
}

/// A connection in a line.
fn told(record: &ConnectionRecord) -> String {
    let mut parts = Vec::new();
    if let Some(facts) = &record.tls {
        parts.extend(facts.server_name.as_ref().map(|name| format!("for {name}")));
        let alpn = facts.alpn.as_deref().map(String::from_utf8_lossy);
        parts.extend(alpn.map(|alpn| format!("ALPN {alpn}")));
    }
    let sides = &record.network.sides;
    parts.push(format!(
        "{} from the client",
        counted(sides.client.bytes, "byte")
    ));
    parts.push(format!(
        "{} from the server",
        counted(sides.server.bytes, "byte")
    ));
    let mut text = format!("conn {}: {}", record.number, parts.join(", "));
    match record.close {
        Some(close) => {
            let how = close.ending.name();
            text.push_str(&format!("; {how} of the {}", close.by.sender()));
        }
        None => text.push_str("; still open"),
    }
    if let Some(lived) = lived(record) {
        text.push_str(&format!(" after {}", crate::units::duration(lived)));
    }
    text
}

fn lived(record: &ConnectionRecord) -> Option<TimeDelta> {
    Some(record.close?.stamp.time - record.opened?.time)
}

/// Who closed how many.
fn closes(hidden: &[&ConnectionRecord]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for record in hidden {
        let kind = match record
            .close
            .map(|close| (close.by, close.ending.is_orderly()))
        {
            None => "still open",
            Some((Direction::ServerToClient, true)) => "closed by the server",
            Some((Direction::ServerToClient, false)) => "reset by the server",
            Some((Direction::ClientToServer, true)) => "closed by the client",
            Some((Direction::ClientToServer, false)) => "reset by the client",
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let words = kinds
        .iter()
        .map(|(kind, number)| format!("{} {kind}", count(*number)));
    words.collect::<Vec<_>>().join(", ")
}

fn explanation(hidden: &[&ConnectionRecord]) -> String {
    let mut text = "What they carried cannot be told without their secrets: neither the calls nor GOAWAYs. What \
                    TCP shows: "
        .to_owned();
    text.push_str(&closes(hidden));
    text.push('.');
    for (by, who) in [
        (Direction::ServerToClient, "server"),
        (Direction::ClientToServer, "client"),
    ] {
        let of_side = hidden
            .iter()
            .filter(|record| record.close.is_some_and(|close| close.by == by));
        let lives: Vec<_> = of_side.filter_map(|record| lived(record)).collect();
        let (Some(least), Some(most)) = (lives.iter().min(), lives.iter().max()) else {
            continue;
        };
        if lives.len() >= HABIT
            && *most - *least <= *most / ALIKE
            && let Some(lived) = spread(lives.iter().copied())
        {
            text.push_str(&format!(
                " The {who} closed {} of them after {lived} each: that is a setting of it (a greatest age, or \
                 an idle timeout), not chance.",
                count(lives.len()),
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::testing::scenario::analysis;

    #[test]
    fn of_plain_connections_it_has_nothing_to_say() {
        let reported = analysis(
            "C 0.000 HEADERS 1
             S 0.010 ANSWER 1",
        );
        let mut findings = reported.findings.iter();
        assert!(findings.all(|finding| finding.rule != super::RULE.name));
    }
}
