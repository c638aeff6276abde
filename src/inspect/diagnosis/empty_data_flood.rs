//! `empty-data-flood`: one side sent many DATA frames without data that end no stream (CVE-2019-9518).

use super::abuse::{self, Pattern};
use super::server_view::ServerView;
use super::{Check, Finding, Rule, Says};
use crate::inspect::traffic::floods::FloodKind;

const PATTERN: Pattern = Pattern {
    rule: "empty-data-flood",
    abuse: FloodKind::EmptyData,
    what: "empty DATA frames in a second",
    explanation: "An empty frame takes nothing of a window, so that flow control does not hold its sender back, and its receiver must handle each (CVE-2019-9518).",
    advice: "Receiver: run a version that limits empty frames (any of 2020 or newer), and block the sender if it is not yours",
};

pub(super) const RULE: Rule = Rule {
    name: PATTERN.rule,
    meaning: "one side sent many DATA frames without data that end no stream (CVE-2019-9518)",
    evidence: "The frames, counted over a window of time.",
    fixes: &["Upgrade the receiving library (CVE-2019-9518); block the sender"],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    abuse::find(view, &PATTERN, |_, _| true)
}
