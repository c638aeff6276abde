//! Figures with their units: counts, durations, moments, shares.
//!
//! In: numbers. Out: a few letters each, three figures that mean something. What never happens here:
//! rounding to a claim that is not true, such as 100 % for all but one.

/// A count with thousands separated: `9,457`.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
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
pub(super) fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(number))
}

/// A length in lists as the number it is.
pub(super) fn length<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

/// How long something took: `71.2 ms`, `5.00 s`, `1,800 s`, `2 h 13 min`.
#[allow(clippy::cast_precision_loss)]
pub(super) fn duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "−" } else { "" };
    let size = nanos.unsigned_abs();
    let text = match size {
        0..999_500 => three_figures(size as f64 / 1e3, "µs"),
        999_500..999_500_000 => three_figures(size as f64 / 1e6, "ms"),
        999_500_000..99_950_000_000 => three_figures(size as f64 / 1e9, "s"),
        99_950_000_000..3_599_500_000_000 => {
            format!("{} s", count((size + 500_000_000) / 1_000_000_000))
        }
        _ => {
            let minutes = (size + 500_000_000) / 60_000_000_000;
            format!("{} h {} min", count(minutes / 60), minutes % 60)
        }
    };
    format!("{sign}{text}")
}

fn three_figures(value: f64, unit: &str) -> String {
    let decimals = match value {
        99.95.. => 0,
        9.995..99.95 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

/// When something was, counted from a beginning: `+0.655 s`, `+31.58 s`, `+1,799.93 s`.
pub(super) fn moment(nanos: i64) -> String {
    let sign = if nanos < 0 { '−' } else { '+' };
    let milliseconds = (nanos.unsigned_abs() + 500_000) / 1_000_000;
    let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    if seconds < 10 {
        return format!("{sign}{seconds}.{rest:03} s");
    }
    let hundredths = (nanos.unsigned_abs() + 5_000_000) / 10_000_000;
    format!(
        "{sign}{}.{:02} s",
        count(hundredths / 100),
        hundredths % 100
    )
}

/// A part of a whole: `0.33 %`; all of it and none of it are said only where they are true.
#[allow(clippy::cast_precision_loss)]
pub(super) fn share(part: u64, whole: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "RPC"), "1 RPC");
        assert_eq!(counted(2_443, "RPC"), "2,443 RPCs");
    }

    #[test]
    fn durations_have_three_figures() {
        assert_eq!(duration(0), "0.00 µs");
        assert_eq!(duration(71_234_000), "71.2 ms");
        assert_eq!(duration(999_960_000), "1.00 s");
        assert_eq!(duration(5_000_000_000), "5.00 s");
        assert_eq!(duration(-24_100_000), "−24.1 ms");
        assert_eq!(duration(1_799_600_000_000), "1,800 s");
        assert_eq!(duration(8_000_000_000_000), "2 h 13 min");
        assert_eq!(duration(i64::MIN), "−2,562,047 h 47 min");
    }

    #[test]
    fn moments_can_be_told_apart() {
        assert_eq!(moment(655_100_000), "+0.655 s");
        assert_eq!(moment(31_581_000_000), "+31.58 s");
        assert_eq!(moment(1_799_934_000_000), "+1,799.93 s");
        assert_eq!(moment(-3_000_000), "−0.003 s");
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
