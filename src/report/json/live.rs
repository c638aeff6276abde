//! `live --format json`: one event a line.
//!
//! In: what became certain. Out: an object that begins with `event` and `time`, its body's fields after
//! them.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use super::connection::{GoAwayJson, NewConnectionJson};
use super::finding::FindingJson;
use super::name::EndNamesJson;
use super::rpc::RpcJson;
use super::value::{BothSides, Displayed};
use super::{Json, ReportJson, visible};
use crate::capture::Timestamp;
use crate::decode::Transport;
use crate::inspect::News;
use crate::inspect::diagnosis::Finding;
use crate::inspect::report::{Files, LiveStatus, OtlpCounts, Report};
use crate::report::live::{EventFormat, Incident, WrittenRecording};
use std::net::SocketAddr;

impl EventFormat for Json {
    fn news(&self, news: &News, out: &mut dyn Write) -> io::Result<()> {
        match news {
            News::Connection {
                number,
                recognition,
                names,
            } => {
                let first = recognition.opened.unwrap_or(recognition.recognised);
                let body = NewConnectionJson::new(*number, recognition, names);
                line("connection", first.time, body, out)
            }
            News::GoAway {
                connection,
                ends,
                names,
                goaway,
            } => {
                let body = GoAwayEvent {
                    conn: *connection,
                    ends: (*ends).into(),
                    names: names.into(),
                    goaway: GoAwayJson::new(goaway, Files::One).without_time(),
                };
                line("goaway", goaway.stamp.time, body, out)
            }
            News::Rpc {
                since,
                ends,
                names,
                rpc,
            } => {
                let body = RpcEvent {
                    rpc: RpcJson::new(rpc, (Files::One, self.secrets)),
                    ends: (*ends).into(),
                    names: names.into(),
                };
                line("rpc", *since, body, out)
            }
        }
    }

    fn incident(&self, incident: &Incident<'_>, out: &mut dyn Write) -> io::Result<()> {
        let finding = bounded(incident.finding);
        let body = IncidentEvent {
            finding: FindingJson::new(&finding, Files::One),
            since: Displayed(incident.since),
            calls: incident.calls,
        };
        line("finding", incident.time, body, out)
    }

    fn recorded(&self, recorded: &WrittenRecording<'_>, out: &mut dyn Write) -> io::Result<()> {
        let body = RecordingEvent {
            path: recorded.path,
            reason: recorded.reason,
            packets: recorded.packets,
            grown: recorded.has_grown,
            pruned: recorded.pruned,
        };
        line("recording", recorded.time, body, out)
    }

    fn status(&self, status: &LiveStatus, out: &mut dyn Write) -> io::Result<()> {
        line("status", status.time, StatusEvent::new(status), out)
    }

    fn report(&self, time: Timestamp, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let report = ReportJson::new(report, self.secrets);
        line("report", time, ReportEvent { report }, out)
    }
}

/// How many calls, connections and packets an event names at most; `calls` says how many there are, and the calls
/// themselves have events of their own.
const MAX_NAMED: usize = 1_000;

fn bounded(finding: &Finding) -> Cow<'_, Finding> {
    let lengths = [
        finding.rpcs.len(),
        finding.connections.len(),
        finding.evidence.len(),
    ];
    if lengths.iter().all(|length| *length <= MAX_NAMED) {
        return Cow::Borrowed(finding);
    }
    let mut finding = finding.clone();
    finding.rpcs.truncate(MAX_NAMED);
    finding.connections.truncate(MAX_NAMED);
    finding.evidence.truncate(MAX_NAMED);
    Cow::Owned(finding)
}

fn line(
    event: &'static str,
    time: Timestamp,
    body: impl Serialize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let event = EventJson {
        event,
        time: Displayed(time),
        body,
    };
    visible::write_line(out, &event)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct EventJson<B> {
    event: &'static str,
    time: Displayed<Timestamp>,
    #[serde(flatten)]
    body: B,
}

#[derive(Serialize)]
struct GoAwayEvent<'a> {
    conn: u32,
    #[serde(flatten)]
    ends: BothSides<SocketAddr>,
    #[serde(flatten)]
    names: EndNamesJson<'a>,
    #[serde(flatten)]
    goaway: GoAwayJson<'a>,
}

#[derive(Serialize)]
struct RpcEvent<'a> {
    #[serde(flatten)]
    rpc: RpcJson<'a>,
    #[serde(flatten)]
    ends: BothSides<SocketAddr>,
    #[serde(flatten)]
    names: EndNamesJson<'a>,
}

#[derive(Serialize)]
struct IncidentEvent<'a> {
    #[serde(flatten)]
    finding: FindingJson<'a>,
    since: Displayed<Timestamp>,
    calls: u64,
}

#[derive(Serialize)]
struct RecordingEvent<'a> {
    path: &'a str,
    reason: &'a str,
    packets: u64,
    grown: bool,
    pruned: &'a [String],
}

#[derive(Serialize)]
struct ReportEvent<'a> {
    report: ReportJson<'a>,
}

#[derive(Serialize)]
struct StatusEvent {
    packets: u64,
    bytes: u64,
    received: u64,
    drops: DropsJson,
    connections: ConnectionCounts,
    rpcs: RpcCounts,
    given_up: UnlistedCounts,
    interfaces_away: u64,
    output_left_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp: Option<OtlpStatusJson>,
    memory_bytes: Option<u64>,
}

/// What went to a collector, where there is one.
#[derive(Serialize)]
struct OtlpStatusJson {
    spans_sent: u64,
    spans_lost: u64,
    logs_sent: u64,
    logs_lost: u64,
    waiting: u64,
}

impl From<OtlpCounts> for OtlpStatusJson {
    fn from(counts: OtlpCounts) -> Self {
        Self {
            spans_sent: counts.spans.sent,
            spans_lost: counts.spans.lost,
            logs_sent: counts.logs.sent,
            logs_lost: counts.logs.lost,
            waiting: counts.waiting,
        }
    }
}

impl StatusEvent {
    fn new(status: &LiveStatus) -> Self {
        let progress = &status.progress;
        let methods = progress.methods.total();
        Self {
            packets: progress.packets,
            bytes: progress.bytes,
            received: status.received,
            drops: DropsJson {
                kernel: status.drops.kernel,
                interface: status.drops.interface,
                queue: status.drops.queue,
            },
            connections: ConnectionCounts {
                seen: status.connections.total(),
                not_decrypted: status.connections.of(Transport::Tls),
                open: progress.open_connections,
                evicted: progress.evicted_connections,
            },
            rpcs: RpcCounts {
                ended: methods.total(),
                died: methods.deaths(),
                in_flight: progress.calls_in_flight,
                per_second: (status.rpcs_per_second * 10.0).round() / 10.0,
            },
            given_up: UnlistedCounts {
                connections: progress.unlisted.connections,
                rpcs: progress.unlisted.rpcs,
            },
            interfaces_away: status.interfaces_away,
            output_left_out: status.output_left_out,
            otlp: status.otlp.map(OtlpStatusJson::from),
            memory_bytes: status.memory,
        }
    }
}

#[derive(Serialize)]
struct DropsJson {
    kernel: u64,
    interface: u64,
    queue: u64,
}

#[derive(Serialize)]
struct ConnectionCounts {
    seen: u64,
    not_decrypted: u64,
    open: usize,
    evicted: u64,
}

#[derive(Serialize)]
struct RpcCounts {
    ended: u64,
    died: u64,
    in_flight: u64,
    per_second: f64,
}

#[derive(Serialize)]
struct UnlistedCounts {
    connections: u64,
    rpcs: u64,
}
