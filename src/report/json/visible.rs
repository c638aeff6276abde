//! JSON in which every character can be seen.
//!
//! In: what a formatter of serde_json writes. Out: the same values, with the characters that would move a
//! terminal's cursor, hide text or reverse its order as `\uXXXX` (RFC 8259, section 7): JSON itself asks for
//! that only below U+0020.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

use super::indented::Indented;
use crate::report::escape;

/// Bytes that are collected before they are written: a value is written in hundreds of pieces.
const CHUNK: usize = 64 << 10;

/// Writes a value in one line.
pub(super) fn write_line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Visible(CompactFormatter));
    Ok(value.serialize(&mut serializer)?)
}

/// Writes a value indented.
pub(super) fn write_indented(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let mut chunks = BufWriter::with_capacity(CHUNK, out);
    let mut serializer = Serializer::with_formatter(&mut chunks, Visible(Indented::default()));
    value.serialize(&mut serializer)?;
    chunks.flush()
}

/// Writes as another formatter does, but for strings.
struct Visible<F>(F);

impl<F: Formatter> Formatter for Visible<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if escape::is_printable_ascii(fragment.as_bytes()) {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(escape::is_unsafe) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            out.write_all(before.as_bytes())?;
            let mut letters = after.chars();
            if let Some(letter) = letters.next() {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            rest = letters.as_str();
        }
        out.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(out, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_spelt_and_means_the_same() {
        let text = "a\u{9b}31m\u{202e}b\u{200b}\u{e0041}\u{7f}\n\"é";
        for write in [write_line, write_indented] {
            let mut out = Vec::new();
            write(&mut out, &[text]).unwrap();
            let written = String::from_utf8(out).unwrap();
            assert!(
                written.contains("a\\u009b31m\\u202eb\\u200b\\udb40\\udc41\\u007f\\n\\\"é"),
                "{written}"
            );
            assert_eq!(
                serde_json::from_str::<[String; 1]>(&written).unwrap(),
                [text]
            );
        }
    }

    #[test]
    fn the_layout_is_that_of_serde_json() {
        let value = serde_json::json!({"a": [1, {}, []], "b": {"c": "d"}});
        let (mut line, mut indented) = (Vec::new(), Vec::new());
        write_line(&mut line, &value).unwrap();
        write_indented(&mut indented, &value).unwrap();
        assert_eq!(line, serde_json::to_vec(&value).unwrap());
        assert_eq!(indented, serde_json::to_vec_pretty(&value).unwrap());
    }
}
