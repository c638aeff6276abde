//! The lines of incidents that a person sees: one each, told again when it changes, one a second at most.
//!
//! In: the line of an incident that is new or has changed. Out: text for standard output. Where that is a
//! terminal the latest incidents stand below everything else and change where they stand; where it is a file or a
//! pipe each change is another line.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::incidents::IncidentKey;

/// How often something is printed at most.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// How many incidents stand on the screen at a time; those that changed longest ago scroll away.
const MAX_ROWS: usize = 10;

/// How many lines wait to be printed; more than that, and nobody reads them.
const MAX_WAITING: usize = 1_000;

/// The lines.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// What waits to be printed, oldest first.
    waiting: VecDeque<(IncidentKey, String)>,
    printed: Option<Instant>,
    /// What stands on the screen, what changed last at the end.
    rows: Vec<(IncidentKey, String)>,
    /// How many rows the cursor is below the first.
    drawn: usize,
    /// How wide the terminal was then, in columns.
    columns: Option<usize>,
    /// Lines left out because too many waited.
    left_out: u64,
}

impl Board {
    /// The line of an incident, in place of the one it had.
    pub(super) fn set(&mut self, key: IncidentKey, line: String) {
        if let Some(waiting) = self.waiting.iter_mut().find(|(other, _)| *other == key) {
            waiting.1 = line;
        } else if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back((key, line));
        } else {
            self.left_out += 1;
        }
    }

    /// The line to print now, if one waits and the last one was printed long enough ago.
    pub(super) fn next_line(&mut self, now: Instant) -> Option<String> {
        if !self.is_due(now) {
            return None;
        }
        let (_, mut line) = self.waiting.pop_front()?;
        self.printed = Some(now);
        if let left_out @ 1.. = std::mem::take(&mut self.left_out) {
            let _ = write!(line, "\n{left_out} more, not told one by one");
        }
        Some(line)
    }

    /// What to print on a terminal, if something has changed and the last time was long enough ago: it ends in
    /// the column where it began.
    pub(super) fn next_screen(&mut self, now: Instant, columns: Option<usize>) -> Option<String> {
        if !self.is_due(now) {
            return None;
        }
        self.printed = Some(now);
        self.fit(columns);
        let mut text = self.erased();
        for (key, line) in self.waiting.drain(..) {
            self.rows.retain(|(other, _)| *other != key);
            self.rows.push((key, line));
        }
        let scrolled = self.rows.len().saturating_sub(MAX_ROWS);
        for (_, line) in self.rows.drain(..scrolled) {
            let _ = writeln!(text, "{line}");
        }
        self.draw(&mut text);
        Some(text)
    }

    /// The same around something else that is printed above the incidents.
    pub(super) fn around(&mut self, other: &str, columns: Option<usize>) -> String {
        self.fit(columns);
        let mut text = self.erased();
        text.push_str(other);
        self.draw(&mut text);
        text
    }

    /// The terminal is so wide now. Where that has changed nobody knows how it broke the lines that were drawn: they
    /// stay, and lines are drawn anew as they change.
    fn fit(&mut self, columns: Option<usize>) {
        if std::mem::replace(&mut self.columns, columns) != columns {
            self.rows.clear();
            self.drawn = 0;
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let soon = self
            .printed
            .is_some_and(|printed| now < printed + LINE_EVERY);
        !self.waiting.is_empty() && !soon
    }

    /// Takes what was drawn off the screen: the cursor goes up and what is below it goes away (ECMA-48, sections
    /// 8.3.22 and 8.3.39).
    fn erased(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => "\r\x1b[0J".to_owned(),
            rows => format!("\r\x1b[{rows}A\x1b[0J"),
        }
    }

    fn draw(&mut self, text: &mut String) {
        for (_, line) in &self.rows {
            let _ = writeln!(text, "{line}");
        }
        self.drawn = self.rows.len();
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::clock;
    use super::*;

    const RACE: IncidentKey = ("goaway-race", None);
    const CLOSE: IncidentKey = ("abrupt-close", None);

    #[test]
    fn a_line_a_second_and_the_latest_of_each() {
        let (mut board, now) = (Board::default(), clock());
        board.set(RACE, "race 1".to_owned());
        assert_eq!(board.next_line(now).as_deref(), Some("race 1"));
        for number in 2..50 {
            board.set(RACE, format!("race {number}"));
            board.set(CLOSE, format!("close {number}"));
        }
        assert_eq!(board.next_line(now), None);
        assert_eq!(
            board.next_line(now + LINE_EVERY).as_deref(),
            Some("race 49")
        );
        assert_eq!(
            board.next_line(now + LINE_EVERY * 2).as_deref(),
            Some("close 49")
        );
        assert_eq!(board.next_line(now + LINE_EVERY * 3), None);
    }

    #[test]
    fn on_a_terminal_lines_change_where_they_stand() {
        let (mut board, now) = (Board::default(), clock());
        board.set(RACE, "race 1".to_owned());
        board.set(CLOSE, "close 1".to_owned());
        let columns = Some(79);
        let first = board.next_screen(now, columns).unwrap();
        assert_eq!(first, "\r\x1b[0Jrace 1\nclose 1\n");
        board.set(RACE, "race 2".to_owned());
        let second = board.next_screen(now + LINE_EVERY, columns).unwrap();
        assert_eq!(second, "\r\x1b[2A\x1b[0Jclose 1\nrace 2\n");
        assert_eq!(
            board.around("a note\n", columns),
            "\r\x1b[2A\x1b[0Ja note\nclose 1\nrace 2\n"
        );
        // Narrower, they may take more lines than were drawn: none is drawn over.
        board.set(CLOSE, "close 2".to_owned());
        let narrow = board.next_screen(now + LINE_EVERY * 2, Some(40)).unwrap();
        assert_eq!(narrow, "\r\x1b[0Jclose 2\n");
    }
}
