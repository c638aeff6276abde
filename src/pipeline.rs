//! The whole program on one screen: packets through all stages.

use crate::capture::{Capture, CaptureError, Packet, SecretsKind, Stamp, Timestamp};
use crate::decode::anomaly::{Anomaly, Layer, LimitKind};
use crate::decode::{self, Decoder, Listener};
use crate::inspect::diagnosis::{Finding, drops};
use crate::inspect::report::{Progress, Report};
use crate::inspect::{self, Connections, Inspector, News};

/// What to do with packets.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What to decode.
    pub decode: decode::Options,
    /// What to keep of calls.
    pub inspect: inspect::Options,
}

/// Packets in, a report out. No I/O and no clock inside: push packets from wherever they come.
#[derive(Debug)]
pub struct Pipeline {
    decoder: Connections,
    inspector: Inspector,
    report: Report,
    /// Packets that the capture lacks, as the caller [knows](Pipeline::note_drops).
    dropped: u64,
}

impl Pipeline {
    /// A pipeline that has seen nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            decoder: Decoder::new(options.decode),
            inspector: Inspector::new(options.inspect),
            report: Report::default(),
            dropped: 0,
        }
    }

    /// Secrets of TLS connections that came to light, as the text of a key log.
    pub fn read_keys(&mut self, key_log: &[u8]) {
        self.decoder.read_keys(key_log);
    }

    /// A pipeline that tells [news](Self::take_news) on the way, and whose memory follows what is open
    /// rather than what has passed. It wants a [tick](Self::tick) now and then.
    #[must_use]
    pub fn watching(options: Options) -> Self {
        Self {
            decoder: Decoder::new(options.decode),
            inspector: Inspector::watching(options.inspect),
            report: Report::default(),
            dropped: 0,
        }
    }

    /// Time has passed without a packet: it is `now`, by the clock that stamps packets.
    pub fn tick(&mut self, now: Timestamp) {
        self.decoder.tick(now, &mut self.inspector);
        let stamp = Stamp {
            time: now,
            ..Stamp::default()
        };
        self.inspector.tick(stamp, &mut self.decoder);
    }

    /// What became certain since the last time.
    pub fn take_news(&mut self) -> Vec<News> {
        self.inspector.take_news()
    }

    /// How many packets were dropped while capturing, from the beginning until now. As soon as there is
    /// one, no finding is more than likely: what is missing may have been there.
    pub const fn note_drops(&mut self, dropped: u64) {
        self.dropped = dropped;
    }

    /// What follows from all that is certain so far.
    #[must_use]
    pub fn findings_so_far(&mut self) -> Vec<Finding> {
        let mut findings = self.inspector.findings_so_far(&mut self.decoder);
        drops::weaken(&mut findings, self.dropped);
        findings
    }

    /// The numbers of an analysis that goes on.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            packets: self.report.packets,
            bytes: self.report.bytes,
            open_connections: self.inspector.open_connections(),
            evicted_connections: self.decoder.evicted(),
            methods: self.inspector.methods().cloned().unwrap_or_default(),
            unlisted: self.inspector.unlisted(),
        }
    }

    /// Nothing more will come: judges what is open. What that makes certain is [news](Self::take_news).
    pub fn conclude(&mut self) {
        self.decoder.finish(&mut self.inspector);
    }

    /// Takes the next packet.
    pub fn push(&mut self, packet: &Packet<'_>) {
        let time = packet.stamp.time;
        let report = &mut self.report;
        report.packets += 1;
        report.bytes += packet.data.len() as u64;
        report.first_packet.get_or_insert(time);
        report.last_packet = report.last_packet.max(Some(time));
        self.inspector.tick(packet.stamp, &mut self.decoder);
        self.decoder.push(packet, &mut self.inspector);
        self.inspector.relieve(&mut self.decoder);
    }

    /// Nothing more will come.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.conclude();
        self.report.analysis = self.inspector.finish();
        drops::weaken(&mut self.report.analysis.findings, self.dropped);
        self.report.anomalies = self.decoder.take_anomalies();
        self.report.given_up = self.decoder.given_up();
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
    report.anomalies.extend(unlisted(&report));
    report.anomalies.splice(0..0, notes(capture));
    Ok(report)
}

/// Reads captures to their end for a `listener`, which is shown to `each` before every packet, with the
/// packet's stamp, and once more at the end.
///
/// # Errors
///
/// Those of [`Capture::next_packet`], and whatever `each` returns.
pub fn decode<L: Listener, E: From<CaptureError>>(
    capture: &mut Capture,
    options: decode::Options,
    listener: &mut L,
    mut each: impl FnMut(&mut L, Option<Stamp>) -> Result<(), E>,
) -> Result<Decoder<L::Connection>, E> {
    let mut decoder = Decoder::new(options);
    let mut secrets = Embedded::default();
    loop {
        secrets.take(capture, |key_log| decoder.read_keys(key_log));
        let Some(packet) = capture.next_packet()? else {
            break;
        };
        each(listener, Some(packet.stamp))?;
        decoder.push(&packet, listener);
    }
    decoder.finish(listener);
    each(listener, None)?;
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

/// What the report does not list, as anomalies.
fn unlisted(report: &Report) -> impl Iterator<Item = Anomaly> + use<> {
    let given_up = report.analysis.unlisted;
    let all = [
        (
            given_up.connections,
            "connections are counted but not listed: there are too many",
            None,
        ),
        (
            given_up.rpcs,
            "RPCs are counted but not listed: there are too many",
            Some(LimitKind::ListedRpcs),
        ),
    ];
    let unlisted = all.into_iter().filter(|(count, ..)| *count > 0);
    unlisted
        .map(|(count, text, limit)| Anomaly::of_capture(count, format!("{count} {text}"), limit))
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

// A pipeline may run on any thread: the state of a flow, of its connection, and what spans them.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Pipeline>();
};
