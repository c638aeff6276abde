//! `capture-incomplete`: what the capture lacks, and which verdicts that weakens.

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity};
use crate::capture::Stamp;
use crate::decode::PerSide;
use crate::inspect::connection::capture_gaps::GapCount;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::Verdict;
use crate::units::{counted, was};

/// The advice where a limit was reached; whoever runs the analysis knows how it is raised.
pub const RAISE_LIMITS: &str =
    "h2sniff: allow more connections and more held bytes, or filter the capture";

pub(super) const RULE: Rule = Rule {
    name: "capture-incomplete",
    meaning: "the capture lacks packets or the beginning of connections, which weakens verdicts",
    evidence: "Where connections were already open, where bytes are missing, and what that costs.",
    fixes: &[
        "tcpdump -s 262144 -B 65536 with a filter for the port",
        "Begin before the connections do, if headers matter",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let records = view.connections().map(|connection| &connection.record);
    let incomplete: Vec<_> = records.filter(|record| is_incomplete(record)).collect();
    if incomplete.is_empty() {
        return None;
    }
    let mut evidence = EvidenceList::default();
    let mut costs = Costs::default();
    for record in &incomplete {
        costs.add(record);
        cite(&mut evidence, record);
    }
    Some(Finding {
        severity: Severity::Warning,
        title: format!(
            "the capture of {} to {} is not complete: {}",
            counted(incomplete.len(), "connection"),
            view.server,
            costs.summary(),
        ),
        connections: incomplete.iter().map(|record| record.number).collect(),
        evidence: evidence.into_vec(),
        explanation: costs.explanation(),
        advice: costs.advice(),
        ..Finding::of_rule(RULE.name)
    })
}

fn is_incomplete(record: &ConnectionRecord) -> bool {
    begins_late(record) || record.missing.bytes > 0 || has_evictions(record)
}

fn begins_late(record: &ConnectionRecord) -> bool {
    record.transport.is_http2() && record.began_before()
}

fn has_evictions(record: &ConnectionRecord) -> bool {
    record.missing.evicted > 0 || record.missing.streams > 0
}

/// Says of a connection what it lacks, each with its packet, and with the last of it what all that
/// costs.
fn cite(evidence: &mut EvidenceList, record: &ConnectionRecord) {
    let missing = &record.missing;
    let mut lacks: Vec<(Option<Stamp>, String)> = Vec::new();
    if begins_late(record) {
        let text = "already open when the capture begins".to_owned();
        lacks.push((Some(record.recognised), text));
    }
    for (from, lack) in missing.per_side.iter().filter(|(_, lack)| lack.holes > 0) {
        let text = match record.uncaptured() == Some(from) {
            true => format!(
                "nothing the {} sent was captured, though the {} acknowledges {}",
                from.sender(),
                from.reverse().sender(),
                counted(lack.bytes, "byte"),
            ),
            false => in_words(*lack, from.sender()),
        };
        lacks.push((lack.first, text));
    }
    if has_evictions(record) {
        let text = "frames or streams were given up to stay within bounds".to_owned();
        lacks.push((Some(record.network.last_seen), text));
    }
    lacks.sort_by_key(|(stamp, _)| *stamp);
    let cost = cost(record);
    let last = lacks.len().saturating_sub(1);
    for (place, (stamp, text)) in lacks.into_iter().enumerate() {
        let number = record.number;
        evidence.cite(
            stamp,
            match place == last {
                true => format!("conn {number}: {text}; {cost}"),
                false => format!("conn {number}: {text}"),
            },
        );
    }
}

/// What is missing of one side, cited where it first shows.
fn in_words(lack: GapCount, sender: &str) -> String {
    let bytes = counted(lack.bytes, "byte");
    match lack.holes {
        1 => format!("{bytes} of the {sender} are missing before this"),
        holes => format!(
            "{bytes} of the {sender} are missing in {}, the first before this",
            counted(holes, "place")
        ),
    }
}

/// What a connection's lacks cost.
fn cost(record: &ConnectionRecord) -> String {
    let mut costs = Vec::new();
    match record.verdicts.of(Verdict::Unknown) {
        0 => {}
        unjudged => costs.push(format!("{} cannot be judged", rpcs(unjudged))),
    }
    match record.missing.methods {
        0 => {}
        1 => costs.push("1 method is unknown".to_owned()),
        several => costs.push(format!("{} are unknown", counted(several, "method"))),
    }
    match record.missing.inferred {
        0 => {}
        inferred => costs.push(format!("the status of {} is inferred", rpcs(inferred))),
    }
    if costs.is_empty() {
        return "it costs no verdict".to_owned();
    }
    costs.join(", ")
}

fn rpcs(count: u64) -> String {
    counted(count, "RPC")
}

/// What all connections together lack, and what that costs.
#[derive(Debug, Default)]
struct Costs {
    begun_late: usize,
    one_way: PerSide<usize>,
    with_holes: usize,
    with_evictions: usize,
    bytes: u64,
    unjudged: u64,
    methods: u64,
    inferred: u64,
    inferred_verdicts: u64,
}

impl Costs {
    fn add(&mut self, record: &ConnectionRecord) {
        self.begun_late += usize::from(begins_late(record));
        let uncaptured = record.uncaptured();
        if let Some(side) = uncaptured {
            self.one_way[side] += 1;
        }
        self.with_holes += usize::from(record.missing.bytes > 0 && uncaptured.is_none());
        self.with_evictions += usize::from(has_evictions(record));
        self.bytes = self.bytes.saturating_add(record.missing.bytes);
        self.unjudged += record.verdicts.of(Verdict::Unknown);
        self.methods += record.missing.methods;
        self.inferred += record.missing.inferred;
        self.inferred_verdicts += record.missing.inferred_verdicts;
    }

    /// What it comes to, in a few words.
    fn summary(&self) -> String {
        let missing = match self.bytes {
            _ if self.is_one_way() => "one direction was not captured".to_owned(),
            0 if self.with_evictions > 0 => "some was given up".to_owned(),
            0 => "it begins too late".to_owned(),
            bytes => {
                let bytes = counted(bytes, "byte");
                format!("{bytes} missing")
            }
        };
        match self.unjudged {
            0 => format!("{missing}, which costs no verdict"),
            unjudged => format!("{missing}, {} cannot be judged", rpcs(unjudged)),
        }
    }

    /// Whether that is what most of them lack.
    const fn is_one_way(&self) -> bool {
        self.one_way.client + self.one_way.server > self.with_holes
    }

    fn explanation(&self) -> String {
        let mut text = String::new();
        for (side, connections) in self.one_way.iter().filter(|(_, count)| **count > 0) {
            text.push_str(&format!(
                "Of {} nothing that the {} sent was captured, while the acknowledgements of the {} \
                 show that it was sent: the capture is one-way. Whatever the {} did not seem to \
                 answer it may have answered. ",
                counted(*connections, "connection"),
                side.sender(),
                side.reverse().sender(),
                side.sender(),
            ));
        }
        if self.begun_late > 0 {
            text.push_str(&format!(
                "{} began before the capture: headers that refer to what was sent then cannot be \
                 known, and streams opened then may be missing. ",
                counted(self.begun_late, "connection"),
            ));
        }
        if self.with_holes > 0 {
            text.push_str(&format!(
                "{} of {} {} not captured. ",
                counted(self.bytes, "byte"),
                counted(self.with_holes, "connection"),
                was(self.bytes),
            ));
        }
        if self.with_evictions > 0 {
            text.push_str(&format!(
                "Frames or streams of {} were given up to stay within bounds. ",
                counted(self.with_evictions, "connection"),
            ));
        }
        text.push_str(&match self.unjudged {
            0 => "No verdict depends on what is missing.".to_owned(),
            unjudged => format!("For {} it cannot say what became of them.", rpcs(unjudged)),
        });
        if self.inferred > 0 {
            text.push_str(&format!(
                " The status of {} could not be read, as it refers to headers that were not captured, and is \
                 inferred: it is the only one that the connection's other answers allow, if its server went on \
                 sending headers as it had.",
                rpcs(self.inferred)
            ));
        }
        if self.inferred_verdicts > 0 {
            text.push_str(&format!(
                " That {} {} not reset where frames of the client are missing is inferred: its requests fill the gaps, \
                 if none is shorter than all that were seen.",
                rpcs(self.inferred_verdicts),
                was(self.inferred_verdicts)
            ));
        }
        if self.methods > 0 {
            let methods = rpcs(self.methods);
            text.push_str(&format!(" The methods of {methods} cannot be known."));
        }
        text
    }

    fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if self.is_one_way() {
            advice.push(
                "Capture: take both directions: at one of the two ends, with a filter that names the \
                 port without a direction (port, not src or dst), and on every interface that the way \
                 back may take (-i any); a mirror port must copy both directions, and behind a load \
                 balancer with direct server return only the ends see both"
                    .into(),
            );
        }
        if self.with_holes > 0 {
            advice.push(
                "Capture: use a larger buffer and snap length (tcpdump -B 65536 -s 262144), and a \
                 filter for this port"
                    .into(),
            );
        }
        if self.begun_late > 0 {
            advice.push("Capture: begin before the connections do, if headers matter".into());
        }
        if self.with_evictions > 0 {
            advice.push(RAISE_LIMITS.into());
        }
        advice
    }
}

#[cfg(test)]
mod tests {
    use crate::inspect::stream::rpc::{Doubt, Verdict};
    use crate::testing::scenario::analysis;

    #[test]
    fn what_holes_cost_is_told_of_the_connection_and_at_each_call() {
        let reported = analysis(
            "C 0.000 HEADERS 1
             C 0.001 HEADERS 3 lost
             S 0.010 ANSWER 1 lost
             C 0.020 HEADERS 5
             S 0.030 ANSWER 5",
        );
        let mut findings = reported.findings.iter();
        let found = findings
            .find(|finding| finding.rule == super::RULE.name)
            .unwrap();
        let evidence: Vec<_> = found
            .evidence
            .iter()
            .map(|evidence| evidence.text.as_str())
            .collect();
        assert_eq!(evidence.len(), 2, "{evidence:?}");
        assert!(
            evidence[0].contains("bytes of the client are missing before this"),
            "{evidence:?}"
        );
        assert!(
            evidence[1].contains("bytes of the server are missing before this"),
            "{evidence:?}"
        );
        let unknown = reported
            .rpcs
            .iter()
            .filter(|rpc| rpc.verdict == Verdict::Unknown);
        let doubts: Vec<_> = unknown.map(|rpc| (rpc.id.stream, rpc.doubt)).collect();
        let cost = format!("{} RPC", doubts.len());
        assert!(
            evidence[1].contains(&cost) && evidence[1].contains("cannot be judged"),
            "{evidence:?}"
        );
        assert!(
            doubts.contains(&(1, Some(Doubt::FramesMissing))),
            "{doubts:?}"
        );
        let known = reported
            .rpcs
            .iter()
            .filter(|rpc| rpc.verdict != Verdict::Unknown);
        assert!(known.into_iter().all(|rpc| rpc.doubt.is_none()));
        let missing = &reported.connections[0].missing;
        assert_eq!(
            (missing.per_side.client.holes, missing.per_side.server.holes),
            (1, 1)
        );
        assert_eq!(
            missing.bytes,
            missing.per_side.client.bytes + missing.per_side.server.bytes
        );
    }
}
