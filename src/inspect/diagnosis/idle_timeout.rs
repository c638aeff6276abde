//! `idle-timeout`: streams reset, or connections closed, after the same silence each time, with no GOAWAY that
//! says so.
//!
//! A limit on silence cannot be read from one case: only that it is the same in several, at different moments,
//! tells it from chance. Deadlines and keepalive explain such ends by themselves, and go first.

use std::collections::BTreeMap;

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, Severity, abrupt_close, keepalive_timeout};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::inspect::connection::record::{Close, ConnectionRecord, Finished};
use crate::inspect::peer::server::ServerStack;
use crate::inspect::stream::rpc::{CallId, Rpc, Verdict};
use crate::units::{counted, tenths, was};

/// A shorter silence is no idleness.
const LEAST: TimeDelta = TimeDelta::from_secs(1);

/// Silences no further apart are the same setting at work: parts per hundred of the longest …
const SAME_PER_CENT: i64 = 1;

/// … or a timer's and a path's inexactness.
const SAME: TimeDelta = TimeDelta::from_millis(50);

/// Ends no further apart than this are one event, and one sample.
const ONE_EVENT: TimeDelta = TimeDelta::from_millis(100);

/// How many samples make the conclusion likely.
const LIKELY: usize = 3;

/// How many samples are named one by one.
const NAMED: usize = 8;

pub(super) const RULE: Rule = Rule {
    name: "idle-timeout",
    meaning: "streams were reset, or connections closed, after the same silence each time, where no \
              GOAWAY says so",
    evidence: "The resets or closes, each the same time after the last frame: on the stream, or on the connection.",
    fixes: &[
        "Find whose timeout it is: nginx grpc_read_timeout and grpc_send_timeout (60 s), Envoy stream_idle_timeout, load balancers' idle timeout",
        "Make it longer than the pauses, or send something on the stream more often; PINGs do not count for a stream",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

/// One thing that ended after a silence.
#[derive(Clone, Copy)]
struct Sample<'a> {
    record: &'a ConnectionRecord,
    /// The call that was reset; `None` where a connection was closed.
    reset: Option<&'a Rpc>,
    silence: TimeDelta,
    ended: Stamp,
}

/// Which ends are alike but for their silences.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// RST_STREAM of the server with this code.
    Reset(u32),
    /// A connection closed by a side.
    Closed(Direction),
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let mut alike: Vec<(Kind, Vec<Sample<'_>>)> = Vec::new();
    for (kind, measures) in samples(view) {
        let best = measures.into_iter().filter_map(equal).max_by_key(Vec::len);
        alike.extend(best.map(|samples| (kind, samples)));
    }
    let all = || alike.iter().flat_map(|(_, samples)| samples);
    let events = alike.iter().map(|(_, samples)| events(samples)).max()?;
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

/// What ended after a silence, by kind, each kind measured in every way that a timer may.
fn samples<'a>(view: &ServerView<'a>) -> BTreeMap<Kind, [Vec<Sample<'a>>; 2]> {
    let mut kinds: BTreeMap<Kind, [Vec<Sample<'a>>; 2]> = BTreeMap::new();
    for Finished { record, rpcs } in view.connections() {
        for rpc in rpcs.iter().filter(|rpc| view.shows(rpc)) {
            let Some((code, measures)) = reset_silence(rpc) else {
                continue;
            };
            let Some(ended) = rpc.ended else { continue };
            let of_kind = kinds.entry(Kind::Reset(code.0)).or_default();
            for (samples, silence) in of_kind.iter_mut().zip(measures) {
                samples.extend(silence.map(|silence| Sample {
                    record,
                    reset: Some(rpc),
                    silence,
                    ended,
                }));
            }
        }
        let Some((close, measures)) = close_silence(view, record, rpcs) else {
            continue;
        };
        let of_kind = kinds.entry(Kind::Closed(close.by)).or_default();
        for (samples, silence) in of_kind.iter_mut().zip(measures) {
            samples.extend(silence.map(|silence| Sample {
                record,
                reset: None,
                silence,
                ended: close.stamp,
            }));
        }
    }
    kinds
}

/// How long a call that the server reset had been silent: since the last byte of either side, and since
/// the last one of the server, for what watches only that.
fn reset_silence(rpc: &Rpc) -> Option<(ErrorCode, [Option<TimeDelta>; 2])> {
    let code = rpc
        .error
        .filter(|_| rpc.verdict == Verdict::ResetByServer)?;
    let ended = rpc.ended?.time;
    // A server that takes a call back at its deadline needs no other reason.
    if let (Some(timeout), Some(opened)) = (rpc.timeout, rpc.opened) {
        let deadline = opened.time + timeout.into();
        let near = SAME.max(TimeDelta::from(timeout) / 100 * SAME_PER_CENT);
        if (ended - deadline).abs() <= near {
            return None;
        }
    }
    let long = |silence: &TimeDelta| *silence >= LEAST;
    let of_server = rpc.progress.last_sent.server.map(|last| ended - last);
    let of_both = rpc.progress.silent_until(ended);
    Some((code, [of_both.filter(long), of_server.filter(long)]))
}

/// How long a connection had been silent that was closed without a GOAWAY: since the last frame, and since
/// the last stream had ended.
fn close_silence(
    view: &ServerView<'_>,
    record: &ConnectionRecord,
    rpcs: &[Rpc],
) -> Option<(Close, [Option<TimeDelta>; 2])> {
    let (close, quiet) = (record.close?, record.quiet_close?);
    if abrupt_close::goaway_before(record).is_some()
        || record.missing.bytes > 0
        || keepalive_timeout::lost_contact(record).is_some()
    {
        return None;
    }
    // A client may close what it does not need.
    let cut = rpcs.iter().any(|rpc| is_cut(view, rpc));
    if close.by == Direction::ClientToServer && !cut {
        return None;
    }
    let long = |silence: &TimeDelta| *silence >= LEAST;
    let silence = Some(quiet.silence).filter(long);
    let idle = quiet.idle.filter(long);
    Some((close, [silence, idle]))
}

fn is_cut(view: &ServerView<'_>, rpc: &Rpc) -> bool {
    rpc.verdict == Verdict::CutByClose && view.shows(rpc)
}

/// Those samples that have the same silence, if they are most of all and of different moments.
fn equal(mut samples: Vec<Sample<'_>>) -> Option<Vec<Sample<'_>>> {
    let all = samples.len();
    samples.sort_by_key(|sample| sample.silence);
    let same = |one: TimeDelta, other: TimeDelta| {
        (other - one).abs() <= SAME.max(other / 100 * SAME_PER_CENT)
    };
    let mut best = (0, 0);
    let mut begin = 0;
    for (place, sample) in samples.iter().enumerate() {
        while samples
            .get(begin)
            .is_some_and(|first| !same(first.silence, sample.silence))
        {
            begin += 1;
        }
        if place + 1 - begin > best.1 - best.0 {
            best = (begin, place + 1);
        }
    }
    let mut alike: Vec<_> = samples.drain(best.0..best.1).collect();
    alike.sort_by_key(|sample| sample.ended);
    (alike.len() * 2 > all && events(&alike) > 1).then_some(alike)
}

/// How many different moments samples are of, which are in order of time.
fn events(samples: &[Sample<'_>]) -> usize {
    let mut last: Option<Timestamp> = None;
    let mut events = 0;
    for moment in samples.iter().map(|sample| sample.ended.time) {
        if last.is_none_or(|last| moment - last > ONE_EVENT) {
            events += 1;
        }
        last = Some(moment);
    }
    events
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
fn silence(samples: &[Sample<'_>]) -> TimeDelta {
    let mut silences: Vec<_> = samples.iter().map(|sample| sample.silence).collect();
    silences.sort_unstable();
    silences
        .get(silences.len() / 2)
        .copied()
        .unwrap_or_default()
}

fn title(view: &ServerView<'_>, kind: Kind, samples: &[Sample<'_>]) -> String {
    let (server, count) = (view.server, samples.len());
    let silence = tenths(silence(samples));
    match kind {
        Kind::Reset(_) => format!(
            "{} to {server} {} reset {silence} after the last byte on the stream, each time",
            counted(count, "RPC"),
            was(count),
        ),
        Kind::Closed(by) => format!(
            "the {}'s end closed {} to {server} after {silence} of silence, each time",
            by.sender(),
            counted(count, "connection"),
        ),
    }
}

fn evidence(alike: &[(Kind, Vec<Sample<'_>>)]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (kind, samples) in alike {
        for sample in samples {
            let (number, silence) = (sample.record.number, tenths(sample.silence));
            let text = match (kind, sample.reset) {
                (Kind::Reset(code), Some(rpc)) => format!(
                    "stream {number}:{}: RST_STREAM {} of the server {silence} after its last byte",
                    rpc.id.stream,
                    ErrorCode(*code),
                ),
                (Kind::Closed(by), _) => format!(
                    "conn {number}: the {} closes after {silence} of silence",
                    by.sender(),
                ),
                (Kind::Reset(_), None) => continue,
            };
            evidence.cite(Some(sample.ended), text);
        }
    }
    evidence.into_vec()
}

fn explanation(alike: &[(Kind, Vec<Sample<'_>>)], cut: usize) -> String {
    let sentences = alike.iter().map(|(kind, samples)| {
        let silences = samples.iter().map(|sample| tenths(sample.silence));
        let mut different: Vec<_> = silences.collect();
        different.sort_unstable();
        different.dedup();
        let more = different.len() > NAMED;
        different.truncate(NAMED);
        let mut named = different.join(", ");
        if more {
            named.push_str(", …");
        }
        let mut text = match kind {
            Kind::Reset(_) => format!(
                "Between the last byte on each of these streams and its RST_STREAM there was the same \
                 silence ({named}), at different moments: a timer of the server, or of a proxy before \
                 it, that runs while nothing passes on a stream."
            ),
            Kind::Closed(by) => format!(
                "Before the {} closed there was the same silence on each of these connections \
                 ({named}), at different moments and without GOAWAY: an idle timeout of that end, or of \
                 a load balancer or proxy that closes in its name.",
                by.sender(),
            ),
        };
        if is_round(silence(samples)) {
            text.push_str(" It is a round figure, as a setting is.");
        }
        if let Kind::Reset(_) = kind {
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
    if alike
        .iter()
        .any(|(kind, _)| matches!(kind, Kind::Closed(_)))
    {
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
    if alike.iter().any(|(kind, _)| matches!(kind, Kind::Reset(_))) {
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
    if alike
        .iter()
        .any(|(kind, _)| matches!(kind, Kind::Closed(_)))
    {
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
