//! Where captures of the same connections were taken, and what the one at the server adds.

use std::path::Path;

use crate::capture::TimeDelta;
use crate::decode::{ClockStep, Vantage, VantagePlace};
use crate::inspect::report::Report;
use crate::inspect::{LostOnTheWay, Rpc};
use crate::units::{count, counted, duration, was};

/// One line a capture that is a vantage point, those at clients first; then what the other end adds.
pub(super) fn of(report: &Report) -> Vec<String> {
    let mut vantages: Vec<_> = report.vantages.iter().collect();
    vantages.sort_by_key(|vantage| vantage.place != VantagePlace::Client);
    let mut lines: Vec<_> = vantages
        .into_iter()
        .map(|vantage| line(report, vantage))
        .collect();
    if !report.vantages.is_empty() {
        lines.extend(filled(report.filled_packets));
        lines.extend(lost_calls(report));
    }
    lines
}

fn line(report: &Report, vantage: &Vantage) -> String {
    let file = usize::try_from(vantage.file).ok();
    let path = file
        .and_then(|file| report.files.get(file))
        .map_or("", |file| &file.path);
    let name = Path::new(path)
        .file_name()
        .map_or_else(|| path.into(), |name| name.to_string_lossy());
    let place = match vantage.place {
        VantagePlace::Client => "at the client",
        VantagePlace::Server => "at the server",
        VantagePlace::Between => "on the way",
    };
    let mut parts = vec![format!("{name}: {place}")];
    parts.extend(
        vantage
            .clock_offset
            .map(|bounds| format!("its clock is {}", ahead(bounds))),
    );
    parts.extend(vantage.clock_steps.iter().map(set));
    parts.extend(vantage.lost.map(|lost| match (lost.client, lost.server) {
        (0, 0) => "nothing was lost between the two".to_owned(),
        (client, server) => format!(
            "lost between the two: {} of clients and {} of servers",
            counted(client, "segment"),
            count(server),
        ),
    }));
    parts.join("; ")
}

/// What a clock shows more, as bounds.
fn ahead((low, high): (TimeDelta, TimeDelta)) -> String {
    match (low.is_negative(), high.is_negative()) {
        (false, _) => format!("{} to {} ahead", duration(low), duration(high)),
        (true, true) => format!("{} to {} behind", duration(high.abs()), duration(low.abs())),
        (true, false) => format!(
            "at most {} behind and {} ahead",
            duration(low.abs()),
            duration(high)
        ),
    }
}

fn set(step: &ClockStep) -> String {
    let (low, high) = step.by;
    let (least, most, way) = match high.is_negative() {
        true => (high.abs(), low.abs(), "back"),
        false => (low, high, "forward"),
    };
    format!(
        "it was set {way} by {} to {}",
        duration(least),
        duration(most)
    )
}

fn filled(packets: u64) -> Option<String> {
    (packets > 0).then(|| {
        format!(
            "{} that the capture at the client lacks {} taken from the other",
            counted(packets, "packet"),
            if packets == 1 { "is" } else { "are" },
        )
    })
}

/// What of calls was lost on the way.
fn lost_calls(report: &Report) -> Option<String> {
    let lost = |what: LostOnTheWay| {
        let calls = report.analysis.rpcs.iter();
        let is_lost = |rpc: &&Rpc| {
            rpc.at_server
                .as_deref()
                .is_some_and(|there| there.lost == Some(what))
        };
        calls.filter(is_lost).count() as u64
    };
    let (requests, answers) = (lost(LostOnTheWay::Request), lost(LostOnTheWay::Answer));
    let requests = (requests > 0).then(|| {
        format!(
            "{} never came to the server: not processed",
            counted(requests, "request")
        )
    });
    let answers = (answers > 0).then(|| {
        format!(
            "{} {} sent and never came to the client",
            counted(answers, "answer"),
            was(answers)
        )
    });
    let parts: Vec<_> = requests.into_iter().chain(answers).collect();
    (!parts.is_empty()).then(|| format!("Lost on the way: {}", parts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_by_its_bounds() {
        let bounds = |low, high| ahead((TimeDelta::from_millis(low), TimeDelta::from_millis(high)));
        assert_eq!(bounds(111, 162), "111 ms to 162 ms ahead");
        assert_eq!(bounds(-162, -111), "111 ms to 162 ms behind");
        assert_eq!(bounds(-25, 26), "at most 25.0 ms behind and 26.0 ms ahead");
    }
}
