//! What a finding was not: the others that the same packets clear.
//!
//! People spend days on these, so they are said with figures. Only what can be shown is said.

use rustc_hash::FxHashSet;

use super::connection_error::calm::{self, Burden};
use super::finding::Finding;
use super::network;
use super::server_view::ServerView;
use crate::decode::http2::ErrorCode;
use crate::inspect::connection::record::ConnectionRecord;
use crate::units::counted;

/// Clears others for a finding about calls that died; `fired` are the rules that fired at the same
/// server.
pub(super) fn others(view: &ServerView<'_>, finding: &Finding, fired: &[&str]) -> Vec<String> {
    let connections: FxHashSet<_> = finding.connections.iter().copied().collect();
    let records: Vec<_> = view
        .connections()
        .map(|connection| &connection.record)
        .filter(|record| connections.contains(&record.number))
        .collect();
    if records.is_empty() || finding.rpcs.is_empty() {
        return Vec::new();
    }
    let others: [(&[&str], OtherCause); 4] = [
        (&["too-many-pings", "keepalive-timeout"], keepalive),
        (&["abrupt-close"], crash),
        (&["goaway-race", "late-open"], id_race),
        (&["network-loss"], network::cleared),
    ];
    let not_found = |rules: &[&str]| rules.iter().all(|rule| !fired.contains(rule));
    others
        .iter()
        .filter(|(rules, _)| not_found(rules))
        .filter_map(|(_, cleared)| cleared(&records))
        .collect()
}

type OtherCause = fn(&[&ConnectionRecord]) -> Option<String>;

/// Keepalive, if every PING was answered and nobody complained of them.
fn keepalive(records: &[&ConnectionRecord]) -> Option<String> {
    let blamed = |record: &&ConnectionRecord| {
        let mut goaways = record.goaways.iter();
        goaways.any(|goaway| {
            let load = calm::said(goaway);
            goaway.error == ErrorCode::ENHANCE_YOUR_CALM
                && load.is_none_or(|load| load == Burden::Pings)
        })
    };
    let unanswered: u64 = records.iter().map(|record| record.pings.unanswered).sum();
    if unanswered > 0 || records.iter().any(blamed) {
        return None;
    }
    let sent = records
        .iter()
        .map(|record| record.pings.sent.client + record.pings.sent.server);
    Some(match sent.sum() {
        0 => "keepalive (no PING was sent)".to_owned(),
        1 => "keepalive (the only PING was answered)".to_owned(),
        sent => format!("keepalive (all {} were answered)", counted(sent, "PING")),
    })
}

/// A crash, if the server sent GOAWAY before it closed.
fn crash(records: &[&ConnectionRecord]) -> Option<String> {
    let goaway_first = |record: &&ConnectionRecord| {
        let first = record.server_goaways().next();
        first.is_some_and(|first| record.close.is_none_or(|close| first.stamp <= close.stamp))
    };
    let all = records.iter().all(goaway_first);
    all.then(|| "a crash (GOAWAY came before the close)".to_owned())
}

/// The race of ids, if no stream was above the last one of any GOAWAY.
fn id_race(records: &[&ConnectionRecord]) -> Option<String> {
    let mut finals = records
        .iter()
        .filter_map(|record| record.final_goaway())
        .peekable();
    finals.peek()?;
    let none = finals.all(|goaway| goaway.streams_beyond == 0);
    let streams: u64 = records.iter().map(|record| record.streams_opened).sum();
    let streams = counted(streams, "stream");
    none.then(|| format!("the id race (none of {streams} was beyond the last stream id)"))
}
