//! A call's way through proxies, as the page draws it and as lines tell it.
//!
//! In: calls and what is known of their [`Hops`]. Out: of each call before a proxy those behind it, and at which hop it
//! failed, in words.

use serde::Serialize;

use crate::capture::TimeDelta;
use crate::inspect::{FailedHop, ForwardedCall, Hops, Rpc};
use crate::report::escape;
use crate::report::words;
use crate::units::duration;

/// The hops of a call.
#[derive(Serialize)]
pub(super) struct HopsOnPage {
    /// The call's place in the columns.
    call: usize,
    /// The call before the proxy that it was made for: connection and stream, and by what the two were recognised.
    from: Option<(u32, u32, String)>,
    #[serde(rename = "as")]
    made: Vec<HopOnPage>,
    failed: Option<FailureOnPage>,
}

/// A call behind the proxy: connection, stream, by what it was recognised, and how long the proxy held the request, the
/// call took, and the proxy took to return its end, in microseconds.
type HopOnPage = (u32, u32, String, Option<i64>, Option<i64>, Option<i64>);

/// Where the call failed: in words, by name, and the call behind the proxy that shows it.
type FailureOnPage = (String, &'static str, Option<(u32, u32)>);

impl HopsOnPage {
    /// Those of the calls that have any.
    pub(super) fn all(calls: &[&Rpc]) -> Vec<Self> {
        let hops = calls.iter().enumerate();
        hops.filter_map(|(call, rpc)| Some(Self::new(call, rpc.hops.as_deref()?)))
            .collect()
    }

    fn new(call: usize, hops: &Hops) -> Self {
        let micros = |time: Option<TimeDelta>| time.map(TimeDelta::as_micros);
        let made = hops.forwarded_as.iter().map(|made| {
            let id = made.link.call;
            let by = escape::terminal(made.link.by.as_bytes());
            let times = (micros(made.held), micros(made.took), micros(made.returned));
            (id.connection, id.stream, by, times.0, times.1, times.2)
        });
        Self {
            call,
            from: hops.forwarded_from.as_ref().map(|link| {
                let by = escape::terminal(link.by.as_bytes());
                (link.call.connection, link.call.stream, by)
            }),
            made: made.collect(),
            failed: hops.failed_at.as_ref().map(|failed| {
                let call = failed.call();
                (
                    failure(failed),
                    failed.name(),
                    call.map(|call| (call.connection, call.stream)),
                )
            }),
        }
    }
}

/// A line for each hop of a call.
pub(super) fn lines(rpc: &Rpc) -> Vec<String> {
    let Some(hops) = rpc.hops.as_deref() else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    let failed = hops.failed_at.as_ref();
    if let Some(link) = &hops.forwarded_from {
        lines.push(format!(
            "made for {}:{} (by {})",
            link.call.connection,
            link.call.stream,
            escape::terminal(link.by.as_bytes())
        ));
    }
    for made in &hops.forwarded_as {
        let died = failed.is_some_and(|failed| failed.call() == Some(made.link.call));
        lines.push(hop(made, failed.filter(|_| died)));
    }
    let told = failed
        .and_then(FailedHop::call)
        .is_some_and(|call| hops.forwarded_as.iter().any(|made| made.link.call == call));
    lines.extend(
        failed
            .filter(|_| !told)
            .map(|failed| format!("failed {}", failure(failed))),
    );
    lines
}

fn hop(made: &ForwardedCall, failed: Option<&FailedHop>) -> String {
    let mut line = format!(
        "passed on as {}:{} (by {})",
        made.link.call.connection,
        made.link.call.stream,
        escape::terminal(made.link.by.as_bytes())
    );
    let times = [
        ("held", made.held),
        ("took", made.took),
        ("returned after", made.returned),
    ];
    for (what, time) in times {
        if let Some(time) = time {
            line.push_str(&format!(", {what} {}", duration(time)));
        }
    }
    if let Some(failed) = failed {
        line.push_str(&format!("; failed {}", failure(failed)));
    }
    line
}

/// Where calls failed, to follow `failed`, if it is the same place for all of them.
pub(super) fn failure_of_all<'a>(calls: impl Iterator<Item = &'a Rpc>) -> Option<String> {
    let mut failures = calls.map(|rpc| rpc.hops.as_deref()?.failed_at.as_ref().map(failure));
    let first = failures.next()??;
    failures
        .all(|other| other.as_ref() == Some(&first))
        .then_some(first)
}

/// Where a call failed, to follow `failed`.
fn failure(failed: &FailedHop) -> String {
    match failed {
        FailedHop::Client(_) => "at its client, which took it back".to_owned(),
        FailedHop::Downstream(_) => "between client and proxy".to_owned(),
        FailedHop::Proxy(_) => "at the proxy".to_owned(),
        FailedHop::Connect { upstream, .. } => {
            format!("between proxy and upstream: no connection to {upstream}")
        }
        FailedHop::Upstream(failure) => format!(
            "between proxy and upstream {}: {}",
            failure.upstream,
            words::verdict(failure.verdict)
        ),
        FailedHop::Server { upstream, .. } => {
            format!("at the server {upstream}, which answered with an error")
        }
    }
}
