//! What is written where: events and findings on the output, a status line and warnings on standard error.

use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;

use h2sniff::capture::Timestamp;
use h2sniff::inspect::News;
use h2sniff::inspect::diagnosis::Finding;
use h2sniff::report::json::live;
use h2sniff::report::live::{Status, text};
use h2sniff::report::text::Text;
use h2sniff::report::{Report, Secrets};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;

use super::recorder::RecordingResult;

/// How events are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Voice {
    Text(Text),
    /// One object a line.
    Json(Secrets),
}

/// Writes events, findings and the report in one format.
pub(crate) struct EventWriter {
    voice: Voice,
    out: Box<dyn Write + Send>,
    /// Whether a person at a terminal sees standard error, and is shown a status line there.
    status_line: bool,
    /// Whether the status line is on the screen now.
    status_line_shown: bool,
}

impl EventWriter {
    pub(crate) fn new(voice: Voice, out: Box<dyn Write + Send>) -> Self {
        Self {
            voice,
            out,
            status_line: matches!(voice, Voice::Text(_)) && io::stderr().is_terminal(),
            status_line_shown: false,
        }
    }

    pub(super) fn news(&mut self, news: &[News]) -> io::Result<()> {
        for news in news {
            match self.voice {
                Voice::Json(secrets) => self.object(&live::news(news, secrets))?,
                Voice::Text(Text { secrets, .. }) => {
                    if let Some(line) = text::news(news, secrets) {
                        self.line(&line)?;
                    }
                }
            }
        }
        self.out.flush()
    }

    pub(super) fn finding(&mut self, time: Timestamp, finding: &Finding) -> io::Result<()> {
        match self.voice {
            Voice::Json(_) => self.object(&live::finding(time, finding))?,
            Voice::Text(_) => self.line(&text::finding(time, finding))?,
        }
        self.out.flush()
    }

    pub(super) fn recording(&mut self, written: &RecordingResult) -> io::Result<()> {
        let path = written.path.display().to_string();
        if let Err(error) = &written.packets {
            return self.warn(&format!("cannot write {path}: {error}"));
        }
        let packets = *written.packets.as_ref().unwrap_or(&0);
        match self.voice {
            Voice::Json(_) => {
                let object = live::recording(written.time, &path, &written.reason, packets);
                self.object(&object)?;
                self.out.flush()
            }
            Voice::Text(_) => self.note(&format!("wrote {path}, {packets} packets")),
        }
    }

    /// How the watch is doing, for programs: every `--interval`.
    pub(super) fn status(&mut self, status: &Status) -> io::Result<()> {
        if let Voice::Json(_) = self.voice {
            self.object(&live::status(status))?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// How the watch is doing, for a person: in one line that is overwritten.
    pub(super) fn status_line(&mut self, status: &Status) {
        if !self.status_line {
            return;
        }
        let line = text::status(status);
        // There is nowhere to say that standard error is gone.
        let _ = write!(io::stderr(), "\r\x1b[2K{line}");
        self.status_line_shown = true;
    }

    pub(super) fn report(&mut self, time: Timestamp, report: &Report) -> io::Result<()> {
        self.clear();
        match self.voice {
            Voice::Json(secrets) => self.object(&live::report(time, report, secrets))?,
            Voice::Text(text) => self.out.write_all(text.render(report).as_bytes())?,
        }
        self.out.flush()
    }

    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.clear();
        writeln!(io::stderr(), "{text}")
    }

    pub(super) fn warn(&mut self, text: &str) -> io::Result<()> {
        self.note(&format!("warning: {text}"))
    }

    fn object(&mut self, value: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.clear();
        writeln!(self.out, "{line}")
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.status_line_shown) {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
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
