//! What this program's user types next.
//!
//! In: where a closer look is worth most. Out: a command line that a shell takes.

#[cfg(feature = "live")]
use std::path::Path;

use h2sniff::report::{NextCommand, Prompts, SuggestedSubject, Suggestion};

/// How many captures are named; more would not be typed.
const MAX_NAMED: usize = 3;

/// The flags and commands that go with a report.
pub(crate) const PROMPTS: Prompts = Prompts {
    show_more: Some("--limit"),
    next: Some(next),
};

/// Those that go with the report of a live capture. Interfaces cannot be read again; a file of its packets, if there is
/// one, can.
#[cfg(feature = "live")]
pub(crate) fn live_prompts(file: Option<&Path>) -> Prompts {
    Prompts {
        next: file.map(|_| next_of_file as fn(&Suggestion<'_>) -> NextCommand),
        ..PROMPTS
    }
}

#[cfg(feature = "live")]
fn next_of_file(suggestion: &Suggestion<'_>) -> NextCommand {
    next(&Suggestion {
        captures: Vec::new(),
        ..suggestion.clone()
    })
}

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
    #[cfg(feature = "live")]
    fn an_interface_is_no_file_to_look_into() {
        assert!(live_prompts(None).next.is_none());
        let of_interface = Suggestion {
            captures: vec!["eth0"],
            subject: SuggestedSubject::Connection(7),
        };
        let command = live_prompts(Some(Path::new("all.pcapng"))).next.unwrap()(&of_interface);
        assert_eq!(command.command, "h2sniff frames CAPTURE");
        assert_eq!(command.options, "--conn 7");
    }

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
