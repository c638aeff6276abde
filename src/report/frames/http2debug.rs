//! `frames --format http2debug`: the lines that GODEBUG=http2debug=2 would have written, as
//! golang.org/x/net/http2 formats them, for both directions of every connection.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use super::{FrameContext, FrameFormat};
use crate::decode::Direction;
use crate::decode::http2::hpack::HeaderBlock;
use crate::decode::http2::{ErrorCode, Flags, Frame, Payload, SettingId};
use crate::report::named_end::named_end;
use crate::report::redact::SecretDisplay;

/// How much of a DATA frame the log shows, in bytes.
const LOGGED_DATA: usize = 256;

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

/// For each frame a line and, where it ends a header block, a line for each field.
#[derive(Clone, Copy, Debug)]
pub struct Http2Debug {
    /// Whose log it would be.
    pub side: LoggedSide,
    /// How secrets are printed; payload of DATA is shown only together with them.
    pub secrets: SecretDisplay,
}

impl FrameFormat for Http2Debug {
    fn write(
        &self,
        frame: &Frame<'_>,
        context: &FrameContext,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let names = &context.names;
        let client = named_end(names.client.as_deref(), context.client);
        let server = named_end(names.server.as_deref(), context.server);
        let verb = self.side.verb(frame.direction);
        write!(out, "http2: Framer {client}-{server}: {verb} ")?;
        summary(out, frame, self.secrets)?;
        out.write_all(b"\n")?;
        let block = match &frame.payload {
            Payload::Headers { block, .. } | Payload::PushPromise { block, .. } => *block,
            Payload::Continuation { block } => block.map(|ended| ended.block),
            _ => None,
        };
        block.map_or(Ok(()), |block| fields(out, block, self.secrets))
    }

    fn data_bytes(&self) -> usize {
        match self.secrets {
            SecretDisplay::Shown => LOGGED_DATA,
            SecretDisplay::Redacted | SecretDisplay::MessagesRedacted => 0,
        }
    }
}

fn summary(out: &mut Vec<u8>, frame: &Frame<'_>, secrets: SecretDisplay) -> io::Result<()> {
    header(out, frame)?;
    match &frame.payload {
        Payload::Settings(settings) => {
            for (index, (id, value)) in settings.iter().enumerate() {
                write!(out, "{}", if index == 0 { ", settings: " } else { ", " })?;
                setting(out, id)?;
                write!(out, "={value}")?;
            }
            Ok(())
        }
        Payload::Data { length, prefix } => {
            let logged = prefix.get(..LOGGED_DATA).unwrap_or(prefix);
            if secrets != SecretDisplay::Shown {
                return out.write_all(b" data=<redacted>");
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
                out.write_all(b" (conn)")?;
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
            out.write_all(b" ErrCode=")?;
            error_code(out, *error)
        }
        _ => Ok(()),
    }
}

fn header(out: &mut Vec<u8>, frame: &Frame<'_>) -> io::Result<()> {
    let header = frame.header;
    match header.kind.name() {
        Some(name) => out.write_all(name.as_bytes())?,
        None => write!(out, "UNKNOWN_FRAME_TYPE_{}", header.kind.0)?,
    }
    if header.flags != Flags::default() {
        out.write_all(b" flags=")?;
        for (index, (bit, name)) in header.flags.named(header.kind).enumerate() {
            if index > 0 {
                out.write_all(b"|")?;
            }
            match name {
                Some(name) => out.write_all(name.as_bytes())?,
                None => write!(out, "{bit:#x}")?,
            }
        }
    }
    if header.stream.0 != 0 {
        write!(out, " stream={}", header.stream)?;
    }
    write!(out, " len={}", header.length)
}

fn setting(out: &mut Vec<u8>, id: SettingId) -> io::Result<()> {
    match id.name() {
        Some(name) => out.write_all(name.as_bytes()),
        None => write!(out, "UNKNOWN_SETTING_{}", id.0),
    }
}

fn error_code(out: &mut Vec<u8>, code: ErrorCode) -> io::Result<()> {
    match code.name() {
        Some(name) => out.write_all(name.as_bytes()),
        None => write!(out, "unknown error code {:#x}", code.0),
    }
}

fn fields(out: &mut Vec<u8>, block: &HeaderBlock, secrets: SecretDisplay) -> io::Result<()> {
    for field in block.fields() {
        out.write_all(b"http2: decoded hpack field header field ")?;
        match field.name {
            Some(name) => write!(out, "{}", Quoted(name))?,
            None => out.write_all(b"<unknown>")?,
        }
        out.write_all(b" = ")?;
        match (field.name, field.value) {
            (Some(name), Some(value)) => write!(out, "{}", Quoted(&secrets.value(name, value)))?,
            (None, Some(value)) => write!(out, "{}", Quoted(&secrets.unnamed(value)))?,
            (_, None) => out.write_all(b"<unknown>")?,
        }
        if field.sensitive {
            out.write_all(b" (sensitive)")?;
        }
        out.write_all(b"\n")?;
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

fn quote(out: &mut impl fmt::Write, character: char) -> fmt::Result {
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
