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
    let plain = is_printable_ascii(bytes).then(|| std::str::from_utf8(bytes));
    match plain {
        Some(Ok(text)) => text.to_owned(),
        _ => lossless(bytes, is_unsafe),
    }
}

/// A name that someone else chose, or a message that holds one, for a line on standard error.
#[must_use]
pub fn printable(text: &str) -> String {
    terminal(text.as_bytes())
}

/// Bytes as text that is like no other bytes' text: the backslash is escaped too.
#[must_use]
pub(super) fn distinct(bytes: &[u8]) -> String {
    lossless(bytes, |letter| letter == '\\' || is_unsafe(letter))
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
    unlinked(&out.replace("://", "&#58;//"))
}

/// GitHub makes a link of what begins with `www.`, in any case of letters.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut web = 0;
    for letter in text.chars() {
        if letter == '.' && web >= 3 {
            out.push_str("&#46;");
        } else {
            out.push(letter);
        }
        web = if matches!(letter, 'w' | 'W') {
            web + 1
        } else {
            0
        };
    }
    out
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

/// Whether a text is nothing but printable ASCII: nothing in it is unsafe. Eight bytes are looked at together.
pub(super) fn is_printable_ascii(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks();
    words.iter().all(|word| is_printable(*word))
        && rest.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether eight bytes are all printable ASCII. A byte's highest bit tells whether it is above `~`, once it is the
/// next number, or below a blank, once that is subtracted; what overflows comes from a byte that is not printable.
const fn is_printable(word: [u8; 8]) -> bool {
    let word = u64::from_ne_bytes(word);
    let above = word | word.wrapping_add(u64::from_ne_bytes([1; 8]));
    let below = word.wrapping_sub(u64::from_ne_bytes([b' '; 8])) & !word;
    (above | below) & u64::from_ne_bytes([0x80; 8]) == 0
}

/// Control characters, line and paragraph separators, and all that is not seen: what joins, reorders, tags or
/// varies text, and letters without a shape (Unicode's general categories Cc, Zl and Zp, its property
/// Default_Ignorable_Code_Point, the annotation characters and the blank of Braille).
pub(super) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_ascii_is_told_from_all_else_wherever_it_stands() {
        for character in (0..=0x2_ff).filter_map(char::from_u32) {
            for before in 0..17 {
                let text = format!("{}{character}ab~ end", "x".repeat(before));
                let printable = matches!(character, ' '..='~');
                assert_eq!(is_printable_ascii(text.as_bytes()), printable, "{text:?}");
            }
        }
        assert!(is_printable_ascii(b""));
    }

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
    fn nothing_that_a_peer_sent_becomes_a_link() {
        for text in ["see www.example.com", "WWW.example.com", "(wWw.a.b)"] {
            let safe = markdown(text);
            assert!(!safe.to_lowercase().contains("www."), "{safe}");
        }
        assert_eq!(markdown("ww.a w.b"), "ww.a w.b");
    }

    #[test]
    fn letters_without_a_shape_are_seen() {
        for letter in [
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{3164}',
            '\u{ffa0}',
            '\u{fe0f}',
            '\u{180b}',
            '\u{17b4}',
            '\u{2065}',
            '\u{2800}',
            '\u{1d173}',
            '\u{e0100}',
            '\u{9b}',
            '\u{202e}',
        ] {
            let text = terminal(format!("a{letter}b").as_bytes());
            assert!(text.starts_with("a\\"), "U+{:04X}", u32::from(letter));
        }
        assert_eq!(terminal("é한글 漢字 ไทย".as_bytes()), "é한글 漢字 ไทย");
    }

    #[test]
    fn bytes_and_what_spells_them_are_told_apart() {
        assert_ne!(distinct(b"/a\xff"), distinct(b"/a\\xff"));
        assert_ne!(distinct(b"/a\x1b"), distinct(b"/a\\x1b"));
        assert_eq!(distinct(b"/shop.Cart/Add"), "/shop.Cart/Add");
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
