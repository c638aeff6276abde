//! The outcome of a scenario, a line a call and a line a finding.

use std::fmt::Write as _;

use crate::inspect::{Analysis, Rpc};
use crate::testing::wire::BEGINNING;

/// A line a call: which, verdict, race, when it ended, what else is known; then a line a finding.
pub(super) fn lines(analysis: &Analysis) -> String {
    let mut text = String::new();
    for rpc in &analysis.rpcs {
        call(&mut text, rpc);
    }
    for finding in &analysis.findings {
        let (severity, rule) = (finding.severity.name(), finding.rule);
        let numbers = finding.connections.iter().map(ToString::to_string);
        let calls = finding.rpcs.iter();
        let calls = calls.map(|call| format!("{}:{}", call.connection, call.stream));
        let calls: Vec<_> = calls.collect();
        let about = match calls.as_slice() {
            [] => format!("conns={}", numbers.collect::<Vec<_>>().join(",")),
            calls => format!("rpcs={}", calls.join(",")),
        };
        writeln!(text, "{severity} {rule} {about}").unwrap();
    }
    text
}

pub(super) fn call(text: &mut String, rpc: &Rpc) {
    let (connection, stream) = (rpc.id.connection, rpc.id.stream);
    write!(text, "{connection}:{stream} {}", rpc.verdict.name()).unwrap();
    if let Some(race) = rpc.race {
        write!(text, " {}", race.name()).unwrap();
    }
    if let Some(late_by) = rpc.late_by {
        write!(text, " late_by={}ms", late_by.as_nanos() / 1_000_000).unwrap();
    }
    if let Some(ended) = rpc.ended {
        let seconds = Decimal(ended.time.nanos() - BEGINNING);
        write!(text, " at {seconds}").unwrap();
    }
    write!(text, " processed={}", rpc.processed.name()).unwrap();
    if let Some(error) = rpc.error {
        write!(text, " error={error}").unwrap();
    }
    if let Some(status) = &rpc.grpc_status {
        write!(text, " grpc={}", status.escape_ascii()).unwrap();
    }
    if let Some(status) = rpc.http_status.filter(|status| *status != 200) {
        write!(text, " http={status}").unwrap();
    }
    if let Some(hops) = rpc.hops.as_deref() {
        for forwarded in &hops.forwarded_as {
            let call = forwarded.link.call;
            write!(text, " passed_on={}:{}", call.connection, call.stream).unwrap();
        }
        if let Some(failed) = &hops.failed_at {
            write!(text, " failed_at={}", failed.name()).unwrap();
        }
    }
    text.push('\n');
}

/// Nanoseconds as seconds with three decimals.
struct Decimal(i64);

impl std::fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = self.0 / 1_000_000;
        write!(formatter, "{}.{:03}", millis / 1_000, millis % 1_000)
    }
}
