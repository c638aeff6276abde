//! What the rules on patterns of abuse have in common: a kind of frame of which one side sent too many
//! in a second.

use std::net::IpAddr;

use super::server_view::{EvidenceList, ServerView};
use super::{Confidence, Finding, Severity};
use crate::decode::Direction;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::traffic::floods::{Burst, FloodKind};
use crate::units::{count, counted};

/// A pattern of abuse, and what a rule says of it.
pub(super) struct Pattern {
    pub(super) rule: &'static str,
    pub(super) abuse: FloodKind,
    /// What was too many, such as `SETTINGS frames in a second`.
    pub(super) what: &'static str,
    pub(super) explanation: &'static str,
    pub(super) advice: &'static str,
}

/// The finding of a pattern, where `counts` agrees to each of its bursts.
pub(super) fn find(
    view: &ServerView<'_>,
    pattern: &Pattern,
    counts: impl Fn(&ConnectionRecord, &Burst) -> bool,
) -> Option<Finding> {
    let mut affected: Vec<(&ConnectionRecord, Burst)> = Vec::new();
    for connection in view.connections() {
        let record = &connection.record;
        let bursts = record.traffic.bursts.iter();
        let bursts = bursts.filter(|burst| burst.kind == pattern.abuse && counts(record, burst));
        affected.extend(bursts.map(|burst| (record, *burst)));
    }
    let (record, worst) = affected.iter().max_by_key(|(_, burst)| burst.most)?;
    let mut evidence = EvidenceList::default();
    for (record, burst) in &affected {
        let text = format!(
            "conn {}: the first of {} {} of the {}; {} in all",
            record.number,
            count(burst.most),
            pattern.what,
            burst.by.sender(),
            count(burst.total),
        );
        evidence.cite(Some(burst.since), text);
    }
    let mut connections: Vec<_> = affected.iter().map(|(record, _)| record.number).collect();
    connections.dedup();
    Some(Finding {
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        title: format!(
            "{} sent {} up to {} {} on {}",
            sender(record, worst),
            match worst.by {
                Direction::ClientToServer => view.server.to_string(),
                Direction::ServerToClient => "its clients".to_owned(),
            },
            count(worst.most),
            pattern.what,
            counted(connections.len(), "connection"),
        ),
        connections,
        evidence: evidence.into_vec(),
        explanation: format!(
            "{} Honest peers stay below {}. An attack does this, and so does a broken library.",
            pattern.explanation,
            count(pattern.abuse.threshold()),
        ),
        advice: vec![pattern.advice.into()],
        ..Finding::of_rule(pattern.rule)
    })
}

fn sender(record: &ConnectionRecord, burst: &Burst) -> IpAddr {
    record.ends()[burst.by].ip()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use crate::testing::scenario::analysis;

    /// The rules of abuse that fire on an opening event followed by many of the same kind, one a millisecond.
    fn fired(count: usize, event: impl Fn(usize) -> String) -> Vec<&'static str> {
        let mut script = "C 0.000 HEADERS 1\n".to_owned();
        for number in 0..count {
            let at = 0.001 + number as f64 / 1_000.0;
            for event in event(number).split(';') {
                writeln!(script, "C {at:.3} {event}").unwrap();
            }
        }
        let findings = analysis(&script).findings;
        let rules = findings.iter().map(|finding| finding.rule);
        rules
            .filter(|rule| rule.ends_with("-flood") || *rule == "rapid-reset")
            .collect()
    }

    #[test]
    fn each_flood_is_told_from_its_threshold_on() {
        let reset = |number: usize| {
            let id = 3 + 2 * number;
            format!("HEADERS {id};RST {id} CANCEL")
        };
        assert_eq!(fired(100, reset), ["rapid-reset"]);
        assert!(fired(99, reset).is_empty());
        let settings = |_| "SETTINGS".to_owned();
        // One more came with the preface.
        assert_eq!(fired(49, settings), ["settings-flood"]);
        assert!(fired(48, settings).is_empty());
        let ping = |number| format!("PING {number}");
        assert_eq!(fired(101, ping), ["ping-flood"]);
        assert!(fired(100, ping).is_empty());
        let empty = |_| "DATA 1 bytes=0".to_owned();
        // A stream's first one does not count.
        assert_eq!(fired(101, empty), ["empty-data-flood"]);
        assert!(fired(100, empty).is_empty());
    }

    #[test]
    fn resets_that_the_client_provokes_are_rapid_resets_of_another_kind() {
        let provoked = |count: u32| {
            let mut script = String::new();
            for number in 0..count {
                let (id, at) = (1 + 2 * number, f64::from(number) / 100.0);
                writeln!(
                    script,
                    "C {at:.3} HEADERS {id} END_STREAM + WINDOW_UPDATE {id} 0"
                )
                .unwrap();
                writeln!(script, "S {:.3} RST {id} PROTOCOL_ERROR", at + 0.005).unwrap();
            }
            let findings = analysis(&script).findings;
            let finding = findings
                .into_iter()
                .find(|finding| finding.rule == "rapid-reset");
            finding.map(|finding| finding.explanation)
        };
        let told = provoked(40).unwrap();
        assert!(told.contains("CVE-2025-8671"), "{told}");
        assert_eq!(provoked(10), None);
    }

    #[test]
    fn one_empty_frame_before_each_answers_trailers_is_no_flood() {
        let answer = |number: usize| {
            let id = 3 + 2 * number;
            format!("HEADERS {id};DATA {id} bytes=9;DATA {id} bytes=0;DATA {id} END_STREAM bytes=9")
        };
        assert!(fired(300, answer).is_empty());
    }

    #[test]
    fn a_header_block_without_end_is_told() {
        let block = |number| match number {
            0 => "HEADERS 3 NO_END_HEADERS".to_owned(),
            _ => "CONTINUATION 3".to_owned(),
        };
        assert_eq!(fired(65, block), ["continuation-flood"]);
        assert!(fired(64, block).is_empty());
    }

    #[test]
    fn losers_of_hedged_requests_are_no_rapid_reset() {
        // Of three streams one is reset at once; the others go on.
        let hedged = |number: usize| {
            let id = 3 + 6 * number;
            format!(
                "HEADERS {id};HEADERS {};HEADERS {};RST {id} CANCEL",
                id + 2,
                id + 4
            )
        };
        assert!(fired(300, hedged).is_empty());
    }
}
