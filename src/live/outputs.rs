//! Where the results of a watch go: events, recordings, a file of packets, a collector.
//!
//! In: what the worker found. Out: the same, to each of them that was asked for.

use std::io;
#[cfg(feature = "otlp")]
use std::sync::Arc;
use std::time::Duration;

use h2sniff::capture::Timestamp;
use h2sniff::inspect::News;
use h2sniff::inspect::diagnosis::Finding;
use h2sniff::inspect::report::{OtlpCounts, Report};
use h2sniff::pipeline::Pipeline;

use super::clock::wall;
use super::control::Control;
use super::file::PacketFile;
use super::output::EventWriter;
use super::recorder::Recorder;
#[cfg(feature = "otlp")]
use super::span_feed::SpanFeed;

/// Where the results go.
pub(super) struct Outputs {
    pub(super) events: EventWriter,
    pub(super) recorder: Option<Recorder>,
    pub(super) packet_file: Option<PacketFile>,
    #[cfg(feature = "otlp")]
    pub(super) spans: Option<SpanFeed>,
    /// The request headers that were asked for; spans take others beside them.
    #[cfg(feature = "otlp")]
    pub(super) headers: Vec<Arc<[u8]>>,
}

#[cfg(feature = "otlp")]
impl Outputs {
    /// Has spans made of what became certain by `now`, and leaves in it what was asked for.
    pub(super) fn feed(&mut self, news: &mut [News], now: Timestamp) {
        let Some(spans) = &mut self.spans else { return };
        spans.news(news, now);
        for news in news {
            if let News::Rpc { rpc, .. } = news {
                rpc.headers.retain(|of| self.headers.contains(&of.name));
            }
        }
    }

    /// The same with calls in a report.
    pub(super) fn leave_asked_headers(&self, report: &mut Report) {
        if self.spans.is_some() {
            for rpc in &mut report.analysis.rpcs {
                rpc.headers.retain(|of| self.headers.contains(&of.name));
            }
        }
    }

    /// Has a log record made of a finding that is told.
    pub(super) fn feed_finding(
        &mut self,
        finding: &Finding,
        pipeline: &mut Pipeline,
        now: Timestamp,
    ) {
        if let Some(spans) = &mut self.spans {
            spans.finding(finding, pipeline, now);
        }
    }

    /// Whether spans wait for what follows from all that is certain by `now`.
    pub(super) fn want_findings(&self, now: Timestamp) -> bool {
        self.spans.as_ref().is_some_and(|spans| spans.is_due(now))
    }

    /// Hands spans over that are due by `now`; what follows is known.
    pub(super) fn settle_spans(&mut self, pipeline: &mut Pipeline, now: Timestamp) {
        if let Some(spans) = &mut self.spans {
            spans.settle(pipeline, now);
        }
    }

    /// Says what is to be said of the collector, and gives what went to it.
    pub(super) fn otlp_counts(&mut self) -> Option<OtlpCounts> {
        let spans = self.spans.as_mut()?;
        spans.hand_over();
        for note in spans.take_notes() {
            self.events.note(&note);
        }
        Some(spans.counts())
    }

    /// Has the rest sent, for no longer than `within`, and says what was lost.
    pub(super) fn close_spans(&mut self, within: Duration, control: &Control) {
        let Some(spans) = self.spans.take() else {
            return;
        };
        let (counts, notes) = spans.close(within, || control.is_hurried());
        for note in notes {
            self.events.note(&note);
        }
        let lost = counts.spans.lost + counts.logs.lost;
        let sent = counts.spans.sent + counts.logs.sent;
        if lost > 0 {
            self.events.warn(&format!(
                "{lost} spans and log records did not reach the collector, {sent} did"
            ));
        }
    }
}

/// Without a collector there is nothing to do.
#[cfg(not(feature = "otlp"))]
#[expect(
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    reason = "as where there is one"
)]
impl Outputs {
    pub(super) const fn feed(&mut self, _: &mut [News], _: Timestamp) {}

    pub(super) const fn leave_asked_headers(&self, _: &mut Report) {}

    pub(super) const fn feed_finding(&mut self, _: &Finding, _: &mut Pipeline, _: Timestamp) {}

    pub(super) const fn want_findings(&self, _: Timestamp) -> bool {
        false
    }

    pub(super) const fn settle_spans(&mut self, _: &mut Pipeline, _: Timestamp) {}

    pub(super) const fn otlp_counts(&mut self) -> Option<OtlpCounts> {
        None
    }

    pub(super) const fn close_spans(&mut self, _: Duration, _: &Control) {}
}

impl Outputs {
    /// Writes what the recorder has left to write; it records no more.
    pub(super) fn write_recordings(&mut self) -> io::Result<()> {
        let Some(recorder) = self.recorder.take() else {
            return Ok(());
        };
        for written in recorder.finish(wall()) {
            self.events.recording(&written)?;
        }
        Ok(())
    }
}
