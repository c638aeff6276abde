//! `--record`: the last packets in memory, written to disk once an incident asks for it.
//!
//! ```text
//!             |<------ window ------>|<- after ->|
//! packets ----+----------------------+-----------+--------------------------------+-------------------+----
//!             | written              ^ incident  ^ here                           | written again     ^ it has grown
//! ```
//!
//! In: batches, and incidents that are new or have grown. Out: a recording for each incident, of its beginning and
//! its latest packets; those that begin while another's beginning is not written yet share its recording. How a
//! recording is laid out in its file is [`recording_writer`](super::recording_writer)'s. What is kept are the
//! queue's own batches, so that keeping a packet costs nothing.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread::{self, JoinHandle};

use h2sniff::capture::{Interface, TimeDelta, Timestamp};
use h2sniff::inspect::diagnosis::{Finding, Severity};

use super::LiveError;
use super::incidents::Change;
use super::incidents::{IncidentKey, OVER_AFTER};
use super::queue::Batch;
use super::recording_directory::{self, RecordingDirectory};
use super::recording_secrets::{RecordingSecrets, SecretsByPacket};
use super::recording_writer::{
    Job, RecordingPart, RecordingResult, RecordingWriter, RetainedBatch,
};
use crate::cli::RecordArgs;

/// How many packets may have comments; there are as many only where more is wrong than anybody reads.
const MAX_COMMENTED: usize = 10_000;

/// How many comments a packet may have.
const MAX_COMMENTS: usize = 8;

/// How soon a recording is written again where its incident grows; each time it takes twice as long, up to the most.
const WRITTEN_AGAIN: TimeDelta = TimeDelta::from_secs(15);
const WRITTEN_AGAIN_AT_MOST: TimeDelta = TimeDelta::from_secs(240);

/// For how many windows it is written again before what is not written leaves the window, so that its first minutes have
/// no hole.
const WHOLE_WINDOWS: i64 = 5;

/// Keeps the last packets.
pub(super) struct Recorder {
    args: RecordArgs,
    kept: VecDeque<RetainedBatch>,
    size: usize,
    comments: BTreeMap<u64, Vec<String>>,
    /// Where recordings are to hold them.
    secrets: Option<RecordingSecrets>,
    /// Recordings of incidents that go on, in order of their beginning.
    open: Vec<OpenRecording>,
    jobs: SyncSender<Job>,
    done: Receiver<RecordingResult>,
    writer: JoinHandle<()>,
}

/// A recording that is to be written, or written again.
#[derive(Debug)]
struct OpenRecording {
    incidents: Vec<IncidentKey>,
    reason: String,
    began: Timestamp,
    /// When one of its incidents last grew.
    grown: Timestamp,
    /// Bytes that came since it began and are not written.
    unwritten: usize,
    progress: RecordingProgress,
}

/// How far a recording has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordingProgress {
    /// Its beginning is written then.
    Begins { due: Timestamp },
    /// All there was of its incidents is written.
    Written { again: Timestamp, after: TimeDelta },
    /// Its incidents have grown; it is written again then.
    Grows { due: Timestamp, after: TimeDelta },
}

impl Recorder {
    pub(super) fn new(
        directory: &Path,
        args: &RecordArgs,
        interfaces: Vec<Interface>,
    ) -> Result<Self, LiveError> {
        let refuse = |source| LiveError::Recorder {
            path: directory.to_owned(),
            source,
        };
        let opened = RecordingDirectory::open(directory).map_err(refuse)?;

        // One is written, one waits; a third would hold a third window's memory.
        let (jobs, received) = sync_channel(1);
        let (results, done) = channel();
        let writer = RecordingWriter::new(opened, interfaces, args);
        let writer = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || writer.write_all(&received, &results))
            .map_err(refuse)?;
        Ok(Self {
            args: args.clone(),
            kept: VecDeque::new(),
            size: 0,
            comments: BTreeMap::new(),
            secrets: args.holds_secrets().then(RecordingSecrets::new),
            open: Vec::new(),
            jobs,
            done,
            writer,
        })
    }

    /// Keeps a batch whose first packet has this number.
    pub(super) fn keep(&mut self, mut batch: Batch, first: u64) {
        batch.shrink();
        self.size += batch.size();
        for open in &mut self.open {
            open.unwritten += batch.size();
        }
        let batch = Arc::new(batch);
        self.kept.push_back(RetainedBatch { first, batch });
    }

    /// Comments a packet, should it be written.
    pub(super) fn comment(&mut self, packet: u64, text: &str) {
        if packet == 0 || self.comments.len() >= MAX_COMMENTED {
            return;
        }
        let comments = self.comments.entry(packet).or_default();
        if comments.len() < MAX_COMMENTS && !comments.iter().any(|known| known == text) {
            comments.push(text.to_owned());
        }
    }

    /// What key logs say.
    pub(super) fn read_keys(&mut self, key_log: &[u8]) {
        if let Some(secrets) = &mut self.secrets {
            secrets.read(key_log);
        }
    }

    /// A connection over TLS began with this packet.
    pub(super) fn began_tls(&mut self, packet: u64, client_random: [u8; 32]) {
        if let Some(secrets) = &mut self.secrets {
            secrets.began(packet, client_random);
        }
    }

    /// Whether a finding is one that makes a recording be written: of any rule that was asked for, or of
    /// severity error if none was.
    pub(super) fn wants(&self, finding: &Finding) -> bool {
        match self.args.on.is_empty() {
            true => finding.severity == Severity::Error,
            false => self.args.on.iter().any(|rule| rule == finding.rule),
        }
    }

    /// Records an incident, and says in its packets what they show.
    pub(super) fn record(&mut self, change: &Change<'_>, now: Timestamp) {
        let finding = change.finding;
        for evidence in finding.evidence.iter().filter(|_| change.has_grown) {
            let packet = evidence.stamp.map_or(0, |stamp| stamp.packet);
            self.comment(packet, &format!("{}: {}", finding.rule, evidence.text));
        }
        if change.has_grown && self.wants(finding) {
            self.grow(change.key, now);
        }
    }

    /// An incident is new or has grown: what came before it and comes soon after is to be written.
    pub(super) fn grow(&mut self, incident: IncidentKey, now: Timestamp) {
        let of = |open: &&mut OpenRecording| open.incidents.contains(&incident);
        if let Some(open) = self.open.iter_mut().find(of) {
            open.grow(now);
            return;
        }
        // Where there is no place for another file, what there is grows instead: a beginning must not be pruned.
        let full = self.open.len() >= self.args.keep.max(1);
        match self.open.last_mut() {
            Some(last) if full || matches!(last.progress, RecordingProgress::Begins { .. }) => {
                last.incidents.push(incident);
                last.grow(now);
            }
            _ => self.begin(vec![incident], incident.0, now, self.args.after.into()),
        }
    }

    /// What is kept is to be written now.
    pub(super) fn write_now(&mut self, now: Timestamp, reason: &str) {
        match self.open.last_mut().map(|open| &mut open.progress) {
            Some(RecordingProgress::Begins { due }) => *due = now,
            _ => self.begin(Vec::new(), reason, now, TimeDelta::ZERO),
        }
    }

    /// It is `now`: sends what is due to the writer, and forgets what is too old.
    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<RecordingResult> {
        let mut number = 0;
        while let Some(open) = self.open.get_mut(number) {
            // More would push its beginning out of memory.
            let hasty = open.unwritten > self.args.size / 3;
            let is_over = open.is_over(now);
            if open.is_due(now, hasty) || is_over && open.has_grown() {
                if !self.send(number, now, is_over) {
                    break;
                }
            } else if is_over {
                self.close(number);
                continue;
            }
            if is_over {
                self.open.remove(number);
            } else {
                number += 1;
            }
        }
        self.forget(now);
        self.done.try_iter().collect()
    }

    /// The analysis is over: writes what waits to be written.
    pub(super) fn finish(mut self, now: Timestamp) -> Vec<RecordingResult> {
        for open in &self.open {
            if open.has_grown() {
                // The writer is gone only if it panicked, and then there is nothing to wait for.
                let _ = self.jobs.send(self.job(open, now, true));
            }
        }
        self.open.clear();
        drop(self.jobs);
        let written = self.done.iter().collect();
        let _ = self.writer.join();
        written
    }

    fn begin(
        &mut self,
        incidents: Vec<IncidentKey>,
        reason: &str,
        now: Timestamp,
        after: TimeDelta,
    ) {
        self.open.push(OpenRecording {
            incidents,
            reason: reason.to_owned(),
            began: now,
            grown: now,
            unwritten: 0,
            progress: RecordingProgress::Begins { due: now + after },
        });
    }

    /// Has a recording written; `false` where the writer is busy: then the window waits for it, and loses its oldest
    /// packets if it must.
    fn send(&mut self, number: usize, now: Timestamp, is_last: bool) -> bool {
        let Some(open) = self.open.get(number) else {
            return true;
        };
        let job = self.job(open, now, is_last);
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(job) {
            return false;
        }
        if let Some(open) = self.open.get_mut(number) {
            open.written(now, self.args.window.into());
        }
        true
    }

    /// The incidents of a recording are over, and all of it is written: from here on it may be pruned.
    fn close(&mut self, number: usize) {
        let Some(open) = self.open.get(number) else {
            return;
        };
        let closed = Job::Close(open.name());
        if !matches!(self.jobs.try_send(closed), Err(TrySendError::Full(_))) {
            self.open.remove(number);
        }
    }

    fn job(&self, open: &OpenRecording, now: Timestamp, is_last: bool) -> Job {
        let (from, to) = match open.progress {
            RecordingProgress::Begins { .. } => (open.began - self.window(), now),
            // What came after its end would only take the place of its end.
            _ => {
                let to = now.min(open.grown + TimeDelta::from(self.args.after));
                (to - self.window(), to)
            }
        };
        Job::Write(Box::new(RecordingPart {
            name: open.name(),
            reason: open.reason.clone(),
            time: open.began,
            from,
            to,
            kept: self.kept.iter().cloned().collect(),
            comments: self.comments.clone(),
            secrets: self
                .secrets
                .as_ref()
                .map_or_else(SecretsByPacket::new, RecordingSecrets::of_kept),
            is_last: is_last || open.incidents.is_empty(),
        }))
    }

    /// Forgets batches that are out of the window, or too much.
    fn forget(&mut self, now: Timestamp) {
        let mut begins = now - self.window();
        for open in self.open.iter().filter(|open| open.has_grown()) {
            begins = begins.min(match open.progress {
                RecordingProgress::Begins { .. } => open.began - self.window(),
                _ => open.tail_begins(&self.args),
            });
        }
        while let Some(oldest) = self.kept.front() {
            let old = oldest.batch.last().is_none_or(|last| last < begins);
            let too_much = self.size > self.args.size && self.kept.len() > 1;
            if !old && !too_much {
                break;
            }
            self.size = self.size.saturating_sub(oldest.batch.size());
            self.kept.pop_front();
        }
        let first = self.kept.front().map_or(u64::MAX, |oldest| oldest.first);
        while let Some(entry) = self.comments.first_entry() {
            if *entry.key() >= first {
                break;
            }
            entry.remove();
        }
        if let Some(secrets) = &mut self.secrets {
            secrets.forget_before(first);
        }
    }

    fn window(&self) -> TimeDelta {
        self.args.window.into()
    }
}

impl OpenRecording {
    fn name(&self) -> String {
        recording_directory::name(&compact(self.began), &self.reason)
    }

    fn grow(&mut self, now: Timestamp) {
        self.grown = now;
        if let RecordingProgress::Written { again, after } = self.progress {
            self.progress = RecordingProgress::Grows { due: again, after };
        }
    }

    /// Whether there is something that is not written yet.
    const fn has_grown(&self) -> bool {
        !matches!(self.progress, RecordingProgress::Written { .. })
    }

    fn is_due(&self, now: Timestamp, hasty: bool) -> bool {
        match self.progress {
            RecordingProgress::Begins { due } => due <= now || hasty,
            RecordingProgress::Grows { due, .. } => due <= now,
            RecordingProgress::Written { .. } => false,
        }
    }

    /// Whether nothing has come for so long that what comes is another incident; one that was asked for is over once
    /// it is written.
    fn is_over(&self, now: Timestamp) -> bool {
        match self.progress {
            RecordingProgress::Begins { .. } => false,
            _ => self.incidents.is_empty() || now - self.grown >= TimeDelta::from(OVER_AFTER),
        }
    }

    fn written(&mut self, now: Timestamp, window: TimeDelta) {
        let most = match now - self.began < window * WHOLE_WINDOWS {
            true => (window * 3 / 4).clamp(WRITTEN_AGAIN, WRITTEN_AGAIN_AT_MOST),
            false => WRITTEN_AGAIN_AT_MOST,
        };
        let after = match self.progress {
            RecordingProgress::Begins { .. } => WRITTEN_AGAIN,
            RecordingProgress::Written { after, .. } | RecordingProgress::Grows { after, .. } => {
                (after * 2).min(most)
            }
        };
        self.unwritten = 0;
        self.progress = RecordingProgress::Written {
            again: now + after,
            after,
        };
    }

    /// From when packets are needed for the end of an incident that may have ended.
    fn tail_begins(&self, args: &RecordArgs) -> Timestamp {
        self.grown + TimeDelta::from(args.after) - TimeDelta::from(args.window)
    }
}

/// A moment fit for a file's name: `20261122T065053.295471Z`.
fn compact(time: Timestamp) -> String {
    let text: String = time
        .to_string()
        .chars()
        .filter(|letter| !matches!(letter, '-' | ':'))
        .collect();
    let cut = text.get(..22).unwrap_or(&text);
    format!("{cut}Z")
}

#[cfg(test)]
mod tests;
