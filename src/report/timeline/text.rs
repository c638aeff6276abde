//! `timeline`: what happened in lines, for a terminal or a message.
//!
//! In: the events of a [`Report`]. Out: a line for each that matters, with the time elapsed since the
//! capture's first packet; calls that went well are summed up, and calls that died alike share a line.

use std::io::{self, Write};

use super::clock::CaptureClock;
use super::events::{self, EventKind, TimelineEvent};
use super::lines::{LineStyle, LineWriter, wrapped};
use super::ways;
use super::window::Spans;
use crate::decode::Direction;
use crate::decode::tcp::Ending;
use crate::inspect::report::Report;
use crate::inspect::{ConnectionRecord, Outcome, Rpc, Verdict};
use crate::report::colours::{Colours, Style};
use crate::report::escape;
use crate::report::format::ReportFormat;
use crate::report::line_width::LineWidth;
use crate::report::named_end::named_end;
use crate::report::redact::SecretDisplay;
use crate::report::view::Chosen;
use crate::units::{count, counted, duration};

/// How many connections are shown even if nothing happened to them; where there are more, only those
/// with a GOAWAY, a reset, a close by the server or a call that did not succeed.
const MAX_UNEVENTFUL: usize = 10;

/// How to print it.
#[derive(Clone, Debug)]
pub struct TimelineText {
    /// How many calls of a kind are named.
    pub limit: usize,
    /// How secrets are printed.
    pub secrets: SecretDisplay,
    /// How wide its lines are.
    pub columns: LineWidth,
    /// Whether it has colours.
    pub colours: Colours,
    /// Whether the events of all connections stand in one list, by time, and not connection by connection.
    pub merged: bool,
    /// The spans of time that are shown; all of the capture if `None`.
    pub spans: Option<Spans>,
}

/// Three of a kind, secrets redacted, no colours, connection by connection, all of the capture.
impl Default for TimelineText {
    fn default() -> Self {
        Self {
            limit: 3,
            secrets: SecretDisplay::default(),
            columns: LineWidth::default(),
            colours: Colours::default(),
            merged: false,
            spans: None,
        }
    }
}

impl TimelineText {
    /// The timeline in lines.
    #[must_use]
    pub fn render(&self, report: &Report) -> String {
        let mut out = head(report, self.columns, self.colours);
        let events = events::in_order(report);
        let style = self.line_style();
        if self.merged {
            let mut writer = LineWriter::new(style, report, true);
            for event in &events {
                writer.push(*event);
            }
            out.push('\n');
            out.push_str(&writer.finish());
            return out;
        }
        let records = &report.analysis.connections;
        let mut by_connection: Vec<Vec<TimelineEvent<'_>>> = vec![Vec::new(); records.len()];
        for event in events {
            let place = records.partition_point(|record| record.number < event.record.number);
            if let Some(own_events) = by_connection.get_mut(place) {
                own_events.push(event);
            }
        }
        let mut omitted = OmittedConnections::default();
        for (record, own_events) in records.iter().zip(by_connection) {
            let in_sight = own_events.iter().any(|event| style.is_in_window(event));
            let eventful = records.len() <= MAX_UNEVENTFUL || own_events.iter().any(is_eventful);
            if !in_sight || !eventful {
                omitted.add(record);
                continue;
            }
            out.push('\n');
            out.push_str(&connection_head(record, self.colours));
            if let Some(both) = record.both_ends.as_deref() {
                let summary = ways::summary(both, &ways::of(report, record));
                out.push_str(&wrapped(self.columns, "        ", "        ", &summary));
            }
            let mut writer = LineWriter::new(style, report, false);
            for event in own_events {
                writer.push(event);
            }
            out.push_str(&writer.finish());
        }
        out.push_str(&omitted.line());
        out
    }

    fn line_style(&self) -> LineStyle<'_> {
        LineStyle {
            limit: self.limit,
            secrets: self.secrets,
            columns: self.columns,
            colours: self.colours,
            spans: self.spans.as_ref(),
        }
    }
}

impl ReportFormat for TimelineText {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(report).as_bytes())
    }
}

/// Connections that are not shown.
#[derive(Default)]
struct OmittedConnections {
    connections: u64,
    calls: u64,
    died: u64,
}

impl OmittedConnections {
    fn add(&mut self, record: &ConnectionRecord) {
        self.connections += 1;
        self.calls += record.verdicts.total();
        self.died += record.verdicts.deaths();
    }

    fn line(&self) -> String {
        if self.connections == 0 {
            return String::new();
        }
        let connections = counted(self.connections, "other connection");
        let calls = counted(self.calls, "RPC");
        format!(
            "\n… {connections} with {calls}, {} of them died …\n",
            count(self.died)
        )
    }
}

/// The first lines: what was looked at, and when it began.
fn head(report: &Report, columns: LineWidth, colours: Colours) -> String {
    let analysis = &report.analysis;
    let names = report
        .files
        .iter()
        .map(|file| escape::terminal(file.path.as_bytes()));
    let mut parts = vec![names.collect::<Vec<_>>().join(", ")];
    if let Some(last) = report.last_packet {
        parts.push(duration(CaptureClock::of(report).since_start(last)));
    }
    parts.push(counted(report.packets, "packet"));
    parts.push(counted(analysis.connections.len() as u64, "connection"));
    parts.push(counted(analysis.verdicts.total(), "RPC"));
    let died = format!("{} died", count(analysis.verdicts.deaths()));
    parts.push(if analysis.verdicts.deaths() > 0 {
        colours.paint(Style::RED.bold(), &died)
    } else {
        died
    });
    let in_flight = analysis.verdicts.of(Verdict::Unanswered);
    if in_flight > 0 {
        parts.push(format!("{} in flight at the end", count(in_flight)));
    }
    let saved = |rpc: &&Rpc| rpc.died() && rpc.outcome == Outcome::Recovered;
    let saved = analysis.rpcs.iter().filter(saved).count();
    if saved > 0 {
        parts.push(format!("{} recovered by a retry", count(saved as u64)));
    }
    let mut out = wrapped(columns, "", "  ", &parts.join(" · "));
    if let Some(chosen) = Chosen::of(report) {
        out.push_str(&wrapped(columns, "", "  ", &chosen.line()));
    }
    if let Some(first) = report.first_packet {
        out.push_str(&format!("+0 s is {first}\n"));
    }
    out
}

fn connection_head(record: &ConnectionRecord, colours: Colours) -> String {
    let name = colours.paint(Style::BOLD, &format!("conn {}", record.number));
    let total = counted(record.verdicts.total(), "RPC");
    let died = record.verdicts.deaths();
    let died = if died > 0 {
        format!(", {} died", count(died))
    } else {
        String::new()
    };
    format!(
        "{name}  {} → {}  {total}{died}\n",
        named_end(record.names.client.as_deref(), record.client),
        named_end(record.names.server.as_deref(), record.server)
    )
}

/// Whether an event makes a connection worth showing where there are many.
fn is_eventful(event: &TimelineEvent<'_>) -> bool {
    match event.what {
        EventKind::GoAway(_) | EventKind::Began(_) | EventKind::Ended(_) => true,
        EventKind::Closed(close) => {
            close.by == Direction::ServerToClient || close.ending == Ending::Rst
        }
        EventKind::Opened
        | EventKind::Settings(_)
        | EventKind::Ping
        | EventKind::Ok
        | EventKind::Unknown
        | EventKind::Acknowledged(_)
        | EventKind::Astray(_) => false,
    }
}
