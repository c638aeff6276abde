//! A report as the page's script reads it: compact JSON, calls in columns.
//!
//! In: a [`Report`] with all calls. Out: the twin of what the page shows, written in one pass; moments are
//! whole microseconds since the capture's first packet. Every call that died is in it. Text from the wire has
//! lost what could move, hide or reorder it, and secrets unless they were asked for.

use serde::Serialize;

use super::both_ends;
use super::calls::CallsJson;
use super::clock::CaptureClock;
use super::labels;
use super::sample::sample;
use super::window::Spans;
use crate::capture::{FileSummary, Stamp};
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::inspect::diagnosis::{Evidence, Finding, NamedPair};
use crate::inspect::report::Report;
use crate::inspect::{
    CallId, Close, ConnectionRecord, ControlFrame, ControlFrameKind, GoAway, Verdict, VerdictCounts,
};
use crate::report::escape;
use crate::report::hex::Hex;
use crate::report::json::{BothSides, Displayed, Each, SettingsJson, settings};
use crate::report::named_end::named_end;
use crate::report::redact::SecretDisplay;

/// How many verdicts there are: a count for each.
const VERDICTS: usize = Verdict::ALL.len();

/// Everything the page shows.
#[derive(Serialize)]
pub(super) struct PageJson<'a> {
    tool: &'static str,
    capture: CaptureOnPage<'a>,
    /// The first span of time that was asked for.
    around: Option<[i64; 2]>,
    counts: [u64; VERDICTS],
    died: u64,
    verdicts: [&'static str; VERDICTS],
    words: labels::PageWords,
    deaths: [bool; VERDICTS],
    thinned: Thinned,
    connections: Each<'a, ConnectionRecord, CaptureClock, ConnectionOnPage<'a>>,
    /// Of connections that were captured at both ends, by their numbers.
    #[serde(rename = "bothEnds")]
    both_ends: both_ends::ByConnection,
    calls: CallsJson<'a>,
    findings: Each<'a, Finding, CaptureClock, FindingOnPage<'a>>,
}

impl<'a> PageJson<'a> {
    pub(super) fn new(report: &'a Report, spans: Option<&Spans>, secrets: SecretDisplay) -> Self {
        let clock = CaptureClock::of(report);
        let analysis = &report.analysis;
        let drawn = sample(&analysis.rpcs);
        Self {
            tool: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
            capture: CaptureOnPage {
                files: Each::new(&report.files, (), |file, ()| file_name(file)),
                packets: report.packets,
                start: report.first_packet.map(|first| first.to_string()),
                length: report.last_packet.map(|last| clock.micros(last)),
            },
            around: spans
                .and_then(|spans| spans.first())
                .map(|span| [span.start().as_micros(), span.end().as_micros()]),
            counts: counts(&analysis.verdicts),
            died: analysis.verdicts.deaths(),
            verdicts: Verdict::ALL.map(Verdict::name),
            words: labels::PageWords::new(),
            deaths: Verdict::ALL.map(Verdict::is_death),
            thinned: Thinned {
                of: drawn.healthy,
                drawn: drawn.healthy_drawn,
            },
            connections: Each::new(&analysis.connections, clock, ConnectionOnPage::new),
            both_ends: both_ends::all(report, clock),
            calls: CallsJson::new(drawn.calls, clock, secrets),
            findings: Each::new(&analysis.findings, clock, FindingOnPage::new),
        }
    }
}

#[derive(Serialize)]
struct CaptureOnPage<'a> {
    files: Each<'a, FileSummary, (), String>,
    packets: u64,
    /// A string: nanoseconds since 1970 do not fit the numbers of the script.
    start: Option<String>,
    length: Option<i64>,
}

/// How many healthy calls there are, and how many of them are drawn.
#[derive(Serialize)]
struct Thinned {
    of: usize,
    drawn: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionOnPage<'a> {
    number: u32,
    tcp_stream: u32,
    client: String,
    server: String,
    transport: &'static str,
    opened: Option<Seen>,
    recognised: Seen,
    close: Option<CloseOnPage>,
    goaways: Vec<GoAwayOnPage>,
    warned: Option<bool>,
    settings: BothSides<Option<SettingsJson<'a>>>,
    /// The client's, the server's, and those of both that were not answered.
    pings: [u64; 3],
    passages: Each<'a, ControlFrame, CaptureClock, ControlFrameOnPage>,
    passages_left_out: u64,
    round_trip: Option<i64>,
    retransmissions: u64,
    missing_bytes: u64,
    counts: [u64; VERDICTS],
    died: u64,
    client_stack: Option<String>,
    server_stack: Option<String>,
}

impl<'a> ConnectionOnPage<'a> {
    fn new(record: &'a ConnectionRecord, clock: CaptureClock) -> Self {
        let seen = |stamp: Stamp| seen(stamp, clock);
        let goaways = record.goaways.iter();
        Self {
            number: record.number,
            tcp_stream: record.tcp_stream,
            client: named_end(record.names.client.as_deref(), record.client),
            server: named_end(record.names.server.as_deref(), record.server),
            transport: record.transport.name(),
            opened: record.opened.map(seen),
            recognised: seen(record.recognised),
            close: record.close.map(|close| CloseOnPage::new(close, clock)),
            goaways: goaways
                .map(|goaway| GoAwayOnPage::new(record, goaway, clock))
                .collect(),
            warned: record.warned,
            settings: settings(record),
            pings: [
                record.pings.sent.client,
                record.pings.sent.server,
                record.pings.unanswered,
            ],
            passages: Each::new(record.control_frames.kept(), clock, control_frame),
            passages_left_out: record.control_frames.left_out(),
            round_trip: record
                .handshake
                .map(|handshake| handshake.round_trip.as_micros()),
            retransmissions: record.network.retransmissions(),
            missing_bytes: record.missing.bytes,
            counts: counts(&record.verdicts),
            died: record.verdicts.deaths(),
            client_stack: record.user_agent.as_deref().map(escape::terminal),
            server_stack: record.server_header.as_deref().map(escape::terminal),
        }
    }
}

#[derive(Serialize)]
struct CloseOnPage {
    by: &'static str,
    how: &'static str,
    seen: Seen,
}

impl CloseOnPage {
    fn new(close: Close, clock: CaptureClock) -> Self {
        Self {
            by: close.by.sender(),
            how: close.ending.name(),
            seen: seen(close.stamp, clock),
        }
    }
}

#[derive(Serialize)]
struct GoAwayOnPage {
    from: &'static str,
    seen: Seen,
    left: Option<i64>,
    arrived: Option<i64>,
    acknowledged: Option<Seen>,
    last: u32,
    announcement: bool,
    #[serde(rename = "final")]
    is_final: bool,
    error: Displayed<ErrorCode>,
    debug: String,
    beyond: u64,
}

impl GoAwayOnPage {
    fn new(record: &ConnectionRecord, goaway: &GoAway, clock: CaptureClock) -> Self {
        let at = clock.micros(goaway.stamp.time);
        // The handshake shows how far the capture was from either end, so when it left and arrived.
        let handshake = record.handshake;
        let from_server = handshake.and_then(|handshake| handshake.server_share());
        let to_client = handshake.and_then(|handshake| handshake.client_share());
        let (before, after) = match goaway.from {
            Direction::ServerToClient => (from_server, to_client),
            Direction::ClientToServer => (to_client, from_server),
        };
        Self {
            from: goaway.from.sender(),
            seen: seen(goaway.stamp, clock),
            left: before.map(|before| at - before.as_micros()),
            arrived: after.map(|after| at + after.as_micros()),
            acknowledged: goaway.received.map(|stamp| seen(stamp, clock)),
            last: goaway.last_stream_id.0,
            announcement: goaway.is_announcement(),
            is_final: record.final_goaway() == Some(goaway),
            error: Displayed(goaway.error),
            debug: escape::terminal(&goaway.debug_data),
            beyond: goaway.streams_beyond,
        }
    }
}

/// Microseconds, packet, and whether the server sent it (1) or the client (0); then which it was, and a
/// ping's payload.
type ControlFrameOnPage = (i64, u64, u8, &'static str, Option<String>);

fn control_frame(frame: &ControlFrame, clock: CaptureClock) -> ControlFrameOnPage {
    let (kind, payload) = match frame.kind {
        ControlFrameKind::Settings => ("settings", None),
        ControlFrameKind::SettingsAck => ("settings ack", None),
        ControlFrameKind::Ping(payload) => ("ping", Some(payload)),
        ControlFrameKind::PingAck(payload) => ("ping ack", Some(payload)),
    };
    (
        clock.micros(frame.stamp.time),
        frame.stamp.packet,
        u8::from(frame.from == Direction::ServerToClient),
        kind,
        payload.map(|payload| Hex(&payload).to_string()),
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingOnPage<'a> {
    rule: &'static str,
    severity: &'static str,
    confidence: &'static str,
    title: String,
    between: Each<'a, NamedPair, (), String>,
    connections: &'a [u32],
    calls: Each<'a, CallId, (), (u32, u32)>,
    evidence: Each<'a, Evidence, CaptureClock, EvidenceOnPage>,
    explanation: String,
    ruled_out: Each<'a, String, (), String>,
    advice: Each<'a, String, (), String>,
}

impl<'a> FindingOnPage<'a> {
    fn new(finding: &'a Finding, clock: CaptureClock) -> Self {
        Self {
            rule: finding.rule,
            severity: finding.severity.name(),
            confidence: finding.confidence.name(),
            title: plain(&finding.title),
            between: Each::new(&finding.between, (), |pair, ()| plain(&pair.text)),
            connections: &finding.connections,
            calls: Each::new(&finding.rpcs, (), |call, ()| (call.connection, call.stream)),
            evidence: Each::new(&finding.evidence, clock, |proof, clock| EvidenceOnPage {
                seen: proof.stamp.map(|stamp| seen(stamp, clock)),
                text: plain(&proof.text),
            }),
            explanation: plain(&finding.explanation),
            ruled_out: Each::new(&finding.ruled_out, (), |text, ()| plain(text)),
            advice: Each::new(&finding.advice, (), |text, ()| plain(text)),
        }
    }
}

#[derive(Serialize)]
struct EvidenceOnPage {
    seen: Option<Seen>,
    text: String,
}

fn plain(text: &str) -> String {
    escape::terminal(text.as_bytes())
}

fn counts(verdicts: &VerdictCounts) -> [u64; VERDICTS] {
    Verdict::ALL.map(|verdict| verdicts.of(verdict))
}

/// When and where: microseconds, packet, file.
type Seen = (i64, u64, u32);

fn seen(stamp: Stamp, clock: CaptureClock) -> Seen {
    (clock.micros(stamp.time), stamp.packet, stamp.file)
}

/// The last part of a path: a page is passed on, and need not show whose folder it was made in.
fn file_name(file: &FileSummary) -> String {
    let path = file.path.as_str();
    plain(path.rsplit(['/', '\\']).next().unwrap_or(path))
}
