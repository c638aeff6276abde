//! All numbers in Prometheus' text format, version 0.0.4.
//!
//! Labels: methods up to [`MAX_METHODS`](crate::inspect::MAX_METHODS), and the fixed lists of verdicts, rules,
//! transports and error codes. No address and no stream ever becomes one.

use std::fmt::Write as _;

use crate::decode::Transport;
use crate::inspect::report::{LiveStatus, OtlpCounts};
use crate::inspect::{Method, Verdict};
use crate::report::escape;

/// What `Content-Type` says of it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All families of metrics, as a scrape answers them.
#[must_use]
pub fn render(status: &LiveStatus) -> String {
    let mut out = Exposition::default();
    let progress = &status.progress;
    out.counter("packets_total", "Packets analysed", progress.packets);
    out.counter(
        "captured_bytes_total",
        "Bytes of packets analysed",
        progress.bytes,
    );
    out.counter(
        "received_packets_total",
        "Packets that passed the filter, as the kernel counts them",
        status.received,
    );
    out.family(
        "dropped_packets_total",
        "counter",
        "Packets not analysed, by the place that lost them",
    );
    for (place, count) in [
        ("kernel", status.drops.kernel),
        ("interface", status.drops.interface),
        ("queue", status.drops.queue),
    ] {
        out.sample("dropped_packets_total", &[("place", place)], count);
    }
    out.family(
        "connections_total",
        "counter",
        "Connections recognised, by what they speak; of tls that is not decrypted no RPC is seen",
    );
    for transport in [
        Transport::H2c,
        Transport::H2,
        Transport::Tls,
        Transport::None,
    ] {
        let labels = [("transport", transport.name())];
        let count = status.connections.of(transport);
        out.sample("connections_total", &labels, count);
    }
    out.gauge(
        "connections_open",
        "Connections followed",
        progress.open_connections as u64,
    );
    out.gauge(
        "rpcs_in_flight",
        "RPCs opened, and neither answered nor given up",
        progress.calls_in_flight,
    );
    out.counter(
        "connections_evicted_total",
        "Connections let go because nothing was heard of them",
        progress.evicted_connections,
    );
    methods(&mut out, status);
    out.family("goaways_total", "counter", "GOAWAY frames");
    for ((from, announcement, error), count) in status.goaways.iter() {
        let kind = if *announcement {
            "announcement"
        } else {
            "final"
        };
        let error = error.map_or_else(|| "other".to_owned(), |error| error.to_string());
        let labels = [("from", *from), ("kind", kind), ("error", &error)];
        out.sample("goaways_total", &labels, *count);
    }
    out.family(
        "findings_total",
        "counter",
        "Findings told, again whenever one has grown",
    );
    for ((rule, severity), count) in status.findings.iter() {
        let labels = [("rule", *rule), ("severity", severity.name())];
        out.sample("findings_total", &labels, *count);
    }
    out.family(
        "given_up_total",
        "counter",
        "What a report no longer lists, to stay small",
    );
    out.sample(
        "given_up_total",
        &[("what", "connections")],
        progress.unlisted.connections,
    );
    out.sample(
        "given_up_total",
        &[("what", "rpcs")],
        progress.unlisted.rpcs,
    );
    out.counter(
        "output_left_out_total",
        "Pieces of output left out because nobody read them",
        status.output_left_out,
    );
    out.counter("recordings_total", "Recordings written", status.recordings);
    out.counter(
        "recordings_failed_total",
        "Recordings that could not be written",
        status.recordings_failed,
    );
    out.gauge(
        "interfaces_away",
        "Interfaces that went down or away",
        status.interfaces_away,
    );
    if let Some(otlp) = &status.otlp {
        sent(&mut out, otlp);
    }
    if let Some(memory) = status.memory {
        out.gauge("memory_bytes", "Resident memory", memory);
    }
    out.0
}

fn sent(out: &mut Exposition, otlp: &OtlpCounts) {
    let kinds = [("spans", otlp.spans), ("logs", otlp.logs)];
    let help = "Records that the collector took";
    out.family("otlp_sent_total", "counter", help);
    for (kind, count) in kinds {
        out.sample("otlp_sent_total", &[("kind", kind)], count.sent);
    }
    let help = "Records that the collector refused, or that were left out because it was away";
    out.family("otlp_lost_total", "counter", help);
    for (kind, count) in kinds {
        out.sample("otlp_lost_total", &[("kind", kind)], count.lost);
    }
    let help = "Records that wait for the collector";
    out.gauge("otlp_waiting", help, otlp.waiting);
}

fn methods(out: &mut Exposition, status: &LiveStatus) {
    let methods = &status.progress.methods;
    out.family("rpcs_total", "counter", "RPCs ended, by method");
    for (method, counts) in methods.iter() {
        out.sample("rpcs_total", &[("method", &name(method))], counts.total());
    }
    out.family(
        "rpcs_failed_total",
        "counter",
        "RPCs that did not simply succeed, by method and verdict",
    );
    for (method, counts) in methods.iter() {
        for verdict in Verdict::ALL
            .into_iter()
            .filter(|verdict| !matches!(verdict, Verdict::Ok | Verdict::Unanswered))
        {
            let count = counts.of(verdict);
            if count > 0 {
                let labels = [("method", &*name(method)), ("verdict", verdict.name())];
                out.sample("rpcs_failed_total", &labels, count);
            }
        }
    }
    out.family(
        "rpcs_unanswered_total",
        "counter",
        "RPCs still in flight when their connection was heard of no more",
    );
    for (method, counts) in methods.iter() {
        let count = counts.of(Verdict::Unanswered);
        if count > 0 {
            out.sample("rpcs_unanswered_total", &[("method", &name(method))], count);
        }
    }
    out.family(
        "rpcs_died_by_rule_total",
        "counter",
        "RPCs that died, by method and by the rule that says of what; one that several explain counts for each",
    );
    for (rule, method, count) in status.deaths.iter() {
        let labels = [("method", &*name(method)), ("rule", rule)];
        out.sample("rpcs_died_by_rule_total", &labels, count);
    }
    out.family(
        "rpcs_died_total",
        "counter",
        "RPCs that died: neither answered nor unknowable",
    );
    for (method, counts) in methods.iter() {
        out.sample(
            "rpcs_died_total",
            &[("method", &name(method))],
            counts.deaths(),
        );
    }
}

/// No path is taken for another, nor for the others: a scrape that has one label set twice is thrown away whole.
fn name(method: Method<'_>) -> String {
    match method {
        Method::Path(b"other") => "\\x6fther".to_owned(),
        Method::Path(b"unknown") => "\\x75nknown".to_owned(),
        Method::Path(path) => escape::distinct(path),
        Method::Other => "other".to_owned(),
        Method::Unknown => "unknown".to_owned(),
    }
}

/// Text in the exposition format, family by family.
#[derive(Debug, Default)]
struct Exposition(String);

impl Exposition {
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
    fn no_two_methods_share_a_label() {
        let paths: [&[u8]; 7] = [
            b"other",
            b"unknown",
            b"/a\xff",
            b"/a\\xff",
            b"\\x6fther",
            b"/a\x1b",
            b"/a\\x1b",
        ];
        let methods = paths.map(Method::Path);
        let all = methods.into_iter().chain([Method::Other, Method::Unknown]);
        let mut names: Vec<_> = all.map(name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), paths.len() + 2, "{names:?}");
    }

    #[test]
    fn labels_are_quoted_and_families_have_a_type() {
        let mut out = Exposition::default();
        out.family("rpcs_total", "counter", "RPCs");
        out.sample(
            "rpcs_total",
            &[("method", "/a\"b\\c\n"), ("verdict", "ok")],
            3,
        );
        assert_eq!(
            out.0,
            "# HELP h2sniff_rpcs_total RPCs\n# TYPE h2sniff_rpcs_total counter\n\
             h2sniff_rpcs_total{method=\"/a\\\"b\\\\c\\n\",verdict=\"ok\"} 3\n"
        );
    }
}
