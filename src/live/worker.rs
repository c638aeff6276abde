//! The thread that does the work: packets from the queue through the pipeline, results to the outputs.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use h2sniff::capture::{Interface, Packet, Stamp, TimeDelta, Timestamp};
use h2sniff::inspect::News;
use h2sniff::inspect::report::{Drops, LiveStatus, Report};
use h2sniff::pipeline::{self, Pipeline};
use h2sniff::report::live::Incident;

use super::capture_summary::summary;
use super::clock::{clock, memory, wall};
use super::cluster_names::ClusterNames;
use super::control::Control;
use super::failed_calls::FailedCalls;
use super::incidents::{Change, Incidents};
use super::key_logs::{HeldPackets, KeyLogs};
use super::output::EventWriter;
use super::outputs::Outputs;
use super::queue::{Batch, InterfaceChange, Queue, Taken};
use super::recorder::Recorder;
use crate::cli::{LiveArgs, hints};

/// How long to wait for packets before it is asked what has become certain without any.
const TICK: Duration = Duration::from_millis(10);

/// On an idle interface it is taken to be this much earlier than it is: packets may be on their way
/// from the kernel that are older than now.
const SETTLING: TimeDelta = TimeDelta::from_millis(20);

/// How often findings are looked for at most, and how many times as long as that takes.
const FINDINGS_EVERY: Duration = Duration::from_millis(50);
const FINDINGS_SHARE: u32 = 20;

/// How often the numbers are made known, and how often a person sees them.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
const STATUS_LINE_EVERY: Duration = Duration::from_secs(1);

/// How often connections that ended or fell silent are evicted while packets come without a pause.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(1);

/// What part of the time for the end what is in the queue may take; the rest is the report's.
const DRAIN_SHARE: u32 = 2;

/// What part of it a collector may take for what is not sent yet.
const SEND_SHARE: u32 = 4;

pub(super) struct Worker {
    pipeline: Pipeline,
    interfaces: Vec<Interface>,
    count: Option<u64>,
    status_every: Duration,
    drain_within: Duration,
    send_within: Duration,
    control: Arc<Control>,
    published: Arc<Mutex<LiveStatus>>,
    status: LiveStatus,
    /// Packets so far.
    packets: u64,
    now: Timestamp,
    findings_outdated: bool,
    incidents: Incidents,
    failed_calls: FailedCalls,
    timers: Timers,
    rate: (Instant, u64),
    key_logs: KeyLogs,
    held: HeldPackets,
    names: ClusterNames,
}

/// When what is due again.
#[derive(Debug)]
struct Timers {
    findings: Instant,
    publish: Instant,
    status: Instant,
    status_line: Instant,
    housekeeping: Instant,
}

impl Worker {
    pub(super) fn new(
        args: &LiveArgs,
        options: pipeline::Options,
        interfaces: Vec<Interface>,
        control: Arc<Control>,
        published: Arc<Mutex<LiveStatus>>,
        key_logs: KeyLogs,
        names: ClusterNames,
    ) -> Self {
        let begun = clock();
        Self {
            pipeline: Pipeline::watching(options),
            interfaces,
            count: args.count,
            status_every: args.interval,
            drain_within: args.end_within / DRAIN_SHARE,
            send_within: args.end_within / SEND_SHARE,
            control,
            published,
            status: LiveStatus::default(),
            packets: 0,
            now: wall(),
            findings_outdated: false,
            incidents: Incidents::default(),
            failed_calls: FailedCalls::default(),
            timers: Timers {
                findings: begun,
                publish: begun,
                status: begun,
                status_line: begun,
                housekeeping: begun,
            },
            rate: (begun, 0),
            key_logs,
            held: HeldPackets::default(),
            names,
        }
    }

    /// Works until nobody listens any more, then reports.
    pub(super) fn run(mut self, queue: &Queue, mut outputs: Outputs) -> anyhow::Result<Report> {
        let control = Arc::clone(&self.control);
        let send_within = self.send_within;
        let result = self.work(queue, &mut outputs);
        // Should the output have failed, what is kept is written all the same.
        control.stop();
        let report = match result {
            Ok(failed) => self.finish(&mut outputs).and_then(|report| match failed {
                Some(error) => Err(error.into()),
                None => Ok(report),
            }),
            Err(error) => Err(error),
        };
        outputs.write_recordings()?;
        if let Some(file) = &mut outputs.packet_file {
            file.finish(wall(), &queue.lost())?;
        }
        outputs.close_spans(send_within, &control);
        outputs.events.close();
        report
    }

    /// Gives why `-w` failed, if it did: that ends the file, not the analysis.
    fn work(
        &mut self,
        queue: &Queue,
        outputs: &mut Outputs,
    ) -> anyhow::Result<Option<super::LiveError>> {
        let mut failed = None;
        let mut batch = Batch::default();
        let names: Vec<_> = self
            .interfaces
            .iter()
            .filter_map(|of| of.name.clone())
            .collect();
        outputs
            .events
            .note(&format!("listening on {}", names.join(", ")));
        for path in self.key_logs.missing() {
            let path = path.display();
            let text = format!("{path} cannot be read yet: waiting for it");
            outputs.events.warn(&text);
        }
        let mut end_by = None;
        loop {
            let taken = queue.take(&mut batch, TICK);
            self.read_keys(&mut batch, outputs);
            self.names.take(self.pipeline.names(), &mut outputs.events);
            let quiet = batch.is_empty();
            let first = self.packets + 1;
            self.analyze(&batch);
            self.note(&taken, &mut outputs.events);
            self.pass_time(quiet);
            if let Some(file) = &mut outputs.packet_file {
                let due = self.timers.publish <= clock();
                let result = file.push(&batch);
                let result = result.and_then(|()| if due { file.flush() } else { Ok(()) });
                if let Err(error) = result {
                    outputs
                        .events
                        .warn(&format!("{error}: no more is recorded"));
                    outputs.packet_file = None;
                    failed = Some(error);
                }
            }
            match &mut outputs.recorder {
                Some(recorder) if !quiet => recorder.keep(std::mem::take(&mut batch), first),
                _ => batch.clear(),
            }
            self.report_changes(outputs)?;
            if self.control.is_stopped() {
                let end_by = *end_by.get_or_insert_with(|| clock() + self.drain_within);
                let late = clock() >= end_by || self.control.is_hurried();
                if late {
                    self.status.drops.queue = queue.give_up();
                    self.pipeline.note_drops(self.status.drops);
                }
                if late || (taken.closed && quiet) {
                    return Ok(failed);
                }
            }
        }
    }

    /// How long packets are held before they are analysed.
    fn hold(&self) -> Duration {
        match self.control.is_stopped() {
            true => Duration::ZERO,
            false => self.key_logs.hold(),
        }
    }

    /// Reads what secrets have come, before the packets that need them.
    fn read_keys(&mut self, batch: &mut Batch, outputs: &mut Outputs) {
        if self.key_logs.is_empty() {
            return;
        }
        let hold = self.hold();
        self.held.exchange(batch, clock(), hold);
        let Outputs {
            events, recorder, ..
        } = outputs;
        let pipeline = &mut self.pipeline;
        let mut take = |lines: &[u8]| {
            pipeline.read_keys(lines);
            if let Some(recorder) = recorder {
                recorder.read_keys(lines);
            }
        };
        self.key_logs.read(&mut take);
        self.key_logs.take(take, |text: &str| events.note(text));
    }

    fn analyze(&mut self, batch: &Batch) {
        for (waiting, data) in batch.iter() {
            if self.count.is_some_and(|count| self.packets >= count) {
                self.control.stop();
                return;
            }
            let Some(interface) = self.interfaces.get(waiting.interface) else {
                continue;
            };
            self.packets += 1;
            self.now = self.now.max(waiting.time);
            self.pipeline.push(&Packet {
                stamp: Stamp {
                    time: waiting.time,
                    packet: self.packets,
                    file: 0,
                },
                link_type: interface.link_type,
                original_length: waiting.original_length,
                data,
                options: h2sniff::capture::PacketOptions::default(),
            });
        }
        if self.count.is_some_and(|count| self.packets >= count) {
            self.control.stop();
        }
    }

    /// Time passes, packets or not.
    fn pass_time(&mut self, quiet: bool) {
        if quiet {
            self.now = self
                .now
                .max(wall() - SETTLING - TimeDelta::from(self.hold()));
        }
        let now = clock();
        if quiet || now >= self.timers.housekeeping {
            self.timers.housekeeping = now + HOUSEKEEPING_EVERY;
            self.pipeline.tick(self.now);
        }
    }

    fn note(&mut self, taken: &Taken, events: &mut EventWriter) {
        self.status.received = taken.counts.received;
        self.status.drops = Drops {
            kernel: taken.counts.dropped,
            interface: taken.counts.interface_dropped,
            queue: taken.dropped,
        };
        self.pipeline.note_drops(self.status.drops);
        let name = |number: usize| {
            let interface = self.interfaces.get(number);
            interface
                .and_then(|interface| interface.name.as_deref())
                .unwrap_or("?")
        };
        for change in &taken.interface_changes {
            match change {
                InterfaceChange::Gone { interface, detail } => {
                    self.status.interfaces_away += 1;
                    let name = name(*interface);
                    events.warn(&format!("{name}: {detail}; waiting for it to come back"));
                }
                InterfaceChange::Back { interface } => {
                    self.status.interfaces_away = self.status.interfaces_away.saturating_sub(1);
                    events.note(&format!("{} is back", name(*interface)));
                }
            }
        }
    }

    fn report_changes(&mut self, outputs: &mut Outputs) -> io::Result<()> {
        let mut news = self.pipeline.take_news();
        if !news.is_empty() {
            self.findings_outdated = true;
            outputs.feed(&mut news, self.now);
            self.count_news(&news, outputs.recorder.as_mut());
            outputs.events.news(&news)?;
        }
        let now = clock();
        self.findings_outdated |= outputs.want_findings(self.now);
        if self.findings_outdated && now >= self.timers.findings {
            self.findings_outdated = false;
            self.report_findings(outputs)?;
            outputs.settle_spans(&mut self.pipeline, self.now);
            let took = now.elapsed();
            self.timers.findings = clock() + FINDINGS_EVERY.max(took * FINDINGS_SHARE);
        }
        let write_now = self.control.take_write_now();
        if write_now && outputs.recorder.is_none() {
            let text =
                "SIGUSR1 asks for a recording, but there is no --record DIR: nothing is kept";
            outputs.events.warn(text);
        }
        if let Some(recorder) = &mut outputs.recorder {
            if write_now {
                recorder.write_now(self.now, "signal");
            }
            for written in recorder.tick(self.now) {
                match written.packets {
                    Ok(_) => self.status.recordings += 1,
                    Err(_) => self.status.recordings_failed += 1,
                }
                outputs.events.recording(&written)?;
            }
        }
        outputs.events.tick(now)?;
        self.publish_status(outputs, now)
    }

    fn count_news(&mut self, news: &[News], mut recorder: Option<&mut Recorder>) {
        for news in news {
            match news {
                News::Connection { recognition, .. } => {
                    self.status.connections.add(recognition.transport);
                    let tls = recognition.tls.as_ref();
                    let random = tls.and_then(|facts| facts.client_random.as_deref());
                    if let (Some(recorder), Some(random)) = (recorder.as_mut(), random) {
                        let first = recognition.opened.unwrap_or(recognition.recognised);
                        recorder.began_tls(first.packet, *random);
                    }
                }
                News::GoAway { goaway, .. } => self.status.goaways.add(goaway),
                News::Rpc {
                    rpc, ends, names, ..
                } => {
                    if rpc.verdict.is_reported() {
                        let client = (ends.client.ip(), names.client.as_ref());
                        self.failed_calls.add(client, rpc);
                    }
                    let Some(recorder) = recorder.as_mut() else {
                        continue;
                    };
                    let call = format!("{}:{}", rpc.id.connection, rpc.id.stream);
                    let verdict = rpc.verdict.name();
                    if let Some(opened) = rpc.opened {
                        recorder.comment(opened.packet, &format!("opens {call}: {verdict}"));
                    }
                    if let Some(ended) = rpc.ended {
                        recorder.comment(ended.packet, &format!("decides {call}: {verdict}"));
                    }
                }
                _ => {}
            }
        }
    }

    /// Tells what is new or has grown, and has it recorded. What has grown too soon to be told is looked at again.
    fn report_findings(&mut self, outputs: &mut Outputs) -> io::Result<()> {
        let mut findings = self.pipeline.findings_so_far();
        hints::name_flags_in_findings(&mut findings);
        let changes = self.incidents.update(&findings, clock(), self.now);
        self.findings_outdated |= changes.more_later;
        for change in &changes.incidents {
            if change.is_told {
                self.status.findings.add(change.finding);
                let incident = Incident {
                    time: self.now,
                    since: change.since,
                    finding: change.finding,
                    calls: change.calls,
                    common: &self.failed_calls.common(&change.finding.rpcs),
                };
                outputs.events.incident(change.key, &incident)?;
                outputs.feed_finding(change.finding, &mut self.pipeline, self.now);
            }
            self.count_deaths(change);
            if let Some(recorder) = &mut outputs.recorder {
                recorder.record(change, self.now);
            }
        }
        Ok(())
    }

    fn count_deaths(&mut self, change: &Change<'_>) {
        let methods = &self.status.progress.methods;
        for call in &change.new_calls {
            if let Some(call) = self.failed_calls.get(call).filter(|call| call.died) {
                let method = methods.label(call.method.as_deref());
                self.status.deaths.add(change.finding.rule, method);
            }
        }
    }

    fn publish_status(&mut self, outputs: &mut Outputs, now: Instant) -> io::Result<()> {
        if now < self.timers.publish {
            return Ok(());
        }
        self.timers.publish = now + PUBLISH_EVERY;
        self.refresh();
        self.status.otlp = outputs.otlp_counts();
        let events = &mut outputs.events;
        self.status.output_left_out = events.left_out();
        if now >= self.timers.status_line {
            self.timers.status_line = now + STATUS_LINE_EVERY;
            self.refresh_rate(now);
            events.status_line(&self.status);
        }
        if now >= self.timers.status {
            self.timers.status = now + self.status_every;
            events.status(&self.status)?;
        }
        let mut published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        published.clone_from(&self.status);
        Ok(())
    }

    fn refresh(&mut self) {
        self.status.time = wall();
        self.status.progress = self.pipeline.progress();
        self.status.memory = memory();
    }

    fn refresh_rate(&mut self, now: Instant) {
        let (since, before) = self.rate;
        let calls = self.status.progress.methods.total().total();
        let seconds = now.duration_since(since).as_secs_f64();
        if seconds > 0.0 {
            let ended = u32::try_from(calls.saturating_sub(before)).unwrap_or(u32::MAX);
            self.status.rpcs_per_second = f64::from(ended) / seconds;
        }
        self.rate = (now, calls);
    }

    /// The end: what is still open is judged and written, then the whole report.
    fn finish(mut self, outputs: &mut Outputs) -> anyhow::Result<Report> {
        self.pipeline.conclude();
        let mut news = self.pipeline.take_news();
        outputs.feed(&mut news, self.now);
        self.count_news(&news, outputs.recorder.as_mut());
        outputs.events.news(&news)?;
        // Whatever has grown since it was written.
        self.incidents.hurry();
        self.report_findings(outputs)?;
        outputs.settle_spans(&mut self.pipeline, Timestamp::from_nanos(i64::MAX));
        self.refresh();
        // The report is the last that is written.
        outputs.write_recordings()?;
        let Self {
            pipeline,
            interfaces,
            status,
            ..
        } = self;
        let mut report = pipeline.finish();
        report.files = vec![summary(interfaces, &report)];
        hints::name_flags(&mut report);
        outputs.leave_asked_headers(&mut report);
        outputs.events.report(status.time, &report)?;
        Ok(report)
    }
}
