//! `settings-flood`: one side sent many SETTINGS (CVE-2019-9515).

use super::abuse::{self, Pattern};
use super::server_view::ServerView;
use super::{Check, Finding, Rule, Says};
use crate::inspect::traffic::floods::FloodKind;

const PATTERN: Pattern = Pattern {
    rule: "settings-flood",
    abuse: FloodKind::Settings,
    what: "SETTINGS frames in a second",
    explanation: "Each SETTINGS asks for an acknowledgement, which its receiver must write (CVE-2019-9515).",
    advice: "Receiver: run a version that limits frames which ask for an answer (any of 2020 or newer), and block the sender if it is not yours",
};

pub(super) const RULE: Rule = Rule {
    name: PATTERN.rule,
    meaning: "one side sent many SETTINGS (CVE-2019-9515)",
    evidence: "The SETTINGS, counted over a window of time.",
    fixes: &["Upgrade the receiving library (CVE-2019-9515); block the sender"],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    abuse::find(view, &PATTERN, |_, _| true)
}
