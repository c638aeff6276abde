//! What is written where: events and incidents on the output, a status line and warnings on standard error.
//!
//! Nothing here waits for a reader, but the report at the end.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::Instant;

use h2sniff::capture::Timestamp;
use h2sniff::inspect::News;
use h2sniff::inspect::report::{LiveStatus, Report};
use h2sniff::report::live::{EventFormat, Incident, WrittenRecording};
use h2sniff::report::printable;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::termios::tcgetwinsize;

use super::background_output::BackgroundOutput;
use super::board::Board;
use super::incidents::IncidentKey;
use super::recording_writer::RecordingResult;
use crate::cli::LiveEvents;

/// Bytes of the report that are handed over at a time.
const MAX_PIECE: usize = 64 << 10;

/// What is written, and to where.
pub(crate) struct EventOutput {
    pub(crate) format: Box<dyn EventFormat + Send>,
    /// Instead of standard output.
    pub(crate) file: Option<File>,
    /// Which calls have a line.
    pub(crate) calls: LiveEvents,
}

/// Writes events, incidents and the report in one format; beside it notes and a status line on standard error.
pub(super) struct EventWriter {
    format: Box<dyn EventFormat + Send>,
    out: BackgroundOutput,
    /// `None` where both are the same terminal, so that there is one order.
    err: Option<BackgroundOutput>,
    /// Which calls have a line.
    calls: LiveEvents,
    /// What is printed next; kept so that its memory serves again.
    lines: Vec<u8>,
    board: Board,
    /// Whether lines change where they stand.
    in_place: bool,
    /// Whether there is a terminal for a status line.
    has_terminal: bool,
    /// The status line that is on the screen now.
    status_line: Option<String>,
}

impl EventWriter {
    /// Begins the threads that write.
    ///
    /// # Errors
    /// If there can be none.
    pub(super) fn new(output: EventOutput) -> io::Result<Self> {
        let EventOutput {
            format,
            file,
            calls,
        } = output;
        let has_terminal = io::stderr().is_terminal();
        let in_place = file.is_none() && io::stdout().is_terminal();
        let out = match file {
            Some(file) => BackgroundOutput::new(file),
            None => BackgroundOutput::new(io::stdout()),
        };
        let err = (!in_place || !has_terminal)
            .then(|| BackgroundOutput::new(io::stderr()))
            .transpose()?;
        Ok(Self {
            format,
            out: out?,
            err,
            calls,
            lines: Vec::new(),
            board: Board::default(),
            in_place,
            has_terminal,
            status_line: None,
        })
    }

    pub(super) fn news(&mut self, news: &[News]) -> io::Result<()> {
        let calls = self.calls;
        for news in news.iter().filter(|news| tells(calls, news)) {
            self.format.news(news, &mut self.lines)?;
        }
        self.print().map(drop)
    }

    pub(super) fn incident(&mut self, key: IncidentKey, incident: &Incident<'_>) -> io::Result<()> {
        self.format.incident(incident, &mut self.lines)?;
        if !self.print()? {
            let columns = if self.in_place { columns() } else { None };
            if let Some(line) = self.format.incident_line(incident, columns) {
                self.board.set(key, line);
            }
        }
        Ok(())
    }

    /// Prints what waited until `now`.
    pub(super) fn tick(&mut self, now: Instant) -> io::Result<()> {
        if self.in_place {
            let Some(mut screen) = self.board.next_screen(now, columns()) else {
                return Ok(());
            };
            screen.push_str(self.status_line.as_deref().unwrap_or_default());
            return self.out.offer(screen.as_bytes());
        }
        if let Some(line) = self.board.next_line(now) {
            self.lines.extend_from_slice(line.as_bytes());
            self.lines.push(b'\n');
            self.print()?;
        }
        Ok(())
    }

    pub(super) fn recording(&mut self, written: &RecordingResult) -> io::Result<()> {
        let path = written.path.display().to_string();
        let packets = match &written.packets {
            Ok(packets) => *packets,
            Err(error) => {
                self.warn(&format!("cannot write {path}: {error}"));
                return Ok(());
            }
        };
        let pruned = written.pruned.iter().map(|path| path.display().to_string());
        let pruned: Vec<_> = pruned.collect();
        let recorded = WrittenRecording {
            time: written.time,
            path: &path,
            reason: &written.reason,
            packets,
            has_grown: written.has_grown,
            pruned: &pruned,
        };
        self.format.recorded(&recorded, &mut self.lines)?;
        if self.print()? {
            return Ok(());
        }
        let how = if written.has_grown {
            "wrote more of"
        } else {
            "wrote"
        };
        self.note(&format!("{how} {path}, {packets} packets"));
        for path in pruned {
            self.note(&format!("removed {path}, the oldest: --record-keep"));
        }
        Ok(())
    }

    /// The numbers, for programs: every `--interval`.
    pub(super) fn status(&mut self, status: &LiveStatus) -> io::Result<()> {
        self.format.status(status, &mut self.lines)?;
        self.print().map(drop)
    }

    /// The numbers, for a person: in one line that is overwritten.
    pub(super) fn status_line(&mut self, status: &LiveStatus) {
        if !self.has_terminal {
            return;
        }
        let Some(line) = self.format.status_line(status) else {
            return;
        };
        self.screen(&format!("\r\x1b[2K{line}"));
        self.status_line = Some(line);
    }

    /// How many pieces of output were left out because nobody read them.
    pub(super) const fn left_out(&self) -> u64 {
        self.out.left_out()
    }

    /// The report, after all else and at the reader's pace.
    pub(super) fn report(&mut self, time: Timestamp, report: &Report) -> io::Result<()> {
        self.clear();
        // JSON comes in pieces of a few bytes; each would wake the thread that writes.
        let mut out = BufWriter::with_capacity(MAX_PIECE, &mut self.out);
        self.format.report(time, report, &mut out)?;
        out.flush()
    }

    pub(super) fn note(&mut self, text: &str) {
        let line = format!("{}\n", printable(text));
        if self.in_place {
            let mut screen = self.board.around(&line, columns());
            screen.push_str(self.status_line.as_deref().unwrap_or_default());
            self.screen(&screen);
        } else {
            self.clear();
            self.screen(&line);
        }
    }

    pub(super) fn warn(&mut self, text: &str) {
        self.note(&format!("warning: {text}"));
    }

    /// Has what is to be said on standard error said, as far as somebody reads it.
    pub(super) fn close(self) {
        let Some(mut err) = self.err else { return };
        // There is nowhere to say that it is gone.
        let _ = err.flush();
    }

    /// Prints the lines there are, if any, in place of the status line.
    fn print(&mut self) -> io::Result<bool> {
        if self.lines.is_empty() {
            return Ok(false);
        }
        self.clear();
        let offered = self.out.offer(&self.lines);
        self.lines.clear();
        offered.map(|()| true)
    }

    fn clear(&mut self) {
        if self.status_line.take().is_some() {
            self.screen("\r\x1b[2K");
        }
    }

    /// To where notes go; there is nowhere to say that it is gone.
    fn screen(&mut self, text: &str) {
        let screen = self.err.as_mut().unwrap_or(&mut self.out);
        let _ = screen.offer(text.as_bytes());
    }
}

/// Whether news are asked for.
fn tells(calls: LiveEvents, news: &News) -> bool {
    match (news, calls) {
        (News::Rpc { rpc, .. }, LiveEvents::Died) => rpc.died(),
        (News::Rpc { rpc, .. }, LiveEvents::Failed) => rpc.verdict.is_reported(),
        _ => true,
    }
}

/// How many columns the terminal has; one is left for the cursor.
fn columns() -> Option<usize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    let columns = usize::from(size.ws_col);
    (columns > 1).then(|| columns - 1)
}

/// Whether nobody reads standard output any more. A pipe shows that without being written to.
pub(super) fn is_abandoned() -> bool {
    let stdout = io::stdout();
    let mut asked = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    if !poll(&mut asked, PollTimeout::ZERO).is_ok_and(|answers| answers > 0) {
        return false;
    }
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    let answers = asked.iter().filter_map(PollFd::revents);
    answers.into_iter().any(|answer| answer.intersects(gone))
}
