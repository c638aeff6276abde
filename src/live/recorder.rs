//! `--record`: the last packets in memory, written to disk once a finding asks for it.
//!
//! ```text
//!             |<------ window ------>|<- after ->|
//! packets ----+----------------------+-----------+--------
//!             | written              ^ finding   ^ here
//! ```
//!
//! In: batches, and moments. Out: files in a [`RecordingDirectory`]. What is kept are the queue's own batches,
//! so that keeping a packet costs nothing.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::{self, JoinHandle};

use h2sniff::capture::{
    Interface, TimeDelta, Timestamp, interface_block, packet_block, section_block,
};
use h2sniff::inspect::diagnosis::{Finding, Severity};

use super::LiveError;
use super::file::written;
use super::queue::Batch;
use super::recording_directory::{self, RecordingDirectory};
use crate::cli::RecordArgs;

/// How many packets may have comments; there are as many only where more is wrong than anybody reads.
const MAX_COMMENTED: usize = 10_000;

/// How many comments a packet may have.
const MAX_COMMENTS: usize = 8;

/// A recording that was written, or not.
#[derive(Debug)]
pub(super) struct RecordingResult {
    pub(super) path: PathBuf,
    pub(super) reason: String,
    pub(super) time: Timestamp,
    /// How many packets it holds.
    pub(super) packets: io::Result<u64>,
}

/// Keeps the last packets.
pub(super) struct Recorder {
    args: RecordArgs,
    kept: VecDeque<RetainedBatch>,
    size: usize,
    comments: BTreeMap<u64, Vec<String>>,
    pending: Option<Pending>,
    jobs: SyncSender<Job>,
    done: Receiver<RecordingResult>,
    writer: JoinHandle<()>,
}

/// A batch, and the number of its first packet.
#[derive(Clone, Debug)]
struct RetainedBatch {
    first: u64,
    batch: Arc<Batch>,
}

/// A recording that waits for what comes after.
#[derive(Clone, Debug)]
struct Pending {
    reason: String,
    time: Timestamp,
    due: Timestamp,
}

/// What the writer writes.
struct Job {
    name: String,
    reason: String,
    time: Timestamp,
    from: Timestamp,
    to: Timestamp,
    kept: Vec<RetainedBatch>,
    comments: BTreeMap<u64, Vec<String>>,
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
        let keep = args.keep;
        let writer = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || write_all(&received, &results, &interfaces, &opened, keep))
            .map_err(refuse)?;
        Ok(Self {
            args: args.clone(),
            kept: VecDeque::new(),
            size: 0,
            comments: BTreeMap::new(),
            pending: None,
            jobs,
            done,
            writer,
        })
    }

    /// Keeps a batch whose first packet has this number.
    pub(super) fn keep(&mut self, mut batch: Batch, first: u64) {
        batch.shrink();
        self.size += batch.size();
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

    /// Whether a finding is one that makes a recording be written: of any rule that was asked for, or of
    /// severity error if none was.
    pub(super) fn wants(&self, finding: &Finding) -> bool {
        match self.args.on.is_empty() {
            true => finding.severity == Severity::Error,
            false => self.args.on.iter().any(|rule| rule == finding.rule),
        }
    }

    /// A finding asks for a recording: what came before it and comes soon after is to be written.
    pub(super) fn trigger(&mut self, now: Timestamp, reason: &str) {
        let due = now + TimeDelta::from(self.args.after);
        self.pending.get_or_insert_with(|| Pending {
            reason: reason.to_owned(),
            time: now,
            due,
        });
    }

    /// What is kept is to be written now.
    pub(super) fn write_now(&mut self, now: Timestamp, reason: &str) {
        let mut pending = self.pending.take().unwrap_or_else(|| Pending {
            reason: reason.to_owned(),
            time: now,
            due: now,
        });
        pending.due = now;
        self.pending = Some(pending);
    }

    /// It is `now`: sends what is due to the writer, and forgets what is too old.
    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<RecordingResult> {
        if let Some(pending) = self.pending.take_if(|pending| pending.due <= now) {
            match self.jobs.try_send(self.job(&pending, now)) {
                Ok(()) => {}
                // The disk is slow; the window waits for it, and loses its oldest packets if it must.
                Err(TrySendError::Full(_)) => self.pending = Some(pending),
                Err(TrySendError::Disconnected(_)) => {}
            }
        }
        self.forget(now);
        self.done.try_iter().collect()
    }

    /// The analysis is over: writes what waits to be written.
    pub(super) fn finish(mut self, now: Timestamp) -> Vec<RecordingResult> {
        if let Some(pending) = self.pending.take() {
            let job = self.job(&pending, now);
            // The writer is gone only if it panicked, and then there is nothing to wait for.
            let _ = self.jobs.send(job);
        }
        drop(self.jobs);
        let written = self.done.iter().collect();
        let _ = self.writer.join();
        written
    }

    fn job(&self, pending: &Pending, now: Timestamp) -> Job {
        let name = recording_directory::name(&compact(pending.time), &pending.reason);
        let to = pending.due.max(now);
        Job {
            name,
            reason: pending.reason.clone(),
            time: pending.time,
            from: self.window_begins(pending.time),
            to,
            kept: self.kept.iter().cloned().collect(),
            comments: self.comments.clone(),
        }
    }

    /// Forgets batches that are out of the window, or too much.
    fn forget(&mut self, now: Timestamp) {
        let wanted = self.pending.as_ref().map_or(now, |pending| pending.time);
        let begins = self.window_begins(wanted);
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
    }

    fn window_begins(&self, moment: Timestamp) -> Timestamp {
        moment - TimeDelta::from(self.args.window)
    }
}

/// The writer thread: writes jobs until there are no more.
fn write_all(
    jobs: &Receiver<Job>,
    results: &Sender<RecordingResult>,
    interfaces: &[Interface],
    directory: &RecordingDirectory,
    keep: usize,
) {
    for job in jobs {
        let packets = directory.write(&job.name, |file| write_to(file, &job, interfaces));
        let written = RecordingResult {
            path: directory.path_of(&job.name),
            reason: job.reason,
            time: job.time,
            packets,
        };
        directory.prune(keep);
        // The worker is gone only if the program ends.
        let _ = results.send(written);
    }
}

fn write_to(file: &File, job: &Job, interfaces: &[Interface]) -> io::Result<u64> {
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut block = Vec::new();
    section_block(&mut block);
    for interface in interfaces {
        interface_block(&mut block, interface);
    }
    file.write_all(&block)?;
    let mut packets = 0;
    for kept in &job.kept {
        for (number, (packet, data)) in (kept.first..).zip(kept.batch.iter()) {
            if packet.time < job.from || packet.time > job.to {
                continue;
            }
            let comments = job.comments.get(&number);
            block.clear();
            packet_block(
                &mut block,
                written(packet, data),
                comments.map(Vec::as_slice).unwrap_or_default(),
            );
            file.write_all(&block)?;
            packets += 1;
        }
    }
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_data()?;
    Ok(packets)
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
