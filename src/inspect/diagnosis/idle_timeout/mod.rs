//! `idle-timeout`: streams reset, or connections closed, after the same silence or at the same age each time, with
//! no GOAWAY that says so.
//!
//! Deadlines and keepalive explain such ends by themselves, and go first.

mod samples;

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, Severity};
use crate::capture::TimeDelta;
use crate::decode::http2::ErrorCode;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::peer::server::ServerStack;
use crate::inspect::stream::rpc::CallId;
use crate::units::{counted, tenths, was};
use samples::{Kind, Sample, is_cut};

/// How many samples make the conclusion likely.
const LIKELY: usize = 3;

/// How many samples are named one by one.
const NAMED: usize = 8;

pub(super) const RULE: Rule = Rule {
    name: "idle-timeout",
    meaning: "streams were reset, or connections closed, after the same silence or at the same age each time, \
              where no GOAWAY says so",
    evidence: "The resets or closes, each the same time after the last frame, or after the opening: of the stream, or of \
               the connection.",
    fixes: &[
        "Find whose timeout it is: nginx grpc_read_timeout and grpc_send_timeout (60 s), Envoy stream_idle_timeout, load balancers' idle timeout",
        "Make it longer than the pauses, or send something on the stream more often; PINGs do not count for a stream",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let alike = samples::alike(view);
    let all = || alike.iter().flat_map(|(_, samples)| samples);
    let events = alike
        .iter()
        .map(|(_, samples)| samples::events(samples))
        .max()?;
    let mut rpcs: Vec<_> = all().flat_map(|sample| calls(view, sample)).collect();
    rpcs.sort_unstable();
    rpcs.dedup();
    let mut connections: Vec<_> = all().map(|sample| sample.record.number).collect();
    connections.sort_unstable();
    connections.dedup();
    let titles = alike
        .iter()
        .map(|(kind, samples)| title(view, *kind, samples));
    Some(Finding {
        // A connection that nobody was using harms nobody when it is closed.
        severity: match rpcs.is_empty() {
            true => Severity::Info,
            false => Severity::Error,
        },
        confidence: match events {
            LIKELY.. => Confidence::Likely,
            _ => Confidence::Possible,
        },
        title: titles.collect::<Vec<_>>().join("; "),
        connections,
        evidence: evidence(&alike),
        explanation: explanation(&alike, rpcs.len()),
        advice: advice(view, &alike),
        rpcs,
        ..Finding::of_rule(RULE.name)
    })
}

/// The calls that a sample ended.
fn calls(view: &ServerView<'_>, sample: &Sample<'_>) -> Vec<CallId> {
    if let Some(rpc) = sample.reset {
        return vec![rpc.id];
    }
    let finished = view.connection(sample.record.number);
    let rpcs = finished.into_iter().flat_map(|finished| &finished.rpcs);
    let cut = rpcs.filter(|rpc| is_cut(view, rpc));
    cut.map(|rpc| rpc.id).collect()
}

/// The one in the middle.
fn span(samples: &[Sample<'_>]) -> TimeDelta {
    let mut spans: Vec<_> = samples.iter().map(|sample| sample.span).collect();
    spans.sort_unstable();
    spans.get(spans.len() / 2).copied().unwrap_or_default()
}

fn title(view: &ServerView<'_>, kind: Kind, samples: &[Sample<'_>]) -> String {
    let (server, count) = (view.server, samples.len());
    let span = tenths(span(samples));
    let (calls, were) = (counted(count, "RPC"), was(count));
    let connections = counted(count, "connection");
    match kind {
        Kind::Silent(_) => {
            format!(
                "{calls} to {server} {were} reset {span} after the last byte on the stream, each time"
            )
        }
        Kind::Old(_) => {
            format!("{calls} to {server} {were} reset {span} after they were opened, each time")
        }
        Kind::ClosedSilent(by) => format!(
            "the {}'s end closed {connections} to {server} after {span} of silence, each time",
            by.sender(),
        ),
        Kind::ClosedOld(by) => format!(
            "the {}'s end closed {connections} to {server} at the age of {span}, each time",
            by.sender(),
        ),
    }
}

fn evidence(alike: &[(Kind, Vec<Sample<'_>>)]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (kind, samples) in alike {
        for sample in samples {
            let (number, span) = (sample.record.number, tenths(sample.span));
            let stream = sample.reset.map_or(0, |rpc| rpc.id.stream);
            let text = match kind {
                Kind::Silent(code) => format!(
                    "stream {number}:{stream}: RST_STREAM {} of the server {span} after its last byte",
                    ErrorCode(*code),
                ),
                Kind::Old(code) => format!(
                    "stream {number}:{stream}: RST_STREAM {} of the server {span} after it was opened",
                    ErrorCode(*code),
                ),
                Kind::ClosedSilent(by) => {
                    format!(
                        "conn {number}: the {} closes after {span} of silence",
                        by.sender()
                    )
                }
                Kind::ClosedOld(by) => {
                    format!(
                        "conn {number}: the {} closes at the age of {span}",
                        by.sender()
                    )
                }
            };
            evidence.cite(Some(sample.ended), text);
        }
    }
    evidence.into_vec()
}

fn explanation(alike: &[(Kind, Vec<Sample<'_>>)], cut: usize) -> String {
    let sentences = alike.iter().map(|(kind, samples)| {
        let named = named(samples);
        let mut text = match kind {
            Kind::Silent(_) => format!(
                "Between the last byte on each of these streams and its RST_STREAM there was the same \
                 silence ({named}), at different moments: a timer of the server, or of a proxy before \
                 it, that runs while nothing passes on a stream."
            ),
            Kind::Old(_) => format!(
                "Each of these streams was reset at the same age ({named}), at different moments, while messages \
                 kept flowing on it ({} at most without any): a limit on the whole time of a call, of the server \
                 or of a proxy before it.",
                tenths(longest_silence(samples)),
            ),
            Kind::ClosedSilent(by) => format!(
                "Before the {} closed there was the same silence on each of these connections \
                 ({named}), at different moments and without GOAWAY: an idle timeout of that end, or of \
                 a load balancer or proxy that closes in its name.",
                by.sender(),
            ),
            Kind::ClosedOld(by) => format!(
                "The {} closed each of these connections at the same age ({named}), at different moments and \
                 without GOAWAY, while frames kept flowing ({} at most without any): a limit on the age of \
                 connections, of that end or of a load balancer or proxy that closes in its name.",
                by.sender(),
                tenths(longest_silence(samples)),
            ),
        };
        if is_round(span(samples)) {
            text.push_str(" It is a round figure, as a setting is.");
        }
        if matches!(kind, Kind::Silent(_)) {
            if samples.iter().all(|sample| answered_pings(sample.record)) {
                text.push_str(" PINGs were answered meanwhile: both ends lived, and a PING is no byte of a stream.");
            }
            if from_the_beginning(samples) {
                text.push_str(
                    " Nothing was answered on them, so that a limit on the whole time of a call would \
                     look the same.",
                );
            }
        }
        text
    });
    let mut text = sentences.collect::<Vec<_>>().join(" ");
    if alike.iter().any(|(kind, _)| kind.is_close()) {
        text.push_str(&match cut {
            0 => " No RPC was in flight.".to_owned(),
            cut => format!(
                " {} {} lost, sent just when the connection was closed or open in silence.",
                counted(cut, "RPC"),
                was(cut),
            ),
        });
    }
    text
}

/// The spans that are different in tenths, some of them.
fn named(samples: &[Sample<'_>]) -> String {
    let spans = samples.iter().map(|sample| tenths(sample.span));
    let mut different: Vec<_> = spans.collect();
    different.sort_unstable();
    different.dedup();
    let more = different.len() > NAMED;
    different.truncate(NAMED);
    let mut named = different.join(", ");
    if more {
        named.push_str(", …");
    }
    named
}

fn longest_silence(samples: &[Sample<'_>]) -> TimeDelta {
    let silences = samples.iter().map(|sample| sample.silence);
    silences.max().unwrap_or_default()
}

/// Whether the silences began with the calls, so that they are the calls' whole time.
fn from_the_beginning(samples: &[Sample<'_>]) -> bool {
    samples.iter().all(|sample| {
        let rpc = sample.reset;
        rpc.is_some_and(|rpc| !rpc.answer_begun)
    })
}

fn answered_pings(record: &ConnectionRecord) -> bool {
    let sent = record.pings.sent.client + record.pings.sent.server;
    sent > 0 && record.pings.unanswered == 0
}

/// Whether a span is what people set: whole seconds up to ten, fives, or whole minutes.
fn is_round(span: TimeDelta) -> bool {
    let tenths = (span.as_millis_f64() / 100.0).round();
    let step = if tenths <= 100.0 { 10.0 } else { 50.0 };
    tenths % step == 0.0
}

fn advice(view: &ServerView<'_>, alike: &[(Kind, Vec<Sample<'_>>)]) -> Vec<String> {
    let mut advice = Vec::new();
    let stack = view.inferred.stack.as_ref();
    let name = stack.map(|stack| stack.name.to_ascii_lowercase());
    let is = |known: &str| name.as_deref().is_some_and(|name| name.contains(known));
    let has = |wanted: fn(&Kind) -> bool| alike.iter().any(|(kind, _)| wanted(kind));
    if has(|kind| matches!(kind, Kind::Silent(_))) {
        advice.push(match view.inferred.server_stack() {
            ServerStack::Nginx => {
                "Server: nginx: raise grpc_read_timeout and grpc_send_timeout (60 s unless set) for the \
                 location of these methods"
                    .to_owned()
            }
            _ if is("envoy") => {
                "Server: Envoy: raise the route's or the listener's stream_idle_timeout (5 min unless \
                 set)"
                    .to_owned()
            }
            _ => "Server: raise the limit on idle streams of whatever ends them (nginx: \
                  grpc_read_timeout, grpc_send_timeout; Envoy: stream_idle_timeout; HAProxy: timeout \
                  client, timeout server; load balancers: idle timeout)"
                .to_owned(),
        });
        advice.push(
            "Application: send a message on long-lived streams more often than that (PINGs do not \
             count), or let the client open them anew as a matter of course"
                .into(),
        );
    }
    if has(|kind| matches!(kind, Kind::Old(_))) {
        advice.push(
            "Server: raise or lift the limit on the whole time of a stream of whatever ends them (Envoy: the route's \
             timeout, 15 s unless set, and max_stream_duration; HAProxy: timeout server; load balancers: backend or \
             request timeout), for these methods at least"
                .into(),
        );
        advice.push(
            "Application: end long-lived streams and open them anew before that, as a matter of course".into(),
        );
    }
    if has(|kind| matches!(kind, Kind::ClosedOld(_))) {
        advice.push(
            "Server, or what stands before it: raise the limit on the age of connections (Envoy: \
             max_connection_duration; tonic: max_connection_age; load balancers: maximum connection duration), and \
             prefer one that announces the end with GOAWAY"
                .into(),
        );
    }
    if has(|kind| matches!(kind, Kind::ClosedSilent(_))) {
        advice.push(
            "Server, or what stands before it: raise the idle timeout (HAProxy: timeout http-keep-alive, \
             timeout client; AWS ALB: idle_timeout.timeout_seconds, 60 s unless set; AWS NLB: 350 s), \
             and prefer one that announces the end with GOAWAY"
                .into(),
        );
        advice.push(
            "Client: give up idle connections earlier than that, or keep them busy: some balancers \
             count PINGs as traffic, others only requests. A call that was crossed by the close may be \
             retried if it is idempotent"
                .into(),
        );
    }
    advice
}
