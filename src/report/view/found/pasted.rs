//! Texts that mean the same, however a log wrote them.
//!
//! In: what was pasted, or what a client library is known to say. Out: the same without quotes, escapes, line ends and
//! capitals, so that one can be looked for in the other.

use crate::inspect::GRPC_STATUSES;

/// A text by its letters alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain(String);

impl Plain {
    pub(super) fn of(text: &str) -> Self {
        let unescaped = unescaped(text);
        let letters = unescaped.chars().filter(|letter| !is_quote(*letter));
        let mut plain = String::with_capacity(unescaped.len());
        for letter in letters.flat_map(char::to_lowercase) {
            if !letter.is_whitespace() {
                plain.push(letter);
            } else if !plain.is_empty() && !plain.ends_with(' ') {
                plain.push(' ');
            }
        }
        plain.truncate(plain.trim_end().len());
        Self(plain)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// How many letters it has.
    pub(super) fn len(&self) -> usize {
        self.0.chars().count()
    }

    /// Where another text stands in it as a whole: no letter or figure beside it belongs to the same word. What
    /// stands before it and behind it.
    pub(super) fn around<'a>(&'a self, part: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let whole = |(at, found): (usize, &str)| {
            let before = self.0.get(..at)?;
            let after = self.0.get(at + found.len()..)?;
            let inside = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
            let cut = inside(before.chars().next_back()) && inside(part.chars().next())
                || inside(after.chars().next()) && inside(part.chars().next_back());
            (!cut).then_some((before, after))
        };
        let places = self.0.match_indices(part).filter(|_| !part.is_empty());
        places.filter_map(whole)
    }
}

/// What stands behind the code in an error, as libraries print it, and the code: `rpc error: code = Unavailable desc =
/// …` of grpc-go, `UNAVAILABLE: …`, `14 UNAVAILABLE: …`.
pub(super) fn message(error: &str) -> (&str, Option<String>) {
    let of_go = error
        .strip_prefix("rpc error: code = ")
        .and_then(|rest| rest.split_once(" desc = "));
    if let Some((code, message)) = of_go {
        return (message, Some(code.to_lowercase()));
    }
    let Some((before, message)) = error.split_once(": ") else {
        return (error, None);
    };
    let name = before.split_once(' ').map_or(before, |(number, name)| {
        let numeric = number.bytes().all(|byte| byte.is_ascii_digit());
        if numeric { name } else { before }
    });
    match GRPC_STATUSES.contains(&name) {
        true => (message, Some(name.to_lowercase().replace('_', ""))),
        false => (error, None),
    }
}

/// Whether a text names a code of gRPC, however it spells it; and whether it names this one.
pub(super) fn names_code(text: &Plain, code: &str) -> (bool, bool) {
    let flat = text.as_str().replace('_', "");
    let flat = Plain(flat);
    let named = |name: &str| flat.around(name).next().is_some();
    let any = GRPC_STATUSES.iter().skip(1);
    let mut any = any.map(|name| name.to_lowercase().replace('_', ""));
    (any.any(|name| named(&name)), named(code))
}

const fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '`' | '“' | '”' | '‘' | '’' | '\\')
}

/// Text without the escapes of JSON and of Go, as deep as logs nest them.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let behind = rest.as_str();
        // Backslashes that are escaped themselves.
        let escape = behind.trim_start_matches('\\');
        let number = |mark: char, digits: usize| {
            let digits = escape.strip_prefix(mark)?.get(..digits)?;
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)
        };
        let (read, length) = match escape.chars().next() {
            Some('n' | 'r' | 't') => (Some(' '), 1),
            Some('u') => (number('u', 4), 5),
            Some('x') => (number('x', 2), 3),
            _ => (None, 0),
        };
        let Some(read) = read else { continue };
        out.push(read);
        rest = escape.get(length..).unwrap_or_default().chars();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_however_a_log_writes_them() {
        let plain = |text| Plain::of(text).0;
        let expected = "code = unavailable desc = error reading from server: eof, a: max_age";
        for text in [
            r#"code = Unavailable desc = "error reading from server: EOF", a: "max_age""#,
            r#"code = Unavailable desc = \"error reading from server: EOF\", a: \"max_age\""#,
            r#"code = Unavailable desc = \\\"error reading from server: EOF\\\", a: \\\"max_age\\\""#,
            "  code = Unavailable desc =\n\t`error reading   from server: EOF`, a: 'max_age' ",
            r"code = Unavailable desc = error reading\nfrom server: EOF, a: max_age",
            r"code = Unavailable desc = error reading\u0020from server: EOF, a: max_age",
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
        assert_eq!(plain(r"\u003chtml\u003e \u201ca\u201d \xe9"), "<html> a é");
        assert_eq!(plain(r"C:\dir\"), "c:dir");
    }

    #[test]
    fn codes_stand_before_messages() {
        for (error, expected, code) in [
            (
                "rpc error: code = Unavailable desc = a: b",
                "a: b",
                Some("unavailable"),
            ),
            ("UNAVAILABLE: a: b", "a: b", Some("unavailable")),
            ("4 DEADLINE_EXCEEDED: a", "a", Some("deadlineexceeded")),
            ("transport error", "transport error", None),
            ("io exception: a", "io exception: a", None),
        ] {
            assert_eq!(
                message(error),
                (expected, code.map(str::to_owned)),
                "{error}"
            );
        }
        let text = Plain::of("code=DEADLINE_EXCEEDED msg=\"a\"");
        assert_eq!(names_code(&text, "deadlineexceeded"), (true, true));
        assert_eq!(names_code(&text, "unavailable"), (true, false));
        assert_eq!(names_code(&Plain::of("a"), "unavailable"), (false, false));
    }

    #[test]
    fn words_are_found_whole() {
        let found = |text: &str, part: &str| Plain::of(text).around(part).count();
        assert_eq!(
            found("a transport error, transport errors", "transport error"),
            1
        );
        assert_eq!(found("(transport error)", "transport error"), 1);
        assert_eq!(found("anything", ""), 0);
    }
}
