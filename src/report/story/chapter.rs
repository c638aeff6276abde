//! One thing that went wrong: its connections, its victims, and where to look.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::toll::death;
use super::{Index, Manner, Told, Victim, beyond};
use rustc_hash::FxHashSet;

use crate::capture::{Stamp, Timestamp};
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::decode::tcp::Ending;
use crate::inspect::diagnosis::{Confidence, Evidence, Finding, Severity};
use crate::inspect::{CallId, ConnectionRecord, Outcome, Rpc, Verdict};
use crate::report::units::{counted, length};

/// How many codes are counted in words: as many as have a name (RFC 9113, section 7).
const MAX_CODES: usize = 14;

/// What a chapter is about.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) enum Subject<'a> {
    /// A finding.
    Finding(&'a Finding),
    /// Calls that died and that no finding accounts for.
    Unexplained {
        /// Of what they died.
        verdict: Verdict,
        /// How many there are.
        count: u64,
    },
}

/// One thing that went wrong.
#[derive(Debug)]
pub(in crate::report) struct Chapter<'a> {
    /// What it is about.
    pub(in crate::report) subject: Subject<'a>,
    /// Its connections, unless they were told before; where they are more than the limit, those
    /// with most victims.
    pub(in crate::report) witnesses: Vec<Witness<'a>>,
    /// Connections beyond the limit.
    pub(in crate::report) witnesses_left: u64,
    /// Its victims, unless they were told before; those that no retry saved first.
    pub(in crate::report) victims: Vec<Victim<'a>>,
    /// Victims beyond the limit.
    pub(in crate::report) victims_left: u64,
    /// What the GOAWAYs said beside NO_ERROR, and on how many connections.
    pub(in crate::report) said: Vec<(ErrorCode, &'a [u8], u64)>,
    /// Other such words beyond the limit.
    pub(in crate::report) said_left: u64,
    /// The codes of the RST_STREAMs that ended its calls, most frequent first, where they differ and
    /// not all of its victims are shown.
    pub(in crate::report) codes: Vec<(ErrorCode, u64)>,
    /// Whether its calls differ in what a retry would do: then each says so.
    pub(in crate::report) differ: bool,
    /// Whether moments count from each connection's opening; else from the capture's beginning.
    pub(in crate::report) since_opening: bool,
    /// Packets to look at that the victims do not name already.
    pub(in crate::report) evidence: Vec<&'a Evidence>,
    /// Such packets beyond the limit.
    pub(in crate::report) evidence_left: u64,
}

/// A connection that shows what happened.
#[derive(Debug)]
pub(in crate::report) struct Witness<'a> {
    /// The connection.
    pub(in crate::report) record: &'a ConnectionRecord,
    /// When its server first said GOAWAY, in nanoseconds.
    pub(in crate::report) goaway: Option<i64>,
    /// The last stream id of the final one.
    pub(in crate::report) last_stream_id: Option<u32>,
    /// Who closed it, and when.
    pub(in crate::report) closed: Option<Closed>,
    /// How many of the chapter's victims it carried.
    pub(in crate::report) victims: u64,
}

/// The end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) struct Closed {
    /// Who.
    pub(in crate::report) by: Direction,
    /// How.
    pub(in crate::report) ending: Ending,
    /// Nanoseconds since the GOAWAY, where there was one before.
    pub(in crate::report) after_goaway: Option<i64>,
    /// When, in nanoseconds.
    pub(in crate::report) at: i64,
}

impl<'a> Chapter<'a> {
    pub(super) fn of_finding(
        finding: &'a Finding,
        index: &Index<'a>,
        manner: Manner,
        told: &Told,
    ) -> Self {
        let victims_told = finding.rpcs.iter().all(|call| told.rpcs.contains(call));
        let connections_told = finding
            .connections
            .iter()
            .all(|number| told.connections.contains(number));
        let rpcs: Vec<_> = finding
            .rpcs
            .iter()
            .filter_map(|call| index.rpcs.get(call).copied())
            .collect();
        let mut carried: BTreeMap<u32, u64> = finding
            .connections
            .iter()
            .map(|number| (*number, 0))
            .collect();
        count_by_connection(finding.rpcs.iter().copied(), &mut carried);
        if connections_told && victims_told {
            carried.clear();
        }
        let mut chapter = Self::new(Subject::Finding(finding), &carried, index, manner);
        if !victims_told {
            chapter.add_victims(rpcs, index, manner);
            // A report need not hold every call that a finding counts.
            chapter.victims_left = beyond(finding.rpcs.len(), chapter.victims.len());
        }
        let shown: FxHashSet<_> = chapter.packets().collect();
        let unseen = |evidence: &&Evidence| {
            let at = evidence.stamp;
            at.is_none_or(|at| !shown.contains(&at) && !told.packets.contains(&at))
        };
        let evidence: Vec<_> = finding.evidence.iter().filter(unseen).collect();
        chapter.evidence_left = beyond(evidence.len(), manner.limit);
        chapter.evidence = evidence.into_iter().take(manner.limit).collect();
        chapter
    }

    /// The rule's name as a heading has it: `GOAWAY RACE`.
    pub(in crate::report) fn label(&self) -> String {
        label(self.rule().0)
    }

    /// The rule's name, or the verdict's where no rule has spoken, and how bad it is.
    pub(in crate::report) fn rule(&self) -> (&'static str, Severity) {
        match self.subject {
            Subject::Finding(finding) => (finding.rule, finding.severity),
            Subject::Unexplained { verdict, .. } => (verdict.name(), Severity::Error),
        }
    }

    /// What happened, in a line.
    pub(in crate::report) fn title(&self) -> Cow<'a, str> {
        let (verdict, count) = match self.subject {
            Subject::Finding(finding) => {
                return match finding.confidence {
                    Confidence::Certain => Cow::Borrowed(&finding.title),
                    Confidence::Likely | Confidence::Possible => {
                        Cow::Owned(format!("{} ({})", finding.title, finding.confidence.name()))
                    }
                };
            }
            Subject::Unexplained { verdict, count } => (verdict, count),
        };
        let connections = length(&self.witnesses).saturating_add(self.witnesses_left);
        Cow::Owned(format!(
            "{} {} on {}; no rule here says why",
            counted(count, "RPC"),
            death(verdict),
            counted(connections, "connection"),
        ))
    }

    /// From when its moments count.
    pub(in crate::report) fn since(&self) -> &'static str {
        if self.since_opening {
            "times since the connection opened"
        } else {
            "times since the capture began: a SYN is not in it"
        }
    }

    pub(super) fn of_dead(
        verdict: Verdict,
        dead: &[&'a Rpc],
        index: &Index<'a>,
        manner: Manner,
    ) -> Self {
        let mut carried = BTreeMap::new();
        count_by_connection(dead.iter().map(|rpc| rpc.id), &mut carried);
        let count = length(dead);
        let subject = Subject::Unexplained { verdict, count };
        let mut chapter = Self::new(subject, &carried, index, manner);
        chapter.add_victims(dead.to_vec(), index, manner);
        chapter
    }

    fn new(
        subject: Subject<'a>,
        carried: &BTreeMap<u32, u64>,
        index: &Index<'a>,
        manner: Manner,
    ) -> Self {
        let mut records: Vec<_> = carried
            .iter()
            .filter_map(|(number, victims)| Some((*index.connections.get(number)?, *victims)))
            .collect();
        if records.len() > manner.limit {
            records.sort_by_key(|(_, victims)| Reverse(*victims));
        }
        let shown = || records.iter().take(manner.limit);
        let since_opening = shown().all(|(record, _)| record.opened.is_some());
        let mut said = said(&records);
        let said_left = beyond(said.len(), manner.limit);
        said.truncate(manner.limit);
        let witnesses = shown().map(|(record, victims)| {
            Witness::of(record, *victims, beginning(record, index, since_opening))
        });
        Self {
            subject,
            witnesses: witnesses.collect(),
            witnesses_left: beyond(records.len(), manner.limit),
            victims: Vec::new(),
            victims_left: 0,
            said,
            said_left,
            codes: Vec::new(),
            differ: false,
            since_opening,
            evidence: Vec::new(),
            evidence_left: 0,
        }
    }

    fn add_victims(&mut self, mut rpcs: Vec<&'a Rpc>, index: &Index<'a>, manner: Manner) {
        if rpcs.len() > manner.limit {
            self.codes = codes(&rpcs);
        }
        let first = rpcs.first().map(|rpc| rpc.processed);
        self.differ = rpcs.iter().any(|rpc| Some(rpc.processed) != first);
        rpcs.sort_by_key(|rpc| rpc.outcome == Outcome::Recovered);
        self.victims_left = beyond(rpcs.len(), manner.limit);
        rpcs.truncate(manner.limit);
        let record = |rpc: &Rpc| index.connections.get(&rpc.id.connection).copied();
        let opened = |rpc: &&Rpc| record(rpc).is_some_and(|record| record.opened.is_some());
        if self.since_opening && !rpcs.iter().all(opened) {
            self.count_from_the_capture(index);
        }
        let victims = rpcs.into_iter().map(|rpc| {
            let record = record(rpc);
            let begin = record.and_then(|record| beginning(record, index, self.since_opening));
            Victim::of(rpc, record, begin, manner)
        });
        self.victims = victims.collect();
    }

    /// All moments of a chapter count from the same beginning, or nobody could compare them.
    fn count_from_the_capture(&mut self, index: &Index<'a>) {
        self.since_opening = false;
        for witness in &mut self.witnesses {
            *witness = Witness::of(witness.record, witness.victims, index.epoch);
        }
    }

    /// Packets that it names.
    pub(super) fn packets(&self) -> impl Iterator<Item = Stamp> {
        let victims = self.victims.iter();
        let of_victims = victims.flat_map(|victim| [victim.rpc.opened, victim.rpc.ended]);
        let of_evidence = self.evidence.iter().map(|evidence| evidence.stamp);
        of_victims.chain(of_evidence).flatten()
    }
}

/// A rule's name as a heading has it: `GOAWAY RACE`.
pub(in crate::report) fn label(rule: &str) -> String {
    rule.replace(['-', '_'], " ").to_uppercase()
}

fn count_by_connection(calls: impl Iterator<Item = CallId>, carried: &mut BTreeMap<u32, u64>) {
    for call in calls {
        *carried.entry(call.connection).or_default() += 1;
    }
}

/// The codes of the RST_STREAMs that ended calls, if there are several.
fn codes(rpcs: &[&Rpc]) -> Vec<(ErrorCode, u64)> {
    let mut codes: BTreeMap<_, u64> = BTreeMap::new();
    for code in rpcs.iter().filter_map(|rpc| rpc.error) {
        *codes.entry(code).or_default() += 1;
    }
    let mut codes: Vec<_> = codes.into_iter().collect();
    codes.sort_by_key(|(_, count)| Reverse(*count));
    if codes.len() < 2 {
        codes.clear();
    }
    codes.truncate(MAX_CODES);
    codes
}

fn beginning(
    record: &ConnectionRecord,
    index: &Index<'_>,
    since_opening: bool,
) -> Option<Timestamp> {
    if since_opening {
        record.opened.map(|stamp| stamp.time)
    } else {
        index.epoch
    }
}

/// What the final GOAWAYs said beside NO_ERROR, most frequent first.
fn said<'a>(records: &[(&'a ConnectionRecord, u64)]) -> Vec<(ErrorCode, &'a [u8], u64)> {
    let mut words: BTreeMap<_, u64> = BTreeMap::new();
    for (record, _) in records {
        let Some(goaway) = record.final_goaway() else {
            continue;
        };
        if goaway.error != ErrorCode::NO_ERROR || !goaway.debug_data.is_empty() {
            *words
                .entry((goaway.error, &*goaway.debug_data))
                .or_default() += 1;
        }
    }
    let mut words: Vec<_> = words
        .into_iter()
        .map(|((error, text), count)| (error, text, count))
        .collect();
    words.sort_by_key(|(_, _, count)| Reverse(*count));
    words
}

impl<'a> Witness<'a> {
    fn of(record: &'a ConnectionRecord, victims: u64, begin: Option<Timestamp>) -> Self {
        let since = |stamp: Stamp| begin.map(|begin| stamp.time.nanos_since(begin));
        let first = record.server_goaways().next();
        let closed = record.close.and_then(|close| {
            let after_goaway = first.map(|goaway| close.stamp.time.nanos_since(goaway.stamp.time));
            Some(Closed {
                by: close.by,
                ending: close.ending,
                after_goaway: after_goaway.filter(|nanos| *nanos >= 0),
                at: since(close.stamp)?,
            })
        });
        Self {
            record,
            goaway: first.and_then(|goaway| since(goaway.stamp)),
            last_stream_id: record.final_goaway().map(|goaway| goaway.last_stream_id.0),
            closed,
            victims,
        }
    }
}
