//! `timeline --format mermaid`: a finding as a sequence diagram, short enough to read in a wiki.
//!
//! In: a finding and the events of its first connection. Out: the source of a Mermaid sequence diagram, in
//! which characters from the wire that the diagram's language would take for its own are entity codes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use rustc_hash::FxHashSet;

use super::events::{self, EventKind, TimelineEvent};
use super::labels;
use super::ways::{self, WayFate};
use super::window::{Around, Spans};
use crate::decode::Direction;
use crate::inspect::diagnosis::Finding;
use crate::inspect::report::Report;
use crate::inspect::{
    BothEnds, CallId, ConnectionRecord, Crossing, CrossingEnd, CrossingKind, Rpc, Verdict,
};
use crate::report::escape;
use crate::report::format::ReportFormat;
use crate::report::named_end::named_end;
use crate::report::redact::SecretDisplay;
use crate::report::words;
use crate::units::{count, counted, moment_in_millis, spread};

/// How many calls have an arrow of their own; more make a diagram too long to read.
const MAX_NAMED: usize = 3;

/// How long a label may be, in characters; longer ones make a diagram too wide.
const MAX_LABEL: usize = 120;

/// A diagram of the finding that `around` names, else of the most severe one; around an RPC or a
/// time, of what `spans` has.
#[derive(Clone, Debug, Default)]
pub struct Mermaid {
    /// What the diagram is about.
    pub around: Option<Around>,
    /// The part of the capture that is drawn; all of it if `None`.
    pub spans: Option<Spans>,
    /// How secrets are printed.
    pub secrets: SecretDisplay,
}

impl Mermaid {
    /// The source of the diagram.
    #[must_use]
    pub fn render(&self, report: &Report) -> String {
        let findings = &report.analysis.findings;
        let finding = match &self.around {
            None => findings.first(),
            Some(Around::Rule(rule)) => findings.iter().find(|finding| finding.rule == *rule),
            Some(_) => None,
        };
        let events = events::in_order(report);
        let within = |event: &TimelineEvent<'_>| {
            self.spans
                .as_ref()
                .is_none_or(|spans| spans.iter().any(|span| span.contains(&event.elapsed)))
        };
        let chosen = match (finding, &self.around) {
            (Some(finding), _) => finding.connections.first().copied(),
            (None, Some(Around::Call(id))) => Some(id.connection),
            (None, _) => events
                .iter()
                .find(|event| within(event))
                .map(|event| event.record.number),
        };
        let record = report
            .analysis
            .connections
            .iter()
            .find(|record| Some(record.number) == chosen);
        let Some(record) = record else {
            return "sequenceDiagram\n    participant C as client\n    Note over C: no HTTP/2 connection in this capture\n".to_owned();
        };
        let of_this = events
            .iter()
            .filter(|event| event.record.number == record.number);
        // A finding is shown with all of its connection's events; a time or a call with those in the window.
        let shown = of_this.filter(|event| finding.is_some() || within(event));
        let mut diagram = Diagram {
            out: String::new(),
            finding,
            about: finding
                .into_iter()
                .flat_map(|finding| &finding.rpcs)
                .copied()
                .collect(),
            secrets: self.secrets,
            quiet: 0,
            named: 0,
            unnamed: 0,
            ended: Vec::new(),
            both: record.both_ends.as_deref(),
            astray: AstrayCounts::default(),
            drawn_astray: 0,
            number: record.number,
        };
        diagram.head(record);
        for event in shown {
            diagram.draw(event);
        }
        diagram.tail();
        diagram.out
    }
}

impl ReportFormat for Mermaid {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(report).as_bytes())
    }
}

struct Diagram<'a> {
    out: String,
    finding: Option<&'a Finding>,
    /// The calls of that.
    about: FxHashSet<CallId>,
    secrets: SecretDisplay,
    /// Calls that went well since the last line.
    quiet: u64,
    /// Calls that have an arrow of their own.
    named: usize,
    /// Those that followed, since the last line.
    unnamed: u64,
    /// Calls that have come to their end.
    ended: Vec<&'a Rpc>,
    /// What passed between both ends, where both were captured.
    both: Option<&'a BothEnds>,
    /// What did not come and has no arrow of its own.
    astray: AstrayCounts,
    /// How many of calls have one.
    drawn_astray: usize,
    /// The connection's number.
    number: u32,
}

impl<'a> Diagram<'a> {
    fn head(&mut self, record: &ConnectionRecord) {
        self.out.push_str("sequenceDiagram\n");
        if let Some(finding) = self.finding {
            self.write(&format!(
                "title {}: {}",
                finding.rule,
                label(&finding.title)
            ));
        }
        self.write(&format!(
            "participant C as client {}",
            label(&named_end(record.names.client.as_deref(), record.client))
        ));
        if self.both.is_some() {
            self.write("participant N as network");
        }
        self.write(&format!(
            "participant S as server {}",
            label(&named_end(record.names.server.as_deref(), record.server))
        ));
    }

    fn write(&mut self, line: &str) {
        self.out.push_str(&format!("    {line}\n"));
    }

    fn draw(&mut self, event: &'a TimelineEvent<'a>) {
        let time = moment_in_millis(event.elapsed);
        match event.what {
            EventKind::Ok => self.quiet += 1,
            EventKind::Opened => {
                let number = event.record.number;
                let how = if event.record.opened.is_some() {
                    "opened"
                } else {
                    "first seen"
                };
                self.write(&format!("Note over C,S: {time} conn {number} {how}"));
            }
            EventKind::Began(rpc) if self.is_about(rpc) => {
                if self.named == MAX_NAMED {
                    self.unnamed += 1;
                    return;
                }
                self.sum_up();
                self.named += 1;
                let method = labels::method(rpc, self.secrets);
                let text = label(&format!("{time} HEADERS {} {method}", rpc.id.stream));
                self.arrow(Direction::ClientToServer, "->>", &text, |what| {
                    what == CrossingKind::Request(rpc.id.stream)
                });
            }
            EventKind::Ended(rpc) if self.is_about(rpc) => self.ended.push(rpc),
            EventKind::GoAway(goaway) => {
                self.sum_up();
                let text = label(&format!("{time} GOAWAY {}", labels::goaway(goaway)));
                self.arrow(goaway.from, "->>", &text, |what| {
                    what == CrossingKind::GoAway(goaway.last_stream_id)
                });
                if goaway.streams_beyond > 0 {
                    let beyond = counted(goaway.streams_beyond, "stream");
                    self.write(&format!("Note over C,S: {beyond} beyond it"));
                }
            }
            EventKind::Acknowledged(goaway) => {
                let (from, _) = ends(goaway.from.reverse());
                self.write(&format!("Note over {from}: {time} acknowledges the GOAWAY"));
            }
            EventKind::Closed(close) => {
                self.sum_up();
                let how = close.ending.name();
                self.arrow(close.by, "-x", &format!("{time} {how}"), |what| {
                    matches!(
                        what,
                        CrossingKind::Fin | CrossingKind::Rst | CrossingKind::CloseNotify
                    )
                });
            }
            EventKind::Astray(crossing) => self.astray(crossing, &time),
            EventKind::Began(_)
            | EventKind::Ended(_)
            | EventKind::Unknown
            | EventKind::Ping
            | EventKind::Settings(_) => {}
        }
    }

    /// An arrow to the other side; it ends in the network where that lost what it stands for, or nobody knows that it did
    /// not.
    fn arrow(
        &mut self,
        from: Direction,
        arrow: &str,
        text: &str,
        is_it: impl Fn(CrossingKind) -> bool,
    ) {
        let mut own = self
            .both
            .into_iter()
            .flat_map(|both| &both.crossings)
            .filter(|crossing| crossing.from == from && is_it(crossing.what));
        match own.next().map(WayFate::of) {
            Some(fate @ (WayFate::Lost | WayFate::LostOnce | WayFate::Unknown)) => {
                let (from, _) = ends(from);
                self.write(&format!("{from}-xN: {text}, {}", fate.brief()));
            }
            _ => {
                let (from, to) = ends(from);
                self.write(&format!("{from}{arrow}{to}: {text}"));
            }
        }
    }

    /// What only one end has: an arrow if it is of a call of the finding, or has no other, else a number at the end.
    fn astray(&mut self, crossing: &Crossing, time: &str) {
        let fate = WayFate::of(crossing);
        let seen_at_client = match crossing.from {
            Direction::ClientToServer => crossing.sent.is_some(),
            Direction::ServerToClient => crossing.came.is_some(),
        };
        let of_call = crossing.what.stream();
        let is_about = of_call.is_some_and(|stream| {
            let connection = self.number;
            self.about.contains(&CallId { connection, stream })
        });
        match crossing.what {
            CrossingKind::Segment(_) | CrossingKind::Retransmission(_) => {
                self.astray.add(crossing);
            }
            // Drawn where the client's end has it.
            _ if seen_at_client && (is_about || of_call.is_none()) => {}
            _ if is_about && self.drawn_astray < MAX_NAMED || of_call.is_none() => {
                self.drawn_astray += 1;
                self.sum_up();
                let text = label(&format!("{time} {}", ways::name(crossing.what)));
                let (from, to) = ends(crossing.from);
                let line = match fate {
                    WayFate::Came | WayFate::Unsent | WayFate::Uncaptured => {
                        format!("{from}-->>{to}: {text}, {}", fate.brief())
                    }
                    _ => format!("{from}-xN: {text}, {}", fate.brief()),
                };
                self.write(&line);
            }
            _ => self.astray.add(crossing),
        }
    }

    /// A finding's diagram names the calls that it lists; without a finding or a list, all.
    fn is_about(&self, rpc: &Rpc) -> bool {
        let about = self
            .finding
            .map(|finding| finding.rpcs.as_slice())
            .unwrap_or_default();
        about.is_empty() || self.about.contains(&rpc.id)
    }

    fn sum_up(&mut self) {
        let unnamed = std::mem::take(&mut self.unnamed);
        if unnamed > 0 {
            self.write(&format!("Note over C: {} more like these", count(unnamed)));
        }
        let quiet = std::mem::take(&mut self.quiet);
        if quiet > 0 {
            self.write(&format!(
                "Note over C,S: … {} {} …",
                counted(quiet, "RPC"),
                words::verdict(Verdict::Ok)
            ));
        }
    }

    /// What became of the calls.
    fn tail(&mut self) {
        self.sum_up();
        for line in std::mem::take(&mut self.astray).lines() {
            self.write(&format!("Note over N: {}", label(&line)));
        }
        let mut ended = std::mem::take(&mut self.ended);
        ended.sort_by_key(|rpc| rpc.verdict);
        for group in ended.chunk_by(|one, other| one.verdict == other.verdict) {
            let Some(first) = group.first() else { continue };
            let mut text = format!(
                "{} {}",
                counted(group.len() as u64, "RPC"),
                words::verdict(first.verdict)
            );
            if let Some(waits) = spread(group.iter().filter_map(|rpc| labels::took(rpc))) {
                text.push_str(&format!(" after {waits}"));
            }
            if group.iter().all(|rpc| rpc.processed == first.processed) {
                text.push_str(&format!(", {}", words::retry(first.processed)));
            }
            let retried = group.iter().filter(|rpc| rpc.retried_as.is_some()).count();
            if retried > 0 {
                text.push_str(&format!(", {} retried", count(retried as u64)));
            }
            self.write(&format!("Note over C,S: {}", label(&text)));
        }
    }
}

/// How many packets of each side did not come, by what became of them.
#[derive(Default)]
struct AstrayCounts {
    /// Each with the moment of the last one: what left at one moment is one packet.
    counts: BTreeMap<(Direction, WayFate), (u64, Option<CrossingEnd>)>,
}

impl AstrayCounts {
    fn add(&mut self, crossing: &Crossing) {
        let key = (crossing.from, WayFate::of(crossing));
        let (count, last) = self.counts.entry(key).or_default();
        if *count == 0 || *last != crossing.known() {
            *count += 1;
        }
        *last = crossing.known();
    }

    fn lines(self) -> impl Iterator<Item = String> {
        self.counts.into_iter().map(|((from, fate), (number, _))| {
            let words = match number {
                1 => fate.words(),
                _ => fate.words_of_several(),
            };
            let packets = counted(number, "packet");
            format!("{packets} of the {}: {words}", from.sender())
        })
    }
}

const fn ends(from: Direction) -> (&'static str, &'static str) {
    match from {
        Direction::ClientToServer => ("C", "S"),
        Direction::ServerToClient => ("S", "C"),
    }
}

/// Text of a label: what the language could take for its own is written as an entity code
/// (Mermaid, "Entity codes to escape characters"), what no reader sees as its number.
fn label(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let visible = escape::terminal(text.as_bytes());
    for (place, character) in visible.chars().enumerate() {
        if place == MAX_LABEL {
            out.push('…');
            break;
        }
        if character.is_alphanumeric() || " /.,:_-+()=^[]…".contains(character) {
            out.push(character);
        } else {
            out.push_str(&format!("#{};", u32::from(character)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out() {
        assert_eq!(label("/a.B/C"), "/a.B/C");
        assert_eq!(label("x;y#z<b>\n%%"), "x#59;y#35;z#60;b#62;#92;x0a#37;#37;");
        assert_eq!(label("a\u{3164}b"), "a#92;u#123;3164#125;b");
        assert_eq!(label(&"x".repeat(500)).chars().count(), MAX_LABEL + 1);
    }

    #[test]
    fn a_capture_without_connections_has_a_diagram_too() {
        let diagram = Mermaid::default().render(&Report::default());
        assert!(diagram.starts_with("sequenceDiagram\n"));
    }
}
