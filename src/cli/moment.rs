//! Moments of a capture, as people type them and as our own output prints them.
//!
//! In: an option's text. Out: a [`Moment`], which the library resolves against the first packet.

use h2sniff::capture::{TimeDelta, Timestamp};
use h2sniff::inspect::diagnosis::RULES;
use h2sniff::inspect::{CallId, Moment};
use h2sniff::report::timeline::Around;

use super::quantity::duration;

/// What a moment looks like.
pub(crate) const MOMENT_EXAMPLE: &str = "expected seconds after the first packet such as 12.5 or \
                                         +1.5s, a time of day such as 12:30:05 (UTC), or a date \
                                         and time such as 2026-11-22T07:00:31Z";

/// So many seconds are no time after a first packet, but one since 1970, as `tcpdump -tt` prints it: 31 years.
const SINCE_EPOCH: TimeDelta = TimeDelta::from_secs(1_000_000_000);

/// A moment: `12.5`, `+1,799.93 s`, `−0.003 s`, `1 h 5 min` (all after the first packet), `12:30:05`,
/// `12:30:05.123 UTC`, RFC 3339 such as `2026-11-22T07:00:31Z`, `2026-11-22 07:00:31 UTC`, the same without a zone
/// (UTC), or seconds since 1970 such as `1795717048.1`.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    let universal = ["UTC", "Z"].iter().find_map(|zone| text.strip_suffix(zone));
    let universal = universal.map(str::trim_end);
    if let Some(time) = time_of_day(universal.unwrap_or(text)) {
        return Ok(Moment::TimeOfDay(time));
    }
    let (before, size) = match text.strip_prefix(['-', '−']) {
        Some(size) => (true, size.trim_start()),
        None => (false, text),
    };
    // With colons it could only be a wrong time of day: not hours, minutes and seconds of a duration.
    if !size.contains(':')
        && let Ok(size) = duration(size)
    {
        let size = TimeDelta::from(size);
        if size >= SINCE_EPOCH && !before && !text.starts_with('+') {
            return Ok(Moment::Absolute(Timestamp::from_nanos(size.as_nanos())));
        }
        return Ok(Moment::Elapsed(if before {
            TimeDelta::ZERO - size
        } else {
            size
        }));
    }
    // Without a zone it is UTC, as times of day are.
    let absolute = universal.and_then(|text| Timestamp::parse(&format!("{text}Z")));
    let absolute = absolute.or_else(|| Timestamp::parse(text));
    let absolute = absolute.or_else(|| Timestamp::parse(&format!("{text}Z")));
    absolute
        .map(Moment::Absolute)
        .ok_or_else(|| MOMENT_EXAMPLE.to_owned())
}

/// What `--around` names: a rule, an RPC as `CONN:STREAM`, or a [`moment`].
pub(crate) fn around(text: &str) -> Option<Around> {
    if let Some(rule) = RULES.iter().find(|rule| rule.name == text) {
        return Some(Around::Rule(rule.name));
    }
    if let Some((connection, stream)) = text.split_once(':')
        && let (Ok(connection), Ok(stream)) = (connection.parse(), stream.parse())
    {
        return Some(Around::Call(CallId { connection, stream }));
    }
    moment(text).map(Around::Time).ok()
}

/// `12:30:05` or `12:30:05.123`, since midnight. Two colons, as one would be `CONN:STREAM`.
fn time_of_day(text: &str) -> Option<TimeDelta> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let two_digits = |part: &str, most: i64| {
        let number = Some(part).filter(plain)?.parse::<i64>().ok()?;
        (part.len() <= 2 && number <= most).then_some(number)
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if parts.next().is_some() || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let nanos: i64 = format!("{:0<9}", Some(fraction).filter(plain)?)
        .parse()
        .ok()?;
    let minutes = two_digits(hours, 23)? * 60 + two_digits(minutes, 59)?;
    let seconds = minutes * 60 + two_digits(whole, 59)?;
    Some(TimeDelta::from_secs(seconds) + TimeDelta::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_count_from_the_first_packet() {
        for (text, millis) in [
            ("12.5", 12_500),
            ("0", 0),
            ("+1.5s", 1_500),
            ("1.5 s", 1_500),
            ("+29.91 s", 29_910),
            ("1,234.5 s", 1_234_500),
            ("+1,799.93 s", 1_799_930),
            ("+31.575 s", 31_575),
            ("−0.003 s", -3),
            ("-5", -5_000),
            ("500ms", 500),
            ("1e-3", 1),
            ("-0.003 s", -3),
            ("2 h 0 min", 7_200_000),
        ] {
            assert_eq!(
                moment(text),
                Ok(Moment::Elapsed(TimeDelta::from_millis(millis))),
                "{text}"
            );
        }
    }

    #[test]
    fn moments_are_times_of_day_or_dates() {
        let time = TimeDelta::from_secs(45_005);
        assert_eq!(moment("12:30:05"), Ok(Moment::TimeOfDay(time)));
        let fraction = time + TimeDelta::from_millis(123);
        assert_eq!(moment("12:30:05.123 UTC"), Ok(Moment::TimeOfDay(fraction)));
        assert_eq!(moment("12:30:05.123Z"), Ok(Moment::TimeOfDay(fraction)));
        let epoch = Moment::Absolute(Timestamp::from_nanos(1_795_717_048_500_000_000));
        assert_eq!(moment("1795717048.5"), Ok(epoch));
        let absolute = Moment::Absolute(Timestamp::from_nanos(1_500_000_000));
        for text in [
            "1970-01-01T00:00:01.5Z",
            "1970-01-01T01:00:01.5+01:00",
            "1970-01-01 00:00:01.5 UTC",
            "1970-01-01T00:00:01.500000000Z",
            "1970-01-01 00:00:01.5",
            "1970-01-01T00:00:01.5",
        ] {
            assert_eq!(moment(text), Ok(absolute), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_says_what_one_looks_like() {
        for text in [
            "",
            "soon",
            "25:00:00",
            "12:60:00",
            "12:30",
            "1:2:3:4",
            "12:30:05.",
            "2026-13-01",
            "-",
            "--5",
            "UTC",
        ] {
            assert_eq!(moment(text), Err(MOMENT_EXAMPLE.to_owned()), "{text}");
        }
    }

    #[test]
    fn rules_times_and_calls_are_told_apart() {
        let call = CallId {
            connection: 0,
            stream: 2121,
        };
        assert_eq!(around("0:2121"), Some(Around::Call(call)));
        assert_eq!(around("goaway-race"), Some(Around::Rule("goaway-race")));
        let elapsed = Moment::Elapsed(TimeDelta::from_millis(31_500));
        assert_eq!(around("+31.5s"), Some(Around::Time(elapsed)));
        let time = Moment::TimeOfDay(TimeDelta::from_secs(3_723));
        assert_eq!(around("01:02:03"), Some(Around::Time(time)));
        assert_eq!(around("no-such-rule"), None);
    }
}
