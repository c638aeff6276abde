//! Captures that are read to their end.
//!
//! In: a capture, and what to do with its packets. Out: a [`Report`], or calls of a [`Listener`].

use super::anomalies::{notes, unlisted};
use super::embedded::{CommentReader, Embedded};
use super::{Options, Pipeline, two_ends};
use crate::capture::{Capture, CaptureError, Stamp};
use crate::decode::{Decoder, Listener, Options as DecodeOptions};
use crate::inspect::report::{Drops, Report};
use crate::inspect::{Finished, Rpc};

/// Reads captures to their end.
///
/// # Errors
///
/// Those of [`Capture::next_packet`].
pub fn analyze(capture: &mut Capture, options: Options) -> Result<Report, CaptureError> {
    analyze_watched(capture, options, |_, _| {})
}

/// How many packets are read before who watches is shown how far it has come.
pub(super) const SHOWN_EVERY: u64 = 4_096;

/// The same; `each` is shown now and then how far it has come: the capture, and how many packets of it.
///
/// # Errors
///
/// Those of [`Capture::next_packet`].
pub fn analyze_watched(
    capture: &mut Capture,
    options: Options,
    each: impl FnMut(&Capture, u64),
) -> Result<Report, CaptureError> {
    analyze_telling(capture, options, each, |_| {})
}

/// The same; calls that end and that the report will not list are told to `call`, where the options ask for that: their
/// connections have the numbers that they had meanwhile, which records know beside their own.
///
/// # Errors
///
/// Those of [`Capture::next_packet`].
pub fn analyze_telling(
    capture: &mut Capture,
    options: Options,
    mut each: impl FnMut(&Capture, u64),
    mut call: impl FnMut(&Rpc),
) -> Result<Report, CaptureError> {
    if let Some(vantages) = two_ends::survey(capture)? {
        return two_ends::analyze(capture, &vantages, options, each, call);
    }
    let mut pipeline = Pipeline::new(options);
    let mut embedded = Embedded::default();
    let mut comments = CommentReader::default();
    loop {
        embedded.take_names(capture, pipeline.names());
        embedded.take(capture, |key_log| pipeline.read_keys(key_log));
        let Some(packet) = capture.next_packet()? else {
            break;
        };
        comments.read(&packet, pipeline.names());
        pipeline.push(&packet);
        if pipeline.report.packets.is_multiple_of(SHOWN_EVERY) {
            each(capture, pipeline.report.packets);
            pipeline.take_let_go().for_each(|rpc| call(&rpc));
        }
    }
    each(capture, pipeline.report.packets);
    pipeline.conclude();
    pipeline.take_let_go().for_each(|rpc| call(&rpc));
    Ok(report_of(pipeline, capture, |_| {}))
}

/// The report on captures that were read to their ends; `add` adds what else is known of the connections.
pub(super) fn report_of(
    mut pipeline: Pipeline,
    capture: &mut Capture,
    add: impl FnOnce(&mut [Finished]),
) -> Report {
    let dropped = capture.dropped();
    pipeline.note_drops(Drops {
        kernel: dropped.by_system,
        interface: dropped.by_interface,
        queue: 0,
    });
    let mut report = pipeline.finish_with(add);
    report.files = capture.files().cloned().collect();
    report.anomalies.extend(unlisted(&report));
    report.anomalies.splice(0..0, notes(capture));
    report
}

/// Reads captures to their end for a `listener`, which is shown to `each` before every packet, with the
/// packet's stamp, and once more at the end.
///
/// # Errors
///
/// Those of [`Capture::next_packet`], and whatever `each` returns.
pub fn decode<L: Listener, E: From<CaptureError>>(
    capture: &mut Capture,
    options: DecodeOptions,
    listener: &mut L,
    each: impl FnMut(&mut L, Option<Stamp>) -> Result<(), E>,
) -> Result<Decoder<L::Connection>, E> {
    decode_watched(capture, options, listener, each, |_, _| {})
}

/// The same; `watch` is shown now and then how far it has come: the capture, and how many packets of it.
///
/// # Errors
///
/// Those of [`decode`].
pub fn decode_watched<L: Listener, E: From<CaptureError>>(
    capture: &mut Capture,
    options: DecodeOptions,
    listener: &mut L,
    mut each: impl FnMut(&mut L, Option<Stamp>) -> Result<(), E>,
    mut watch: impl FnMut(&Capture, u64),
) -> Result<Decoder<L::Connection>, E> {
    let mut decoder = Decoder::new(options);
    let mut secrets = Embedded::default();
    for packets in 1_u64.. {
        secrets.take(capture, |key_log| decoder.read_keys(key_log));
        let Some(packet) = capture.next_packet()? else {
            break;
        };
        each(listener, Some(packet.stamp))?;
        decoder.push(&packet, listener);
        if packets.is_multiple_of(SHOWN_EVERY) {
            watch(capture, packets);
        }
    }
    decoder.finish(listener);
    each(listener, None)?;
    Ok(decoder)
}
