//! Which connections and calls are asked for.

use crate::capture::{TimeDelta, Timestamp};

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
