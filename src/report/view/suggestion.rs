//! What to type next.

use super::{Section, Subject, UnreadableConnections};
use crate::inspect::report::Report;
use crate::report::escape;

/// The command that shows one call or connection. The only place that names it.
const CLOSER_LOOK: &str = "frames";

/// How many captures are named; more would not be typed.
const MAX_NAMED: usize = 3;

/// What to type next: a command line, without the program's name for a long one to be broken.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::report) struct Suggestion {
    /// `h2sniff frames client.pcap`.
    pub(in crate::report) command: String,
    /// `--conn 0 --stream 2121`.
    pub(in crate::report) options: String,
}

impl Suggestion {
    pub(super) fn of(
        report: &Report,
        sections: &[Section<'_>],
        silence: Option<&UnreadableConnections>,
    ) -> Self {
        let captures = captures(report);
        let closer = sections.iter().find_map(closer);
        let silent = || silence.map(|silence| format!("--conn {}", silence.connection));
        let Some(options) = closer.or_else(silent) else {
            return Self {
                command: format!("h2sniff analyze {captures}"),
                options: "--all --format json".to_owned(),
            };
        };
        Self {
            command: format!("h2sniff {CLOSER_LOOK} {captures}"),
            options,
        }
    }
}

fn closer(section: &Section<'_>) -> Option<String> {
    if let Some(victim) = section.victims.first() {
        let call = victim.rpc.id;
        return Some(format!(
            "--conn {} --stream {}",
            call.connection, call.stream
        ));
    }
    let of_finding = match section.subject {
        Subject::Finding(finding) => finding.connections.first().copied(),
        Subject::Unexplained { .. } => None,
    };
    of_finding.map(|connection| format!("--conn {connection}"))
}

fn captures(report: &Report) -> String {
    let paths: Vec<_> = report.files.iter().map(|file| quoted(&file.path)).collect();
    let nameable = !paths.is_empty() && paths.len() <= MAX_NAMED;
    match paths.into_iter().collect::<Option<Vec<_>>>() {
        Some(paths) if nameable => paths.join(" "),
        _ => "CAPTURE".to_owned(),
    }
}

/// A path as a shell takes it; none for standard input, and none that a terminal must not see.
fn quoted(path: &str) -> Option<String> {
    if path == "standard input" || escape::terminal(path.as_bytes()) != path {
        return None;
    }
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+=:@%,".contains(letter);
    if !path.starts_with('-') && path.chars().all(plain) {
        return Some(path.to_owned());
    }
    let prefix = if path.starts_with('-') { "./" } else { "" };
    Some(format!("'{prefix}{}'", path.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_for_a_shell() {
        assert_eq!(quoted("ring.pcap0").as_deref(), Some("ring.pcap0"));
        assert_eq!(quoted("my file").as_deref(), Some("'my file'"));
        assert_eq!(quoted("it's").as_deref(), Some(r"'it'\''s'"));
        assert_eq!(quoted("-x").as_deref(), Some("'./-x'"));
        assert_eq!(quoted("standard input"), None);
        assert_eq!(quoted("a\u{1b}[2J"), None);
    }
}
