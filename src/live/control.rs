//! What the main thread and the worker ask of the other threads: stop, hurry, count, write.

use std::sync::atomic::{AtomicBool, Ordering};

use h2sniff::capture::Waker;

pub(super) struct Control {
    wakers: Vec<Waker>,
    stopped: AtomicBool,
    hurry: AtomicBool,
    write_now: AtomicBool,
}

impl Control {
    pub(super) fn new(wakers: Vec<Waker>) -> Self {
        Self {
            wakers,
            stopped: AtomicBool::new(false),
            hurry: AtomicBool::new(false),
            write_now: AtomicBool::new(false),
        }
    }

    /// Listeners: stop listening.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wakers.iter().for_each(Waker::stop);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Worker: leave what is still in the queue.
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Ordering::Release);
    }

    pub(super) fn is_hurried(&self) -> bool {
        self.hurry.load(Ordering::Acquire)
    }

    /// Listeners: ask the kernel for its counts.
    pub(super) fn wake(&self) {
        self.wakers.iter().for_each(Waker::wake);
    }

    /// Worker: write a recording.
    pub(super) fn write_now(&self) {
        self.write_now.store(true, Ordering::Release);
    }

    /// Whether a recording was asked for since this was last called.
    pub(super) fn take_write_now(&self) -> bool {
        self.write_now.swap(false, Ordering::AcqRel)
    }
}
