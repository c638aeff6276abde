//! Where a closer look is worth most.

use rustc_hash::FxHashSet;

use super::{Section, Subject, UnreadableConnections};
use crate::inspect::report::Report;
use crate::report::escape;
use crate::report::prompts::{SuggestedSubject, Suggestion};

/// The first call of the first section, or else a connection of it, or one that could not be read.
pub(super) fn suggestion<'a>(
    report: &'a Report,
    sections: &[Section<'_>],
    unreadable: Option<&UnreadableConnections>,
) -> Suggestion<'a> {
    let connections = report.analysis.connections.iter();
    let hidden = connections.filter(|record| record.is_hidden());
    let hidden: FxHashSet<_> = hidden.map(|record| record.number).collect();
    let of_sections = sections.iter().find_map(of_section);
    let of_unreadable = || unreadable.map(|kind| SuggestedSubject::Connection(kind.connection));
    Suggestion {
        captures: captures(report),
        subject: match of_sections.or_else(of_unreadable) {
            Some(SuggestedSubject::Connection(number)) if hidden.contains(&number) => {
                SuggestedSubject::Secrets
            }
            Some(subject) => subject,
            None => SuggestedSubject::AllCalls,
        },
    }
}

fn of_section(section: &Section<'_>) -> Option<SuggestedSubject> {
    if let Some(row) = section.rpc_rows.first() {
        return Some(SuggestedSubject::Call(row.rpc.id));
    }
    let of_finding = match section.subject {
        Subject::Finding(finding) => finding.connections.first().copied(),
        Subject::Unexplained { .. } => None,
    };
    of_finding.map(SuggestedSubject::Connection)
}

/// The paths, if all of them are files that may be named.
fn captures(report: &Report) -> Vec<&str> {
    let paths = report.files.iter().map(|file| {
        let path = file.path.as_str();
        is_nameable(path).then_some(path)
    });
    paths.collect::<Option<_>>().unwrap_or_default()
}

/// Whether a path is one, and holds nothing that a terminal must not see.
fn is_nameable(path: &str) -> bool {
    path != "standard input" && escape::terminal(path.as_bytes()) == path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_a_printable_name_are_named() {
        assert!(is_nameable("my file"));
        assert!(!is_nameable("standard input"));
        assert!(!is_nameable("a\u{1b}[2J"));
    }
}
