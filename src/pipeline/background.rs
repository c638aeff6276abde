//! Batches of packets, decoded by threads of their own while the caller collects the next one.
//!
//! In: a batch, and what decoding it takes. Out: the same back. Which thread takes which part of the
//! connections makes no difference to what comes out.

use std::sync::mpsc::{self, Receiver};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::decode::{Lent, PacketBatch};
use crate::inspect::{Connection, Follower};

/// What is lent to the threads while they work.
type LentParts = Lent<Follower, Box<Connection>>;

/// Threads, and what they work on.
#[derive(Debug)]
pub(super) struct Background {
    /// `None` where no thread could be had: the caller's does the work.
    pool: Option<ThreadPool>,
    /// What is collected.
    collecting: PacketBatch,
    spare: PacketBatch,
    working: Option<Receiver<(LentParts, PacketBatch)>>,
}

impl Background {
    /// So many threads, or fewer if the system does not give as many.
    pub(super) fn new(threads: usize) -> Self {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("decoder {number}"))
            .build();
        Self {
            pool: pool.ok(),
            collecting: PacketBatch::default(),
            spare: PacketBatch::default(),
            working: None,
        }
    }

    /// Where to collect packets.
    pub(super) const fn batch(&mut self) -> &mut PacketBatch {
        &mut self.collecting
    }

    /// Has decoded what was collected. Only one batch is worked on at a time.
    pub(super) fn start(&mut self, mut lent: LentParts) {
        let batch = std::mem::replace(&mut self.collecting, std::mem::take(&mut self.spare));
        let (done, working) = mpsc::channel();
        self.working = Some(working);
        let Some(pool) = &self.pool else {
            lent.work(&batch).for_each(|piece| piece());
            // It is received below, by the same thread.
            done.send((lent, batch)).ok();
            return;
        };
        pool.spawn(move || {
            rayon::scope(|scope| {
                for piece in lent.work(&batch) {
                    scope.spawn(|_| piece());
                }
            });
            // Nobody waits for it any more where the analysis was given up.
            done.send((lent, batch)).ok();
        });
    }

    /// Waits until what was started is done, if anything was.
    ///
    /// # Panics
    ///
    /// If a thread did.
    pub(super) fn wait(&mut self) -> Option<LentParts> {
        let (lent, mut batch) = self
            .working
            .take()?
            .recv()
            .expect("the thread that decodes has panicked");
        batch.clear();
        self.spare = batch;
        Some(lent)
    }
}
