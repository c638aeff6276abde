//! `explain`: what a rule means, without a capture.

use std::fmt::Write as _;

use super::line_width::LineWidth;
use crate::inspect::diagnosis::{RULES, Rule};

/// A rule's manual as text.
#[must_use]
pub fn manual(rule: &Rule, columns: LineWidth) -> String {
    let mut text = format!("{}\n\n", rule.name);
    paragraph(&mut text, columns, "fires when  ", rule.meaning);
    paragraph(&mut text, columns, "evidence    ", rule.evidence);
    for (index, fix) in rule.fixes.iter().enumerate() {
        paragraph(
            &mut text,
            columns,
            if index == 0 {
                "fix         "
            } else {
                "            "
            },
            fix,
        );
    }
    text
}

/// The table of all rules, as the README has it.
#[must_use]
pub fn table() -> String {
    let mut text = String::from("| rule | fires when |\n|---|---|\n");
    for rule in RULES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{}` | {} |", rule.name, rule.meaning);
    }
    text
}

fn paragraph(text: &mut String, columns: LineWidth, head: &str, body: &str) {
    let indent = " ".repeat(head.len());
    let options = textwrap::Options::new(columns.count())
        .initial_indent(head)
        .subsequent_indent(&indent);
    text.push_str(&textwrap::fill(body, options));
    text.push('\n');
}
