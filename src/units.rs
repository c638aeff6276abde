//! Figures with their units, worded once for findings and for every report: counts, plurals,
//! durations, moments, shares.
//!
//! In: numbers and spans of time. Out: a few letters each, with three figures that mean something. No
//! rounding makes a claim that is not true, such as 100 % for all but one.

use crate::capture::TimeDelta;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// A count with thousands separated: `9,457`.
pub(crate) fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted: `1 RPC`, `2,443 RPCs`.
pub(crate) fn counted(number: impl TryInto<u64>, one: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = match number {
        1 => "",
        _ if one.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {one}{plural}", count(number))
}

/// The verb that goes with a count: `was` for one, `were` for any other number.
pub(crate) fn was(number: impl TryInto<u64>) -> &'static str {
    match number.try_into() {
        Ok(1) => "was",
        _ => "were",
    }
}

/// How long something took, in three figures: `71.2 ms`, `5.00 s`, `1,800 s`, `2 h 13 min`.
///
/// The unit is that of the rounded figure: 999.96 ms are `1.00 s`.
pub(crate) fn duration(span: TimeDelta) -> String {
    let size = span.as_nanos().unsigned_abs();
    let text = match size {
        0 => "0 s".to_owned(),
        1..999_500 => three_figures(size, MICROSECOND, "µs"),
        999_500..999_500_000 => three_figures(size, MILLISECOND, "ms"),
        999_500_000..99_950_000_000 => three_figures(size, SECOND, "s"),
        99_950_000_000..3_599_500_000_000 => format!("{} s", count(rounded(size, SECOND))),
        _ => hours(rounded(size, MINUTE)),
    };
    format!("{}{text}", minus(span))
}

/// A duration that is written as exactly as it is known, to the millisecond at most: what someone set,
/// such as `30 s`, `250 ms`, `1.5 s`, `2 h`, or a bound of it, such as `28.571 s`.
pub(crate) fn exact_duration(span: TimeDelta) -> String {
    let size = rounded(span.as_nanos().unsigned_abs(), MILLISECOND) * MILLISECOND;
    let text = match size {
        1..SECOND => format!("{} ms", size / MILLISECOND),
        HOUR.. if size.is_multiple_of(HOUR) => format!("{} h", count(size / HOUR)),
        HOUR.. if size.is_multiple_of(MINUTE) => hours(size / MINUTE),
        _ => {
            let fraction = format!("{:03}", size % SECOND / MILLISECOND);
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{}{point}{fraction} s", count(size / SECOND))
        }
    };
    format!("{}{text}", minus(span))
}

/// Seconds to a tenth, for what is compared with a setting in whole seconds: `60.0 s`, `350.0 s`.
pub(crate) fn tenths(span: TimeDelta) -> String {
    let size = rounded(span.as_nanos().unsigned_abs(), SECOND / 10);
    format!("{}{}.{} s", minus(span), count(size / 10), size % 10)
}

/// [`exact_duration`] of seconds with their fraction.
#[allow(clippy::cast_possible_truncation)] // To the millisecond, and saturating.
pub(crate) fn exact_seconds(seconds: f64) -> String {
    exact_duration(TimeDelta::from_millis((seconds * 1e3).round() as i64))
}

/// One duration, or the shortest and the longest where they differ: `5.74 s to 6.67 s`; `None` if
/// there are none.
pub(crate) fn spread(spans: impl IntoIterator<Item = TimeDelta>) -> Option<String> {
    let mut spans = spans.into_iter();
    let first = spans.next()?;
    let (shortest, longest) = spans.fold((first, first), |(shortest, longest), span| {
        (shortest.min(span), longest.max(span))
    });
    let (shortest, longest) = (duration(shortest), duration(longest));
    Some(if shortest == longest {
        shortest
    } else {
        format!("{shortest} to {longest}")
    })
}

/// When something was, counted from a beginning: `+0.655 s`, `+31.58 s`, `+1,799.93 s`.
pub(crate) fn moment(since: TimeDelta) -> String {
    if rounded(since.as_nanos().unsigned_abs(), MILLISECOND) < 10_000 {
        return moment_in_millis(since);
    }
    let hundredths = rounded(since.as_nanos().unsigned_abs(), SECOND / 100);
    format!(
        "{}{}.{:02} s",
        sign(since),
        count(hundredths / 100),
        hundredths % 100
    )
}

/// When something was, to the millisecond whatever its size, so that lines one below the other
/// compare: `+31.575 s`, `+1,799.934 s`.
pub(crate) fn moment_in_millis(since: TimeDelta) -> String {
    let milliseconds = rounded(since.as_nanos().unsigned_abs(), MILLISECOND);
    let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    format!("{}{}.{rest:03} s", sign(since), count(seconds))
}

/// A part of a whole: `0.33 %`; all of it and none of it are said only where they are true.
#[allow(clippy::cast_precision_loss)] // Four figures are shown.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    if part >= whole {
        return "100 %".to_owned();
    }
    match part as f64 / whole as f64 * 100.0 {
        ..0.01 => "< 0.01 %".to_owned(),
        99.9.. => "> 99.9 %".to_owned(),
        percent @ ..9.995 => format!("{percent:.2} %"),
        percent => format!("{percent:.1} %"),
    }
}

#[allow(clippy::cast_precision_loss)] // Three figures are shown.
fn three_figures(size: u64, unit: u64, name: &str) -> String {
    let value = size as f64 / unit as f64;
    let decimals = match value {
        99.95.. => 0,
        9.995..99.95 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {name}")
}

fn hours(minutes: u64) -> String {
    format!("{} h {} min", count(minutes / 60), minutes % 60)
}

const fn rounded(size: u64, unit: u64) -> u64 {
    size.saturating_add(unit / 2) / unit
}

const fn minus(span: TimeDelta) -> &'static str {
    if span.is_negative() { "−" } else { "" }
}

const fn sign(span: TimeDelta) -> char {
    if span.is_negative() { '−' } else { '+' }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn nanos(nanoseconds: i64) -> TimeDelta {
        TimeDelta::from_nanos(nanoseconds)
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(count(0_u64), "0");
        assert_eq!(count(999_u32), "999");
        assert_eq!(count(1_000_usize), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn one_is_singular_and_none_is_plural() {
        assert_eq!(counted(0_u64, "RPC"), "0 RPCs");
        assert_eq!(counted(1_usize, "RPC"), "1 RPC");
        assert_eq!(counted(2_443_u64, "RPC"), "2,443 RPCs");
        assert_eq!(
            (was(1_u64), was(0_u64), was(2_usize)),
            ("was", "were", "were")
        );
    }

    #[test]
    fn durations_have_three_figures() {
        assert_eq!(duration(nanos(0)), "0 s");
        assert_eq!(duration(nanos(500)), "0.50 µs");
        assert_eq!(duration(nanos(999_499)), "999 µs");
        assert_eq!(duration(nanos(999_500)), "1.00 ms");
        assert_eq!(duration(nanos(71_234_000)), "71.2 ms");
        assert_eq!(duration(nanos(250_000_000)), "250 ms");
        assert_eq!(duration(nanos(999_960_000)), "1.00 s");
        assert_eq!(duration(nanos(5_000_000_000)), "5.00 s");
        assert_eq!(duration(nanos(9_996_000_000)), "10.0 s");
        assert_eq!(duration(nanos(12_500_000_000)), "12.5 s");
        assert_eq!(duration(nanos(99_960_000_000)), "100 s");
        assert_eq!(duration(nanos(-24_100_000)), "−24.1 ms");
        assert_eq!(duration(nanos(1_799_600_000_000)), "1,800 s");
        assert_eq!(duration(nanos(3_599_600_000_000)), "1 h 0 min");
        assert_eq!(duration(TimeDelta::from_secs(7_200)), "2 h 0 min");
        assert_eq!(duration(nanos(8_000_000_000_000)), "2 h 13 min");
        assert_eq!(duration(nanos(i64::MIN)), "−2,562,047 h 47 min");
    }

    #[test]
    fn what_someone_set_is_written_as_it_was_set() {
        assert_eq!(exact_seconds(30.0), "30 s");
        assert_eq!(exact_seconds(0.25), "250 ms");
        assert_eq!(exact_seconds(1.5), "1.5 s");
        assert_eq!(exact_seconds(28.571_4), "28.571 s");
        assert_eq!(exact_seconds(1_800.0), "1,800 s");
        assert_eq!(exact_seconds(3_600.0), "1 h");
        assert_eq!(exact_seconds(5_400.0), "1 h 30 min");
        assert_eq!(exact_seconds(3_661.0), "3,661 s");
        assert_eq!(exact_duration(TimeDelta::ZERO), "0 s");
        assert_eq!(exact_duration(nanos(999_960_000)), "1 s");
        assert_eq!(exact_duration(nanos(-250_000_000)), "−250 ms");
    }

    #[test]
    fn what_is_compared_with_whole_seconds_has_a_tenth() {
        assert_eq!(tenths(nanos(60_011_760_000)), "60.0 s");
        assert_eq!(tenths(nanos(59_960_000_000)), "60.0 s");
        assert_eq!(tenths(nanos(3_600_140_000_000)), "3,600.1 s");
    }

    #[test]
    fn a_spread_is_said_only_where_there_is_one() {
        assert_eq!(spread([]), None);
        let one = nanos(5_001_000_000);
        assert_eq!(
            spread([one, nanos(5_000_000_000)]).as_deref(),
            Some("5.00 s")
        );
        let spans = [nanos(6_670_000_000), one, nanos(5_740_000_000)];
        assert_eq!(spread(spans).as_deref(), Some("5.00 s to 6.67 s"));
    }

    #[test]
    fn moments_can_be_told_apart() {
        assert_eq!(moment(nanos(655_100_000)), "+0.655 s");
        assert_eq!(moment(nanos(9_999_600_000)), "+10.00 s");
        assert_eq!(moment(nanos(31_581_000_000)), "+31.58 s");
        assert_eq!(moment(nanos(1_799_934_000_000)), "+1,799.93 s");
        assert_eq!(moment(nanos(-3_000_000)), "−0.003 s");
        assert_eq!(moment_in_millis(nanos(0)), "+0.000 s");
        assert_eq!(moment_in_millis(nanos(31_575_355_295)), "+31.575 s");
        assert_eq!(moment_in_millis(nanos(1_799_934_000_000)), "+1,799.934 s");
        assert_eq!(moment_in_millis(nanos(-2_600_000)), "−0.003 s");
    }

    #[test]
    fn counts_agree_with_what_is_counted() {
        assert_eq!(counted(1, "RPC"), "1 RPC");
        assert_eq!(counted(2_443, "RPC"), "2,443 RPCs");
        assert_eq!(counted(1, "other status"), "1 other status");
        assert_eq!(counted(0, "other status"), "0 other statuses");
    }

    #[test]
    fn shares_do_not_claim_all_or_nothing() {
        assert_eq!(share(8, 2_443), "0.33 %");
        assert_eq!(share(0, 10), "0 %");
        assert_eq!(share(0, 0), "0 %");
        assert_eq!(share(10, 10), "100 %");
        assert_eq!(share(1, 1_000_000), "< 0.01 %");
        assert_eq!(share(999_999, 1_000_000), "> 99.9 %");
        assert_eq!(share(116, 300), "38.7 %");
    }
}
