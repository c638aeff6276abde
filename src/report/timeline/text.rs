//! `timeline`: what happened in lines, for a terminal or a message.
//!
//! In: the events of a [`Report`]. Out: a line for each that matters, with the time elapsed since the
//! capture's first packet; calls that went well are summed up, and calls that died alike share a line.

use std::io::{self, Write};

use super::clock::CaptureClock;
use super::events::{self, EventKind, TimelineEvent};
use super::lines::LineWriter;
use super::window::Spans;
use crate::decode::Direction;
use crate::decode::tcp::Ending;
use crate::inspect::report::Report;
use crate::inspect::{ConnectionRecord, Outcome, Rpc};
use crate::report::colours::{Colours, Style};
use crate::report::escape;
use crate::report::format::ReportFormat;
use crate::report::redact::SecretDisplay;
use crate::units::{count, counted, duration};

/// How many connections are told one by one even if nothing happened to them; where there are more,
/// only those that have a story are.
const MAX_UNEVENTFUL: usize = 10;

/// How to print it.
#[derive(Clone, Debug)]
pub struct TimelineText {
    /// How many victims of a kind are named.
    pub limit: usize,
    /// Whether secrets are shown.
    pub secrets: SecretDisplay,
    /// Whether it has colours.
    pub colours: Colours,
    /// Whether all connections are told in one story.
    pub merged: bool,
    /// EventKind part of the story is told; all of it if `None`.
    pub spans: Option<Spans>,
}

impl TimelineText {
    /// The story.
    #[must_use]
    pub fn render(&self, report: &Report) -> String {
        let mut out = head(report, self.colours);
        let beats = events::beats(report);
        if self.merged {
            let mut writer = LineWriter::new(self, report, true);
            for beat in &beats {
                writer.tell(*beat);
            }
            out.push('\n');
            out.push_str(&writer.finish());
            return out;
        }
        let records = &report.analysis.connections;
        let mut chapters: Vec<Vec<TimelineEvent<'_>>> = vec![Vec::new(); records.len()];
        for beat in beats {
            let place = records.partition_point(|record| record.number < beat.record.number);
            if let Some(chapter) = chapters.get_mut(place) {
                chapter.push(beat);
            }
        }
        let mut left_out = LeftOut::default();
        for (record, chapter) in records.iter().zip(chapters) {
            let in_sight = chapter.iter().any(|beat| self.is_told(beat));
            let eventful = records.len() <= MAX_UNEVENTFUL || chapter.iter().any(is_eventful);
            if !in_sight || !eventful {
                left_out.add(record);
                continue;
            }
            out.push('\n');
            out.push_str(&chapter_head(record, self.colours));
            let mut writer = LineWriter::new(self, report, false);
            for beat in chapter {
                writer.tell(beat);
            }
            out.push_str(&writer.finish());
        }
        out.push_str(&left_out.line());
        out
    }

    pub(super) fn is_told(&self, beat: &TimelineEvent<'_>) -> bool {
        let spans = self.spans.as_deref();
        spans.is_none_or(|spans| spans.iter().any(|span| span.contains(&beat.elapsed)))
    }
}

impl ReportFormat for TimelineText {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(report).as_bytes())
    }
}

/// Connections that are not told.
#[derive(Default)]
struct LeftOut {
    connections: u64,
    calls: u64,
    dead: u64,
}

impl LeftOut {
    fn add(&mut self, record: &ConnectionRecord) {
        self.connections += 1;
        self.calls += record.verdicts.total();
        self.dead += record.verdicts.deaths();
    }

    fn line(&self) -> String {
        if self.connections == 0 {
            return String::new();
        }
        let connections = counted(self.connections, "other connection");
        let calls = counted(self.calls, "RPC");
        format!(
            "\n… {connections} with {calls}, {} of them died …\n",
            count(self.dead)
        )
    }
}

/// The first lines: what the story is about, and when it began.
fn head(report: &Report, colours: Colours) -> String {
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
    let dead = format!("{} died", count(analysis.verdicts.deaths()));
    parts.push(if analysis.verdicts.deaths() > 0 {
        colours.paint(Style::RED.bold(), &dead)
    } else {
        dead
    });
    let saved = |rpc: &&Rpc| rpc.verdict.is_death() && rpc.outcome == Outcome::Recovered;
    let saved = analysis.rpcs.iter().filter(saved).count();
    if saved > 0 {
        parts.push(format!("{} recovered by a retry", count(saved as u64)));
    }
    let mut out = format!("{}\n", parts.join(" · "));
    if let Some(first) = report.first_packet {
        out.push_str(&format!("+0 s is {first}\n"));
    }
    out
}

fn chapter_head(record: &ConnectionRecord, colours: Colours) -> String {
    let name = colours.paint(Style::BOLD, &format!("conn {}", record.number));
    let total = counted(record.verdicts.total(), "RPC");
    let dead = record.verdicts.deaths();
    let dead = if dead > 0 {
        format!(", {} died", count(dead))
    } else {
        String::new()
    };
    format!(
        "{name}  {} → {}  {total}{dead}\n",
        record.client, record.server
    )
}

/// Whether a beat makes a connection worth a chapter where there are many.
fn is_eventful(beat: &TimelineEvent<'_>) -> bool {
    match beat.what {
        EventKind::GoAway(_) | EventKind::Began(_) | EventKind::Ended(_) => true,
        EventKind::Closed(close) => {
            close.by == Direction::ServerToClient || close.ending == Ending::Rst
        }
        EventKind::Opened
        | EventKind::Settings(_)
        | EventKind::Ping
        | EventKind::Ok
        | EventKind::Unknown
        | EventKind::Acknowledged(_) => false,
    }
}
