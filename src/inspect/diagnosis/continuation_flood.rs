//! `continuation-flood`: a header block went on over many CONTINUATION frames (CVE-2024-27316).

use super::abuse::{self, Pattern};
use super::server_view::ServerView;
use super::{Check, Finding, Rule, Says};
use crate::inspect::traffic::floods::FloodKind;

const PATTERN: Pattern = Pattern {
    rule: "continuation-flood",
    abuse: FloodKind::Continuation,
    what: "CONTINUATION frames in one header block",
    explanation: "A header block without an end makes its receiver keep or decode ever more of it (CVE-2024-27316).",
    advice: "Receiver: run a version that limits CONTINUATION frames (Go 1.22.2, h2 0.4.4, nghttp2 1.61, Envoy 1.29.3 or newer), and block the sender if it is not yours",
};

pub(super) const RULE: Rule = Rule {
    name: PATTERN.rule,
    meaning: "a header block went on over many CONTINUATION frames (CVE-2024-27316)",
    evidence: "The frames of the header block that does not end.",
    fixes: &["Upgrade the receiving library (CVE-2024-27316); limit header sizes in front of it"],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    abuse::find(view, &PATTERN, |_, _| true)
}
