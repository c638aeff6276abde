//! Which part of a capture is shown: around a finding, a moment or a call.

use std::ops::RangeInclusive;

use super::clock::CaptureClock;
use crate::capture::TimeDelta;
use crate::inspect::report::Report;
use crate::inspect::{CallId, Moment};

/// What a part of a capture is shown around.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Around {
    /// The evidence of all findings of a rule.
    Rule(&'static str),
    /// A moment, as a user names it.
    Time(Moment),
    /// A call, from its opening to its end.
    Call(CallId),
}

/// Spans of time since the capture's first packet, in order and apart.
pub type Spans = Vec<RangeInclusive<TimeDelta>>;

impl Around {
    /// The spans of time, each wider by `window` on both sides; `None` where the capture has no such
    /// thing.
    #[must_use]
    pub fn spans(&self, report: &Report, window: TimeDelta) -> Option<Spans> {
        let clock = CaptureClock::of(report);
        let elapsed = |time| clock.since_start(time);
        let mut cores: Vec<(TimeDelta, TimeDelta)> = match self {
            Self::Time(moment) => {
                let time = moment.resolve(report.first_packet.unwrap_or_default());
                vec![(elapsed(time), elapsed(time))]
            }
            Self::Call(id) => {
                let rpc = report.analysis.rpcs.iter().find(|rpc| rpc.id == *id)?;
                let known = [rpc.opened, rpc.ended];
                let times = known.iter().flatten().map(|stamp| elapsed(stamp.time));
                let (first, last) = (times.clone().min()?, times.max()?);
                vec![(first, last)]
            }
            Self::Rule(rule) => {
                let findings = report
                    .analysis
                    .findings
                    .iter()
                    .filter(|found| found.rule == *rule);
                let proofs = findings.flat_map(|found| found.evidence.iter());
                let stamps = proofs.filter_map(|proof| proof.stamp);
                stamps
                    .map(|stamp| elapsed(stamp.time))
                    .map(|elapsed| (elapsed, elapsed))
                    .collect()
            }
        };
        cores.sort_unstable();
        let mut spans: Spans = Vec::new();
        for (first, last) in cores {
            let (first, last) = (first - window, last + window);
            match spans.last_mut() {
                Some(before) if first <= *before.end() => {
                    *before = *before.start()..=last.max(*before.end());
                }
                _ => spans.push(first..=last),
            }
        }
        (!spans.is_empty()).then_some(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Stamp, Timestamp};
    use crate::inspect::diagnosis::{Confidence, Evidence, Finding, Severity};

    #[test]
    fn windows_that_touch_become_one() {
        let proof = |seconds: i64| Evidence {
            stamp: Some(Stamp {
                time: Timestamp::from_nanos(seconds * 1_000_000_000),
                packet: 1,
                file: 0,
            }),
            text: String::new(),
        };
        let finding = Finding {
            between: Vec::new(),
            rule: "goaway-race",
            severity: Severity::Error,
            confidence: Confidence::Certain,
            title: String::new(),
            server: None,
            connections: Vec::new(),
            rpcs: Vec::new(),
            evidence: vec![proof(10), proof(11), proof(60)],
            explanation: String::new(),
            ruled_out: Vec::new(),
            advice: Vec::new(),
        };
        let mut report = Report {
            first_packet: Some(Timestamp::from_nanos(0)),
            ..Report::default()
        };
        report.analysis.findings.push(finding);
        let spans = Around::Rule("goaway-race")
            .spans(&report, TimeDelta::from_secs(1))
            .unwrap();
        let span = |first, last| TimeDelta::from_secs(first)..=TimeDelta::from_secs(last);
        assert_eq!(spans, [span(9, 12), span(59, 61)]);
        let none = Around::Rule("late-open").spans(&report, TimeDelta::ZERO);
        assert_eq!(none, None);
    }
}
