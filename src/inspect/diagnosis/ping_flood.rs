//! `ping-flood`: one side sent many PINGs without waiting for answers (CVE-2019-9512).

use super::abuse::{self, Pattern};
use super::server_view::ServerView;
use super::{Check, Finding, Rule, Says};
use crate::inspect::traffic::floods::FloodKind;

const PATTERN: Pattern = Pattern {
    rule: "ping-flood",
    abuse: FloodKind::Ping,
    what: "PINGs in a second without waiting for their answers",
    explanation: "Each PING asks for an answer, which its receiver must write; an honest probe waits for the answer to the one before (CVE-2019-9512).",
    advice: "Receiver: run a version that limits frames which ask for an answer (any of 2020 or newer), and block the sender if it is not yours",
};

pub(super) const RULE: Rule = Rule {
    name: PATTERN.rule,
    meaning: "one side sent many PINGs without waiting for answers (CVE-2019-9512)",
    evidence: "The PINGs, counted over a window of time.",
    fixes: &["Upgrade the receiving library (CVE-2019-9512); block the sender"],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    abuse::find(view, &PATTERN, |_, _| true)
}
