//! Lines no wider than the page.

use textwrap::{Options, WordSplitter};

use crate::report::colours::{Colours, Style};
use crate::report::display_width::width;
use crate::report::line_width::LineWidth;
use crate::units::count;

/// The text so far.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    columns: LineWidth,
    colours: Colours,
    /// What makes a report show more, if the program has such a thing.
    show_more: Option<&'static str>,
}

impl Page {
    pub(super) const fn new(
        columns: LineWidth,
        colours: Colours,
        show_more: Option<&'static str>,
    ) -> Self {
        Self {
            text: String::new(),
            columns,
            colours,
            show_more,
        }
    }

    /// How wide a line may be.
    pub(super) const fn width(&self) -> usize {
        self.columns.count()
    }

    /// Plain text in lines, each after what stands before it.
    pub(super) fn wrapped(&self, first: &str, rest: &str, text: &str) -> Vec<String> {
        wrapped(self.columns, first, rest, text)
    }

    /// A piece of a line in a style.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        self.colours.paint(style, text)
    }

    /// Adds a line that is short enough and coloured already.
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Adds an empty line, but never two.
    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Adds plain text, broken into lines, the first one after `first`, all others after `rest`.
    pub(super) fn paragraph(&mut self, first: &str, rest: &str, text: &str, style: Style) {
        for (place, line) in self.wrapped(first, rest, text).into_iter().enumerate() {
            let before = if place == 0 { first } else { rest };
            let text = line.strip_prefix(before).unwrap_or(&line);
            self.line(format!("{before}{}", self.paint(style, text)));
        }
    }

    /// Adds plain text after a mark and a label, which alone are coloured.
    pub(super) fn labelled(&mut self, mark: &str, label: &str, text: &str, style: Style) {
        let before = format!("{mark} {label}  ");
        let rest = " ".repeat(width(&before).min(self.width() / 3));
        for (place, line) in self.wrapped(&before, &rest, text).into_iter().enumerate() {
            match line.strip_prefix(before.trim_end()) {
                Some(text) if place == 0 && !label.trim().is_empty() => {
                    self.line(format!("{}{text}", self.paint(style, before.trim_end())));
                }
                _ => self.line(line),
            }
        }
    }

    /// Says how many more there are, if any.
    pub(super) fn more(&mut self, left: u64) {
        if left > 0 {
            let words = self.paint(Style::DIM, &self.more_words(left));
            self.line(format!("    {words}"));
        }
    }

    /// How many were left out, and how to see them.
    pub(super) fn more_words(&self, left: u64) -> String {
        format!("… {} more{}", count(left), self.show_more())
    }

    /// What makes a report show more, after the words that say what was left out.
    pub(super) fn show_more(&self) -> String {
        let flag = self.show_more;
        flag.map_or_else(String::new, |flag| format!(" ({flag})"))
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

fn wrapped(columns: LineWidth, first: &str, rest: &str, text: &str) -> Vec<String> {
    let options = Options::new(columns.count())
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(true);
    let lines = textwrap::wrap(text, options);
    lines
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_page() {
        for columns in [60, 80, 200].map(LineWidth::of_terminal) {
            let lines = wrapped(columns, "  why   ", "        ", &"word ".repeat(100));
            assert!(lines.len() > 2);
            assert!(lines.iter().all(|line| width(line) <= columns.count()));
            let lines = wrapped(columns, "", "  ", &"x".repeat(300));
            assert!(lines.iter().all(|line| width(line) <= columns.count()));
        }
    }
}
