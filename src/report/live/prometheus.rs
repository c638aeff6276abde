//! All numbers in Prometheus' text format, version 0.0.4.
//!
//! Labels: methods up to [`MAX_METHODS`](crate::inspect::MAX_METHODS), and the fixed lists of verdicts,
//! rules and error codes. No address and no stream ever becomes one.

use std::fmt::Write as _;

use super::Status;
use crate::inspect::{Method, Verdict};
use crate::report::escape;

/// What `Content-Type` says of it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole page.
#[must_use]
pub fn render(status: &Status) -> String {
    let mut page = Page::default();
    let progress = &status.progress;
    page.counter("packets_total", "Packets analysed", progress.packets);
    page.counter(
        "captured_bytes_total",
        "Bytes of packets analysed",
        progress.bytes,
    );
    page.counter(
        "received_packets_total",
        "Packets that passed the filter, as the kernel counts them",
        status.received,
    );
    page.family(
        "dropped_packets_total",
        "counter",
        "Packets not analysed, by the place that lost them",
    );
    for (place, count) in [
        ("kernel", status.drops.kernel),
        ("interface", status.drops.interface),
        ("queue", status.drops.queue),
    ] {
        page.sample("dropped_packets_total", &[("place", place)], count);
    }
    page.counter(
        "connections_total",
        "HTTP/2 connections seen",
        status.connections,
    );
    page.gauge(
        "connections_open",
        "HTTP/2 connections followed",
        progress.open_connections as u64,
    );
    page.counter(
        "connections_evicted_total",
        "Connections let go because nothing was heard of them",
        progress.evicted_connections,
    );
    methods(&mut page, status);
    page.family("goaways_total", "counter", "GOAWAY frames");
    for ((from, announcement, error), count) in status.goaways.iter() {
        let kind = if *announcement {
            "announcement"
        } else {
            "final"
        };
        let error = error.map_or_else(|| "other".to_owned(), |error| error.to_string());
        let labels = [("from", *from), ("kind", kind), ("error", &error)];
        page.sample("goaways_total", &labels, *count);
    }
    page.family(
        "findings_total",
        "counter",
        "Findings told, again whenever one has grown",
    );
    for ((rule, severity), count) in status.findings.iter() {
        let labels = [("rule", *rule), ("severity", severity.name())];
        page.sample("findings_total", &labels, *count);
    }
    page.family(
        "given_up_total",
        "counter",
        "What a report no longer lists, to stay small",
    );
    page.sample(
        "given_up_total",
        &[("what", "connections")],
        progress.given_up.connections,
    );
    page.sample(
        "given_up_total",
        &[("what", "rpcs")],
        progress.given_up.rpcs,
    );
    page.counter("recordings_total", "Recordings written", status.recordings);
    page.counter(
        "recordings_failed_total",
        "Recordings that could not be written",
        status.recordings_failed,
    );
    page.gauge(
        "interfaces_away",
        "Interfaces that went down or away",
        status.interfaces_away,
    );
    if let Some(memory) = status.memory {
        page.gauge("memory_bytes", "Resident memory", memory);
    }
    page.0
}

fn methods(page: &mut Page, status: &Status) {
    let methods = &status.progress.methods;
    page.family("rpcs_total", "counter", "RPCs ended, by method");
    for (method, counts) in methods.iter() {
        page.sample("rpcs_total", &[("method", &name(method))], counts.total());
    }
    page.family(
        "rpcs_failed_total",
        "counter",
        "RPCs that did not simply succeed, by method and verdict",
    );
    for (method, counts) in methods.iter() {
        for verdict in Verdict::ALL
            .into_iter()
            .filter(|verdict| *verdict != Verdict::Ok)
        {
            let count = counts.of(verdict);
            if count > 0 {
                let labels = [("method", &*name(method)), ("verdict", verdict.name())];
                page.sample("rpcs_failed_total", &labels, count);
            }
        }
    }
    page.family(
        "rpcs_died_total",
        "counter",
        "RPCs that died: neither answered nor unknowable",
    );
    for (method, counts) in methods.iter() {
        page.sample(
            "rpcs_died_total",
            &[("method", &name(method))],
            counts.deaths(),
        );
    }
}

/// No path is taken for the others, for a path begins with a slash.
fn name(method: Method<'_>) -> String {
    match method {
        Method::Path(path) => escape::terminal(path),
        Method::Other => "other".to_owned(),
        Method::Unknown => "unknown".to_owned(),
    }
}

#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    // Writing to a string cannot fail.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(
            self.0,
            "# HELP h2sniff_{name} {help}\n# TYPE h2sniff_{name} {kind}"
        );
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let _ = write!(self.0, "h2sniff_{name}");
        for (place, (label, text)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", quoted(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }
}

/// A label's value: backslash, quote and line feed are escaped.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_quoted_and_families_have_a_type() {
        let mut page = Page::default();
        page.family("rpcs_total", "counter", "RPCs");
        page.sample(
            "rpcs_total",
            &[("method", "/a\"b\\c\n"), ("verdict", "ok")],
            3,
        );
        assert_eq!(
            page.0,
            "# HELP h2sniff_rpcs_total RPCs\n# TYPE h2sniff_rpcs_total counter\n\
             h2sniff_rpcs_total{method=\"/a\\\"b\\\\c\\n\",verdict=\"ok\"} 3\n"
        );
    }
}
