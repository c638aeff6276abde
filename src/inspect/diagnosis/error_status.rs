//! `error-status`: calls that were answered with an error.
//!
//! Whose answer it was is told where the wire shows it: a gRPC client that gets HTML was answered by something
//! before the gRPC server, and some proxies are known by the words of their gRPC answers.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says, Severity, no_backoff};
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::{Outcome, Rpc, Verdict};
use crate::inspect::{AnswerStatus, StatusMessages};
use crate::units::{count, counted, spread, was};

/// How many groups are told one by one.
const TOLD: usize = 4;

/// How many calls of a group are cited.
const CITED_OF_GROUP: usize = 2;

/// Errors that are their callers' are worth a warning where they are one of so many calls, or more.
const MANY: u64 = 20;

/// How much of a message is told, in characters.
const MAX_MESSAGE: usize = 160;

pub(super) const RULE: Rule = Rule {
    name: "error-status",
    meaning: "RPCs were answered with an error: a gRPC status, HTTP 400 and above, or gRPC without a status",
    evidence: "The end of each answer, with its status and message, and whose answer it was.",
    fixes: &[
        "UNAVAILABLE, HTTP 502, 503 and 504 of a proxy: its upstream; look at the proxy's log and the upstream's",
        "UNKNOWN, INTERNAL: the server's log at that time; UNIMPLEMENTED: the method, or the server's version",
        "DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED of the server: its own timeouts, quotas and pools",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

/// What answers have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AnswerKind {
    status: AnswerStatus,
    message: Option<String>,
    foreign: bool,
    told: StatusMessages,
}

/// The calls of a kind.
type AnswerGroups<'a> = BTreeMap<AnswerKind, Vec<(&'a ConnectionRecord, &'a Rpc)>>;

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|_, rpc| rpc.verdict == Verdict::Status);
    if affected.is_empty() {
        return None;
    }
    let groups = groups(&affected, view.messages);
    let groups = most_first(&groups);
    let by_server = groups.iter().any(|(kind, _)| kind.status.is_server_error());
    // What a server finds wrong with a call now and then is its callers' business; so many are not.
    let calls = affected.iter().map(|(record, _)| record.verdicts.total());
    let many = server_view::count(&affected) as u64 * MANY >= calls.sum();
    let finding = Finding {
        severity: if by_server || many {
            Severity::Warning
        } else {
            Severity::Info
        },
        title: title(view, &affected, &groups),
        evidence: evidence(&groups),
        explanation: explanation(&groups),
        advice: advice(&groups),
        ..server_view::finding(RULE.name, &affected)
    };
    Some(no_backoff::told(finding, &affected))
}

fn groups<'a>(affected: &Affected<'a>, told: StatusMessages) -> AnswerGroups<'a> {
    let mut groups = AnswerGroups::new();
    for (record, rpcs) in affected {
        for rpc in rpcs {
            let kind = AnswerKind {
                status: AnswerStatus::of(rpc),
                message: message(rpc),
                foreign: rpc.answer_is_foreign,
                told,
            };
            groups.entry(kind).or_default().push((record, rpc));
        }
    }
    groups
}

/// The kinds with most calls first.
fn most_first<'a, 'b>(
    groups: &'b AnswerGroups<'a>,
) -> Vec<(&'b AnswerKind, &'b [(&'a ConnectionRecord, &'a Rpc)])> {
    let mut sorted: Vec<_> = groups
        .iter()
        .map(|(kind, calls)| (kind, calls.as_slice()))
        .collect();
    sorted.sort_by_key(|(_, calls)| std::cmp::Reverse(calls.len()));
    sorted
}

type MostFirst<'a, 'b> = [(&'b AnswerKind, &'b [(&'a ConnectionRecord, &'a Rpc)])];

fn message(rpc: &Rpc) -> Option<String> {
    let message = String::from_utf8_lossy(rpc.grpc_message.as_deref()?);
    let message = message.trim();
    let cut: String = message.chars().take(MAX_MESSAGE).collect();
    (!cut.is_empty()).then_some(cut)
}

impl AnswerKind {
    /// The status and what was said with it.
    fn words(&self) -> String {
        let status = self.status.words(lossy);
        match &self.message {
            Some(message) if self.told == StatusMessages::Hidden => {
                format!("{status} `<redacted {} bytes>`", message.len())
            }
            Some(message) => format!("{status} `{message}`"),
            None if self.foreign => format!("{status} and no gRPC"),
            None => status,
        }
    }

    /// The proxy whose words these are.
    fn proxy(&self) -> Option<(&'static str, &'static str)> {
        const WORDS: [(&str, &str, &str); 6] = [
            (
                "upstream connect error or disconnect/reset before headers",
                "Envoy",
                "its connection to the upstream failed or was reset",
            ),
            (
                "upstream request timeout",
                "Envoy",
                "the route's timeout (15 s unless set) ran out before the upstream had answered",
            ),
            (
                "no healthy upstream",
                "Envoy",
                "no endpoint of the cluster was healthy",
            ),
            (
                "stream timeout",
                "Envoy",
                "the stream's idle timeout (stream_idle_timeout) ran out",
            ),
            (
                "upstream max stream duration reached",
                "Envoy",
                "max_stream_duration ran out",
            ),
            ("upstream reset", "Envoy", "the upstream reset the stream"),
        ];
        let message = self.message.as_deref()?;
        let known = WORDS
            .iter()
            .find(|(words, ..)| message.starts_with(words))?;
        Some((known.1, known.2))
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn title(view: &ServerView<'_>, affected: &Affected<'_>, groups: &MostFirst<'_, '_>) -> String {
    let total = server_view::count(affected);
    let mut kinds: Vec<(String, usize)> = Vec::new();
    let mut places: FxHashMap<String, usize> = FxHashMap::default();
    for (kind, calls) in groups {
        let status = kind.status.words(lossy);
        let known = places.get(&status).and_then(|place| kinds.get_mut(*place));
        if let Some((_, sum)) = known {
            *sum += calls.len();
            continue;
        }
        places.insert(status.clone(), kinds.len());
        kinds.push((status, calls.len()));
    }
    kinds.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
    let more = kinds.len().saturating_sub(TOLD);
    kinds.truncate(TOLD);
    let mut words: Vec<_> = match kinds.as_slice() {
        [(status, _)] => vec![status.clone()],
        several => several
            .iter()
            .map(|(status, calls)| format!("{} × {status}", count(*calls)))
            .collect(),
    };
    if more > 0 {
        words.push(counted(more, "other status"));
    }
    let rpcs = affected.iter().flat_map(|(_, rpcs)| rpcs.iter());
    let mut outcomes = rpcs.map(|rpc| rpc.outcome);
    if outcomes.all(|outcome| outcome == Outcome::Recovered) {
        words.push("all recovered by a retry".to_owned());
    }
    format!(
        "{} to {} {} answered with an error: {}",
        counted(total, "RPC"),
        view.server,
        was(total),
        words.join(", "),
    )
}

fn evidence(groups: &MostFirst<'_, '_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (kind, calls) in groups {
        for (record, rpc) in calls.iter().take(CITED_OF_GROUP) {
            let text = format!(
                "stream {}:{}: {}",
                record.number,
                rpc.id.stream,
                kind.words()
            );
            evidence.cite(rpc.ended, text);
        }
    }
    evidence.into_vec()
}

fn explanation(groups: &MostFirst<'_, '_>) -> String {
    let mut sentences: Vec<_> = groups
        .iter()
        .take(TOLD)
        .map(|(kind, calls)| group(kind, calls))
        .collect();
    let rest = groups.iter().skip(TOLD);
    let calls: usize = rest.clone().map(|(_, calls)| calls.len()).sum();
    if calls > 0 {
        sentences.push(format!(
            "{} with other statuses or messages ({}).",
            count(calls),
            count(rest.count()),
        ));
    }
    sentences.join(" ")
}

/// One kind of answers: how many, to which methods, after how long, and whose.
fn group(kind: &AnswerKind, calls: &[(&ConnectionRecord, &Rpc)]) -> String {
    let waited = calls.iter().filter_map(|(_, rpc)| rpc.duration());
    let mut text = format!("{} × {}", count(calls.len()), kind.words());
    if let Some(waited) = spread(waited) {
        text.push_str(&format!(", {waited} after the call was opened"));
    }
    if let Some(methods) = methods(calls) {
        text.push_str(&format!(", {methods}"));
    }
    text.push('.');
    if kind.foreign {
        let server = calls
            .iter()
            .find_map(|(record, _)| record.server_header.as_deref());
        let who = server.map(|name| format!(" (server: {})", lossy(name)));
        text.push_str(&format!(
            " That is no answer of a gRPC server: something before it answered in its place{}.",
            who.unwrap_or_default(),
        ));
    } else if let Some((proxy, why)) = kind.proxy() {
        text.push_str(&format!(" These are the words of {proxy}, a proxy: {why}."));
    } else if kind.status == AnswerStatus::Missing {
        text.push_str(
            " gRPC's status stands in the block that ends the stream, and nowhere else: without it the client \
             takes the call as failed.",
        );
    }
    text
}

/// The methods of some calls: the commonest, and how many others.
fn methods(calls: &[(&ConnectionRecord, &Rpc)]) -> Option<String> {
    let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
    for method in calls.iter().filter_map(|(_, rpc)| rpc.method.as_deref()) {
        let path = method.split(|byte| *byte == b'?').next();
        *counts.entry(path.unwrap_or_default()).or_default() += 1;
    }
    let (most, number) = counts.iter().max_by_key(|(_, number)| **number)?;
    let path = lossy(most);
    Some(match counts.len() {
        1 => format!("all to {path}"),
        others => format!(
            "{} to {path}, the others to {}",
            count(*number),
            counted(others - 1, "other method")
        ),
    })
}

fn advice(groups: &MostFirst<'_, '_>) -> Vec<String> {
    let mut advice = Vec::new();
    for (kind, calls) in groups {
        let repeated = calls
            .iter()
            .all(|(_, rpc)| rpc.outcome == Outcome::Recovered);
        let text = match kind.status {
            AnswerStatus::Http(421) if repeated => {
                "Client: it did what HTTP 421 asks for (RFC 9110, section 15.5.20), and repeated these on a \
                 connection of their own; a certificate without the other names saves the round trip"
                    .to_owned()
            }
            _ => advice_for(kind),
        };
        if !advice.contains(&text) && advice.len() < TOLD {
            advice.push(text);
        }
    }
    advice
}

fn advice_for(kind: &AnswerKind) -> String {
    let text = match (&kind.status, kind.proxy()) {
        (
            _,
            Some((
                _,
                "the route's timeout (15 s unless set) ran out before the upstream had answered",
            )),
        ) => {
            "Envoy: set the route's timeout above the slowest call, or to 0 for streams, and let \
             grpc-timeout bound calls (max_stream_duration.grpc_timeout_header_max)"
        }
        (_, Some((proxy, _))) => {
            return format!(
                "{proxy}: look in its access log for these calls (response flags), and at its upstream at that time"
            );
        }
        (AnswerStatus::Http(502..=504), _) => {
            "Proxy: look in its log for what its upstream did at that time: refused, closed or late"
        }
        (AnswerStatus::Http(500..), _) => "Server: look in its log at that time",
        (AnswerStatus::Http(421), _) => {
            "Client: repeat these on a connection of their own: HTTP 421 says that this connection does not \
             lead to the server of that authority (RFC 9110, section 15.5.20), and that nothing was done"
        }
        (AnswerStatus::Http(429), _) => "Client: slow down: a limit on requests was reached",
        (AnswerStatus::Http(401 | 403), _) => "Client: credentials are missing, or not enough",
        (AnswerStatus::Http(404), _) => {
            "Client: check the path, and the route of the proxy before the server"
        }
        (AnswerStatus::Http(_), _) => "Client: the request itself was found at fault",
        (AnswerStatus::Missing, _) => {
            "Server: end every gRPC answer with trailers that carry grpc-status; look for a proxy that drops \
             trailers or speaks HTTP/1.1 to the server"
        }
        (AnswerStatus::Grpc(status), _) => match &**status {
            b"14" => {
                "Server: UNAVAILABLE: look for what it could not reach, or whether it was stopping; retry \
                 only what is idempotent"
            }
            b"4" => {
                "Server: DEADLINE_EXCEEDED as a status: the server's own clock ran out; look at what it \
                 waited for"
            }
            b"8" => {
                "Server: RESOURCE_EXHAUSTED: look for the quota, pool or message limit that was reached"
            }
            b"12" => {
                "Client: UNIMPLEMENTED: check the method's name and the version of the server it reached"
            }
            b"2" | b"13" | b"15" => "Server: look in its log for the exception behind these",
            b"7" | b"16" => "Client: check its credentials and what they allow",
            b"1" => {
                "Server: CANCELLED: the call was taken back on the server's side; look at what stopped it"
            }
            _ => "Client: the server ran these calls and found them at fault: the message says why",
        },
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use crate::testing::scenario::{analysis, outcome};

    #[test]
    fn errors_are_told_by_status_message_and_method() {
        let analysis = analysis(
            "C 0.000 HEADERS 1 END_STREAM :path=/a.B/Slow
             S 15.000 ANSWER 1 grpc-status=14 grpc-message=upstream%20request%20timeout
             C 15.001 ACK",
        );
        let found = &analysis.findings[0];
        assert_eq!(
            (found.rule, found.severity),
            (super::RULE.name, super::Severity::Warning)
        );
        for told in [
            "`upstream request timeout`",
            "15.0 s after",
            "all to /a.B/Slow",
            "Envoy",
        ] {
            assert!(
                found.explanation.contains(told),
                "{told}: {}",
                found.explanation
            );
        }
    }

    #[test]
    fn what_callers_do_wrong_now_and_then_is_worth_no_warning_and_success_not_a_word() {
        let mut script = String::new();
        for call in 0..30 {
            let (stream, at) = (1 + 2 * call, f64::from(call) / 10.0);
            let status = if call == 7 { 5 } else { 0 };
            script.push_str(&format!("C {at:.3} HEADERS {stream} END_STREAM\n"));
            script.push_str(&format!(
                "S {:.3} ANSWER {stream} grpc-status={status}\n",
                at + 0.01
            ));
            script.push_str(&format!("C {:.3} ACK\n", at + 0.02));
        }
        let told = outcome(&script);
        assert!(told.ends_with("info error-status rpcs=0:15\n"), "{told}");
        let well = outcome(&script.replace("grpc-status=5", "grpc-status=0"));
        assert!(!well.contains("error-status"), "{well}");
    }
}
