//! What this program's user types next.
//!
//! In: where a closer look is worth most. Out: a command line that a shell takes.

use h2sniff::report::{NextCommand, Prompts, SuggestedSubject, Suggestion};

/// How many captures are named; more would not be typed.
const MAX_NAMED: usize = 3;

/// The flags and commands that go with a report.
pub(crate) const PROMPTS: Prompts = Prompts {
    show_more: Some("--limit"),
    next: Some(next),
};

fn next(suggestion: &Suggestion<'_>) -> NextCommand {
    let (command, options) = match suggestion.subject {
        SuggestedSubject::Call(call) => (
            "frames",
            format!("--conn {} --stream {}", call.connection, call.stream),
        ),
        SuggestedSubject::Connection(number) => ("frames", format!("--conn {number}")),
        SuggestedSubject::Secrets => ("analyze", "--keylog FILE".to_owned()),
        _ => ("analyze", "--all --format json".to_owned()),
    };
    NextCommand {
        command: format!("h2sniff {command} {}", captures(&suggestion.captures)),
        options,
    }
}

fn captures(paths: &[&str]) -> String {
    match paths.len() {
        1..=MAX_NAMED => {
            let paths: Vec<_> = paths.iter().map(|path| quoted(path)).collect();
            paths.join(" ")
        }
        _ => "CAPTURE".to_owned(),
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+=:@%,".contains(letter);
    if !path.starts_with('-') && path.chars().all(plain) {
        return path.to_owned();
    }
    let prefix = if path.starts_with('-') { "./" } else { "" };
    format!("'{prefix}{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_for_a_shell() {
        assert_eq!(quoted("ring.pcap0"), "ring.pcap0");
        assert_eq!(quoted("my file"), "'my file'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("-x"), "'./-x'");
    }

    #[test]
    fn what_cannot_be_named_or_is_too_much_has_a_placeholder() {
        let next = |captures: &[&'static str]| {
            let subject = SuggestedSubject::Connection(7);
            let captures = captures.to_vec();
            next(&Suggestion { captures, subject }).command
        };
        assert_eq!(next(&["a", "b"]), "h2sniff frames a b");
        assert_eq!(next(&[]), "h2sniff frames CAPTURE");
        assert_eq!(next(&["a"; 4]), "h2sniff frames CAPTURE");
    }
}
