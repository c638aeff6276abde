//! What a ticket shows, whole.

use super::*;
use crate::report::view::tests::{PROMPTS, hostile, many, mixed};

fn markdown(report: &Report) -> String {
    Markdown {
        limit: 3,
        secrets: SecretDisplay::Redacted,
        prompts: PROMPTS,
    }
    .render(report)
}

#[test]
fn calls_of_all_kinds() {
    insta::assert_snapshot!(markdown(&mixed()));
}

#[test]
fn whoever_has_no_command_line_names_none() {
    let markdown = Markdown::default().render(&many());
    assert!(markdown.contains(" more\n"), "{markdown}");
    assert!(
        !markdown.contains("`--") && !markdown.contains("See more"),
        "{markdown}"
    );
}

#[test]
fn what_a_peer_sent_is_text() {
    let markdown = markdown(&hostile());
    assert!(!markdown.contains("hunter2"), "{markdown}");
    let controls = |letter: char| letter.is_control() && letter != '\n';
    assert!(!markdown.contains(controls), "{markdown:?}");
    // Each row has as many cells as its table's header.
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let tables = markdown
        .split("\n\n")
        .filter(|block| block.starts_with('|'));
    for table in tables {
        let mut counts: Vec<_> = table.lines().map(cells).collect();
        counts.dedup();
        assert_eq!(counts.len(), 1, "{table}");
    }
    insta::assert_snapshot!(markdown);
}

#[test]
fn ten_thousand_calls_are_still_few_lines() {
    assert!(markdown(&many()).lines().count() < 110);
}
