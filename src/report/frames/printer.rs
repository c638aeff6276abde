//! From events to printed frames.

use std::io::{self, Write};

use rustc_hash::FxHashMap;

use super::selected::Selected;
use super::{FrameContext, FrameFormat};
use crate::capture::{Stamp, Timestamp};
use crate::decode::Event;
use crate::inspect::Filter;

/// Prints the frames that a filter picks, and remembers for that what connections are open.
pub struct FramePrinter<'a> {
    format: &'a dyn FrameFormat,
    out: &'a mut dyn Write,
    /// The frame that is being printed; kept so that its memory serves again.
    lines: Vec<u8>,
    selected: Selected,
    /// Of connections that were recognised and have not ended.
    contexts: FxHashMap<u32, FrameContext>,
    /// Time of the first packet.
    epoch: Option<Timestamp>,
    recognised: usize,
    readable: bool,
}

impl<'a> FramePrinter<'a> {
    /// Prints to `out`.
    pub fn new(format: &'a dyn FrameFormat, filter: Filter, out: &'a mut dyn Write) -> Self {
        Self {
            format,
            out,
            lines: Vec::new(),
            selected: Selected::new(filter),
            contexts: FxHashMap::default(),
            epoch: None,
            recognised: 0,
            readable: false,
        }
    }

    /// Takes the next event, of a connection with this number, that the packet `seen` brought about.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn push(&mut self, seen: &Stamp, connection: u32, event: &Event<'_>) -> io::Result<()> {
        let epoch = *self.epoch.get_or_insert(seen.time);
        match event {
            Event::Recognised(recognition) => {
                self.recognised += 1;
                self.readable |= recognition.transport.is_http2();
                let context = FrameContext {
                    connection,
                    tcp_stream: recognition.tcp_stream,
                    client: recognition.client,
                    server: recognition.server,
                    epoch,
                };
                self.contexts.insert(connection, context);
            }
            Event::Finished { .. } => {
                self.contexts.remove(&connection);
                self.selected.forget(connection);
            }
            Event::Frame(frame) => {
                let wanted = self.selected.wants(connection, frame, epoch);
                if let Some(context) = self.contexts.get(&connection).filter(|_| wanted) {
                    self.lines.clear();
                    self.format.write(frame, context, &mut self.lines)?;
                    self.out.write_all(&self.lines)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// How many connections were recognised as HTTP/2, or as what may hide it.
    #[must_use]
    pub const fn recognised(&self) -> usize {
        self.recognised
    }

    /// Whether the HTTP/2 of any connection could be read.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.readable
    }
}
