//! What is odd about captures and their analysis as a whole.
//!
//! In: what was lost, left out or given up, and what files say of themselves. Out: anomalies for the report.

use crate::capture::{Capture, Stamp};
use crate::decode::anomaly::{Anomaly, Layer, LimitKind};
use crate::inspect::Unlisted;
use crate::inspect::report::{Drops, Report};
use crate::units;

/// Packets that were lost on their way, as anomalies.
pub(super) fn losses(drops: Drops) -> Vec<Anomaly> {
    let all = [
        (
            drops.kernel,
            "packets dropped by the kernel, whose ring was full; verdicts are weakened",
        ),
        (
            drops.interface,
            "packets dropped by the interface; verdicts are weakened",
        ),
        (
            drops.queue,
            "packets dropped here, the analysis being too slow; verdicts are weakened",
        ),
    ];
    anomalies_of(all)
}

/// What an analysis that goes on has forgotten to stay small, as anomalies.
pub(super) fn forgotten(unlisted: Unlisted, evicted: u64) -> Vec<Anomaly> {
    let all = [
        (
            unlisted.connections,
            "ended connections no longer listed, to keep memory bounded",
        ),
        (
            unlisted.rpcs,
            "lost calls no longer listed, to keep memory bounded",
        ),
        (
            evicted,
            "connections let go because nothing was heard of them",
        ),
    ];
    anomalies_of(all)
}

fn anomalies_of<const N: usize>(all: [(u64, &str); N]) -> Vec<Anomaly> {
    let some = all.into_iter().filter(|(count, _)| *count > 0);
    some.map(|(count, text)| Anomaly::of_capture(count, text, None))
        .collect()
}

/// What the report does not list, as anomalies.
pub(super) fn unlisted(report: &Report) -> impl Iterator<Item = Anomaly> + use<> {
    let given_up = report.analysis.unlisted;
    let all = [
        (given_up.connections, "connection", None),
        (given_up.rpcs, "RPC", Some(LimitKind::ListedRpcs)),
    ];
    let unlisted = all.into_iter().filter(|(count, ..)| *count > 0);
    unlisted.map(|(count, what, limit)| {
        let verb = if count == 1 { "is" } else { "are" };
        let what = units::counted(count, what);
        let text = format!("{what} {verb} counted but not listed: there are too many");
        Anomaly::of_capture(count, text, limit)
    })
}

/// What was odd about the capture files themselves, as anomalies.
pub fn notes(capture: &mut Capture) -> Vec<Anomaly> {
    let notes = capture.take_notes().into_iter().map(|note| Anomaly {
        layer: Layer::Capture,
        text: note.text,
        stamp: (note.packet > 0).then(|| Stamp {
            packet: note.packet,
            file: note.file,
            ..Stamp::default()
        }),
        connection: None,
        count: 1,
        limit: note.unpacked_limit.then_some(LimitKind::UnpackedBytes),
    });
    notes.collect()
}
