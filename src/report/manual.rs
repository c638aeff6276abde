//! `explain`: what a rule means, without a capture.

use std::fmt::Write as _;

use crate::inspect::diagnosis::Manual;

/// How wide the text is set.
const WIDTH: usize = 80;

/// A rule's manual as text.
#[must_use]
pub fn manual(manual: &Manual) -> String {
    let mut text = format!("{}\n\n", manual.name);
    paragraph(&mut text, "fires when  ", manual.meaning);
    paragraph(&mut text, "evidence    ", manual.evidence);
    for (index, fix) in manual.fixes.iter().enumerate() {
        paragraph(
            &mut text,
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
pub fn table(manuals: impl Iterator<Item = Manual>) -> String {
    let mut text = String::from("| rule | fires when |\n|---|---|\n");
    for manual in manuals {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{}` | {} |", manual.name, manual.meaning);
    }
    text
}

fn paragraph(text: &mut String, head: &str, body: &str) {
    let indent = " ".repeat(head.len());
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(head)
        .subsequent_indent(&indent);
    text.push_str(&textwrap::fill(body, options));
    text.push('\n');
}
