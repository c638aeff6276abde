//! Calls and findings as OTLP/JSON: requests as a Collector's HTTP endpoints take them, and, one a line, its `otlpjsonfile`
//! receiver.
//!
//! In: a [`Report`], or calls and findings one by one as they become certain; calls have those request headers that
//! [`HEADERS`] names. Out: a span for each call that died, or for all, child of the application's own span where the
//! request names one, with GOAWAYs as events and the retry as link; a log record for each finding. Ids follow from what
//! they name, so that a second export gives the same.

mod answer;
mod log;
mod place;
mod span;
mod value;

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::format::ReportFormat;
use super::key::Shard;
use super::redact::SecretDisplay;
use crate::capture::Timestamp;
use crate::decode::PerSide;
use crate::inspect::diagnosis::Finding;
use crate::inspect::report::Report;
use crate::inspect::{CallId, ConnectionRecord, Rpc};
use place::SpanPlace;
use value::{attribute, text};

pub use answer::PartialSuccess;
pub use span::SpanConnection;

/// The request headers that spans are made of: they name the application's own span, and say what kind of call it is.
pub const HEADERS: [&str; 2] = ["traceparent", "content-type"];

/// How many records stand in a request: some hundred kilobytes, below what collectors refuse.
pub const BATCH: usize = 256;

/// What a record is, and so where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OtlpSignal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
}

impl OtlpSignal {
    /// The path below a collector's address (OTLP 1.9, "OTLP/HTTP Request").
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Logs => "v1/logs",
        }
    }
}

/// Whose spans are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpansOf {
    /// Calls that died.
    #[default]
    Died,
    /// All calls that are listed.
    All,
}

impl SpansOf {
    /// Whether there is a span of a call.
    #[must_use]
    pub const fn has(self, rpc: &Rpc) -> bool {
        match self {
            Self::Died => rpc.died(),
            Self::All => true,
        }
    }
}

/// A span or a log record.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpRecord {
    signal: OtlpSignal,
    value: Value,
}

impl OtlpRecord {
    /// What it is.
    #[must_use]
    pub const fn signal(&self) -> OtlpSignal {
        self.signal
    }
}

/// Records of one kind, as one HTTP request brings them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpRequest {
    /// What they are.
    pub signal: OtlpSignal,
    /// How many.
    pub records: u64,
    /// The request's body.
    pub json: String,
}

/// The attempt that followed one, and the connection it was on.
#[derive(Clone, Copy, Debug)]
pub struct RetrySpan<'a> {
    /// Its stream.
    pub stream: u32,
    /// When it was opened.
    pub opened: Timestamp,
    /// Its connection.
    pub connection: SpanConnection<'a>,
    /// The attempt itself, where it is listed.
    pub rpc: Option<&'a Rpc>,
}

/// Spans and log records for an OpenTelemetry Collector.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// Whether credentials and queries are printed.
    pub secrets: SecretDisplay,
    /// Attributes of the resource: where the capture is from.
    pub labels: Vec<(String, String)>,
    /// Whose calls and findings are written, of those of a report.
    pub shard: Shard,
    /// Which of them have spans.
    pub spans: SpansOf,
}

impl Otlp {
    /// The span of a call.
    #[must_use]
    pub fn span(
        &self,
        rpc: &Rpc,
        connection: SpanConnection<'_>,
        retry: Option<RetrySpan<'_>>,
    ) -> OtlpRecord {
        let retry = retry.map(|retry| match retry.rpc {
            Some(rpc) => retry.connection.place(rpc),
            None => SpanPlace::of_retry(
                &connection.place(rpc),
                retry.connection.ends,
                retry.stream,
                retry.opened,
            ),
        });
        OtlpRecord {
            signal: OtlpSignal::Traces,
            value: span::span(rpc, &connection, retry, self.secrets),
        }
    }

    /// The log record of a finding. `first` is its first call, where it is known; `now` the time of one without evidence.
    #[must_use]
    pub fn log(
        &self,
        finding: &Finding,
        first: Option<(&Rpc, SpanConnection<'_>)>,
        now: Timestamp,
    ) -> OtlpRecord {
        let place = first.map(|(rpc, connection)| connection.place(rpc));
        OtlpRecord {
            signal: OtlpSignal::Logs,
            value: log::log(finding, place, now),
        }
    }

    /// Records of one kind as a request.
    #[must_use]
    pub fn request(&self, signal: OtlpSignal, records: Vec<OtlpRecord>) -> OtlpRequest {
        let count = records.len() as u64;
        let values = records.into_iter().map(|record| record.value).collect();
        let scope = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
        let (outer, inner, name) = match signal {
            OtlpSignal::Traces => ("resourceSpans", "scopeSpans", "spans"),
            OtlpSignal::Logs => ("resourceLogs", "scopeLogs", "logRecords"),
        };
        let of_scope = object([("scope", scope), (name, Value::Array(values))]);
        let of_resource = object([
            ("resource", self.resource()),
            (inner, Value::Array(vec![of_scope])),
        ]);
        OtlpRequest {
            signal,
            records: count,
            json: object([(outer, Value::Array(vec![of_resource]))]).to_string(),
        }
    }

    /// All of a report, a request at a time.
    ///
    /// # Errors
    ///
    /// Those of `each`.
    pub fn requests<E>(
        &self,
        report: &Report,
        mut each: impl FnMut(OtlpRequest) -> Result<(), E>,
    ) -> Result<(), E> {
        let listed = ListedCalls::new(report);
        let calls =
            report.analysis.rpcs.iter().filter(|rpc| {
                self.spans.has(rpc) && listed.is_in(self.shard, Some(rpc.id.connection))
            });
        let spans = calls
            .filter_map(|rpc| Some(self.span(rpc, listed.connection(rpc.id)?, listed.retry(rpc))));
        self.in_batches(OtlpSignal::Traces, spans, &mut each)?;
        let findings = report.analysis.findings.iter().filter(|finding| {
            let first = finding.rpcs.first().map(|call| call.connection);
            let first = first.or_else(|| finding.connections.first().copied());
            listed.is_in(self.shard, first)
        });
        let otherwise = report.first_packet.unwrap_or_default();
        let logs = findings.map(|finding| {
            let first = finding.rpcs.first().and_then(|call| listed.calls.get(call));
            let first = first.and_then(|rpc| Some((*rpc, listed.connection(rpc.id)?)));
            self.log(finding, first, otherwise)
        });
        self.in_batches(OtlpSignal::Logs, logs, &mut each)
    }

    fn in_batches<E>(
        &self,
        signal: OtlpSignal,
        records: impl Iterator<Item = OtlpRecord>,
        each: &mut impl FnMut(OtlpRequest) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut records = records.peekable();
        while records.peek().is_some() {
            let batch: Vec<_> = records.by_ref().take(BATCH).collect();
            each(self.request(signal, batch))?;
        }
        Ok(())
    }

    fn resource(&self) -> Value {
        let own = [attribute("service.name", text(env!("CARGO_PKG_NAME")))];
        let labels = self.labels.iter();
        let labels = labels.map(|(name, value)| attribute(name, text(value)));
        json!({"attributes": own.into_iter().chain(labels).collect::<Vec<_>>()})
    }
}

impl ReportFormat for Otlp {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        self.requests(report, |request| writeln!(out, "{}", request.json))
    }
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.into_iter();
    Value::Object(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// What a report lists, by its numbers.
struct ListedCalls<'a> {
    records: HashMap<u32, &'a ConnectionRecord>,
    calls: HashMap<CallId, &'a Rpc>,
}

impl<'a> ListedCalls<'a> {
    fn new(report: &'a Report) -> Self {
        let records = report.analysis.connections.iter();
        let calls = report.analysis.rpcs.iter();
        Self {
            records: records.map(|record| (record.number, record)).collect(),
            calls: calls.map(|rpc| (rpc.id, rpc)).collect(),
        }
    }

    /// Whether what is known by its first connection is of this shard; the first shard takes what has none.
    fn is_in(&self, shard: Shard, connection: Option<u32>) -> bool {
        let record = connection.and_then(|number| self.records.get(&number));
        record.map_or(shard.is_first(), |record| {
            shard.has((record.client, record.server))
        })
    }

    fn connection(&self, call: CallId) -> Option<SpanConnection<'a>> {
        let record = *self.records.get(&call.connection)?;
        Some(SpanConnection {
            ends: PerSide {
                client: record.client,
                server: record.server,
            },
            names: span::of_names(&record.names),
            recognised: record.recognised.time,
            handshake: record.handshake,
            goaways: &record.goaways,
        })
    }

    fn retry(&self, rpc: &Rpc) -> Option<RetrySpan<'a>> {
        let link = rpc.retried_as.as_ref()?;
        Some(RetrySpan {
            stream: link.call.stream,
            opened: link.opened?,
            connection: self.connection(link.call)?,
            rpc: self.calls.get(&link.call).copied(),
        })
    }
}

#[cfg(test)]
mod tests;
