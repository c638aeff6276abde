//! JSON with each value on a line of its own.
//!
//! In: what serde_json writes. Out: the layout of its `PrettyFormatter`, which writes each two blanks of an indentation
//! for themselves.

use std::io::{self, Write};

use serde_json::ser::Formatter;

/// What stands between two values of the deepest structure there is a piece for.
const BETWEEN: &[u8; 34] = b",\n                                ";

/// Blanks of a level.
const LEVEL: usize = 2;

/// Where the next value stands.
#[derive(Default)]
pub(super) struct Indented {
    /// How many arrays and objects are open.
    depth: usize,
    /// Whether the innermost of them has a value.
    has_value: bool,
}

impl Indented {
    /// Begins a line within what is open, behind a comma if it is not the `first` one there.
    fn begin_line<W: ?Sized + Write>(&self, out: &mut W, first: bool) -> io::Result<()> {
        let from = usize::from(first);
        let blanks = LEVEL * self.depth;
        match BETWEEN.get(from..2 + blanks) {
            Some(between) => out.write_all(between),
            None => {
                out.write_all(BETWEEN.get(from..2).unwrap_or_default())?;
                (0..self.depth).try_for_each(|_| out.write_all(b"  "))
            }
        }
    }

    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if self.has_value {
            self.begin_line(out, true)?;
        }
        out.write_all(bracket)
    }
}

impl Formatter for Indented {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.begin_line(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.begin_line(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::ser::Serializer;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_layout_is_that_of_serde_json_at_every_depth() {
        let mut value = json!({"a": [1, {}, [], [[]]], "b": {"c": "d"}});
        for _ in 0..40 {
            let mut out = Vec::new();
            let formatter = Indented::default();
            value
                .serialize(&mut Serializer::with_formatter(&mut out, formatter))
                .unwrap();
            assert_eq!(out, serde_json::to_vec_pretty(&value).unwrap());
            value = Value::Array(vec![value.clone(), json!({"b": "beside it"})]);
        }
    }
}
