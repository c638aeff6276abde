//! The events of a connection, or of all, as lines of text.
//!
//! A GOAWAY or a close has a line of its own; what lies between is gathered and summed up. Events come
//! in order.

use super::astray::{self, AstrayGroup};
use super::events::{EventKind, NO_PACKET, TimelineEvent};
use super::window::Spans;
use super::{hop_links, labels};
use crate::capture::TimeDelta;
use crate::decode::Direction;
use crate::inspect::report::{Files, Report};
use crate::inspect::{Close, ConnectionRecord, GoAway, Rpc, Verdict};
use crate::report::colours::{Colours, Style};
use crate::report::display_width::width;
use crate::report::escape;
use crate::report::line_width::LineWidth;
use crate::report::named_end::named_end;
use crate::report::redact::SecretDisplay;
use crate::report::words;
use crate::units::{count, counted, duration, moment_in_millis, spread};

/// How lines are written, and which.
#[derive(Clone, Copy)]
pub(super) struct LineStyle<'a> {
    /// How many calls of a kind are named.
    pub(super) limit: usize,
    pub(super) secrets: SecretDisplay,
    pub(super) columns: LineWidth,
    pub(super) colours: Colours,
    /// The spans of time that are shown; all of the capture if `None`.
    pub(super) spans: Option<&'a Spans>,
}

impl LineStyle<'_> {
    pub(super) fn is_in_window(&self, event: &TimelineEvent<'_>) -> bool {
        let spans = self.spans.map(|spans| spans.as_slice());
        spans.is_none_or(|spans| spans.iter().any(|span| span.contains(&event.elapsed)))
    }
}

/// Writes the events of one connection, or of all: gathers what can be summed up until an event comes that
/// has a line of its own.
pub(super) struct LineWriter<'a> {
    style: LineStyle<'a>,
    several_files: bool,
    merged: bool,
    out: String,
    quiet: Quiet,
    groups: Vec<Group<'a>>,
    astray: Vec<AstrayGroup<'a>>,
    skipped: u64,
    /// When the server's first GOAWAY was seen, of the connection that was written last.
    goaway: Option<(u32, TimeDelta)>,
}

/// What is only counted.
#[derive(Default)]
struct Quiet {
    ok: u64,
    unknown: u64,
    pings: u64,
}

/// Calls that did not succeed, of one kind.
struct Group<'a> {
    verdict: Verdict,
    ended: bool,
    events: Vec<(TimelineEvent<'a>, &'a Rpc)>,
}

impl<'a> LineWriter<'a> {
    pub(super) fn new(style: LineStyle<'a>, report: &Report, merged: bool) -> Self {
        Self {
            style,
            several_files: Files::of(&report.files) == Files::Several,
            merged,
            out: String::new(),
            quiet: Quiet::default(),
            groups: Vec::new(),
            astray: Vec::new(),
            skipped: 0,
            goaway: None,
        }
    }

    pub(super) fn push(&mut self, event: TimelineEvent<'a>) {
        if let EventKind::GoAway(goaway) = event.what
            && !goaway.from_client()
            && self
                .goaway
                .is_none_or(|(connection, _)| connection != event.record.number)
        {
            self.goaway = Some((event.record.number, event.elapsed));
        }
        if !self.style.is_in_window(&event) {
            self.flush();
            self.skipped += 1;
            return;
        }
        self.end_gap();
        match event.what {
            EventKind::Ok => self.quiet.ok += 1,
            EventKind::Unknown => self.quiet.unknown += 1,
            EventKind::Ping => self.quiet.pings += 1,
            EventKind::Began(rpc) => self.gather(event, rpc, false),
            EventKind::Ended(rpc) => self.gather(event, rpc, true),
            EventKind::Astray(crossing) => astray::gather(&mut self.astray, event, crossing),
            EventKind::Opened
            | EventKind::Settings(_)
            | EventKind::GoAway(_)
            | EventKind::Acknowledged(_)
            | EventKind::Closed(_) => {
                self.flush();
                self.divide(&event);
            }
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.flush();
        self.end_gap();
        self.out
    }

    fn gather(&mut self, event: TimelineEvent<'a>, rpc: &'a Rpc, ended: bool) {
        let known = self.groups.iter_mut();
        let mut same = known.filter(|group| group.verdict == rpc.verdict && group.ended == ended);
        if let Some(group) = same.next() {
            group.events.push((event, rpc));
            return;
        }
        self.groups.push(Group {
            verdict: rpc.verdict,
            ended,
            events: vec![(event, rpc)],
        });
    }

    /// What was left out on request.
    fn end_gap(&mut self) {
        if self.skipped > 0 {
            let moments = counted(std::mem::take(&mut self.skipped), "moment");
            self.out
                .push_str(&format!("{:14}… {moments} outside the window …\n", ""));
        }
    }

    fn flush(&mut self) {
        let Quiet { ok, unknown, pings } = std::mem::take(&mut self.quiet);
        let mut counts = Vec::new();
        if ok > 0 {
            counts.push(with_verdict(ok, Verdict::Ok));
        }
        if unknown > 0 {
            counts.push(with_verdict(unknown, Verdict::Unknown));
        }
        if pings > 0 {
            counts.push(counted(pings, "ping"));
        }
        if !counts.is_empty() {
            let line = format!("{:14}… {} …\n", "", counts.join(", "));
            self.out.push_str(&self.paint(Style::DIM, &line));
        }
        let mut lines = Vec::new();
        for group in std::mem::take(&mut self.groups) {
            if group.events.len() <= self.style.limit.max(1) {
                lines.extend(group.events.iter().map(|(event, rpc)| {
                    let text = self.one_call(rpc, group.ended);
                    let hops = match group.ended {
                        true => hop_links::lines(rpc),
                        false => Vec::new(),
                    };
                    (*event, mark(group.ended), text, hops)
                }));
            } else if let Some((first, _)) = group.events.first() {
                let text = self.many_calls(&group);
                lines.push((*first, mark(group.ended), text, Vec::new()));
            }
        }
        for group in std::mem::take(&mut self.astray) {
            let astray = group.lines(self.style.limit).into_iter();
            lines.extend(astray.map(|(event, text)| (event, ASTRAY, text, Vec::new())));
        }
        lines.sort_by_key(|(event, ..)| event.place());
        for (event, mark, text, hops) in lines {
            self.line(&event, mark, &text);
            for hop in hops {
                let first = format!("{:16}↳ ", "");
                let rest = " ".repeat(width(&first));
                self.out
                    .push_str(&wrapped(self.style.columns, &first, &rest, &hop));
            }
        }
    }

    /// One call by its number and method.
    fn one_call(&self, rpc: &Rpc, ended: bool) -> String {
        let secrets = self.style.secrets;
        let name = format!("{} {}", labels::call(rpc), labels::method(rpc, secrets));
        if !ended {
            return format!("{name} opened{}", labels::headers(rpc, secrets));
        }
        let mut text = format!(
            "{name} {}",
            self.paint(Style::RED, words::verdict(rpc.verdict))
        );
        if let Some(took) = labels::took(rpc) {
            text.push_str(&format!(" after {}", duration(took)));
        }
        for word in answer(rpc, secrets) {
            text.push_str(&format!(", {word}"));
        }
        text.push_str(&format!(", {}", words::retry(rpc.processed)));
        if let Some(link) = &rpc.retried_as {
            text.push_str(&format!(
                ", retried as {}:{}",
                link.call.connection, link.call.stream
            ));
        }
        text
    }

    fn paint(&self, style: Style, text: &str) -> String {
        self.style.colours.paint(style, text)
    }

    /// Many calls of one kind in one line.
    fn many_calls(&self, group: &Group<'a>) -> String {
        let Some((first, rpc)) = group.events.first() else {
            return String::new();
        };
        let calls = || group.events.iter().map(|(_, rpc)| *rpc);
        let named: Vec<_> = calls().take(self.style.limit).map(labels::call).collect();
        let calls_alike = counted(group.events.len() as u64, "RPC");
        let mut text = format!("{calls_alike} ");
        if calls().all(|other| other.method == rpc.method) {
            text.push_str(&format!("{} ", labels::method(rpc, self.style.secrets)));
        }
        if group.ended {
            text.push_str(&self.paint(Style::RED, words::verdict(group.verdict)));
            if let Some(waits) = spread(calls().filter_map(labels::took)) {
                text.push_str(&format!(" after {waits}"));
            }
            if calls().all(|other| other.processed == rpc.processed) {
                text.push_str(&format!(", {}", words::retry(rpc.processed)));
            }
            if let Some(failure) = hop_links::failure_of_all(calls()) {
                text.push_str(&format!(", failed {failure}"));
            }
            let retried = calls().filter(|rpc| rpc.retried_as.is_some()).count();
            if retried > 0 {
                text.push_str(&format!(", {} retried", count(retried as u64)));
            }
        } else {
            let last = group
                .events
                .last()
                .map_or(first.elapsed, |(event, _)| event.elapsed);
            let over = duration(last - first.elapsed);
            text.push_str(&format!(
                "opened over {over}, later {}",
                words::verdict(group.verdict)
            ));
        }
        let rest = group.events.len().saturating_sub(named.len());
        let rest = match rest {
            0 => String::new(),
            rest => format!(" … {} more", count(rest)),
        };
        text.push_str(&format!(" ({}{rest})", named.join(", ")));
        text
    }

    /// An event that has a line of its own.
    fn divide(&mut self, event: &TimelineEvent<'a>) {
        let record = event.record;
        let age = record.opened.map(|opened| event.stamp.time - opened.time);
        match event.what {
            EventKind::Opened => {
                let text = match record.opened {
                    Some(_) => {
                        let name = record.names.client.as_deref();
                        format!("opened by {}", named_end(name, record.client))
                    }
                    None => "first seen; its beginning was not captured".to_owned(),
                };
                self.line(event, "○", &text);
            }
            EventKind::Settings(from) => self.line(
                event,
                "·",
                &format!(
                    "SETTINGS of the {}{}",
                    from.sender(),
                    settings(record, from)
                ),
            ),
            EventKind::GoAway(goaway) => {
                let text = go_away(goaway, age);
                self.line(event, "⚑", &self.paint(Style::BOLD, &text));
            }
            EventKind::Acknowledged(goaway) => {
                let by = goaway.from.reverse().sender();
                let after = event.stamp.time - goaway.stamp.time;
                self.line(
                    event,
                    "✓",
                    &format!(
                        "the {by} acknowledges the GOAWAY, {} later",
                        duration(after)
                    ),
                );
            }
            EventKind::Closed(close) => {
                let since = self
                    .goaway
                    .filter(|(connection, _)| *connection == record.number);
                let text = closed(close, since.map(|(_, first)| event.elapsed - first));
                self.line(event, "■", &text);
            }
            EventKind::Ok
            | EventKind::Unknown
            | EventKind::Ping
            | EventKind::Began(_)
            | EventKind::Ended(_)
            | EventKind::Astray(_) => {}
        }
    }

    fn line(&mut self, event: &TimelineEvent<'_>, mark: &str, text: &str) {
        let connection = if self.merged {
            format!("conn {:<3} ", event.record.number)
        } else {
            String::new()
        };
        let file = if self.several_files {
            format!(" of file {}", event.stamp.file)
        } else {
            String::new()
        };
        let place = match event.stamp.packet {
            NO_PACKET => String::new(),
            packet => format!("packet {packet}{file}"),
        };
        let elapsed = moment_in_millis(event.elapsed);
        let first = format!("{elapsed:>12}  {connection}{mark} ");
        let rest = " ".repeat(width(&first));
        // A packet and its number stay together.
        let place = self.paint(Style::DIM, &place.replace(' ', "\u{a0}"));
        let lines = wrapped(
            self.style.columns,
            &first,
            &rest,
            format!("{text}  {place}").trim_end(),
        );
        self.out.push_str(&lines.replace('\u{a0}', " "));
    }
}

/// Text in lines no wider than the page, the first after `first`, the others after `rest`. Colours take no room.
pub(super) fn wrapped(columns: LineWidth, first: &str, rest: &str, text: &str) -> String {
    let options = textwrap::Options::new(columns.count())
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(true);
    let mut lines = textwrap::fill(text, options);
    lines.push('\n');
    lines
}

/// A number of calls of which the same became.
fn with_verdict(calls: u64, verdict: Verdict) -> String {
    format!("{} {}", counted(calls, "RPC"), words::verdict(verdict))
}

/// The mark of what did not come.
const ASTRAY: &str = "↛";

const fn mark(ended: bool) -> &'static str {
    if ended { "✗" } else { "▹" }
}

/// What the wire said of a call's end.
fn answer(rpc: &Rpc, secrets: SecretDisplay) -> impl Iterator<Item = String> {
    let status = rpc.grpc_status.as_deref();
    let status = status.map(|status| format!("grpc-status {}", escape::terminal(status)));
    let message = rpc
        .grpc_message
        .as_deref()
        .filter(|message| !message.is_empty());
    let message =
        message.map(|message| format!("\"{}\"", escape::terminal(&secrets.message(message))));
    let error = rpc.error.map(|error| error.to_string());
    [status, message, error].into_iter().flatten()
}

fn settings(record: &ConnectionRecord, from: Direction) -> String {
    let known = record.settings[from].iter().flatten();
    known.map(|(id, value)| format!(" {id}={value}")).collect()
}

fn go_away(goaway: &GoAway, age: Option<TimeDelta>) -> String {
    let mut text = format!(
        "GOAWAY of the {}: {}",
        goaway.from.sender(),
        labels::goaway(goaway)
    );
    if let Some(age) = age {
        text.push_str(&format!(", at an age of {}", duration(age)));
    }
    if goaway.streams_beyond > 0 {
        text.push_str(&format!(
            "; {} beyond it",
            counted(goaway.streams_beyond, "stream")
        ));
    }
    text
}

fn closed(close: Close, since_goaway: Option<TimeDelta>) -> String {
    let how = close.ending.name();
    let since = match since_goaway {
        Some(after) => format!(", {} after the first GOAWAY", duration(after)),
        None => ", no GOAWAY before".to_owned(),
    };
    format!("{} {how}{since}", close.by.sender())
}
