//! Which servers stand behind which proxies, a line each.

use crate::inspect::Upstream;
use crate::inspect::report::Report;
use crate::units::{counted, duration};

/// How many are told.
const TOLD: usize = 4;

/// The lines, those with most calls first.
pub(super) fn of(report: &Report) -> Vec<String> {
    let mut upstreams: Vec<_> = report.analysis.upstreams.iter().collect();
    upstreams.sort_by_key(|upstream| std::cmp::Reverse(upstream.calls));
    let mut lines: Vec<_> = upstreams
        .iter()
        .take(TOLD)
        .map(|upstream| line(upstream))
        .collect();
    let more = upstreams.len().saturating_sub(TOLD);
    if more > 0 {
        lines.push(format!(
            "and {} behind proxies",
            counted(more as u64, "more server")
        ));
    }
    lines
}

fn line(upstream: &Upstream) -> String {
    let mut text = format!(
        "{} passes calls on to {} ({} linked)",
        upstream.proxy,
        upstream.server,
        counted(upstream.calls, "RPC")
    );
    let times = upstream.held.zip(upstream.took).zip(upstream.returned);
    if let Some(((held, took), returned)) = times {
        text.push_str(&format!(
            ": it holds them {}, the upstream takes {}, and it answers {} later (medians)",
            duration(held.median),
            duration(took.median),
            duration(returned.median),
        ));
    }
    text
}
