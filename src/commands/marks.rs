//! Text for readers that know ASCII alone.
//!
//! In: text in UTF-8, as formats write it. Out: the same with our own marks as ASCII marks of the same width, and any
//! other letter spelled by its number.

use std::io::{self, Write};

/// Our marks, and what stands for each: one letter wherever it stands in a table.
const MARKS: [(char, &str); 26] = [
    ('✗', "x"),
    ('✓', "+"),
    ('⚠', "!"),
    ('·', "-"),
    ('…', "~"),
    ('→', ">"),
    ('←', "<"),
    ('▹', ">"),
    ('○', "o"),
    ('⚑', "!"),
    ('↛', "/"),
    ('↳', ">"),
    ('■', "#"),
    ('×', "x"),
    ('−', "-"),
    ('–', "-"),
    ('—', "-"),
    ('±', "+-"),
    ('≈', "~"),
    ('≤', "<="),
    ('≥', ">="),
    ('µ', "u"),
    ('’', "'"),
    ('‘', "'"),
    ('“', "\""),
    ('”', "\""),
];

/// Writes on what it is given, in ASCII.
pub(crate) struct AsciiMarks<W> {
    out: W,
    /// The beginning of a letter whose rest has not come.
    begun: Vec<u8>,
}

impl<W: Write> AsciiMarks<W> {
    pub(crate) const fn new(out: W) -> Self {
        Self {
            out,
            begun: Vec::new(),
        }
    }

    fn write_text(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(|letter: char| !letter.is_ascii()) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.out.write_all(before.as_bytes())?;
            let mut letters = after.chars();
            if let Some(letter) = letters.next() {
                match MARKS.iter().find(|(mark, _)| *mark == letter) {
                    Some((_, ascii)) => self.out.write_all(ascii.as_bytes())?,
                    None => write!(self.out, "{}", letter.escape_unicode())?,
                }
            }
            rest = letters.as_str();
        }
        self.out.write_all(rest.as_bytes())
    }
}

impl<W: Write> Write for AsciiMarks<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let joined;
        let all = match self.begun.is_empty() {
            true => bytes,
            false => {
                joined = [std::mem::take(&mut self.begun).as_slice(), bytes].concat();
                &joined
            }
        };
        let mut passed = 0;
        for chunk in all.utf8_chunks() {
            self.write_text(chunk.valid())?;
            let invalid = chunk.invalid();
            passed += chunk.valid().len() + invalid.len();
            let unfinished = |error: std::str::Utf8Error| error.error_len().is_none();
            if passed == all.len() && std::str::from_utf8(invalid).is_err_and(unfinished) {
                self.begun = invalid.to_vec();
            } else {
                self.out.write_all(&vec![b'?'; invalid.len()])?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The same line in ASCII.
pub(crate) fn ascii(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    // Memory takes all that is written to it.
    let _ = AsciiMarks::new(&mut out).write_text(text);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_ascii_and_letters_numbers() {
        assert_eq!(
            ascii("✗ 3  cut · +1.5 µs … −3 ms"),
            "x 3  cut - +1.5 us ~ -3 ms"
        );
        assert_eq!(ascii("/倉庫"), "/\\u{5009}\\u{5eab}");
    }

    #[test]
    fn letters_may_come_in_pieces() {
        let text = "a✗b…c\u{1f600}";
        for size in 1..6 {
            let mut out = Vec::new();
            let mut marks = AsciiMarks::new(&mut out);
            for piece in text.as_bytes().chunks(size) {
                marks.write_all(piece).unwrap();
            }
            marks.flush().unwrap();
            assert_eq!(out, ascii(text).as_bytes(), "{size}");
        }
    }
}
