//! Numbers with units, as people type them and as our own output prints them: durations and sizes.
//!
//! In: an option's text. Out: a value, or what was expected, with an example.

use std::time::Duration;

/// What a duration looks like.
pub(crate) const DURATION_EXAMPLE: &str = "expected a duration such as 500ms, 90s, 1.5s or 1h";

/// What a size looks like.
const SIZE_EXAMPLE: &str = "expected a size such as 500K, 64MiB or 1G";

/// Units of time in nanoseconds.
const DURATION_UNITS: &[(&[&str], f64)] = &[
    (&["ns"], 1.0),
    // The micro sign, and the Greek letter that looks the same.
    (&["us", "µs", "μs"], 1e3),
    (&["ms"], 1e6),
    (&["", "s", "sec", "secs"], 1e9),
    (&["m", "min", "mins"], 60e9),
    (&["h", "hr", "hrs"], 3_600e9),
    (&["d", "day", "days"], 86_400e9),
];

/// Where nanoseconds in 64 bits end, after some 292 years.
const MAX_NANOS: f64 = 9.2e18;

/// A length of time: `90` (seconds), `500ms`, `1.5 s`, `+1,800 s`, `1h30m`, `2 h 13 min`, `PT90S`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let unsigned = text.strip_prefix('+').unwrap_or(text).trim_start();
    if let Some(nanos) = nanos(unsigned) {
        if nanos >= MAX_NANOS {
            return Err("a duration is at most 292 years".to_owned());
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked"
        )]
        return Ok(Duration::from_nanos(nanos.round() as u64));
    }
    // The rest of what people write, such as units spelled out.
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| match text.chars().next() {
        Some('-' | '−') => "a duration cannot be negative".to_owned(),
        _ => DURATION_EXAMPLE.to_owned(),
    })?;
    parsed
        .try_into()
        .map_err(|_| "a duration cannot be negative".to_owned())
}

/// Nanoseconds of one or more numbers with units; a lone number is seconds.
fn nanos(text: &str) -> Option<f64> {
    if let Some(seconds) = number(text) {
        return Some(seconds * 1e9);
    }
    let mut rest = text;
    let mut total = 0.0;
    let mut terms = 0;
    while !rest.is_empty() {
        let (figures, after) = split(rest, |letter| {
            letter.is_ascii_digit() || matches!(letter, '.' | ',')
        });
        let (unit, after) = split(after.trim_start(), char::is_alphabetic);
        let (_, nanos) = DURATION_UNITS
            .iter()
            .find(|(names, _)| names.contains(&unit))?;
        total += number(figures)? * nanos;
        terms += 1;
        // Only a lone number goes without a unit.
        if unit.is_empty() && (terms > 1 || !after.trim().is_empty()) {
            return None;
        }
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) if more.trim_start().is_empty() => return None,
            Some(more) => more.trim_start(),
            None => after,
        };
    }
    (terms > 0).then_some(total)
}

/// A size in bytes: `4096`, `500K`, `1.5 MiB`, `1G`; all units are powers of 1024.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let wrong = || SIZE_EXAMPLE.to_owned();
    let too_large = || "that is too large".to_owned();
    let (figures, unit) = split(text.trim(), |letter| {
        letter.is_ascii_digit() || matches!(letter, '.' | ',')
    });
    let number = number(figures).ok_or_else(wrong)?;
    let power = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" | "byte" | "bytes" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = figures.replace(',', "").parse::<usize>() {
        return whole.checked_mul(1 << power).ok_or_else(too_large);
    }
    let bytes = number * f64::from(power).exp2();
    // Beyond this a `f64` no longer tells bytes apart; whole numbers do not come here.
    if bytes >= f64::from(53).exp2() {
        return Err(too_large());
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    Ok(bytes as usize)
}

/// A size that an option of 32 bits takes.
#[cfg(feature = "live")]
pub(crate) fn small_size(text: &str) -> Result<u32, String> {
    size(text)?
        .try_into()
        .map_err(|_| "that is too large".to_owned())
}

/// A number without a sign, its thousands separated or not: `5.00`, `1,234.5`, `1e3`.
fn number(text: &str) -> Option<f64> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let plain = match text.contains(',') {
        true => ungrouped(text)?,
        false => text.to_owned(),
    };
    plain.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `1,234.5` without its commas; `None` where they do not separate thousands.
fn ungrouped(text: &str) -> Option<String> {
    let whole = text.split('.').next()?;
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let fraction = text.get(whole.len()..)?;
    (grouped && !fraction.contains(',')).then(|| text.replace(',', ""))
}

/// The longest beginning whose letters all are `wanted`, and the rest.
fn split(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|letter| !wanted(letter)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("90", 90_000),
            ("1.5", 1_500),
            ("0", 0),
            ("500ms", 500),
            ("200 ms", 200),
            ("90s", 90_000),
            ("1.5s", 1_500),
            ("1.5 s", 1_500),
            ("+1.5 s", 1_500),
            ("+1.5s", 1_500),
            ("5.00 s", 5_000),
            ("1,800 s", 1_800_000),
            ("+1,799.93 s", 1_799_930),
            ("2m", 120_000),
            ("1.5m", 90_000),
            ("2 min", 120_000),
            ("1h", 3_600_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1h, 30m", 5_400_000),
            ("2 h 0 min", 7_200_000),
            ("2 h 13 min", 7_980_000),
            ("2,562 h 47 min", 9_226_020_000),
            ("1d", 86_400_000),
            ("2 hours", 7_200_000),
            ("5 minutes", 300_000),
            ("PT90S", 90_000),
            ("1e3", 1_000_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("71.2 µs"), Ok(Duration::from_nanos(71_200)));
        assert_eq!(duration("7ns"), Ok(Duration::from_nanos(7)));
    }

    #[test]
    fn what_is_no_duration_says_what_one_looks_like() {
        for text in [
            "", "s", "soon", "1 parsec", "1h,", "inf", "NaN", "1s 5", "5 1s", "1..5s",
        ] {
            assert_eq!(duration(text), Err(DURATION_EXAMPLE.to_owned()), "{text}");
        }
        for text in ["-5s", "-1", "−1 s"] {
            let error = duration(text).unwrap_err();
            assert_eq!(error, "a duration cannot be negative", "{text}");
        }
        assert!(duration("1e30").is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("4096"), Ok(4_096));
        assert_eq!(size("262,144"), Ok(262_144));
        assert_eq!(size("500K"), Ok(512_000));
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("64 MiB"), Ok(64 << 20));
        assert_eq!(size("1.5 MiB"), Ok(3 << 19));
        assert_eq!(size("1g"), Ok(1 << 30));
        assert_eq!(size("9 bytes"), Ok(9));
        assert_eq!(size(&usize::MAX.to_string()), Ok(usize::MAX));
        for text in ["", "K", "-1", "64 parsecs", "99999999999G", "1e3", "1,5K"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[cfg(feature = "live")]
    #[test]
    fn sizes_fit_their_option() {
        assert_eq!(small_size("256K"), Ok(262_144));
        assert!(small_size("4G").is_err());
    }
}
