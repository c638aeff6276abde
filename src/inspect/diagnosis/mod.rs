//! Why calls died: rules over what became of connections and calls.
//!
//! In: the records of all connections. Out: [`Finding`]s. A rule is a file of this folder with a
//! constant `RULE`, its `mod` line, and its place in [`RULES`]. The verdict on each call was given
//! before; rules only explain it.

mod server_view;

mod abrupt_close;
mod abuse;
mod answer_rejected;
mod capture_incomplete;
mod concurrency_limit;
mod connect_failed;
mod connection_error;
mod continuation_flood;
mod deadline_exceeded;
pub(crate) mod drops;
mod empty_data_flood;
mod error_status;
mod finding;
mod flow_control_stall;
mod goaway_race;
mod grace_expired;
mod header_list_limit;
mod idle_close;
mod idle_timeout;
mod keepalive_timeout;
mod late_open;
mod max_age;
mod message_too_large;
mod network;
mod network_loss;
mod no_backoff;
mod not_http2;
mod outage;
mod ping_flood;
mod protocol_violation;
mod proxied;
mod rapid_reset;
mod refused_stream;
mod request_limit;
mod ruled_out;
mod settings_flood;
mod single_goaway;
mod stream_reset;
#[cfg(test)]
mod tests;
mod tls_not_decrypted;
mod too_many_pings;
mod uneven_load;

pub use capture_incomplete::RAISE_LIMITS;
pub use finding::{Evidence, Finding, NamedPair, Severity};
pub use server_view::ServerView;

pub use super::peer::confidence::Confidence;
use super::threads::Threads;

/// One rule: what it looks for, and how it is explained to who asks.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name in reports and on the command line, such as `goaway-race`.
    pub name: &'static str,
    /// When it fires, in a sentence.
    pub meaning: &'static str,
    /// What proves it, in a sentence.
    pub evidence: &'static str,
    /// What to do about it in general; a finding knows better.
    pub fixes: &'static [&'static str],
    /// What it says of its calls.
    pub says: Says,
    /// How it is run, and over what.
    pub check: Check,
}

/// What a rule says of the calls it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// What ended them. A call has one such finding: of two rules that would name it, the earlier in
    /// [`RULES`] does, and the later does not see it.
    WhatEnded,
    /// What happened on the way there, whatever ended them.
    WhatHappened,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// One server, with its connections and calls: at most one finding.
    Server(fn(&ServerView<'_>) -> Option<Finding>),
    /// All servers at once: as many findings as it has.
    AllServers(fn(&[ServerView<'_>]) -> Vec<Finding>),
}

/// From so many servers on they are divided among threads, below it the rules for each.
const MANY_SERVERS: usize = 32;

/// All rules; among findings of equal severity the order here is the order of reports. Among those that
/// say what ended calls the particular cause stands before the general one.
pub const RULES: &[Rule] = &[
    protocol_violation::RULE,
    header_list_limit::RULE,
    message_too_large::RULE,
    goaway_race::RULE,
    grace_expired::RULE,
    answer_rejected::RULE,
    keepalive_timeout::RULE,
    idle_timeout::RULE,
    too_many_pings::RULE,
    refused_stream::RULE,
    stream_reset::RULE,
    deadline_exceeded::RULE,
    connection_error::RULE,
    not_http2::RULE,
    abrupt_close::RULE,
    connect_failed::RULE,
    error_status::RULE,
    late_open::RULE,
    single_goaway::RULE,
    network_loss::RULE,
    flow_control_stall::RULE,
    concurrency_limit::RULE,
    rapid_reset::RULE,
    continuation_flood::RULE,
    settings_flood::RULE,
    ping_flood::RULE,
    empty_data_flood::RULE,
    capture_incomplete::RULE,
    tls_not_decrypted::RULE,
    request_limit::RULE,
    max_age::RULE,
    idle_close::RULE,
    uneven_load::RULE,
];

/// Runs all rules over the servers, by so many threads; the most severe findings come first.
#[must_use]
pub fn diagnose(views: &[ServerView<'_>], threads: Threads) -> Vec<Finding> {
    let mut findings: Vec<_> = match views.len() < MANY_SERVERS {
        true => views
            .iter()
            .flat_map(|view| diagnose_server(view, threads))
            .collect(),
        false => {
            let pieces = views.chunks(threads.piece(views.len()));
            let found = threads.map(pieces, |views| {
                let found = views.iter();
                let found = found.flat_map(|view| diagnose_server(view, Threads::ALONE));
                found.collect::<Vec<_>>()
            });
            found.into_iter().flatten().collect()
        }
    };
    for rule in RULES {
        if let Check::AllServers(check) = rule.check {
            findings.extend(check(views));
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// Runs the rules for one server over one, and says of each finding what it was not.
fn diagnose_server(view: &ServerView<'_>, threads: Threads) -> Vec<Finding> {
    let rules = || (0_usize..).zip(RULES);
    let ending = rules().filter(|(_, rule)| rule.says == Says::WhatEnded);
    // Each of these sees what those before it have explained; of the others none depends on another.
    let in_turn: Vec<_> = ending.collect();
    let others = rules().filter(|(_, rule)| rule.says == Says::WhatHappened);
    let tasks = std::iter::once(in_turn).chain(others.map(|rule| vec![rule]));
    let found = threads.map(tasks, |rules| found_by(&rules, view));
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_unstable_by_key(|(place, _)| *place);
    let mut findings: Vec<_> = found.into_iter().map(|(_, finding)| finding).collect();
    let fired: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    for finding in &mut findings {
        finding.ruled_out = ruled_out::others(view, finding, &fired);
    }
    findings
}

/// What rules find at a server that are run in turn, each with its place among all.
fn found_by(rules: &[(usize, &Rule)], view: &ServerView<'_>) -> Vec<(usize, Finding)> {
    let mut view = view.clone();
    let mut findings = Vec::new();
    for (place, rule) in rules {
        let Check::Server(check) = rule.check else {
            continue;
        };
        view.asked_by(rule.says);
        let Some(mut finding) = check(&view) else {
            continue;
        };
        finding.server = Some(view.server);
        proxied::tell(&mut finding, &view);
        if view.rests_on_inference(&finding.rpcs) {
            finding.confidence = finding.confidence.max(Confidence::Likely);
        }
        if rule.says == Says::WhatEnded {
            view.explain(&finding.rpcs);
        }
        findings.push((*place, finding));
    }
    findings
}
