//! What an embedder gets who knows of packets that were lost.

use super::*;
use crate::inspect::diagnosis::Confidence;

/// The report of a recording of which so many packets were dropped while it was captured.
fn with_drops(drops: Drops) -> (Vec<Finding>, Report) {
    let mut capture = Capture::open(&["fixtures/grace-cut.pcap".into()]).unwrap();
    let mut pipeline = Pipeline::watching(Options::default());
    pipeline.note_drops(drops);
    while let Some(packet) = capture.next_packet().unwrap() {
        pipeline.push(&packet);
    }
    let findings = pipeline.findings_so_far();
    (findings, pipeline.finish())
}

#[test]
fn where_packets_were_dropped_nothing_is_certain_and_the_report_says_where() {
    let (meanwhile, report) = with_drops(Drops {
        kernel: 3,
        queue: 2,
        ..Drops::default()
    });
    assert!(!meanwhile.is_empty());
    for finding in meanwhile.iter().chain(&report.analysis.findings) {
        assert_ne!(finding.confidence, Confidence::Certain, "{finding:?}");
    }
    let lost: Vec<_> = report
        .anomalies
        .iter()
        .filter(|anomaly| anomaly.text.contains("dropped"))
        .map(|anomaly| anomaly.count)
        .collect();
    assert_eq!(lost, [3, 2]);
}

#[test]
fn where_none_was_dropped_nothing_is_said_of_it() {
    let (meanwhile, report) = with_drops(Drops::default());
    let certain = |finding: &Finding| finding.confidence == Confidence::Certain;
    assert!(meanwhile.iter().any(certain) && report.analysis.findings.iter().any(certain));
    let dropped = |anomaly: &Anomaly| anomaly.text.contains("dropped");
    assert!(!report.anomalies.iter().any(dropped));
}
