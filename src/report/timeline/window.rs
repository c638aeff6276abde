//! `--around`: which part of the story is told.

use std::ops::RangeInclusive;

use super::clock::CaptureClock;
use crate::capture::Timestamp;
use crate::inspect::diagnosis::RULES;
use crate::inspect::report::Report;
use crate::inspect::{CallId, Moment};

/// What the story is told around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Around {
    /// The proofs of the findings of a rule.
    Rule(&'static str),
    /// A moment.
    Time(Moment),
    /// A call, from its opening to its end.
    Call(CallId),
}

/// Spans of the story in nanoseconds since the capture's first packet, in order and apart.
pub type Spans = Vec<RangeInclusive<i64>>;

impl Around {
    /// Reads a rule's name, a time (`+31.5s`, `500ms`, RFC 3339) or `CONN:STREAM`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rule) = RULES.iter().find(|rule| rule.name == text) {
            return Some(Self::Rule(rule.name));
        }
        if let Some((connection, stream)) = text.split_once(':')
            && let (Ok(connection), Ok(stream)) = (connection.parse(), stream.parse())
        {
            return Some(Self::Call(CallId { connection, stream }));
        }
        if let Some(nanos) = parse_duration(text.strip_prefix('+').unwrap_or(text)) {
            return Some(Self::Time(Moment::Elapsed(nanos)));
        }
        Some(Self::Time(Moment::Absolute(Timestamp::parse(text)?)))
    }

    /// The spans of the story, each `window` nanoseconds wider on both sides; `None` where the
    /// capture has no such thing.
    #[must_use]
    pub fn spans(&self, report: &Report, window: i64) -> Option<Spans> {
        let clock = CaptureClock::of(report);
        let nanos = |time| clock.since_start(time).as_nanos();
        let mut cores: Vec<(i64, i64)> = match self {
            Self::Time(moment) => {
                let time = moment.resolve(report.first_packet.unwrap_or_default());
                vec![(nanos(time), nanos(time))]
            }
            Self::Call(id) => {
                let rpc = report.analysis.rpcs.iter().find(|rpc| rpc.id == *id)?;
                let known = [rpc.opened, rpc.ended];
                let times = known.iter().flatten().map(|stamp| nanos(stamp.time));
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
                    .map(|stamp| nanos(stamp.time))
                    .map(|nanos| (nanos, nanos))
                    .collect()
            }
        };
        cores.sort_unstable();
        let mut spans: Spans = Vec::new();
        for (first, last) in cores {
            let (first, last) = (first.saturating_sub(window), last.saturating_add(window));
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

/// Nanoseconds of `200ms`, `1.5s`, `2m`; without a unit they are seconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 6] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
    ];
    let unit = UNITS
        .iter()
        .find_map(|(unit, nanos)| Some((text.strip_suffix(unit)?, *nanos)));
    let (number, nanos) = unit.unwrap_or((text, 1e9));
    let number: f64 = number.trim().parse().ok()?;
    // Some 292 years are the most that fits.
    let total = number * nanos;
    #[allow(clippy::cast_possible_truncation, reason = "the range was checked")]
    (0.0..9.2e18).contains(&total).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Stamp;
    use crate::inspect::diagnosis::{Confidence, Evidence, Finding, Severity};

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("200ms"), Some(200_000_000));
        assert_eq!(parse_duration("1.5 s"), Some(1_500_000_000));
        assert_eq!(parse_duration("2m"), Some(120_000_000_000));
        assert_eq!(parse_duration("3"), Some(3_000_000_000));
        for wrong in ["", "s", "-1s", "1h", "inf", "NaN", "1e30"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rules_times_and_calls_are_told_apart() {
        let call = CallId {
            connection: 0,
            stream: 2121,
        };
        assert_eq!(Around::parse("0:2121"), Some(Around::Call(call)));
        assert_eq!(
            Around::parse("goaway-race"),
            Some(Around::Rule("goaway-race"))
        );
        assert_eq!(
            Around::parse("+31.5s"),
            Some(Around::Time(Moment::Elapsed(31_500_000_000)))
        );
        let moment = Timestamp::from_nanos(1_500_000_000);
        assert_eq!(
            Around::parse("1970-01-01T00:00:01.5Z"),
            Some(Around::Time(Moment::Absolute(moment)))
        );
        assert_eq!(Around::parse("no-such-rule"), None);
    }

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
            rule: "goaway-race",
            severity: Severity::Error,
            confidence: Confidence::Certain,
            title: String::new(),
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
            .spans(&report, 1_000_000_000)
            .unwrap();
        assert_eq!(
            spans,
            [
                9_000_000_000..=12_000_000_000,
                59_000_000_000..=61_000_000_000
            ]
        );
        assert_eq!(Around::Rule("late-open").spans(&report, 1), None);
    }
}
