//! What a live capture is and what it lost, as a report lists them.

use h2sniff::capture::{FileSummary, Format, Interface};
use h2sniff::decode::anomaly::Anomaly;
use h2sniff::inspect::report::{LiveStatus, Report};

/// The live capture as a report lists its captures.
pub(super) fn summary(interfaces: Vec<Interface>, report: &Report) -> FileSummary {
    let names: Vec<_> = interfaces.iter().filter_map(|of| of.name.clone()).collect();
    FileSummary {
        path: names.join(", "),
        format: Format::Pcapng,
        compression: None,
        packets: report.packets,
        bytes: report.bytes,
        interfaces,
        first: report.first_packet,
        last: report.last_packet,
    }
}

/// What was lost or given up, as anomalies.
pub(super) fn losses(status: &LiveStatus) -> Vec<Anomaly> {
    let drops = &status.drops;
    let given_up = &status.progress.unlisted;
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
        (
            given_up.connections,
            "ended connections no longer listed, to keep memory bounded",
        ),
        (
            given_up.rpcs,
            "lost calls no longer listed, to keep memory bounded",
        ),
        (
            status.progress.evicted_connections,
            "connections let go because nothing was heard of them",
        ),
    ];
    let lost = all.into_iter().filter(|(count, _)| *count > 0);
    lost.map(|(count, text)| Anomaly::of_capture(count, text, None))
        .collect()
}
