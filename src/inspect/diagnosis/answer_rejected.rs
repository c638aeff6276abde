//! `answer-rejected`: answers that clients threw away though they had reached them whole.

use std::collections::BTreeMap;

use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says};
use crate::decode::http2::ErrorCode;
use crate::inspect::stream::rpc::{Processed, Rpc};
use crate::units::{count, counted, was};

pub(super) const RULE: Rule = Rule {
    name: "answer-rejected",
    meaning: "clients threw away answers that had reached them whole",
    evidence: "The RST_STREAM with an error, or the GOAWAY of the client, in answer to an answer that had ended.",
    fixes: &[
        "Mend what the answers have wrong: content-length, the size of headers, malformed fields",
        "Do not retry blindly: the server did the work",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|_, rpc| rpc.rejected);
    if affected.is_empty() {
        return None;
    }
    let answers = server_view::count(&affected);
    Some(Finding {
        title: format!(
            "{} of {} {} thrown away by the client, with {}",
            counted(answers, "whole answer"),
            view.server,
            was(answers),
            codes(&affected),
        ),
        evidence: evidence(&affected),
        explanation: explanation(&affected),
        advice: advice(&affected),
        ..server_view::finding(RULE.name, &affected)
    })
}

/// The codes of the client, with how many of each where there are several.
fn codes(affected: &Affected<'_>) -> String {
    let mut codes: BTreeMap<ErrorCode, usize> = BTreeMap::new();
    for error in server_view::rpcs(affected).filter_map(|rpc| rpc.error) {
        *codes.entry(error).or_default() += 1;
    }
    let words = codes.iter().map(|(code, calls)| match codes.len() {
        1 => code.to_string(),
        _ => format!("{code} ({})", count(*calls)),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn evidence(affected: &Affected<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, rpcs) in affected {
        for rpc in rpcs {
            let error = rpc.error.map(|error| error.to_string());
            let wrong = match rpc.body_mismatch {
                Some((announced, sent)) => format!(
                    ", of {} where content-length says {}",
                    counted(sent, "byte"),
                    count(announced)
                ),
                None => String::new(),
            };
            let text = format!(
                "stream {}:{}: {} of the client in answer to a whole answer{wrong}",
                record.number,
                rpc.id.stream,
                error.unwrap_or_default(),
            );
            evidence.cite(rpc.ended, text);
        }
    }
    evidence.into_vec()
}

fn mismatched<'a>(affected: &'a Affected<'_>) -> impl Iterator<Item = &'a Rpc> {
    server_view::rpcs(affected).filter(|rpc| rpc.body_mismatch.is_some())
}

fn explanation(affected: &Affected<'_>) -> String {
    let total = server_view::count(affected);
    let mut text =
        "The answer had reached the client's kernel to its END_STREAM before the client took it \
                    back: it was not lost, it was not accepted."
            .to_owned();
    let wrong = mismatched(affected).count();
    if let Some((announced, sent)) = mismatched(affected).find_map(|rpc| rpc.body_mismatch) {
        let which = match wrong {
            all if all == total => "The body".to_owned(),
            some => format!("In {} of them the body", count(some)),
        };
        text.push_str(&format!(
            " {which} has another length than content-length announces ({} where it says {}): such an \
             answer is malformed (RFC 9113, section 8.1.1).",
            counted(sent, "byte"),
            count(announced),
        ));
    }
    if wrong < total {
        text.push_str(
            " What a client found wrong otherwise, its own log says: a field that is not allowed, a header \
             list or a message above its limit, content that does not decode.",
        );
    }
    let done = server_view::rpcs(affected).filter(|rpc| rpc.processed == Processed::Yes);
    match done.count() {
        0 => {}
        all if all == total => text.push_str(" The server did the work: a retry runs it twice."),
        some => text.push_str(&format!(
            " The server did the work of {}: a retry runs that twice.",
            count(some)
        )),
    }
    text
}

fn advice(affected: &Affected<'_>) -> Vec<String> {
    let wrong = mismatched(affected).count();
    let mut advice = Vec::new();
    if wrong > 0 {
        advice.push(
            "Server: send the content-length of what is sent, or none: look for what changes a body after \
             its length was set (compression, a filter, a proxy, a cached length)"
                .to_owned(),
        );
    }
    if wrong < server_view::count(affected) {
        advice.push(
            "Client: look in its log for what it refused at that time; then mend the server, or the limit"
                .to_owned(),
        );
    }
    advice.push(
        "Client: do not retry these blindly; the same answer would be thrown away again".into(),
    );
    advice
}
