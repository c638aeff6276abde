//! The whole program on one screen: packets through all stages.

use crate::capture::{Capture, CaptureError, Packet, SecretsKind, Stamp};
use crate::decode::anomaly::{Anomaly, Layer};
use crate::decode::{self, Decoder, Event};
use crate::inspect::{Inspector, Interest};
use crate::report::Report;

/// What to do with packets.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What to decode.
    pub decode: decode::Options,
    /// What to keep of calls.
    pub interest: Interest,
}

/// Packets in, a report out. No I/O and no clock inside: push packets from wherever they come.
#[derive(Debug)]
pub struct Pipeline {
    decoder: Decoder,
    inspector: Inspector,
    report: Report,
}

impl Pipeline {
    /// A pipeline that has seen nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            decoder: Decoder::new(options.decode),
            inspector: Inspector::new(options.interest),
            report: Report::default(),
        }
    }

    /// Secrets of TLS connections that came to light, as the text of a key log.
    pub fn read_keys(&mut self, key_log: &[u8]) {
        self.decoder.read_keys(key_log);
    }

    /// Takes the next packet.
    pub fn push(&mut self, packet: &Packet<'_>) {
        let time = packet.stamp.time;
        let report = &mut self.report;
        report.packets += 1;
        report.bytes += packet.data.len() as u64;
        report.first_packet = Some(report.first_packet.map_or(time, |first| first.min(time)));
        report.last_packet = report.last_packet.max(Some(time));
        self.inspector.tick(packet.stamp);
        let inspector = &mut self.inspector;
        self.decoder.push(packet, &mut |connection, event| {
            inspector.push(connection, &event)
        });
    }

    /// Nothing more will come.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let inspector = &mut self.inspector;
        self.decoder
            .finish(&mut |connection, event| inspector.push(connection, &event));
        self.report.analysis = self.inspector.finish();
        self.report.anomalies = self.decoder.take_anomalies();
        self.report.tally = self.decoder.tally().clone();
        self.report
    }
}

/// Reads captures to their end.
///
/// # Errors
///
/// Those of [`Capture::next_packet`].
pub fn analyze(capture: &mut Capture, options: Options) -> Result<Report, CaptureError> {
    let mut pipeline = Pipeline::new(options);
    let mut secrets = Embedded::default();
    loop {
        secrets.take(capture, |key_log| pipeline.read_keys(key_log));
        let Some(packet) = capture.next_packet()? else {
            break;
        };
        pipeline.push(&packet);
    }
    let mut report = pipeline.finish();
    report.files = capture.files().cloned().collect();
    report.anomalies.splice(0..0, notes(capture));
    Ok(report)
}

/// Reads captures to their end, and gives each event to `sink` with its connection's number.
///
/// # Errors
///
/// Those of [`Capture::next_packet`], and whatever `sink` returns.
pub fn events<E: From<CaptureError>>(
    capture: &mut Capture,
    options: decode::Options,
    mut sink: impl FnMut(&Stamp, u32, &Event<'_>) -> Result<(), E>,
) -> Result<Decoder, E> {
    let mut decoder = Decoder::new(options);
    let mut result = Ok(());
    let mut secrets = Embedded::default();
    loop {
        secrets.take(capture, |key_log| decoder.read_keys(key_log));
        let Some(packet) = capture.next_packet()? else {
            break;
        };
        decoder.push(&packet, &mut |connection, event| {
            if result.is_ok() {
                result = sink(&packet.stamp, connection, &event);
            }
        });
        std::mem::replace(&mut result, Ok(()))?;
    }
    decoder.finish(&mut |connection, event| {
        if result.is_ok() {
            result = sink(&Stamp::default(), connection, &event);
        }
    });
    result?;
    Ok(decoder)
}

/// The secrets that captures carry with them, as they come to light.
#[derive(Debug, Default)]
struct Embedded {
    taken: usize,
}

impl Embedded {
    fn take(&mut self, capture: &Capture, mut sink: impl FnMut(&[u8])) {
        let secrets = capture.secrets();
        for new in secrets.get(self.taken..).unwrap_or_default() {
            if new.kind == SecretsKind::TLS_KEY_LOG {
                sink(&new.bytes);
            }
        }
        self.taken = secrets.len();
    }
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
    });
    notes.collect()
}
