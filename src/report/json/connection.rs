//! A connection: one of `connections`, and the bodies of the live events `connection` and `goaway`.

use std::net::SocketAddr;

use serde::Serialize;

use super::name::EndNamesJson;
use super::network::{
    ConcurrencyJson, DurationsJson, FlowControlJson, GapsJson, TcpJson, durations,
};
use super::value::{BothSides, Displayed, Each, PacketNumber, PeerText, SettingsJson, time};
use crate::capture::Timestamp;
use crate::decode::http2::ErrorCode;
use crate::decode::tcp::Ending;
use crate::decode::tls::{CipherSuite, Facts, Version};
use crate::decode::{Guess, Recognition};
use crate::inspect::diagnosis::Confidence;
use crate::inspect::report::Files;
use crate::inspect::{Close, ConnectionRecord, EndNames, GoAway, PingCounts};

/// The twin of [`ConnectionRecord`].
#[derive(Serialize, Debug)]
pub(super) struct ConnectionJson<'a> {
    conn: u32,
    tcp_stream: u32,
    client: SocketAddr,
    server: SocketAddr,
    #[serde(flatten)]
    names: EndNamesJson<'a>,
    transport: &'static str,
    preface_seen: bool,
    recognition: Option<RecognisedBy>,
    opened: Option<Displayed<Timestamp>>,
    closed: Option<Displayed<Timestamp>>,
    close: Option<CloseJson>,
    streams: StreamCounts,
    goaways: Each<'a, GoAway, Files, GoAwayJson<'a>>,
    settings: BothSides<Option<SettingsJson<'a>>>,
    pings: PingsJson,
    tcp: TcpJson,
    missing: GapsJson,
    flow_control: Option<FlowControlJson>,
    concurrency: Option<ConcurrencyJson>,
    client_stack: Option<PeerText<'a>>,
    server_stack: Option<PeerText<'a>>,
    tls: Option<TlsJson<'a>>,
}

impl<'a> ConnectionJson<'a> {
    pub(super) fn new(record: &'a ConnectionRecord, files: Files) -> Self {
        Self {
            conn: record.number,
            tcp_stream: record.tcp_stream,
            client: record.client,
            server: record.server,
            names: (&*record.names).into(),
            transport: record.transport.name(),
            preface_seen: record.preface_seen,
            recognition: RecognisedBy::new(record.preface_seen, record.guess),
            opened: time(record.opened),
            closed: time(record.close.map(|close| close.stamp)),
            close: record.close.map(|close| CloseJson::new(close, files)),
            streams: StreamCounts {
                opened: record.streams_opened,
                highest: record.highest_stream,
            },
            goaways: Each::new(&record.goaways, files, GoAwayJson::new),
            settings: settings(record),
            pings: PingsJson::new(&record.pings),
            tcp: TcpJson::new(record, files),
            missing: GapsJson::new(record, files),
            flow_control: FlowControlJson::new(&record.traffic),
            concurrency: record
                .traffic
                .at_limit
                .as_deref()
                .map(ConcurrencyJson::from),
            client_stack: record.user_agent.as_deref().map(PeerText::from),
            server_stack: record.server_header.as_deref().map(PeerText::from),
            tls: record.tls.as_deref().map(TlsJson::new),
        }
    }
}

/// The latest settings of both sides.
pub(in crate::report) fn settings(
    record: &ConnectionRecord,
) -> BothSides<Option<SettingsJson<'_>>> {
    BothSides {
        client: record.settings.client.as_deref().map(SettingsJson),
        server: record.settings.server.as_deref().map(SettingsJson),
    }
}

/// The body of the live event `connection`: what is known of one when it is recognised.
#[derive(Serialize, Debug)]
pub(super) struct NewConnectionJson<'a> {
    conn: u32,
    tcp_stream: u32,
    client: SocketAddr,
    server: SocketAddr,
    #[serde(flatten)]
    names: EndNamesJson<'a>,
    transport: &'static str,
    preface_seen: bool,
    opened: Option<Displayed<Timestamp>>,
}

impl<'a> NewConnectionJson<'a> {
    pub(super) fn new(number: u32, recognition: &Recognition, names: &'a EndNames) -> Self {
        Self {
            conn: number,
            tcp_stream: recognition.tcp_stream,
            client: recognition.client,
            server: recognition.server,
            names: names.into(),
            transport: recognition.transport.name(),
            preface_seen: recognition.preface_seen,
            opened: time(recognition.opened),
        }
    }
}

/// What a connection was recognised by, and how sure that is of its protocol and of who its client is.
#[derive(Serialize, Debug)]
struct RecognisedBy {
    by: &'static str,
    confidence: &'static str,
}

impl RecognisedBy {
    fn new(preface_seen: bool, guess: Option<Guess>) -> Option<Self> {
        let (by, confidence) = match guess {
            None if !preface_seen => return None,
            None => ("preface", Confidence::Certain),
            Some(Guess::Frames) => ("frames", Confidence::Likely),
            Some(Guess::FramesAndPorts) => ("frames_and_ports", Confidence::Possible),
        };
        let confidence = confidence.name();
        Some(Self { by, confidence })
    }
}

#[derive(Serialize, Debug)]
struct CloseJson {
    by: &'static str,
    how: &'static str,
    /// Whether TLS's own word came first; the FIN behind it says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    close_notify: Option<bool>,
    #[serde(flatten)]
    packet: PacketNumber,
}

impl CloseJson {
    fn new(close: Close, files: Files) -> Self {
        Self {
            by: close.by.sender(),
            how: if close.ending.is_orderly() {
                "fin"
            } else {
                "rst"
            },
            close_notify: (close.ending == Ending::CloseNotify).then_some(true),
            packet: PacketNumber::new(Some(close.stamp), files),
        }
    }
}

#[derive(Serialize, Debug)]
struct StreamCounts {
    opened: u64,
    highest: u32,
}

/// The twin of [`GoAway`].
#[derive(Serialize, Debug)]
pub(super) struct GoAwayJson<'a> {
    from: &'static str,
    /// Left out of a live event, whose own time it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Displayed<Timestamp>>,
    last_stream_id: u32,
    error: Displayed<ErrorCode>,
    debug_data: PeerText<'a>,
    streams_beyond: u64,
    #[serde(flatten)]
    packet: PacketNumber,
}

impl<'a> GoAwayJson<'a> {
    pub(super) fn new(goaway: &'a GoAway, files: Files) -> Self {
        Self {
            from: goaway.from.sender(),
            time: time(Some(goaway.stamp)),
            last_stream_id: goaway.last_stream_id.0,
            error: Displayed(goaway.error),
            debug_data: PeerText::from(&*goaway.debug_data),
            streams_beyond: goaway.streams_beyond,
            packet: PacketNumber::new(Some(goaway.stamp), files),
        }
    }

    pub(super) fn without_time(self) -> Self {
        Self { time: None, ..self }
    }
}

#[derive(Serialize, Debug)]
struct PingsJson {
    client: u64,
    server: u64,
    unanswered: u64,
    rtt_ms: BothSides<Option<DurationsJson>>,
}

impl PingsJson {
    fn new(pings: &PingCounts) -> Self {
        Self {
            client: pings.sent.client,
            server: pings.sent.server,
            unanswered: pings.unanswered,
            rtt_ms: BothSides {
                client: durations(&pings.round_trips.client),
                server: durations(&pings.round_trips.server),
            },
        }
    }
}

#[derive(Serialize, Debug)]
struct TlsJson<'a> {
    version: Option<Displayed<Version>>,
    cipher: Option<Displayed<CipherSuite>>,
    alpn: Option<PeerText<'a>>,
    server_name: Option<&'a str>,
}

impl<'a> TlsJson<'a> {
    fn new(facts: &'a Facts) -> Self {
        Self {
            version: facts.version.map(Displayed),
            cipher: facts.cipher.map(Displayed),
            alpn: facts.alpn.as_deref().map(PeerText::from),
            server_name: facts.server_name.as_deref(),
        }
    }
}
