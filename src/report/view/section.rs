//! One thing that went wrong: its connections, its calls, and where to look.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::connection_row::{beginning, goaway_texts};
use super::{AlreadyShown, ConnectionRow, Detail, Index, MAX_TOLD, RpcRow, beyond};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::capture::Stamp;
use crate::decode::http2::ErrorCode;
use crate::inspect::diagnosis::{Confidence, Evidence, Finding, Severity};
use crate::inspect::{CallId, ConnectionRecord, Outcome, Rpc, Verdict};
use crate::report::named_end::named_end;
use crate::report::words;
use crate::units::counted;

/// How many codes are counted in words: as many as have a name (RFC 9113, section 7).
const MAX_CODES: usize = 14;

/// How many pairs of names a section says it happened between.
const MAX_PAIRS: usize = 5;

/// What a section is about.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) enum Subject<'a> {
    Finding(&'a Finding),
    /// Calls that died and that no finding accounts for.
    Unexplained {
        /// Of what they died.
        verdict: Verdict,
        /// How many there are.
        count: u64,
        /// The connection of one of them.
        first: Option<&'a ConnectionRecord>,
        /// To how many servers they were sent.
        servers: u64,
    },
}

/// One thing that went wrong.
#[derive(Debug)]
pub(in crate::report) struct Section<'a> {
    /// What it is about.
    pub(in crate::report) subject: Subject<'a>,
    /// Its connections, unless an earlier section shows them; where they are more than the limit,
    /// those with most of its calls.
    pub(in crate::report) connection_rows: Vec<ConnectionRow<'a>>,
    /// Connections beyond the limit.
    pub(in crate::report) connections_left: u64,
    /// Its calls, unless an earlier section shows them; those that no retry saved first, and in the order
    /// of the connections.
    pub(in crate::report) rpc_rows: Vec<RpcRow<'a>>,
    /// Calls beyond the limit.
    pub(in crate::report) rpcs_left: u64,
    /// What the GOAWAYs said beside NO_ERROR, and on how many connections.
    pub(in crate::report) goaway_texts: Vec<(ErrorCode, &'a [u8], u64)>,
    /// Other such words beyond the limit.
    pub(in crate::report) goaway_texts_left: u64,
    /// The codes of the RST_STREAMs that ended its calls, most frequent first, where they differ and
    /// not all of its calls are shown.
    pub(in crate::report) codes: Vec<(ErrorCode, u64)>,
    /// What the client libraries reported to the applications, most frequent first; nothing where no
    /// call was reported with such words.
    pub(in crate::report) app_errors: Vec<(Cow<'a, str>, u64)>,
    /// Whether its calls differ in what a retry would do: then each says so.
    pub(in crate::report) differ: bool,
    /// Whether moments count from each connection's opening; else from the capture's beginning.
    pub(in crate::report) since_opening: bool,
    /// Why it went wrong; `None` where that was told often enough.
    pub(in crate::report) explanation: Option<&'a str>,
    /// What to do about it, without what was told often enough; `None` where that leaves nothing.
    pub(in crate::report) advice: Option<Vec<&'a str>>,
    /// What it was not, without what was told already.
    pub(in crate::report) ruled_out: Vec<&'a str>,
    /// Packets to look at that its calls do not name already.
    pub(in crate::report) evidence: Vec<&'a Evidence>,
    /// Such packets beyond the limit.
    pub(in crate::report) evidence_left: u64,
}

impl<'a> Section<'a> {
    pub(super) fn of_finding(
        finding: &'a Finding,
        index: &Index<'a>,
        detail: Detail,
        earlier: &AlreadyShown<'a>,
    ) -> Self {
        let rpcs_shown = finding.rpcs.iter().all(|call| earlier.rpcs.contains(call));
        let connections_shown = finding
            .connections
            .iter()
            .all(|number| earlier.connections.contains(number));
        let rpcs = index.rpcs.find_all(&finding.rpcs).flatten();
        let rpcs: Vec<_> = rpcs.map(|(_, rpc)| rpc).collect();
        let mut carried: BTreeMap<u32, u64> = finding
            .connections
            .iter()
            .map(|number| (*number, 0))
            .collect();
        count_by_connection(&finding.rpcs, &mut carried);
        if connections_shown && rpcs_shown {
            carried.clear();
        }
        let mut section = Self::new(Subject::Finding(finding), &carried, index, detail);
        if !rpcs_shown {
            section.app_errors = app_errors(&rpcs, detail);
            section.add_rpcs(rpcs, index, detail);
            // A report need not hold every call that a finding counts.
            section.rpcs_left = beyond(finding.rpcs.len(), section.rpc_rows.len());
        }
        section.tell(finding, earlier);
        let shown: FxHashSet<_> = section.packets().collect();
        let unseen = |evidence: &&Evidence| {
            let at = evidence.stamp;
            at.is_none_or(|at| !shown.contains(&at) && !earlier.packets.contains(&at))
        };
        let evidence: Vec<_> = finding.evidence.iter().filter(unseen).collect();
        section.evidence_left = beyond(evidence.len(), detail.limit);
        section.evidence = evidence.into_iter().take(detail.limit).collect();
        section
    }

    /// Adds what was not told in the same words before.
    fn tell(&mut self, finding: &'a Finding, earlier: &AlreadyShown<'a>) {
        let again = |words: &&str| earlier.times(words) < MAX_TOLD;
        self.explanation = Some(&*finding.explanation).filter(again);
        let advice = finding.advice.iter().map(String::as_str);
        let advice: Vec<_> = advice.filter(again).collect();
        self.advice = Some(advice).filter(|left| !left.is_empty() || finding.advice.is_empty());
        let ruled_out = finding.ruled_out.iter().map(String::as_str);
        self.ruled_out = ruled_out
            .filter(|words| earlier.times(words) == 0)
            .collect();
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

    /// Between whom it happened, and how often; nothing where nobody is known by name.
    pub(in crate::report) fn between(&self) -> Option<String> {
        let Subject::Finding(finding) = self.subject else {
            return None;
        };
        let pairs = finding.between.iter().take(MAX_PAIRS).map(|pair| {
            let (calls, connections) = (pair.calls, pair.connections);
            let how_many = match calls {
                0 => counted(connections, "connection"),
                _ => counted(calls, "RPC"),
            };
            format!("{} ({how_many})", pair.text)
        });
        let mut words = pairs.collect::<Vec<_>>().join("; ");
        let left = beyond(finding.between.len(), MAX_PAIRS);
        if left > 0 {
            words.push_str(&format!("; {left} more"));
        }
        (!words.is_empty()).then_some(words)
    }

    /// What happened, in a line.
    pub(in crate::report) fn title(&self) -> Cow<'a, str> {
        let (verdict, count, first, servers) = match self.subject {
            Subject::Unexplained {
                verdict,
                count,
                first,
                servers,
            } => (verdict, count, first, servers),
            Subject::Finding(finding) => return title(finding),
        };
        let connections = (self.connection_rows.len() as u64).saturating_add(self.connections_left);
        let to = match (first, servers) {
            (Some(record), 1) => {
                let name = record.names.server.as_deref();
                format!(" to {}", named_end(name, record.server))
            }
            _ => format!(" to {}", counted(servers, "server")),
        };
        Cow::Owned(format!(
            "{} {} on {}{to}; no rule here says why",
            counted(count, "RPC"),
            words::verdict(verdict),
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

    pub(super) fn of_unexplained(
        verdict: Verdict,
        unexplained: &[&'a Rpc],
        index: &Index<'a>,
        detail: Detail,
    ) -> Self {
        let mut carried = BTreeMap::new();
        let calls: Vec<_> = unexplained.iter().map(|rpc| rpc.id).collect();
        count_by_connection(&calls, &mut carried);
        let count = unexplained.len() as u64;
        let records = carried
            .keys()
            .filter_map(|number| index.connections.get(number));
        let records: Vec<_> = records.copied().collect();
        let servers: BTreeSet<_> = records.iter().map(|record| record.server).collect();
        let subject = Subject::Unexplained {
            verdict,
            count,
            first: records.first().copied(),
            servers: u64::try_from(servers.len()).unwrap_or(u64::MAX),
        };
        let mut section = Self::new(subject, &carried, index, detail);
        section.add_rpcs(unexplained.to_vec(), index, detail);
        section
    }

    fn new(
        subject: Subject<'a>,
        carried: &BTreeMap<u32, u64>,
        index: &Index<'a>,
        detail: Detail,
    ) -> Self {
        let mut records: Vec<_> = carried
            .iter()
            .filter_map(|(number, affected)| Some((*index.connections.get(number)?, *affected)))
            .collect();
        if records.len() > detail.limit {
            records.sort_by_key(|(_, affected)| Reverse(*affected));
        }
        let shown = || records.iter().take(detail.limit);
        let since_opening = shown().all(|(record, _)| record.opened.is_some());
        let mut goaway_texts = goaway_texts(&records);
        let goaway_texts_left = beyond(goaway_texts.len(), detail.limit);
        goaway_texts.truncate(detail.limit);
        let connection_rows = shown().map(|(record, affected)| {
            ConnectionRow::of(record, *affected, beginning(record, index, since_opening))
        });
        Self {
            subject,
            connection_rows: connection_rows.collect(),
            connections_left: beyond(records.len(), detail.limit),
            rpc_rows: Vec::new(),
            rpcs_left: 0,
            goaway_texts,
            goaway_texts_left,
            codes: Vec::new(),
            app_errors: Vec::new(),
            explanation: None,
            advice: None,
            ruled_out: Vec::new(),
            differ: false,
            since_opening,
            evidence: Vec::new(),
            evidence_left: 0,
        }
    }

    fn add_rpcs(&mut self, mut rpcs: Vec<&'a Rpc>, index: &Index<'a>, detail: Detail) {
        if rpcs.len() > detail.limit {
            self.codes = codes(&rpcs);
        }
        let first = rpcs.first().map(|rpc| rpc.processed);
        self.differ = rpcs.iter().any(|rpc| Some(rpc.processed) != first);
        let places = self.connection_rows.iter().zip(0_usize..);
        let places: FxHashMap<_, _> = places
            .map(|(row, place)| (row.record.number, place))
            .collect();
        rpcs.sort_by_key(|rpc| {
            let place = places.get(&rpc.id.connection).copied();
            (
                rpc.outcome == Outcome::Recovered,
                place.unwrap_or(usize::MAX),
            )
        });
        self.rpcs_left = beyond(rpcs.len(), detail.limit);
        rpcs.truncate(detail.limit);
        let record = |rpc: &Rpc| index.connections.get(&rpc.id.connection).copied();
        let opened = |rpc: &&Rpc| record(rpc).is_some_and(|record| record.opened.is_some());
        if self.since_opening && !rpcs.iter().all(opened) {
            self.count_from_the_capture(index);
        }
        let rows = rpcs.into_iter().map(|rpc| {
            let record = record(rpc);
            let begin = record.and_then(|record| beginning(record, index, self.since_opening));
            RpcRow::of(rpc, record, begin, detail)
        });
        self.rpc_rows = rows.collect();
    }

    /// All moments of a section count from the same beginning, or nobody could compare them.
    fn count_from_the_capture(&mut self, index: &Index<'a>) {
        self.since_opening = false;
        for row in &mut self.connection_rows {
            *row = ConnectionRow::of(row.record, row.affected, index.epoch);
        }
    }

    /// Packets that it names.
    pub(super) fn packets(&self) -> impl Iterator<Item = Stamp> {
        let rows = self.rpc_rows.iter();
        let of_rpcs = rows.flat_map(|row| [row.rpc.opened, row.rpc.ended]);
        let of_evidence = self.evidence.iter().map(|evidence| evidence.stamp);
        of_rpcs.chain(of_evidence).flatten()
    }
}

/// What happened, in a line, with how sure it is where that is less than certain.
pub(in crate::report) fn title(finding: &Finding) -> Cow<'_, str> {
    match finding.confidence {
        Confidence::Certain => Cow::Borrowed(&finding.title),
        doubt => Cow::Owned(format!("{} ({})", finding.title, doubt.name())),
    }
}

/// A rule's name as a heading has it: `GOAWAY RACE`.
pub(in crate::report) fn label(rule: &str) -> String {
    rule.replace(['-', '_'], " ").to_uppercase()
}

fn count_by_connection(calls: &[CallId], carried: &mut BTreeMap<u32, u64>) {
    for of_one in calls.chunk_by(|one, other| one.connection == other.connection) {
        if let Some(call) = of_one.first() {
            *carried.entry(call.connection).or_default() += of_one.len() as u64;
        }
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

/// The first lines of the errors that applications got for these calls, each once, most frequent first.
fn app_errors<'a>(rpcs: &[&'a Rpc], detail: Detail) -> Vec<(Cow<'a, str>, u64)> {
    let mut texts: BTreeMap<Cow<'a, str>, u64> = BTreeMap::new();
    let errors = rpcs.iter().filter_map(|rpc| detail.secrets.app_error(rpc));
    // As a rule calls that died together have the same.
    let mut counted: Option<(Cow<'a, str>, u64)> = None;
    for error in errors {
        match &mut counted {
            Some((last, count)) if *last == error => *count += 1,
            other => {
                if let Some((last, count)) = other.replace((error, 1)) {
                    *texts.entry(first_line(last)).or_default() += count;
                }
            }
        }
    }
    if let Some((last, count)) = counted {
        *texts.entry(first_line(last)).or_default() += count;
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    texts.truncate(detail.limit);
    texts
}

fn first_line(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.lines().next().unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.lines().next().unwrap_or_default().to_owned()),
    }
}
