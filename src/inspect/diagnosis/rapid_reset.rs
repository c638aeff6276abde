//! `rapid-reset`: a client opened many streams and reset each at once (CVE-2023-44487), or made the server
//! reset them (CVE-2025-8671).

use super::abuse::{self, Pattern};
use super::server_view::ServerView;
use super::{Check, Finding, Rule, Says};
use crate::inspect::stream::rpc::TakenBack;
use crate::inspect::traffic::floods::FloodKind;

/// How many resets in a second are more than a page has requests: the largest have some hundreds.
const MOST_OF_BROWSER: u32 = 1_000;

const PATTERN: Pattern = Pattern {
    rule: "rapid-reset",
    abuse: FloodKind::RapidReset,
    what: "streams in a second that it reset at once",
    explanation: "Each stream was reset within 10 ms of its opening, before any answer: the server does the work of each, and none counts against its limit of concurrent streams (CVE-2023-44487).",
    advice: "Server: run a version that counts resets (h2 0.3.24, grpc-go 1.58.3, nginx 1.25.3, Envoy 1.27.1 or newer), and block the client if it is not yours",
};

/// "MadeYouReset": what counts against a client's own resets does not count the server's.
const PROVOKED: Pattern = Pattern {
    rule: PATTERN.rule,
    abuse: FloodKind::ProvokedReset,
    what: "streams in a second that it made the server reset",
    explanation: "Each stream was opened rightly, and then a frame on it that HTTP/2 forbids, such as WINDOW_UPDATE of 0, made the server reset it: the server does the work of each, none counts against its limit of concurrent streams, and none is a reset of the client (\"MadeYouReset\", CVE-2025-8671).",
    advice: "Server: run a version that counts its own resets too (fixes for CVE-2025-8671, August 2025 or newer), and block the client if it is not yours",
};

pub(super) const RULE: Rule = Rule {
    name: PATTERN.rule,
    meaning: "a client opened many streams and reset each at once (CVE-2023-44487), or made the server \
              reset them (CVE-2025-8671)",
    evidence: "The streams opened and reset, counted over a window of time.",
    fixes: &[
        "Upgrade the server (CVE-2023-44487, CVE-2025-8671); limit resets per connection in front of it",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    // Where most calls go on, those that end at once are the losers of hedged requests. A browser resets in one
    // go what a page had asked for that is left.
    let own = abuse::find(view, &PATTERN, |record, burst| {
        let left = record.verdicts.were_taken_back(TakenBack::Browser);
        let by_browser = left * 2 >= record.streams_opened;
        burst.total * 2 >= record.streams_opened && (!by_browser || burst.most >= MOST_OF_BROWSER)
    });
    own.or_else(|| abuse::find(view, &PROVOKED, |_, _| true))
}
