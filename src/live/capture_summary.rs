//! What a live capture is, as a report lists its captures.

use h2sniff::capture::{FileSummary, Format, Interface};
use h2sniff::inspect::report::Report;

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
