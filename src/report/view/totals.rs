//! What became of the calls: those that died by verdict, and those that cannot be judged.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::beyond;
use super::in_flight::InFlight;
use crate::inspect::report::Report;
use crate::inspect::{AnswerStatus, Outcome, Processed, TakenBack, Verdict};
use crate::report::words;
use crate::units::{self, counted, was};

/// What became of the calls.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::report) struct Totals {
    /// Calls of any verdict.
    pub(in crate::report) total: u64,
    /// Whether these are not all calls of the capture, but those that were asked for.
    chosen: bool,
    /// TLS connections that were not decrypted.
    hidden: u64,
    /// Those that died.
    pub(in crate::report) died: u64,
    /// Those of them that a retry saved.
    pub(in crate::report) recovered: u64,
    /// Those that died, by verdict and by what a retry would do; those that no retry saved first.
    pub(in crate::report) by_verdict: Vec<VerdictCount>,
    /// Those that died and were counted only.
    pub(in crate::report) unlisted: u64,
    /// Calls that were answered with a failure.
    pub(in crate::report) failed: u64,
    /// These by status, most frequent first: the bytes as sent, or an HTTP status.
    statuses: Vec<(AnswerStatus, u64)>,
    /// Further statuses beyond the limit.
    statuses_left: u64,
    /// Calls that were taken back by design: because their hedged twins were answered, and by browsers.
    hedged: u64,
    left: u64,
    /// Attempts that were answered with a failure, and whose calls a retry saved.
    repeated: u64,
    /// Calls that were still open when the capture ended.
    pub(in crate::report) in_flight: Option<InFlight>,
    /// Calls that cannot be judged.
    pub(in crate::report) unjudged: Option<Unjudged>,
}

/// Calls that died alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) struct VerdictCount {
    /// Whether a retry saved them.
    pub(in crate::report) recovered: bool,
    /// Of what they died.
    pub(in crate::report) verdict: Verdict,
    /// Whether the server can have run them.
    pub(in crate::report) processed: Processed,
    pub(in crate::report) count: u64,
}

/// Calls that cannot be judged, and what the capture lacks of their connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::report) struct Unjudged {
    pub(in crate::report) count: u64,
    incomplete: u64,
    begun_before: u64,
    given_up: u64,
}

impl Totals {
    pub(super) fn of(report: &Report, limit: usize) -> Self {
        let verdicts = &report.analysis.verdicts;
        let hidden = report.analysis.connections.iter();
        let hidden = hidden.filter(|record| record.is_hidden());
        let mut by_verdict: FxHashMap<(bool, Verdict, Processed), u64> = FxHashMap::default();
        let mut statuses: BTreeMap<AnswerStatus, u64> = BTreeMap::new();
        let mut repeated = 0;
        for rpc in &report.analysis.rpcs {
            if rpc.died() {
                let recovered = rpc.outcome == Outcome::Recovered;
                *by_verdict
                    .entry((recovered, rpc.verdict, rpc.processed))
                    .or_default() += 1;
            } else if rpc.verdict == Verdict::Status && rpc.outcome == Outcome::Recovered {
                repeated += 1;
            } else if rpc.verdict == Verdict::Status {
                *statuses.entry(AnswerStatus::of(rpc)).or_default() += 1;
            }
        }
        let mut by_verdict: Vec<_> = by_verdict
            .into_iter()
            .map(|((recovered, verdict, processed), count)| VerdictCount {
                recovered,
                verdict,
                processed,
                count,
            })
            .collect();
        by_verdict.sort_by_key(|part| {
            let most_first = Reverse(part.count);
            (
                part.recovered,
                most_first,
                part.verdict,
                part.processed as u8,
            )
        });
        let mut statuses: Vec<_> = statuses.into_iter().collect();
        statuses.sort_by_key(|(_, count)| Reverse(*count));
        let statuses_left = beyond(statuses.len(), limit.max(1));
        statuses.truncate(limit.max(1));
        let listed = by_verdict.iter().map(|part| part.count).sum();
        Self {
            total: verdicts.total(),
            chosen: report.filter.is_set(),
            hidden: hidden.count() as u64,
            died: verdicts.deaths(),
            recovered: by_verdict
                .iter()
                .filter(|part| part.recovered)
                .map(|part| part.count)
                .sum(),
            by_verdict,
            unlisted: verdicts.deaths().saturating_sub(listed),
            failed: verdicts
                .of(Verdict::Status)
                .saturating_sub(verdicts.were_cut_by_status())
                .saturating_sub(repeated),
            repeated,
            statuses,
            statuses_left,
            hedged: verdicts.were_taken_back(TakenBack::TwinAnswered),
            left: verdicts.were_taken_back(TakenBack::Browser),
            in_flight: InFlight::of(report),
            unjudged: Unjudged::of(report),
        }
    }

    /// The answer in a few words.
    pub(in crate::report) fn headline(&self) -> String {
        let died = match self.chosen {
            true => {
                let chosen = counted(self.total, "chosen RPC");
                format!("{} of {chosen} died", units::count(self.died))
            }
            false => format!("{} died", counted(self.died, "RPC")),
        };
        match (self.died, self.recovered) {
            (0, _) if self.total == 0 && self.hidden > 0 => format!(
                "No RPC can be seen: {} {} not decrypted",
                counted(self.hidden, "TLS connection"),
                was(self.hidden),
            ),
            (0, _) if self.total == 0 && self.chosen => "No RPC matches".to_owned(),
            (0, _) if self.total == 0 => "No RPC was seen".to_owned(),
            (0, _) if self.is_all_in_doubt() => "No RPC can be judged".to_owned(),
            (0, _) if self.chosen => "No chosen RPC died".to_owned(),
            (0, _) => "No RPC died".to_owned(),
            (_, 0) => died,
            (1, 1) => format!("{died}, recovered by a retry"),
            (died_in_all, recovered) if died_in_all == recovered => {
                format!("{died}, all recovered by a retry")
            }
            (_, recovered) => {
                format!("{died}, {} recovered by a retry", units::count(recovered))
            }
        }
    }

    /// Whether nothing is known of any call.
    pub(in crate::report) fn is_all_in_doubt(&self) -> bool {
        self.total > 0
            && self
                .unjudged
                .is_some_and(|unjudged| unjudged.count == self.total)
    }

    /// The share of those that died, if any did.
    pub(in crate::report) fn share(&self) -> Option<String> {
        (self.died > 0).then(|| units::share(self.died, self.total))
    }

    /// What those did that neither died nor are in doubt, where that is all of them.
    pub(in crate::report) fn well(&self) -> Option<String> {
        let unjudged = self.unjudged.map_or(0, |unjudged| unjudged.count);
        let in_flight = self.in_flight.map_or(0, |in_flight| in_flight.count);
        let in_doubt = self.failed + self.hedged + self.left + in_flight + unjudged;
        // An attempt that was repeated is no call of its own.
        let total = self.total.saturating_sub(self.repeated);
        let well = total.saturating_sub(self.died).saturating_sub(in_doubt);
        match (self.died, total, in_doubt) {
            (0, 0, _) | (1.., ..) => None,
            (_, 1, 0) => Some("the one there was succeeded".to_owned()),
            (_, total, 0) => Some(format!("all {} succeeded", units::count(total))),
            (_, total, _) if well == 0 && total == in_flight + unjudged => None,
            (_, total, _) => Some(format!(
                "{} of {} succeeded",
                units::count(well),
                units::count(total)
            )),
        }
    }

    /// Attempts that cost no call anything, in words.
    pub(in crate::report) fn harmless(&self) -> impl Iterator<Item = String> {
        let repeated = (self.repeated > 0).then(|| {
            format!(
                "{} {} answered with an error, and repeated with success",
                counted(self.repeated, "attempt"),
                was(self.repeated),
            )
        });
        let hedged = (self.hedged > 0).then(|| {
            format!(
                "{} {} taken back because a hedged twin was answered first",
                counted(self.hedged, "attempt"),
                was(self.hedged),
            )
        });
        let left = (self.left > 0).then(|| {
            format!(
                "{} {} taken back by the browser: a page left, a script that gave up, or a cache that was faster",
                counted(self.left, "request"),
                was(self.left),
            )
        });
        [repeated, hedged, left].into_iter().flatten()
    }

    /// Calls that were answered with a failure, in words; `escape` makes of a peer's bytes what may
    /// be printed.
    pub(in crate::report) fn failed(&self, escape: fn(&[u8]) -> String) -> Option<String> {
        let more = if self.died > 0 { "more " } else { "" };
        let failed = counted(self.failed, &format!("{more}RPC"));
        let were = was(self.failed);
        if self.failed == 0 {
            return None;
        }
        let mut words: Vec<_> = match self.statuses.as_slice() {
            [(status, count)] if *count == self.failed => vec![status.words(escape)],
            several => several
                .iter()
                .map(|(status, count)| {
                    format!("{} × {}", units::count(*count), status.words(escape))
                })
                .collect(),
        };
        if self.statuses_left > 0 {
            words.push(counted(self.statuses_left, "other status"));
        }
        Some(format!(
            "{failed} {were} answered with an error: {}",
            words.join(", ")
        ))
    }
}

impl VerdictCount {
    /// What became of them.
    pub(in crate::report) const fn what(&self) -> &'static str {
        match self.verdict {
            Verdict::Status => words::CUT_BY_STATUS,
            verdict => words::verdict(verdict),
        }
    }

    /// What that means for a retry, or what the retry that recovered them did.
    pub(in crate::report) const fn retry(&self) -> &'static str {
        if self.recovered {
            words::recovered(self.processed)
        } else {
            words::retry(self.processed)
        }
    }
}

impl Unjudged {
    fn of(report: &Report) -> Option<Self> {
        let mut unjudged = Self {
            count: report.analysis.verdicts.of(Verdict::Unknown),
            ..Self::default()
        };
        for record in &report.analysis.connections {
            if record.verdicts.of(Verdict::Unknown) == 0 {
                continue;
            }
            let missing = &record.missing;
            let lost = missing.losses > missing.evicted || missing.bytes > 0;
            unjudged.incomplete += u64::from(lost);
            unjudged.begun_before += u64::from(record.began_before());
            unjudged.given_up += u64::from(missing.evicted > 0 || missing.streams > 0);
        }
        (unjudged.count > 0).then_some(unjudged)
    }

    /// How many, and why.
    pub(in crate::report) fn words(&self) -> String {
        let rpcs = counted(self.count, "RPC");
        let mut reasons = Vec::new();
        if self.incomplete > 0 {
            let connections = counted(self.incomplete, "connection");
            reasons.push(format!("the capture lacks packets of {connections}"));
        }
        if self.begun_before > 0 {
            let connections = counted(self.begun_before, "connection");
            reasons.push(format!("{connections} began before the capture"));
        }
        if self.given_up > 0 {
            let connections = counted(self.given_up, "connection");
            reasons.push(format!("{connections} were given up to stay within limits"));
        }
        if reasons.is_empty() {
            reasons.push("their headers cannot be read".to_owned());
        }
        format!("{rpcs} cannot be judged: {}", reasons.join(", "))
    }
}
