//! What an embedder gets who knows of packets that were lost.

use super::*;
use crate::capture::{
    Capture, DroppedPackets, Interface, Resolution, WrittenPacket, interface_block, packet_block,
    section_block, statistics_block,
};
use crate::decode::anomaly::Anomaly;
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

#[test]
fn a_capture_that_says_what_it_lacks_is_believed() {
    let mut recording = Capture::open(&["fixtures/grace-cut.pcap".into()]).unwrap();
    let mut file = Vec::new();
    section_block(&mut file);
    let mut described = false;
    while let Some(packet) = recording.next_packet().unwrap() {
        if !std::mem::replace(&mut described, true) {
            let interface = Interface {
                name: None,
                link_type: packet.link_type,
                snap_length: 0,
                resolution: Resolution::PowerOfTen(9),
            };
            interface_block(&mut file, &interface);
        }
        let written = WrittenPacket {
            interface: 0,
            time: packet.stamp.time,
            original_length: packet.original_length,
            data: packet.data,
        };
        packet_block(&mut file, written, &[]);
    }
    let dropped = DroppedPackets {
        by_system: 7,
        by_interface: 0,
    };
    statistics_block(&mut file, 0, Timestamp::default(), dropped);
    let reader = Box::new(std::io::Cursor::new(file));
    let mut capture = Capture::from_readers(vec![("all".to_owned(), reader)]).unwrap();
    let report = analyze(&mut capture, Options::default()).unwrap();
    let findings = &report.analysis.findings;
    assert!(!findings.is_empty());
    for finding in findings {
        assert_ne!(finding.confidence, Confidence::Certain, "{finding:?}");
    }
    let mut lost = report.anomalies.iter();
    assert!(lost.any(|anomaly| anomaly.count == 7 && anomaly.text.contains("dropped")));
}
