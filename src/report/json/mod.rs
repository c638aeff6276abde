//! `analyze --format json`: the contract that scripts build on, `h2sniff.report/1`.
//!
//! In: a [`Report`]. Out: its twin, written in one pass: of the long lists one element at a time is in
//! memory, for as text a report is many times larger than its data.

mod connection;
mod finding;
mod frame;
mod hops;
mod indented;
mod live;
mod name;
mod network;
mod rpc;
mod value;
mod vantage;
mod visible;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::format::ReportFormat;
use super::redact::SecretDisplay;
use super::view::found::{FoundBy, FoundCalls};
use crate::capture::{FileSummary, Interface, LinkType, Timestamp};
use crate::decode::anomaly::Anomaly;
use crate::inspect::diagnosis::Finding;
use crate::inspect::report::{CallList, Files, Report};
use crate::inspect::{ConnectionRecord, Rpc, Server};
use connection::ConnectionJson;
pub(super) use connection::settings;
use finding::{FindingJson, ServerJson};
pub use frame::FrameJson;
use hops::UpstreamJson;
use rpc::RpcJson;
pub(super) use value::{BothSides, Displayed, Each, SettingsJson};
use value::{CallJson, PacketNumber, PeerText};
use vantage::VantageJson;

/// JSON: of a report one indented object, of a live capture an object a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json {
    /// How secrets are printed.
    pub secrets: SecretDisplay,
}

impl Json {
    /// Writes a report that has only what was found in it, and by what that was found.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_found(
        self,
        report: &Report,
        found: &[FoundCalls],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let found = found
            .iter()
            .map(|group| FoundJson::new(group, self.secrets));
        let report = ReportJson {
            found: Some(found.collect()),
            ..ReportJson::new(report, self.secrets)
        };
        visible::write_indented(out, &report)?;
        out.write_all(b"\n")
    }

    /// The whole report in memory, for programs that embed this crate and search it.
    ///
    /// # Errors
    ///
    /// None that this crate knows of; they are those of [`serde_json::to_value`].
    pub fn to_value(self, report: &Report) -> serde_json::Result<Value> {
        serde_json::to_value(ReportJson::new(report, self.secrets))
    }
}

impl ReportFormat for Json {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        visible::write_indented(out, &ReportJson::new(report, self.secrets))?;
        out.write_all(b"\n")
    }
}

/// The twin of [`Report`].
#[derive(Serialize, Debug)]
struct ReportJson<'a> {
    schema: &'static str,
    tool: ToolJson,
    capture: CaptureJson<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vantages: Vec<VantageJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    upstreams: Vec<UpstreamJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterJson<'a>>,
    connections: Each<'a, ConnectionRecord, Files, ConnectionJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Vec<FoundJson>>,
    rpcs: Each<'a, Rpc, (Files, SecretDisplay), RpcJson<'a>, CallList>,
    servers: Each<'a, Server, (), ServerJson<'a>>,
    findings: Each<'a, Finding, Files, FindingJson<'a>>,
    anomalies: Each<'a, Anomaly, Files, AnomalyJson<'a>>,
    given_up: GivenUpJson,
}

impl<'a> ReportJson<'a> {
    fn new(report: &'a Report, secrets: SecretDisplay) -> Self {
        let files = Files::of(&report.files);
        let analysis = &report.analysis;
        Self {
            schema: "h2sniff.report/1",
            tool: ToolJson {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
            },
            capture: CaptureJson {
                files: Each::new(&report.files, (), |file, ()| FileJson::new(file)),
                packets: report.packets,
                bytes: report.bytes,
                first_packet: report.first_packet.map(Displayed),
                last_packet: report.last_packet.map(Displayed),
            },
            vantages: VantageJson::all(report),
            upstreams: report
                .analysis
                .upstreams
                .iter()
                .map(UpstreamJson::new)
                .collect(),
            filter: FilterJson::new(report),
            connections: Each::new(&analysis.connections, files, ConnectionJson::new),
            found: None,
            rpcs: Each::new(&analysis.rpcs, (files, secrets), RpcJson::new),
            servers: Each::new(&analysis.servers, (), |server, ()| ServerJson::new(server)),
            findings: Each::new(&analysis.findings, files, FindingJson::new),
            anomalies: Each::new(&report.anomalies, files, AnomalyJson::new),
            given_up: GivenUpJson::new(report),
        }
    }
}

/// Calls that have the same of what was looked for.
#[derive(Serialize, Debug)]
struct FoundJson {
    by: &'static str,
    name: Option<String>,
    text: String,
    rpcs: Vec<CallJson>,
}

impl FoundJson {
    fn new(group: &FoundCalls, secrets: SecretDisplay) -> Self {
        let (by, name, text) = match &group.by {
            FoundBy::Header { name, value } => {
                let value = secrets.value(name.as_bytes(), value);
                let value = String::from_utf8_lossy(&value).into_owned();
                ("header", Some(name.clone()), value)
            }
            FoundBy::AppError(error) => {
                let text = secrets.message(error.as_bytes());
                (
                    "app_error",
                    None,
                    String::from_utf8_lossy(&text).into_owned(),
                )
            }
        };
        Self {
            by,
            name,
            text,
            rpcs: group
                .calls
                .iter()
                .map(|call| CallJson::from(*call))
                .collect(),
        }
    }
}

#[derive(Serialize, Debug)]
struct ToolJson {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize, Debug)]
struct CaptureJson<'a> {
    files: Each<'a, FileSummary, (), FileJson<'a>>,
    packets: u64,
    bytes: u64,
    first_packet: Option<Displayed<Timestamp>>,
    last_packet: Option<Displayed<Timestamp>>,
}

/// The twin of [`Filter`](crate::inspect::Filter), and what it left out.
#[derive(Serialize, Debug)]
struct FilterJson<'a> {
    conn: Option<u32>,
    stream: Option<u32>,
    method: Option<PeerText<'a>>,
    since: Option<String>,
    until: Option<String>,
    rpcs_left_out: u64,
    connections_left_out: u64,
}

impl<'a> FilterJson<'a> {
    fn new(report: &'a Report) -> Option<Self> {
        let filter = &report.filter;
        let left_out = &report.analysis.passed_over;
        filter.is_set().then(|| Self {
            conn: filter.connection,
            stream: filter.stream,
            method: filter.method.as_deref().map(PeerText::from),
            since: filter.since.map(|moment| moment.to_string()),
            until: filter.until.map(|moment| moment.to_string()),
            rpcs_left_out: left_out.calls,
            connections_left_out: left_out.connections,
        })
    }
}

/// The twin of [`FileSummary`].
#[derive(Serialize, Debug)]
struct FileJson<'a> {
    path: &'a str,
    format: &'static str,
    compression: Option<&'static str>,
    packets: u64,
    bytes: u64,
    first_packet: Option<Displayed<Timestamp>>,
    last_packet: Option<Displayed<Timestamp>>,
    interfaces: Each<'a, Interface, (), InterfaceJson<'a>>,
}

impl<'a> FileJson<'a> {
    fn new(file: &'a FileSummary) -> Self {
        Self {
            path: &file.path,
            format: file.format.name(),
            compression: file.compression.map(|compression| compression.name()),
            packets: file.packets,
            bytes: file.bytes,
            first_packet: file.first.map(Displayed),
            last_packet: file.last.map(Displayed),
            interfaces: Each::new(&file.interfaces, (), |interface, ()| InterfaceJson {
                name: interface.name.as_deref(),
                link_type: Displayed(interface.link_type),
            }),
        }
    }
}

#[derive(Serialize, Debug)]
struct InterfaceJson<'a> {
    name: Option<&'a str>,
    link_type: Displayed<LinkType>,
}

/// The twin of [`Anomaly`].
#[derive(Serialize, Debug)]
struct AnomalyJson<'a> {
    layer: &'static str,
    text: &'a str,
    conn: Option<u32>,
    count: u64,
    #[serde(flatten)]
    packet: PacketNumber,
}

impl<'a> AnomalyJson<'a> {
    fn new(anomaly: &'a Anomaly, files: Files) -> Self {
        Self {
            layer: anomaly.layer.name(),
            text: &anomaly.text,
            conn: anomaly.connection,
            count: anomaly.count,
            packet: PacketNumber::new(anomaly.stamp, files),
        }
    }
}

/// What was given up to stay within limits: nothing, unless a capture is hostile or very large.
#[derive(Serialize, Debug)]
struct GivenUpJson {
    connections: u64,
    unrelated_connections: u64,
    holes: u64,
    undecided: u64,
    sessions: u64,
    unlisted_connections: u64,
    unlisted_rpcs: u64,
}

impl GivenUpJson {
    fn new(report: &Report) -> Self {
        let decoding = &report.given_up;
        let listing = &report.analysis.unlisted;
        Self {
            connections: decoding.connections,
            unrelated_connections: decoding.others,
            holes: decoding.holes,
            undecided: decoding.undecided,
            sessions: decoding.sessions,
            unlisted_connections: listing.connections,
            unlisted_rpcs: listing.rpcs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Verdict;
    use crate::report::view::tests as examples;

    #[test]
    fn a_report_is_written_as_its_value_is() {
        let calls = [
            examples::rpc(0, 1, Verdict::Refused),
            examples::rpc(0, 3, Verdict::Status),
        ];
        let mut several = Report::default();
        several.analysis.connections = vec![examples::connection(0), examples::connection(1)];
        several.analysis.rpcs = calls.to_vec().into();
        let json = Json::default();
        for report in [Report::default(), several] {
            let mut written = Vec::new();
            json.write(&report, &mut written).unwrap();
            let value = json.to_value(&report).unwrap();
            let at_once = serde_json::to_string_pretty(&value).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), format!("{at_once}\n"));
        }
    }
}
