//! `frames --format http2debug`: the lines that GODEBUG=http2debug=2 would have written, as
//! golang.org/x/net/http2 formats them, for both directions of every connection.

use std::fmt::{self, Write};

use super::Place;
use crate::decode::Direction;
use crate::decode::http2::hpack::HeaderBlock;
use crate::decode::http2::{ErrorCode, Flags, Frame, Payload, SettingId};
use crate::report::redact::Secrets;

/// How much of a DATA frame the log shows, in bytes.
pub(super) const LOGGED_DATA: usize = 256;

/// Whose log it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedSide {
    /// The client's: what it sent was written.
    Client,
    /// The server's.
    Server,
}

impl LoggedSide {
    const fn verb(self, direction: Direction) -> &'static str {
        match (self, direction) {
            (Self::Client, Direction::ClientToServer)
            | (Self::Server, Direction::ServerToClient) => "wrote",
            _ => "read",
        }
    }
}

/// Writes a frame's line and, where it ends a header block, a line for each field.
///
/// # Errors
///
/// Those of `out`.
pub fn http2debug(
    out: &mut impl Write,
    frame: &Frame<'_>,
    place: Place,
    side: LoggedSide,
    secrets: Secrets,
) -> fmt::Result {
    let Place { client, server, .. } = place;
    write!(
        out,
        "http2: Framer {client}-{server}: {} ",
        side.verb(frame.direction)
    )?;
    summary(out, frame, secrets)?;
    out.write_char('\n')?;
    let block = match &frame.payload {
        Payload::Headers { block, .. } | Payload::PushPromise { block, .. } => *block,
        Payload::Continuation { block } => block.map(|ended| ended.block),
        _ => None,
    };
    block.map_or(Ok(()), |block| fields(out, block, secrets))
}

fn summary(out: &mut impl Write, frame: &Frame<'_>, secrets: Secrets) -> fmt::Result {
    header(out, frame)?;
    match &frame.payload {
        Payload::Settings(settings) => {
            for (index, (id, value)) in settings.iter().enumerate() {
                out.write_str(if index == 0 { ", settings: " } else { ", " })?;
                setting(out, id)?;
                write!(out, "={value}")?;
            }
            Ok(())
        }
        Payload::Data { length, prefix } => {
            let logged = prefix.get(..LOGGED_DATA).unwrap_or(prefix);
            if secrets == Secrets::Redacted {
                return out.write_str(" data=<redacted>");
            }
            write!(out, " data={}", Quoted(logged))?;
            let omitted = (*length as usize).saturating_sub(LOGGED_DATA);
            if omitted > 0 {
                write!(out, " ({omitted} bytes omitted)")
            } else {
                Ok(())
            }
        }
        Payload::WindowUpdate { increment } => {
            if frame.header.stream.0 == 0 {
                out.write_str(" (conn)")?;
            }
            write!(out, " incr={increment}")
        }
        Payload::Ping(payload) => write!(out, " ping={}", Quoted(payload)),
        Payload::GoAway {
            last_stream_id,
            error,
            debug_data,
        } => {
            write!(out, " LastStreamID={last_stream_id} ErrCode=")?;
            error_code(out, *error)?;
            write!(out, " Debug={}", Quoted(debug_data))
        }
        Payload::ResetStream { error } => {
            out.write_str(" ErrCode=")?;
            error_code(out, *error)
        }
        _ => Ok(()),
    }
}

fn header(out: &mut impl Write, frame: &Frame<'_>) -> fmt::Result {
    let header = frame.header;
    match header.kind.name() {
        Some(name) => out.write_str(name)?,
        None => write!(out, "UNKNOWN_FRAME_TYPE_{}", header.kind.0)?,
    }
    if header.flags != Flags::default() {
        out.write_str(" flags=")?;
        for (index, (bit, name)) in header.flags.named(header.kind).enumerate() {
            if index > 0 {
                out.write_char('|')?;
            }
            match name {
                Some(name) => out.write_str(name)?,
                None => write!(out, "{bit:#x}")?,
            }
        }
    }
    if header.stream.0 != 0 {
        write!(out, " stream={}", header.stream)?;
    }
    write!(out, " len={}", header.length)
}

fn setting(out: &mut impl Write, id: SettingId) -> fmt::Result {
    match id.name() {
        Some(name) => out.write_str(name),
        None => write!(out, "UNKNOWN_SETTING_{}", id.0),
    }
}

fn error_code(out: &mut impl Write, code: ErrorCode) -> fmt::Result {
    match code.name() {
        Some(name) => out.write_str(name),
        None => write!(out, "unknown error code {:#x}", code.0),
    }
}

fn fields(out: &mut impl Write, block: &HeaderBlock, secrets: Secrets) -> fmt::Result {
    for field in block.fields() {
        out.write_str("http2: decoded hpack field header field ")?;
        match field.name {
            Some(name) => write!(out, "{}", Quoted(name))?,
            None => out.write_str("<unknown>")?,
        }
        out.write_str(" = ")?;
        match (field.name, field.value) {
            (Some(name), Some(value)) => write!(out, "{}", Quoted(&secrets.value(name, value)))?,
            (None, Some(value)) => write!(out, "{}", Quoted(&secrets.unnamed(value)))?,
            (_, None) => out.write_str("<unknown>")?,
        }
        out.write_str(if field.sensitive {
            " (sensitive)\n"
        } else {
            "\n"
        })?;
    }
    Ok(())
}

/// Bytes as Go's `%q` prints a string.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                quote(formatter, character)?;
            }
            for byte in chunk.invalid() {
                write!(formatter, "\\x{byte:02x}")?;
            }
        }
        formatter.write_char('"')
    }
}

fn quote(out: &mut impl Write, character: char) -> fmt::Result {
    match character {
        '"' | '\\' => {
            out.write_char('\\')?;
            out.write_char(character)
        }
        '\x07' => out.write_str("\\a"),
        '\x08' => out.write_str("\\b"),
        '\x0c' => out.write_str("\\f"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\x0b' => out.write_str("\\v"),
        printable if is_printable(printable) => out.write_char(printable),
        other => match u32::from(other) {
            code @ (..0x20 | 0x7f) => write!(out, "\\x{code:02x}"),
            code @ ..0x1_0000 => write!(out, "\\u{code:04x}"),
            code => write!(out, "\\U{code:08x}"),
        },
    }
}

/// Whether Go prints a character as it is: letters, marks, numbers, punctuation, symbols and the
/// ASCII space. Rust's debug escapes leave the same characters alone behind a first one.
fn is_printable(character: char) -> bool {
    let mut probe = ['a', character].iter().collect::<String>();
    probe.retain(|kept| kept != '\'');
    character == '\'' || probe.escape_debug().count() == probe.chars().count()
}

/// DATA is worth keeping up to this for a log that shows it.
#[must_use]
pub const fn logged_data(secrets: Secrets) -> usize {
    match secrets {
        Secrets::Shown => LOGGED_DATA,
        Secrets::Redacted => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        let quoted = |bytes: &[u8]| Quoted(bytes).to_string();
        assert_eq!(
            quoted(b"\x00\x00\x00\x00\x05hello"),
            r#""\x00\x00\x00\x00\x05hello""#
        );
        assert_eq!(quoted(b"a\"b\\c\n\x7f\xff"), r#""a\"b\\c\n\x7f\xff""#);
        assert_eq!(quoted("é 'x' \u{301}".as_bytes()), "\"é 'x' \u{301}\"");
        assert_eq!(
            quoted("\u{200b}\u{a0}\u{1f600}\u{e0001}".as_bytes()),
            "\"\\u200b\\u00a0😀\\U000e0001\""
        );
        assert_eq!(
            quoted(b"\x02\x04\x10\x10\t\x0e\x07\x07"),
            r#""\x02\x04\x10\x10\t\x0e\a\a""#
        );
    }
}
