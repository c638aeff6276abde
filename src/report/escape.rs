//! Bytes from the wire to text that is safe to print.
//!
//! Header values, methods and debug data are whatever a peer chose to send. What could move a
//! terminal's cursor, hide text or reverse its order is printed as an escape.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::display_width::shortened;

/// Bytes as text: what is not UTF-8 as `\xNN`, all else as it is. For JSON, which does its own
/// escaping.
#[must_use]
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(lossless(bytes, |_| false)),
    }
}

/// Bytes as text for a terminal: control characters and those that change the direction or the
/// width of text are escaped too.
#[must_use]
pub(crate) fn terminal(bytes: &[u8]) -> String {
    lossless(bytes, is_unsafe)
}

/// Bytes as a code span of Markdown, cut in its middle to so many columns, for what a peer sent: no
/// letter of it is markup, a link, a mention or the end of a table's cell.
#[must_use]
pub(crate) fn markdown_code(bytes: &[u8], columns: usize) -> String {
    if bytes.is_empty() {
        return "(empty)".to_owned();
    }
    // A backslash does not escape within a code span, so its own end is spelt out; so is the bar,
    // which ends a cell all the same.
    let text = lossless(bytes, |letter| {
        matches!(letter, '`' | '|') || is_unsafe(letter)
    });
    format!("`{}`", shortened(&text, columns))
}

/// A sentence of ours as Markdown: it may quote what a peer sent.
#[must_use]
pub(crate) fn markdown(text: &str) -> String {
    let safe = lossless(text.as_bytes(), is_unsafe);
    let mut out = String::with_capacity(safe.len());
    let mut before = ' ';
    let mut letters = safe.chars().peekable();
    while let Some(letter) = letters.next() {
        let after = letters.peek().copied().unwrap_or(' ');
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Neither mentions nor addresses are recognised in entities.
            '@' => out.push_str("&#64;"),
            // Within a word it is nothing but a letter.
            '_' if before.is_alphanumeric() && after.is_alphanumeric() => out.push(letter),
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '|' | '#' | '$' => {
                out.push('\\');
                out.push(letter);
            }
            _ => out.push(letter),
        }
        before = letter;
    }
    out.replace("://", "&#58;//")
}

fn lossless(bytes: &[u8], escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if escaped(character) {
                push_escaped(&mut out, character);
            } else {
                out.push(character);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

fn push_escaped(out: &mut String, character: char) {
    let _ = match u32::from(character) {
        code @ ..0x100 => write!(out, "\\x{code:02x}"),
        code => write!(out, "\\u{{{code:x}}}"),
    };
}

/// Control characters, line and paragraph separators, and the invisible characters that join,
/// reorder or tag text (Unicode's general categories Cc, Zl, Zp and most of Cf).
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf_8_is_shown_byte_by_byte() {
        assert_eq!(text(b"caf\xc3\xa9 \xff!"), "café \\xff!");
        assert_eq!(text(b"plain"), "plain");
    }

    #[test]
    fn what_a_peer_sent_is_never_markup() {
        assert_eq!(markdown_code(b"/a.B/C", 80), "`/a.B/C`");
        assert_eq!(
            markdown_code(b"a`|\n<img src=x>@all \x1b[2J", 80),
            "`a\\x60\\x7c\\x0a<img src=x>@all \\x1b[2J`"
        );
        assert_eq!(markdown_code(&[b'x'; 1_000], 5), "`xx…xx`");
        assert_eq!(markdown_code(b"", 80), "(empty)");
    }

    #[test]
    fn a_sentence_is_only_a_sentence() {
        assert_eq!(markdown("RFC 9113, section 6.8"), "RFC 9113, section 6.8");
        assert_eq!(
            markdown("last_stream_id=1 | <b>`x`</b> & [a](https://b) @c\n# d"),
            "last_stream_id=1 \\| &lt;b&gt;\\`x\\`&lt;/b&gt; &amp; \\[a\\](https&#58;//b) &#64;c\\\\x0a\\# d"
        );
    }

    #[test]
    fn a_terminal_never_sees_a_control_character() {
        assert_eq!(terminal(b"\x1b[31mred\x07\n"), "\\x1b[31mred\\x07\\x0a");
        assert_eq!(
            terminal("a\u{202e}b\u{200b}c".as_bytes()),
            "a\\u{202e}b\\u{200b}c"
        );
        assert_eq!(terminal("\u{9b}31m".as_bytes()), "\\x9b31m");
    }
}
