//! Captures analysed for a command that reports on them as a whole.
//!
//! In: what was asked for. Out: their report, after what was odd about them was said, or that there is nothing to report.

use h2sniff::capture::Capture;
use h2sniff::inspect::{self, Rpc};
use h2sniff::pipeline;
use h2sniff::report::Report;

use super::directory::directory;
use super::progress::ProgressDisplay;
use super::{decode_options, nothing_found, open_captures, warn};
use crate::cli::{CaptureArgs, Selection, hints};

/// Analyses the captures of `input`, and shows how far it has come. How many threads may work is among the limits;
/// `told` is told of calls that are not listed, where the options say so.
pub(super) fn report_on(
    input: &CaptureArgs,
    selection: &Selection,
    inspect: inspect::Options,
    threads: usize,
    told: impl FnMut(&Rpc),
) -> anyhow::Result<Report> {
    let mut capture = open_captures(input)?;
    let pipeline = pipeline::Options {
        decode: decode_options(input, 0)?,
        inspect,
        names: directory(&input.names)?,
        threads,
        ..pipeline::Options::default()
    };
    let mut bar = ProgressDisplay::new(input.quiet);
    let watch = |capture: &Capture, packets| bar.show(capture.bytes_read(), packets);
    let analyzed = pipeline::analyze_telling(&mut capture, pipeline, watch, told);
    bar.clear();
    let mut report = analyzed?;
    hints::name_flags(&mut report);
    warn(&report.anomalies)?;
    if report.analysis.connections.is_empty() {
        return Err(nothing_found(input, selection, &report.tally).into());
    }
    Ok(report)
}
