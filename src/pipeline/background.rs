//! Batches of packets, decoded by several threads while the caller's collects the next one.
//!
//! In: a batch, and what decoding it takes. Out: the same back. Which thread takes which part of the
//! connections makes no difference to what comes out.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::decode::{Lent, PacketBatch};
use crate::inspect::{Connection, Follower};

/// What is lent to the threads while they work.
type LentParts = Lent<Follower, Box<Connection>>;

/// A batch, and what decoding it takes.
#[derive(Debug)]
struct BatchJob {
    batch: PacketBatch,
    lent: LentParts,
    threads: usize,
}

/// Threads beside the caller's, and what they work on.
#[derive(Debug)]
pub(super) struct Background {
    helpers: Vec<Helper>,
    /// How many there are, the caller's included.
    threads: usize,
    /// What is collected.
    collecting: PacketBatch,
    spare: PacketBatch,
    working: Option<Arc<BatchJob>>,
}

/// A thread that decodes. It ends once nobody can give it work any more.
#[derive(Debug)]
struct Helper {
    jobs: Sender<Arc<BatchJob>>,
    /// Says of each job that no part of it is left, and whether the thread is still sound.
    done: Receiver<thread::Result<()>>,
}

impl Helper {
    /// `None` where the system does not give a thread.
    fn start(number: usize) -> Option<Self> {
        let (jobs, to_do) = mpsc::channel::<Arc<BatchJob>>();
        let (ended, done) = mpsc::channel();
        let work = move || {
            for job in to_do {
                let ended_as = panic::catch_unwind(AssertUnwindSafe(|| job.work(number)));
                // Whoever waits wants it for itself.
                drop(job);
                if ended.send(ended_as).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name(format!("decoder {number}"));
        thread.spawn(work).ok()?;
        Some(Self { jobs, done })
    }
}

impl BatchJob {
    /// Decodes parts until none is left that no other thread has begun.
    fn work(&self, thread: usize) {
        self.lent.decode(&self.batch, thread, self.threads);
    }
}

impl Background {
    /// So many threads, the caller's included; fewer if the system does not give as many.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            helpers: (1..threads).filter_map(Helper::start).collect(),
            threads,
            collecting: PacketBatch::default(),
            spare: PacketBatch::default(),
            working: None,
        }
    }

    /// Where to collect packets.
    pub(super) const fn batch(&mut self) -> &mut PacketBatch {
        &mut self.collecting
    }

    /// Has the other threads begin to decode what was collected. Only one batch is worked on at a time.
    pub(super) fn start(&mut self, lent: LentParts) {
        let batch = std::mem::replace(&mut self.collecting, std::mem::take(&mut self.spare));
        let threads = self.threads;
        let job = Arc::new(BatchJob {
            batch,
            lent,
            threads,
        });
        for helper in &self.helpers {
            // One that is gone is noticed when it is waited for.
            helper.jobs.send(Arc::clone(&job)).ok();
        }
        self.working = Some(job);
    }

    /// Helps with what was started, if anything was, until it is done.
    ///
    /// # Panics
    ///
    /// If another thread did.
    pub(super) fn wait(&mut self) -> Option<LentParts> {
        let job = self.working.take()?;
        job.work(0);
        for helper in &self.helpers {
            match helper.done.recv() {
                Ok(Ok(())) => {}
                Ok(Err(why)) => panic::resume_unwind(why),
                Err(_) => panic!("a thread that decodes is gone"),
            }
        }
        let BatchJob {
            mut batch, lent, ..
        } = Arc::into_inner(job)?;
        batch.clear();
        self.spare = batch;
        Some(lent)
    }
}
