//! What is written where: events and findings on the output, a status line and warnings on standard error.

use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;

use h2sniff::capture::Timestamp;
use h2sniff::inspect::News;
use h2sniff::inspect::diagnosis::Finding;
use h2sniff::inspect::report::{LiveStatus, Report};
use h2sniff::report::live::{EventFormat, WrittenRecording};
use h2sniff::report::printable;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::recorder::RecordingResult;
use crate::cli::LiveEvents;

/// Writes events, findings and the report in one format; beside it notes and a status line on standard error.
pub(crate) struct EventWriter {
    format: Box<dyn EventFormat + Send>,
    out: Box<dyn Write + Send>,
    /// Which calls have a line.
    calls: LiveEvents,
    /// What is printed next; kept so that its memory serves again.
    lines: Vec<u8>,
    /// Whether standard error is a terminal.
    has_terminal: bool,
    /// Whether the status line is on the screen now.
    status_line_shown: bool,
}

impl EventWriter {
    pub(crate) fn new(
        format: Box<dyn EventFormat + Send>,
        out: Box<dyn Write + Send>,
        calls: LiveEvents,
    ) -> Self {
        Self {
            format,
            out,
            calls,
            lines: Vec::new(),
            has_terminal: io::stderr().is_terminal(),
            status_line_shown: false,
        }
    }

    pub(super) fn news(&mut self, news: &[News]) -> io::Result<()> {
        let calls = self.calls;
        for news in news.iter().filter(|news| tells(calls, news)) {
            self.format.news(news, &mut self.lines)?;
        }
        self.print()?;
        self.out.flush()
    }

    pub(super) fn finding(&mut self, time: Timestamp, finding: &Finding) -> io::Result<()> {
        self.format.finding(time, finding, &mut self.lines)?;
        self.print()?;
        self.out.flush()
    }

    pub(super) fn recording(&mut self, written: &RecordingResult) -> io::Result<()> {
        let path = written.path.display().to_string();
        let packets = match &written.packets {
            Ok(packets) => *packets,
            Err(error) => return self.warn(&format!("cannot write {path}: {error}")),
        };
        let recorded = WrittenRecording {
            time: written.time,
            path: &path,
            reason: &written.reason,
            packets,
        };
        self.format.recorded(&recorded, &mut self.lines)?;
        if self.print()? {
            return self.out.flush();
        }
        self.note(&format!("wrote {path}, {packets} packets"))
    }

    /// The numbers, for programs: every `--interval`.
    pub(super) fn status(&mut self, status: &LiveStatus) -> io::Result<()> {
        self.format.status(status, &mut self.lines)?;
        if self.print()? {
            self.out.flush()?;
        }
        Ok(())
    }

    /// The numbers, for a person: in one line that is overwritten.
    pub(super) fn status_line(&mut self, status: &LiveStatus) {
        if !self.has_terminal {
            return;
        }
        let Some(line) = self.format.status_line(status) else {
            return;
        };
        // There is nowhere to say that standard error is gone.
        let _ = write!(io::stderr(), "\r\x1b[2K{line}");
        self.status_line_shown = true;
    }

    pub(super) fn report(&mut self, time: Timestamp, report: &Report) -> io::Result<()> {
        self.clear();
        self.format.report(time, report, &mut self.out)?;
        self.out.flush()
    }

    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.clear();
        writeln!(io::stderr(), "{}", printable(text))
    }

    pub(super) fn warn(&mut self, text: &str) -> io::Result<()> {
        self.note(&format!("warning: {text}"))
    }

    /// Prints the lines there are, if any, in place of the status line.
    fn print(&mut self) -> io::Result<bool> {
        if self.lines.is_empty() {
            return Ok(false);
        }
        self.clear();
        let written = self.out.write_all(&self.lines);
        self.lines.clear();
        written.map(|()| true)
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.status_line_shown) {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

/// Whether news are asked for.
fn tells(calls: LiveEvents, news: &News) -> bool {
    match (news, calls) {
        (News::Rpc { rpc, .. }, LiveEvents::Died) => rpc.died(),
        _ => true,
    }
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
