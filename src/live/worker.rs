//! The thread that does the work: packets through the pipeline, and what follows to whom it concerns.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use h2sniff::capture::{Interface, Packet, Stamp, Timestamp};
use h2sniff::inspect::diagnosis::{Finding, Severity};
use h2sniff::inspect::report::{Drops, LiveStatus, Report};
use h2sniff::inspect::{CallId, News};
use h2sniff::pipeline::{self, Pipeline};

use super::clock::{clock, memory, wall};
use super::control::Orders;
use super::drops::{losses, summary, weaken};
use super::file::Recording;
use super::output::Teller;
use super::queue::{Batch, Notice, Queue, Taken};
use super::recorder::Recorder;

/// How long to wait for packets before it is asked what has become certain without any.
const TICK: Duration = Duration::from_millis(10);

/// On an idle interface it is taken to be this much earlier than it is: packets may be on their way
/// from the kernel that are older than now.
const SETTLING: Duration = Duration::from_millis(20);

/// How often findings are looked for at most, and how many times as long as that takes.
const FINDINGS_EVERY: Duration = Duration::from_millis(50);
const FINDINGS_SHARE: u32 = 20;

/// How often a finding that has grown is told again.
const GROWN_EVERY: Duration = Duration::from_secs(5);

/// How many findings are remembered to have been told.
const MAX_TOLD: usize = 10_000;

/// How often the numbers are made known, and how often a person sees them.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
const STATUS_LINE_EVERY: Duration = Duration::from_secs(1);

/// How often connections that ended or fell silent are let go while packets come without a pause.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(1);

/// How long to go on with what is in the queue after the end was ordered.
const DRAIN_WITHIN: Duration = Duration::from_millis(400);

/// What came of a watch.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
}

pub(super) struct Analyst {
    pipeline: Pipeline,
    interfaces: Vec<Interface>,
    count: Option<u64>,
    status_every: Duration,
    orders: Arc<Orders>,
    published: Arc<Mutex<LiveStatus>>,
    status: LiveStatus,
    /// Packets so far.
    packets: u64,
    now: Timestamp,
    stirred: bool,
    told: BTreeMap<(&'static str, u32), Told>,
    timers: Timers,
    rate: (Instant, u64),
}

/// A finding as it was told last.
#[derive(Debug)]
struct Told {
    extent: Extent,
    at: Instant,
}

/// What a finding is about, as far as it takes to see that it has grown.
type Extent = (usize, usize, Option<u32>, Option<CallId>);

/// When what is due again.
#[derive(Debug)]
struct Timers {
    findings: Instant,
    publish: Instant,
    status: Instant,
    status_line: Instant,
    housekeeping: Instant,
}

/// Everything that is told of.
struct Audience {
    teller: Teller,
    recorder: Option<Recorder>,
    recording: Option<Recording>,
}

impl Analyst {
    pub(super) fn new(
        options: pipeline::Options,
        interfaces: Vec<Interface>,
        count: Option<u64>,
        status_every: Duration,
        orders: Arc<Orders>,
        published: Arc<Mutex<LiveStatus>>,
    ) -> Self {
        let begun = clock();
        Self {
            pipeline: Pipeline::watching(options),
            interfaces,
            count,
            status_every,
            orders,
            published,
            status: LiveStatus::default(),
            packets: 0,
            now: wall(),
            stirred: false,
            told: BTreeMap::new(),
            timers: Timers {
                findings: begun,
                publish: begun,
                status: begun,
                status_line: begun,
                housekeeping: begun,
            },
            rate: (begun, 0),
        }
    }

    /// Works until nobody listens any more, then reports.
    pub(super) fn run(
        mut self,
        queue: &Queue,
        teller: Teller,
        recorder: Option<Recorder>,
        recording: Option<Recording>,
    ) -> anyhow::Result<Outcome> {
        let mut audience = Audience {
            teller,
            recorder,
            recording,
        };
        let orders = Arc::clone(&self.orders);
        let result = self.work(queue, &mut audience);
        // Should the output have failed, what is kept is written all the same.
        orders.stop();
        let outcome = match result {
            Ok(failed) => self.report(&mut audience).and_then(|outcome| match failed {
                Some(error) => Err(error.into()),
                None => Ok(outcome),
            }),
            Err(error) => Err(error),
        };
        let now = wall();
        if let Some(recorder) = audience.recorder {
            for written in recorder.finish(now) {
                audience.teller.recording(&written)?;
            }
        }
        if let Some(recording) = &mut audience.recording {
            recording.flush()?;
        }
        outcome
    }

    /// Gives why `-w` failed, if it did: that ends the recording, not the watch.
    fn work(
        &mut self,
        queue: &Queue,
        audience: &mut Audience,
    ) -> anyhow::Result<Option<super::Refusal>> {
        let mut failed = None;
        let mut batch = Batch::default();
        let names: Vec<_> = self
            .interfaces
            .iter()
            .filter_map(|of| of.name.clone())
            .collect();
        audience
            .teller
            .note(&format!("listening on {}", names.join(", ")))?;
        let mut end_by = None;
        loop {
            let taken = queue.take(&mut batch, TICK);
            let quiet = batch.is_empty();
            let first = self.packets + 1;
            self.analyze(&batch);
            self.note(&taken, &mut audience.teller)?;
            self.pass_time(quiet);
            if let Some(recording) = &mut audience.recording {
                let due = self.timers.publish <= clock();
                let result = recording.push(&batch);
                let result = result.and_then(|()| if due { recording.flush() } else { Ok(()) });
                if let Err(error) = result {
                    audience
                        .teller
                        .warn(&format!("{error}: no more is recorded"))?;
                    audience.recording = None;
                    failed = Some(error);
                }
            }
            match &mut audience.recorder {
                Some(recorder) if !quiet => recorder.keep(std::mem::take(&mut batch), first),
                _ => batch.clear(),
            }
            self.tell(audience)?;
            if self.orders.is_stopped() {
                let end_by = *end_by.get_or_insert_with(|| clock() + DRAIN_WITHIN);
                let late = clock() >= end_by || self.orders.is_hurried();
                if late || (taken.closed && quiet) {
                    return Ok(failed);
                }
            }
        }
    }

    fn analyze(&mut self, batch: &Batch) {
        for (waiting, data) in batch.iter() {
            if self.count.is_some_and(|count| self.packets >= count) {
                self.orders.stop();
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
            });
        }
        if self.count.is_some_and(|count| self.packets >= count) {
            self.orders.stop();
        }
    }

    /// Time passes, packets or not.
    fn pass_time(&mut self, quiet: bool) {
        if quiet {
            let settling = i64::try_from(SETTLING.as_nanos()).unwrap_or(i64::MAX);
            let now = Timestamp::from_nanos(wall().nanos().saturating_sub(settling));
            self.now = self.now.max(now);
        }
        let now = clock();
        if quiet || now >= self.timers.housekeeping {
            self.timers.housekeeping = now + HOUSEKEEPING_EVERY;
            self.pipeline.tick(self.now);
        }
    }

    fn note(&mut self, taken: &Taken, teller: &mut Teller) -> io::Result<()> {
        self.status.received = taken.counts.received;
        self.status.drops = Drops {
            kernel: taken.counts.dropped,
            interface: taken.counts.interface_dropped,
            queue: taken.dropped,
        };
        let name = |number: usize| {
            let interface = self.interfaces.get(number);
            interface
                .and_then(|interface| interface.name.as_deref())
                .unwrap_or("?")
        };
        for notice in &taken.notices {
            match notice {
                Notice::Gone { interface, detail } => {
                    self.status.interfaces_away += 1;
                    let name = name(*interface);
                    teller.warn(&format!("{name}: {detail}; waiting for it to come back"))?;
                }
                Notice::Back { interface } => {
                    self.status.interfaces_away = self.status.interfaces_away.saturating_sub(1);
                    teller.note(&format!("{} is back", name(*interface)))?;
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, audience: &mut Audience) -> io::Result<()> {
        let news = self.pipeline.take_news();
        if !news.is_empty() {
            self.stirred = true;
            self.take_in(&news, audience.recorder.as_mut());
            audience.teller.news(&news)?;
        }
        let now = clock();
        if self.stirred && now >= self.timers.findings {
            self.stirred = false;
            self.tell_findings(audience)?;
            let took = now.elapsed();
            self.timers.findings = clock() + FINDINGS_EVERY.max(took * FINDINGS_SHARE);
        }
        if let Some(recorder) = &mut audience.recorder {
            if self.orders.take_write_now() {
                recorder.write_now(self.now, "signal");
            }
            for written in recorder.tick(self.now) {
                match written.packets {
                    Ok(_) => self.status.recordings += 1,
                    Err(_) => self.status.recordings_failed += 1,
                }
                audience.teller.recording(&written)?;
            }
        }
        self.tell_status(&mut audience.teller, now)
    }

    fn take_in(&mut self, news: &[News], mut recorder: Option<&mut Recorder>) {
        for news in news {
            match news {
                News::Connection { .. } => self.status.connections += 1,
                News::GoAway { goaway, .. } => self.status.goaways.add(goaway),
                News::Rpc { rpc, .. } => {
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
            }
        }
    }

    /// Tells findings that are new or have grown. One that has grown too soon is looked at again.
    fn tell_findings(&mut self, audience: &mut Audience) -> io::Result<()> {
        let mut findings = self.pipeline.findings_so_far();
        weaken(&mut findings, self.status.drops);
        let now = clock();
        for finding in &findings {
            let first = finding.connections.first().copied().unwrap_or(u32::MAX);
            let extent = extent(finding);
            match self.told.get(&(finding.rule, first)) {
                Some(told) if told.extent == extent => continue,
                Some(told) if now < told.at + GROWN_EVERY => {
                    self.stirred = true;
                    continue;
                }
                _ => {}
            }
            if self.told.len() >= MAX_TOLD {
                self.told.pop_first();
            }
            self.told
                .insert((finding.rule, first), Told { extent, at: now });
            self.status.findings.add(finding);
            audience.teller.finding(self.now, finding)?;
            if let Some(recorder) = &mut audience.recorder {
                for evidence in &finding.evidence {
                    let packet = evidence.stamp.map_or(0, |stamp| stamp.packet);
                    recorder.comment(packet, &format!("{}: {}", finding.rule, evidence.text));
                }
                let on = &recorder.options.on;
                let wanted = match on.is_empty() {
                    true => finding.severity == Severity::Error,
                    false => on.contains(&finding.rule),
                };
                if wanted {
                    recorder.trigger(self.now, finding.rule);
                }
            }
        }
        Ok(())
    }

    fn tell_status(&mut self, teller: &mut Teller, now: Instant) -> io::Result<()> {
        if now < self.timers.publish {
            return Ok(());
        }
        self.timers.publish = now + PUBLISH_EVERY;
        self.refresh();
        if now >= self.timers.status_line {
            self.timers.status_line = now + STATUS_LINE_EVERY;
            self.refresh_rate(now);
            teller.status_line(&self.status);
        }
        if now >= self.timers.status {
            self.timers.status = now + self.status_every;
            teller.status(&self.status)?;
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

    /// The end: what is still open is judged and told, then the whole.
    fn report(mut self, audience: &mut Audience) -> anyhow::Result<Outcome> {
        self.pipeline.conclude();
        let news = self.pipeline.take_news();
        self.take_in(&news, audience.recorder.as_mut());
        audience.teller.news(&news)?;
        // Whatever has grown since it was told.
        self.told.values_mut().for_each(|told| {
            told.at = told.at.checked_sub(GROWN_EVERY).unwrap_or(told.at);
        });
        self.tell_findings(audience)?;
        self.refresh();
        let Self {
            pipeline,
            interfaces,
            status,
            ..
        } = self;
        let mut report = pipeline.finish();
        report.files = vec![summary(interfaces, &report)];
        report.anomalies.splice(0..0, losses(&status));
        weaken(&mut report.analysis.findings, status.drops);
        audience.teller.report(status.time, &report)?;
        Ok(Outcome { report })
    }
}

fn extent(finding: &Finding) -> Extent {
    (
        finding.connections.len(),
        finding.rpcs.len(),
        finding.connections.last().copied(),
        finding.rpcs.last().copied(),
    )
}
