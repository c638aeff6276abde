//! `grace-expired`: accepted calls that the server ended when the time after its graceful GOAWAY ran out.

use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says};
use crate::inspect::peer::settings;
use crate::inspect::server::goaway_cause::Cause;
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::units::{count, counted, duration, exact_seconds, spread};

pub(super) const RULE: Rule = Rule {
    name: "grace-expired",
    meaning: "accepted RPCs were cut when the time after a graceful GOAWAY ran out: by the close, by RST_STREAM, or \
              with a status",
    evidence: "The graceful GOAWAY, and what ended the accepted RPCs at one moment a while later: the server's \
               close, its RST_STREAMs, or its statuses.",
    fixes: &[
        "grpc-go: MaxConnectionAgeGrace above the slowest call",
        "Retry only what is idempotent: these calls may have run",
        "The same by stack: grpc-java: maxConnectionAgeGrace; C-core, grpc-js: grpc.max_connection_age_grace_ms; nginx: worker_shutdown_timeout; HAProxy: hard-stop-after; Envoy: drain_timeout; httpd: GracefulShutdownTimeout",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|_, rpc| rpc.cut_by_grace);
    if affected.is_empty() {
        return None;
    }
    Some(Finding {
        title: format!(
            "server {} ended {} that it had accepted, on {}",
            view.server,
            counted(server_view::count(&affected), "RPC"),
            counted(affected.len(), "connection"),
        ),
        evidence: evidence(&affected),
        explanation: explanation(&affected),
        advice: advice(view, &affected),
        ..server_view::finding(RULE.name, &affected)
    })
}

/// How many calls a server ended in which way.
#[derive(Clone, Copy, Debug, Default)]
struct Ways {
    closed: usize,
    reset: usize,
    answered: usize,
}

impl Ways {
    fn of<'a>(rpcs: impl Iterator<Item = &'a Rpc>) -> Self {
        rpcs.fold(Self::default(), |mut ways, rpc| {
            match rpc.verdict {
                Verdict::CutByClose => ways.closed += 1,
                Verdict::Status => ways.answered += 1,
                _ => ways.reset += 1,
            }
            ways
        })
    }

    /// In words, to follow who did it.
    fn words(self) -> String {
        let parts = [
            (self.closed, "by closing"),
            (self.reset, "by RST_STREAM"),
            (self.answered, "with a status and RST_STREAM NO_ERROR"),
        ];
        let used: Vec<_> = parts.into_iter().filter(|(calls, _)| *calls > 0).collect();
        match used.as_slice() {
            [(_, how)] => (*how).to_owned(),
            several => {
                let several = several.iter();
                let several = several.map(|(calls, how)| format!("{} {how}", count(*calls)));
                several.collect::<Vec<_>>().join(", ")
            }
        }
    }
}

fn evidence(affected: &Affected<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, rpcs) in affected {
        let Some(end) = &record.grace_end else {
            continue;
        };
        let number = record.number;
        let goaway = record.server_goaways().next();
        let last = goaway.map(|goaway| goaway.last_stream_id.to_string());
        evidence.cite(
            Some(end.goaway),
            format!(
                "conn {number}: GOAWAY last_stream_id={} NO_ERROR",
                last.unwrap_or_default()
            ),
        );
        let text = format!(
            "conn {number}: {} later the server ended {}: {}",
            duration(end.duration()),
            counted(rpcs.len(), "RPC"),
            Ways::of(rpcs.iter().copied()).words(),
        );
        evidence.cite(Some(end.until), text);
    }
    evidence.into_vec()
}

fn explanation(affected: &Affected<'_>) -> String {
    let ends = || {
        affected
            .iter()
            .filter_map(|(record, _)| record.grace_end.as_deref())
    };
    let graces = ends().map(|end| end.duration());
    let ages: Vec<_> = affected
        .iter()
        .filter_map(|(record, _)| {
            Some(record.grace_end.as_deref()?.goaway.time - record.opened?.time)
        })
        .collect();
    let mut text = String::new();
    let who = match affected.len() {
        1 => "The connection".to_owned(),
        2 => "Both connections".to_owned(),
        many => format!("All {}", counted(many, "connection")),
    };
    text.push_str(&format!("{who} got GOAWAY"));
    if ages.len() == affected.len()
        && let Some(ages) = spread(ages)
    {
        text.push_str(&format!(" at an age of {ages}"));
    }
    text.push_str(&format!(
        ", and {} later the server ended what it had accepted and not answered yet, {}: the grace \
         period ran out. These calls may have run, in part or to the end.",
        spread(graces).unwrap_or_default(),
        Ways::of(server_view::rpcs(affected)).words(),
    ));
    text
}

fn advice(view: &ServerView<'_>, affected: &Affected<'_>) -> Vec<String> {
    let slowest = server_view::rpcs(affected).filter_map(Rpc::duration);
    let slowest = slowest.max().unwrap_or_default();
    let stopped = affected
        .iter()
        .all(|(record, _)| view.inferred.cause(record.number) == Some(Cause::Stop));
    let grace = match view.inferred.max_connection_age_grace {
        Some(grace) => format!(", {} now,", exact_seconds(grace.value)),
        None => String::new(),
    };
    let setting = settings::grace(view.inferred.server_stack(), stopped);
    vec![
        format!(
            "Server: make {setting}{grace} longer than the slowest call (these had waited up to {} \
             unanswered), or let connections live longer",
            duration(slowest),
        ),
        "Client: do not retry these blindly; the server may have done the work".into(),
    ]
}
