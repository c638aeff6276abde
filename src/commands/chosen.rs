//! Filters that cannot match, and those that matched nothing.
//!
//! In: what was asked for, and what a capture had beside it. Out: an error where no capture could have it; else a
//! warning that names what there is.

use std::io::{self, Write as _};

use h2sniff::capture::Timestamp;
use h2sniff::inspect::{Filter, PassedOver};
use h2sniff::report::{Report, SecretDisplay};

use super::CommandError;

/// How many methods are named.
const NAMED: usize = 3;

/// Sees to it that some moment lies between the two that were named.
pub(super) fn guard_range(filter: &Filter, begin: Option<Timestamp>) -> Result<(), CommandError> {
    match filter.impossible(begin) {
        Some((since, until)) => Err(CommandError::ImpossibleRange { since, until }),
        None => Ok(()),
    }
}

/// Sees to it that calls can be on the stream that was named.
pub(super) fn guard_stream(filter: &Filter) -> Result<(), CommandError> {
    match filter.stream {
        Some(0) => Err(CommandError::StreamWithoutCalls),
        _ => Ok(()),
    }
}

/// Says what there is, where nothing is what was asked for.
pub(super) fn warn_of_nothing(report: &Report, secrets: SecretDisplay) -> io::Result<()> {
    let analysis = &report.analysis;
    if !report.filter.is_set() || analysis.verdicts.total() > 0 || analysis.passed_over.calls == 0 {
        return Ok(());
    }
    let times = report.first_packet.zip(report.last_packet);
    say_what_there_is(
        "RPC",
        &report.filter,
        (&analysis.passed_over, times),
        secrets,
    )
}

/// The same of anything, such as frames.
pub(super) fn say_what_there_is(
    thing: &str,
    filter: &Filter,
    (there, times): (&PassedOver, Option<(Timestamp, Timestamp)>),
    secrets: SecretDisplay,
) -> io::Result<()> {
    let mut text = format!("warning: no {thing} matches\n");
    let mut hints = Vec::new();
    if let Some(wanted) = &filter.method
        && !there.methods().is_empty()
    {
        hints.push(methods(wanted, there, secrets));
    }
    if let (Some(_), Some((first, last))) = (filter.stream, there.streams) {
        hints.push(format!("streams are between {first} and {last}"));
    }
    if let (true, Some((first, last))) = (filter.since.is_some() || filter.until.is_some(), times) {
        let seconds = (last - first).as_secs_f64();
        hints.push(format!(
            "the capture goes from {first} to {last}, which is +{seconds:.3} s"
        ));
    }
    if !hints.is_empty() {
        text.push_str(&format!("\nhint: {}\n", hints.join("; ")));
    }
    io::stderr().write_all(text.as_bytes())
}

/// The methods that are nearest to what was asked for, or else the most frequent ones.
fn methods(wanted: &[u8], there: &PassedOver, secrets: SecretDisplay) -> String {
    let all = there.methods();
    let names: Vec<_> = all
        .iter()
        .map(|(method, _)| String::from_utf8_lossy(method).into_owned())
        .collect();
    let near = near(&String::from_utf8_lossy(wanted), &names);
    let printed = |place: usize| {
        let (method, calls) = all.get(place)?;
        let plural = if *calls == 1 { "" } else { "s" };
        let method = secrets.printable_path(method);
        Some(format!("{method} ({calls} RPC{plural})"))
    };
    let some: Vec<_> = match near.is_empty() {
        true => (0..all.len().min(NAMED)).filter_map(printed).collect(),
        false => near.into_iter().filter_map(printed).collect(),
    };
    let more = all.len().saturating_sub(some.len());
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    format!("methods there are: {}{more}", some.join(", "))
}

/// The places of the names that are most like what was asked for, at most so many; none where nothing is.
fn near(wanted: &str, names: &[String]) -> Vec<usize> {
    let plain = |text: &str| {
        let text = text.to_lowercase();
        text.replace(['*', '?'], "")
    };
    let wanted = plain(wanted);
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut scored: Vec<_> = names
        .iter()
        .enumerate()
        .filter_map(|(place, name)| Some((distance_to(&wanted, &plain(name))?, place)))
        .collect();
    scored.sort_unstable();
    scored
        .into_iter()
        .take(NAMED)
        .map(|(_, place)| place)
        .collect()
}

/// How far a name is from what was asked for: the less, the nearer; `None` where they have nothing in common.
fn distance_to(wanted: &str, name: &str) -> Option<usize> {
    let parts = name.split(['/', '.']).filter(|part| !part.is_empty());
    let asked = wanted.rsplit('/').next().unwrap_or(wanted);
    if name.contains(wanted) || (!asked.is_empty() && name.contains(asked)) {
        return Some(0);
    }
    let best = parts.chain([name]).map(|part| (edits(asked, part), part));
    let best = best.chain([(edits(wanted, name), name)]).min()?;
    let length = asked.chars().count().max(best.1.chars().count());
    (best.0 * 3 <= length).then_some(best.0)
}

/// How many letters have to be put in, taken out or changed (Levenshtein), of the first few.
fn edits(from: &str, to: &str) -> usize {
    let from: Vec<_> = from.chars().take(80).collect();
    let mut row: Vec<usize> = (0..=from.len()).collect();
    for (line, letter) in to.chars().take(80).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        let mut next = vec![left];
        for (above, known) in row.iter().skip(1).zip(&from) {
            left = (left + 1)
                .min(above + 1)
                .min(diagonal + usize::from(letter != *known));
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        for (from, to, expected) in [
            ("", "", 0),
            ("reserve", "reserve", 0),
            ("reserv", "reserve", 1),
            ("resreve", "reserve", 2),
            ("a", "", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edits(from, to), expected, "{from} {to}");
            assert_eq!(edits(to, from), expected, "{to} {from}");
        }
    }

    #[test]
    fn what_is_like_it_is_near() {
        let names = [
            "/inventory.Stock/Reserve",
            "/shop.Orders/Get",
            "/shop.Orders/List",
        ];
        let names = names.map(str::to_owned);
        assert_eq!(near("reserve", &names), [0]);
        assert_eq!(near("Resreve", &names), [0]);
        assert_eq!(near("/shop.Order/Get", &names), [1]);
        assert_eq!(near("Stock", &names), [0]);
        assert_eq!(near("Orders", &names), [1, 2]);
        assert_eq!(near("Cancel", &names), [] as [usize; 0]);
        assert_eq!(near("*", &names), [] as [usize; 0]);
    }
}
