//! Which connections and calls are asked for.

use std::fmt;

use crate::capture::{TimeDelta, Timestamp};
use crate::units;

/// A moment as a user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A point in time, whatever the capture's.
    Absolute(Timestamp),
    /// So long after the capture's first packet, or before it.
    Elapsed(TimeDelta),
    /// A time of day in UTC, since midnight: on the day of the capture's first packet, or on the next
    /// where that would be more than twelve hours before the first packet.
    TimeOfDay(TimeDelta),
}

impl Moment {
    /// The point in time; `begin` is the capture's first moment.
    #[must_use]
    pub fn resolve(self, begin: Timestamp) -> Timestamp {
        match self {
            Self::Absolute(time) => time,
            Self::Elapsed(time) => begin + time,
            Self::TimeOfDay(time) => {
                let midnight = begin
                    .nanos()
                    .saturating_sub(begin.nanos().rem_euclid(DAY.as_nanos()));
                let same_day = Timestamp::from_nanos(midnight) + time;
                match begin - same_day > DAY / 2 {
                    true => same_day + DAY,
                    false => same_day,
                }
            }
        }
    }
}

/// As it is typed, and printed elsewhere: `+12.5 s`, `12:30:05 UTC`, `2026-11-22T07:00:31Z`.
impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(time) => {
                let text = time.to_string();
                let whole = text.trim_end_matches('Z').trim_end_matches('0');
                write!(formatter, "{}Z", whole.trim_end_matches('.'))
            }
            Self::Elapsed(time) => {
                let sign = if time.is_negative() { "" } else { "+" };
                write!(formatter, "{sign}{}", units::exact_duration(*time))
            }
            Self::TimeOfDay(time) => {
                let millis = time.as_micros() / 1_000;
                let (seconds, millis) = (millis / 1_000, millis % 1_000);
                let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
                write!(formatter, "{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
                if millis > 0 {
                    write!(formatter, ".{millis:03}")?;
                }
                formatter.write_str(" UTC")
            }
        }
    }
}

/// As long as a day is in UTC without leap seconds, as captures count.
const DAY: TimeDelta = TimeDelta::from_secs(86_400);

/// What is asked for; everything by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this connection, by its number.
    pub connection: Option<u32>,
    /// Only the stream with this identifier, on any connection.
    pub stream: Option<u32>,
    /// Only calls of methods that match this glob: `*` is any text, `?` any byte; without a `/` it is a method's name
    /// in any service.
    pub method: Option<Vec<u8>>,
    /// Only what was opened then or later.
    pub since: Option<Moment>,
    /// Only what was opened then or earlier.
    pub until: Option<Moment>,
}

impl Filter {
    /// Whether anything is left out.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// The moments from and up to which something is asked for, where no moment lies between them; `begin` is the
    /// capture's first moment. Without it only what holds whenever that was is said.
    #[must_use]
    pub fn impossible(&self, begin: Option<Timestamp>) -> Option<(Moment, Moment)> {
        let (since, until) = self.since.zip(self.until)?;
        let comparable = matches!(
            (since, until),
            (Moment::Absolute(_), Moment::Absolute(_)) | (Moment::Elapsed(_), Moment::Elapsed(_))
        );
        let begin = match begin {
            None if comparable => Timestamp::default(),
            begin => begin?,
        };
        (since.resolve(begin) > until.resolve(begin)).then_some((since, until))
    }

    /// Whether a connection is asked for.
    #[must_use]
    pub fn wants_connection(&self, number: u32) -> bool {
        self.connection.is_none_or(|wanted| wanted == number)
    }

    /// Whether a stream is asked for.
    #[must_use]
    pub fn wants_stream(&self, stream: u32) -> bool {
        self.stream.is_none_or(|wanted| wanted == stream)
    }

    /// Whether a method is asked for; one that is not known is only where no method was named.
    #[must_use]
    pub fn wants_method(&self, method: Option<&[u8]>) -> bool {
        let Some(glob) = &self.method else {
            return true;
        };
        method.is_some_and(|method| {
            matches(glob, method) || (!glob.contains(&b'/') && matches(glob, name(method)))
        })
    }

    /// Whether a moment is asked for; `begin` is the capture's first moment.
    #[must_use]
    pub fn wants_time(&self, time: Timestamp, begin: Timestamp) -> bool {
        let after = self.since.is_none_or(|since| time >= since.resolve(begin));
        after && self.until.is_none_or(|until| time <= until.resolve(begin))
    }
}

/// The name of a method, without its service.
fn name(method: &[u8]) -> &[u8] {
    method.rsplit(|byte| *byte == b'/').next().unwrap_or(method)
}

/// Matches by going back to the last `*` whenever what follows it fails.
fn matches(glob: &[u8], text: &[u8]) -> bool {
    let (mut glob_rest, mut text_rest) = (glob, text);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (glob_rest.split_first(), text_rest.split_first()) {
            (Some((b'*', after)), _) => {
                retry = Some((after, text_rest));
                glob_rest = after;
            }
            (Some((wanted, after)), Some((byte, text_after)))
                if *wanted == b'?' || wanted == byte =>
            {
                (glob_rest, text_rest) = (after, text_after);
            }
            (None, None) => return true,
            _ => {
                let Some((after, from)) = retry else {
                    return false;
                };
                let Some((_, from)) = from.split_first() else {
                    return false;
                };
                retry = Some((after, from));
                (glob_rest, text_rest) = (after, from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_lies_in_or_after_the_capture() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let half_past_noon = Moment::TimeOfDay(TimeDelta::from_secs(45_000));
        for (first, moment) in [
            ("2026-11-22T12:29:00Z", "2026-11-22T12:30:00Z"),
            ("2026-11-22T12:30:07Z", "2026-11-22T12:30:00Z"),
            ("2026-11-22T00:00:00Z", "2026-11-22T12:30:00Z"),
            ("2026-11-22T23:59:59Z", "2026-11-22T12:30:00Z"),
        ] {
            assert_eq!(half_past_noon.resolve(at(first)), at(moment), "{first}");
        }
        let past_midnight = Moment::TimeOfDay(TimeDelta::from_secs(600));
        let next_day = at("2026-11-23T00:10:00Z");
        assert_eq!(past_midnight.resolve(at("2026-11-22T23:50:00Z")), next_day);
    }

    #[test]
    fn moments_are_printed_as_they_are_typed() {
        let at = |text: &str| Moment::Absolute(Timestamp::parse(text).unwrap());
        for (moment, text) in [
            (at("2026-11-22T07:00:31.5Z"), "2026-11-22T07:00:31.5Z"),
            (at("2026-11-22T07:00:30Z"), "2026-11-22T07:00:30Z"),
            (Moment::Elapsed(TimeDelta::from_millis(12_500)), "+12.5 s"),
            (Moment::Elapsed(TimeDelta::from_millis(-500)), "−500 ms"),
            (
                Moment::TimeOfDay(TimeDelta::from_secs(45_005)),
                "12:30:05 UTC",
            ),
            (
                Moment::TimeOfDay(TimeDelta::from_millis(1_020)),
                "00:00:01.020 UTC",
            ),
        ] {
            assert_eq!(moment.to_string(), text);
        }
    }

    #[test]
    fn an_end_before_the_beginning_is_impossible() {
        let seconds = |seconds| Moment::Elapsed(TimeDelta::from_secs(seconds));
        let noon = Moment::TimeOfDay(TimeDelta::from_secs(43_200));
        let begin = Timestamp::parse("2026-11-22T11:59:00Z");
        let between = |since, until| Filter {
            since: Some(since),
            until: Some(until),
            ..Filter::default()
        };
        assert!(between(seconds(2), seconds(1)).impossible(None).is_some());
        assert!(between(seconds(1), seconds(1)).impossible(None).is_none());
        assert!(
            between(noon, seconds(1)).impossible(None).is_none(),
            "who knows"
        );
        assert!(between(noon, seconds(1)).impossible(begin).is_some());
        assert!(between(noon, seconds(61)).impossible(begin).is_none());
        assert!(Filter::default().impossible(begin).is_none());
    }

    #[test]
    fn globs_match_whole_methods() {
        for (glob, text, expected) in [
            ("/shop.Orders/*", "/shop.Orders/Get", true),
            ("/shop.Orders/*", "/shop.OrdersX/Get", false),
            ("*Get", "/shop.Orders/Get", true),
            ("*Get", "/shop.Orders/GetAll", false),
            ("*o*r*G?t", "/shop.Orders/Get", true),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
            ("/a", "/a", true),
        ] {
            assert_eq!(
                matches(glob.as_bytes(), text.as_bytes()),
                expected,
                "{glob} {text}"
            );
        }
    }
}
