//! Lines of at most 80 columns.

use colored::ColoredString;
use colored::Colorize as _;
use textwrap::{Options, WordSplitter};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::report::units::count;

/// Columns of a line: what a terminal has that nobody has widened, and what a ticket shows.
pub(super) const WIDTH: usize = 80;

/// How a piece of text is coloured.
pub(super) type Paint = fn(&str) -> ColoredString;

/// The text so far.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// Adds a line that is short enough and coloured already.
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }

    /// Adds an empty line, but never two.
    pub(super) fn blank(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    /// Adds plain text, broken into lines, the first one after `first`, all others after `rest`.
    pub(super) fn paragraph(&mut self, first: &str, rest: &str, text: &str, paint: Paint) {
        for (place, line) in wrapped(first, rest, text).into_iter().enumerate() {
            let before = if place == 0 { first } else { rest };
            let text = line.strip_prefix(before).unwrap_or(&line);
            self.line(format!("{before}{}", paint(text)));
        }
    }

    /// Adds plain text after a mark and a label, which alone are coloured.
    pub(super) fn labelled(&mut self, mark: &str, label: &str, text: &str, paint: Paint) {
        let before = format!("{mark} {label}  ");
        let rest = " ".repeat(width(&before).min(WIDTH / 3));
        for (place, line) in wrapped(&before, &rest, text).into_iter().enumerate() {
            match line.strip_prefix(before.trim_end()) {
                Some(text) if place == 0 => {
                    self.line(format!("{}{text}", paint(before.trim_end())));
                }
                _ => self.line(line),
            }
        }
    }

    /// Says how many more there are, if any.
    pub(super) fn more(&mut self, left: u64) {
        if left > 0 {
            self.line(format!("    {}", more(left).dimmed()));
        }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// `… 5 more (--limit)`.
pub(super) fn more(left: u64) -> String {
    format!("… {} more (--limit)", count(left))
}

/// How many columns plain text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Plain text in lines, each after what stands before it.
pub(super) fn wrapped(first: &str, rest: &str, text: &str) -> Vec<String> {
    let options = Options::new(WIDTH)
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

/// Plain text cut in its middle to so many columns: of a path both ends tell most.
pub(super) fn shortened(text: &str, columns: usize) -> String {
    // What takes no column counts as one, or a heap of accents would have no end.
    let columns_of = |letter: char| letter.width().unwrap_or(0).max(1);
    let total: usize = text.chars().map(columns_of).sum();
    if total <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(1);
    let tail_columns = kept / 2;
    let take = |letters: &mut dyn Iterator<Item = char>, room: usize| {
        let mut left = room;
        let mut taken = Vec::new();
        for letter in letters {
            let Some(rest) = left.checked_sub(columns_of(letter)) else {
                break;
            };
            left = rest;
            taken.push(letter);
        }
        taken
    };
    let head = take(&mut text.chars(), kept - tail_columns);
    let tail = take(&mut text.chars().rev(), tail_columns);
    head.into_iter()
        .chain(['…'])
        .chain(tail.into_iter().rev())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_long_name_stay() {
        assert_eq!(
            shortened("/inventory.Stock/Reserve", 24),
            "/inventory.Stock/Reserve"
        );
        assert_eq!(shortened("/inventory.Stock/Reserve", 11), "/inve…serve");
        assert_eq!(shortened("/倉庫/予約する", 8), "/倉…する");
        assert_eq!(shortened("abc", 0), "…");
        let accents = "e\u{301}".repeat(1_000);
        assert!(shortened(&accents, 10).chars().count() <= 10);
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        let lines = wrapped("  why   ", "        ", &"word ".repeat(60));
        assert!(lines.len() > 3);
        assert!(lines.iter().all(|line| width(line) <= WIDTH));
        let lines = wrapped("", "  ", &"x".repeat(200));
        assert!(lines.iter().all(|line| width(line) <= WIDTH));
    }
}
