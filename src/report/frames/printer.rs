//! From events to printed frames.

use std::io::{self, Write};

use super::selected::Selected;
use super::{FrameContext, FrameFormat};
use crate::capture::{Stamp, Timestamp};
use crate::decode::{Event, Listener, NetworkPath, PerSide, Recognition};
use crate::inspect::{Filter, PassedOver};
use crate::names::Directory;

/// Prints the frames that a filter picks, as they come.
pub struct FramePrinter<'a> {
    format: &'a dyn FrameFormat,
    out: &'a mut dyn Write,
    /// The frame that is being printed; kept so that its memory serves again.
    lines: Vec<u8>,
    selected: Selected,
    names: Directory,
    /// Time of the capture's first packet, from where elapsed time counts.
    epoch: Option<Timestamp>,
    last: Option<Timestamp>,
    printed: u64,
    recognised: usize,
    readable: bool,
    /// What the output failed of; nothing is printed after it.
    failure: Option<io::Error>,
}

impl<'a> FramePrinter<'a> {
    /// Prints to `out`.
    pub fn new(format: &'a dyn FrameFormat, filter: Filter, out: &'a mut dyn Write) -> Self {
        Self {
            format,
            out,
            lines: Vec::new(),
            selected: Selected::new(filter),
            names: Directory::default(),
            epoch: None,
            last: None,
            printed: 0,
            recognised: 0,
            readable: false,
            failure: None,
        }
    }

    /// Prints the ends of connections by these names.
    #[must_use]
    pub fn naming(self, names: Directory) -> Self {
        Self { names, ..self }
    }

    /// The packet at `stamp` comes next, or none any more.
    ///
    /// # Errors
    ///
    /// What the output failed of while the packet before was decoded.
    pub fn next_packet(&mut self, stamp: Option<Stamp>) -> io::Result<()> {
        let time = stamp.map(|stamp| stamp.time);
        self.epoch = self.epoch.or(time);
        self.last = self.last.max(time);
        self.failure.take().map_or(Ok(()), Err)
    }

    /// How many frames were printed.
    #[must_use]
    pub const fn printed(&self) -> u64 {
        self.printed
    }

    /// The times of the first and of the latest packet.
    #[must_use]
    pub fn times(&self) -> Option<(Timestamp, Timestamp)> {
        self.epoch.zip(self.last)
    }

    /// The calls whose method is not what was asked for.
    pub fn take_passed_over(&mut self) -> PassedOver {
        self.selected.take_passed_over()
    }

    /// How many connections were recognised as HTTP/2, or as what may hide it.
    #[must_use]
    pub const fn recognised(&self) -> usize {
        self.recognised
    }

    /// Whether the HTTP/2 of any connection that is asked for could be read.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.readable
    }
}

impl Listener for FramePrinter<'_> {
    type Connection = FrameContext;

    fn recognised(&mut self, recognition: Recognition) -> FrameContext {
        self.recognised += 1;
        let asked_for = self.selected.wants_connection(recognition.number);
        self.readable |= asked_for && recognition.transport.is_http2();
        let began = recognition.opened.unwrap_or(recognition.recognised);
        let names = PerSide {
            client: self.names.name_of(recognition.client, began.time),
            server: self.names.name_of(recognition.server, began.time),
        };
        FrameContext {
            connection: recognition.number,
            tcp_stream: recognition.tcp_stream,
            client: recognition.client,
            server: recognition.server,
            names,
            epoch: self.epoch.unwrap_or_default(),
        }
    }

    fn event(&mut self, context: &mut FrameContext, event: &Event<'_>) {
        let Event::Frame(frame) = event else { return };
        let wanted = self
            .selected
            .wants(context.connection, frame, context.epoch);
        if !wanted || self.failure.is_some() {
            return;
        }
        self.lines.clear();
        self.printed += 1;
        let written = self.format.write(frame, context, &mut self.lines);
        let written = written.and_then(|()| self.out.write_all(&self.lines));
        self.failure = written.err();
    }

    fn finished(&mut self, context: FrameContext, _: NetworkPath) {
        self.selected.forget(context.connection);
    }
}
