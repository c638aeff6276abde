//! `live` for a terminal: a line for each thing that became certain, and the line of numbers below them.

use std::io::{self, Write};

use super::EventFormat;
use crate::capture::Timestamp;
use crate::inspect::diagnosis::{Finding, Severity};
use crate::inspect::report::{LiveStatus, Report};
use crate::inspect::{News, Race, Rpc};
use crate::report::colours::{Colours, Style};
use crate::report::escape;
use crate::report::text::Text;
use crate::report::words;
use crate::units::{count, counted};

impl EventFormat for Text {
    fn news(&self, news: &News, out: &mut dyn Write) -> io::Result<()> {
        match self::news(news, self) {
            Some(line) => writeln!(out, "{line}"),
            None => Ok(()),
        }
    }

    fn finding(&self, time: Timestamp, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self::finding(time, finding, self.colours))
    }

    fn report(&self, _time: Timestamp, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(report).as_bytes())
    }

    fn status_line(&self, status: &LiveStatus) -> Option<String> {
        Some(self::status(status))
    }
}

/// What became certain; `None` for what is no news to a person, such as each connection.
fn news(news: &News, format: &Text) -> Option<String> {
    match news {
        News::Connection { .. } => None,
        News::GoAway {
            connection,
            ends,
            goaway,
        } => {
            let sender = if goaway.from_client() {
                ends.client
            } else {
                ends.server
            };
            let what = if goaway.is_announcement() {
                "announces the end".to_owned()
            } else {
                format!("last_stream_id={}", goaway.last_stream_id)
            };
            let debug = match &*goaway.debug_data {
                [] => String::new(),
                data => format!(" \"{}\"", escape::terminal(data)),
            };
            let beyond = match goaway.streams_beyond {
                0 => String::new(),
                some => format!(", {} beyond", counted(some, "stream")),
            };
            Some(format!(
                "{}  {}  conn {connection}, {sender}: {what} {}{debug}{beyond}",
                clock(goaway.stamp.time),
                format.colours.paint(Style::YELLOW, "GOAWAY "),
                goaway.error,
            ))
        }
        News::Rpc { since, ends, rpc } => {
            let method = rpc.method.as_deref().map_or_else(
                || "unknown method".to_owned(),
                |path| escape::terminal(&format.secrets.path(path)),
            );
            Some(format!(
                "{}  {}  {}:{} {method} to {}: {}",
                clock(*since),
                if rpc.died() {
                    format.colours.paint(Style::RED, "died   ")
                } else {
                    format.colours.paint(Style::YELLOW, "failed ")
                },
                rpc.id.connection,
                rpc.id.stream,
                ends.server,
                end(rpc),
            ))
        }
    }
}

/// A finding, new or grown.
fn finding(time: Timestamp, finding: &Finding, colours: Colours) -> String {
    let name = format!("{:<7}", finding.severity.name());
    let style = match finding.severity {
        Severity::Error => Style::RED,
        Severity::Warning => Style::YELLOW,
        Severity::Info => Style::PLAIN,
    };
    let name = colours.paint(style.bold(), &name);
    format!(
        "{}  {name}  {} ({}): {}",
        clock(time),
        finding.rule,
        finding.confidence.name(),
        escape::terminal(finding.title.as_bytes()),
    )
}

/// The numbers of the capture in one line.
fn status(status: &LiveStatus) -> String {
    let calls = status.progress.methods.total();
    let mut line = format!(
        "{}, {:.0} RPCs/s, {}, {} died, {}",
        counted(status.progress.open_connections, "connection"),
        status.rpcs_per_second,
        counted(calls.total(), "RPC"),
        count(calls.deaths()),
        counted(status.progress.packets, "packet"),
    );
    if status.drops.total() > 0 {
        let drops = &status.drops;
        line.push_str(&format!(
            ", dropped: {} kernel, {} interface, {} own queue",
            count(drops.kernel),
            count(drops.interface),
            count(drops.queue)
        ));
    }
    if status.interfaces_away > 0 {
        line.push_str(", waiting for an interface");
    }
    line
}

/// How a call ended, in a few words.
fn end(rpc: &Rpc) -> String {
    let mut text = words::verdict(rpc.verdict).to_owned();
    if let Some(race) = rpc.race.filter(|race| *race != Race::Unknown) {
        text.push_str(&format!(" ({})", words::race(race)));
    }
    if let Some(status) = rpc.grpc_status.as_deref() {
        text.push_str(&format!(", grpc-status {}", escape::terminal(status)));
    } else if let Some(status) = rpc.http_status.filter(|status| *status >= 400) {
        text.push_str(&format!(", HTTP {status}"));
    }
    if let Some(error) = rpc.error {
        text.push_str(&format!(", {error}"));
    }
    text.push_str(&format!("; {}", words::retry(rpc.processed)));
    text
}

/// The time of day in UTC, to the millisecond.
fn clock(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(11..23).unwrap_or(&text).to_owned()
}
