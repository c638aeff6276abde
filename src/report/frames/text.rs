//! `frames`: one line a frame, for eyes.

use std::io::{self, Write as _};

use super::{FrameContext, FrameFormat};
use crate::decode::Direction;
use crate::decode::http2::hpack::HeaderBlock;
use crate::decode::http2::{Frame, Payload};
use crate::inspect::report::Files;
use crate::report::display_width::width;
use crate::report::escape;
use crate::report::hex::Hex;
use crate::report::line_width::LineWidth;
use crate::report::redact::SecretDisplay;

/// A line a frame:
///
/// ```text
/// packet  elapsed    conn:stream  direction  TYPE  length  flags  what it says
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FrameText {
    /// Whether packets need their file named.
    pub files: Files,
    /// How secrets are printed.
    pub secrets: SecretDisplay,
    /// How wide the terminal is that shows it: what is longer goes on below what a frame says. `None` for one line a
    /// frame, however long.
    pub columns: Option<LineWidth>,
}

impl FrameFormat for FrameText {
    fn write(
        &self,
        frame: &Frame<'_>,
        context: &FrameContext,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let stamp = frame.whole;
        let header = frame.header;
        let packet = match self.files {
            Files::One => stamp.packet.to_string(),
            Files::Several => format!("{}:{}", stamp.file, stamp.packet),
        };
        let elapsed = (stamp.time - context.epoch).as_secs_f64();
        let arrow = match frame.direction {
            Direction::ClientToServer => "→",
            Direction::ServerToClient => "←",
        };
        let call = format!("{}:{}", context.connection, header.stream);
        let kind = header.kind.to_string();
        write!(
            out,
            "{packet:>7} {elapsed:>12.6} {call:>9} {arrow} {kind:<13} {:>6}",
            header.length
        )?;
        for (bit, name) in header.flags.named(header.kind) {
            match name {
                Some(name) => write!(out, " {name}")?,
                None => write!(out, " {bit:#x}")?,
            }
        }
        says(out, &frame.payload, self.secrets)?;
        if let Some(columns) = self.columns {
            *out = broken(out, columns).into_bytes();
        }
        out.write_all(b"\n")
    }
}

/// Where what a frame says goes on in the next line.
const INDENT: &str = "                    ";

fn broken(line: &[u8], columns: LineWidth) -> String {
    let line = String::from_utf8_lossy(line);
    if width(&line) <= columns.count() {
        return line.into_owned();
    }
    let options = textwrap::Options::new(columns.count())
        .subsequent_indent(INDENT)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(true);
    textwrap::fill(&line, options)
}

fn says(out: &mut Vec<u8>, payload: &Payload<'_>, secrets: SecretDisplay) -> io::Result<()> {
    match payload {
        Payload::Headers {
            block: Some(block), ..
        } => fields(out, block, secrets),
        Payload::Continuation { block: Some(ended) } => fields(out, ended.block, secrets),
        Payload::PushPromise { promised, block } => {
            write!(out, " promises {promised}")?;
            block.map_or(Ok(()), |block| fields(out, block, secrets))
        }
        Payload::Settings(settings) => settings
            .iter()
            .try_for_each(|(id, value)| write!(out, " {id}={value}")),
        Payload::WindowUpdate { increment } => write!(out, " +{increment}"),
        Payload::Ping(payload) => write!(out, " {}", Hex(payload)),
        Payload::ResetStream { error } => write!(out, " {error}"),
        Payload::GoAway {
            last_stream_id,
            error,
            debug_data,
        } => {
            write!(out, " last_stream_id={last_stream_id} {error}")?;
            if debug_data.is_empty() {
                return Ok(());
            }
            write!(out, " \"{}\"", escape::terminal(debug_data))
        }
        Payload::Priority(priority) => {
            write!(
                out,
                " depends on {}, weight {}",
                priority.dependency,
                u16::from(priority.weight) + 1
            )
        }
        Payload::Malformed(malformation) => write!(out, " ({})", malformation.name()),
        _ => Ok(()),
    }
}

fn fields(out: &mut Vec<u8>, block: &HeaderBlock, secrets: SecretDisplay) -> io::Result<()> {
    for field in block.fields() {
        let name = field.name.map_or_else(|| "?".into(), escape::terminal);
        let value = match (field.name, field.value) {
            (_, None) => "?".to_owned(),
            (Some(name), Some(value)) => escape::terminal(&secrets.value(name, value)),
            (None, Some(value)) => escape::terminal(&secrets.unnamed(value)),
        };
        write!(out, " {name}={value}")?;
    }
    Ok(())
}
