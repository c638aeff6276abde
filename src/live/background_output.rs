//! An output that nobody waits for: a thread of its own writes what it is given.
//!
//! In: whole lines. Out: the same, in order, as fast as the other end reads. Where that is slower than lines come,
//! they wait up to a bound; what comes then is left out, and counted.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Bytes that may wait for a reader.
const MAX_WAITING: usize = 8 << 20;

/// The end that gives lines.
pub(super) struct BackgroundOutput {
    shared: Arc<OutputQueue>,
    /// How many pieces were left out.
    left_out: u64,
}

#[derive(Default)]
struct OutputQueue {
    state: Mutex<OutputState>,
    changed: Condvar,
}

#[derive(Default)]
struct OutputState {
    waiting: Vec<u8>,
    /// Whether the thread writes something now.
    is_writing: bool,
    /// Why it can write no more.
    failed: Option<io::Error>,
    is_over: bool,
}

impl BackgroundOutput {
    /// # Errors
    /// If there can be no thread.
    pub(super) fn new(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared: Arc<OutputQueue> = Arc::default();
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || theirs.write_all_to(out))?;
        Ok(Self {
            shared,
            left_out: 0,
        })
    }

    /// Has lines written, or leaves them out where too much waits already.
    ///
    /// # Errors
    /// Why lines before them could not be written.
    pub(super) fn offer(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.check()?;
        if state.waiting.len() + lines.len() > MAX_WAITING {
            self.left_out += 1;
            return Ok(());
        }
        state.waiting.extend_from_slice(lines);
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// How many pieces were left out.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl Drop for BackgroundOutput {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
    }
}

/// What must not be left out: waits for the reader.
impl Write for BackgroundOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.lock();
        while state.failed.is_none() && state.waiting.len() >= MAX_WAITING {
            state = self.shared.wait(state);
        }
        state.check()?;
        state.waiting.extend_from_slice(bytes);
        drop(state);
        self.shared.changed.notify_all();
        Ok(bytes.len())
    }

    /// Waits until everything is written.
    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.shared.lock();
        while state.failed.is_none() && (state.is_writing || !state.waiting.is_empty()) {
            state = self.shared.wait(state);
        }
        state.check()
    }
}

impl OutputState {
    fn check(&self) -> io::Result<()> {
        match &self.failed {
            Some(error) => Err(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
            None => Ok(()),
        }
    }
}

impl OutputQueue {
    fn lock(&self) -> MutexGuard<'_, OutputState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, OutputState>) -> MutexGuard<'a, OutputState> {
        let waited = self.changed.wait(state);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all_to(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.lock();
            state.is_writing = false;
            self.changed.notify_all();
            while state.waiting.is_empty() && !state.is_over {
                state = self.wait(state);
            }
            if state.waiting.is_empty() {
                return;
            }
            std::mem::swap(&mut lines, &mut state.waiting);
            state.is_writing = true;
            drop(state);
            if let Err(error) = out.write_all(&lines).and_then(|()| out.flush()) {
                self.lock().failed = Some(error);
                self.changed.notify_all();
                return;
            }
            lines.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that says when it is asked to take a piece, and takes it when it is told to.
    struct Blocked {
        asked: Sender<()>,
        go: Receiver<()>,
        read: Sender<Vec<u8>>,
    }

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // The test may no longer look.
            let _ = self.asked.send(());
            if self.go.recv().is_err() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let _ = self.read.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_is_left_out_is_counted() {
        let ((asking, asked), (start, go), (read, pieces)) = (channel(), channel(), channel());
        let reader = Blocked {
            asked: asking,
            go,
            read,
        };
        let mut out = BackgroundOutput::new(reader).unwrap();
        let line = vec![b'x'; 1 << 20];
        out.offer(&line).unwrap();
        // The first line is on its way: all that follows waits.
        asked.recv().unwrap();
        for _ in 0..20 {
            out.offer(&line).unwrap();
        }
        assert_eq!(out.left_out(), 12);
        for _ in 0..3 {
            start.send(()).unwrap();
        }
        out.write_all(b"last").unwrap();
        out.flush().unwrap();
        let all: Vec<u8> = pieces.try_iter().flatten().collect();
        assert_eq!(all.len(), (9 << 20) + 4);
        assert!(all.ends_with(b"last"));
    }

    #[test]
    fn why_nothing_is_written_any_more_is_known_with_the_next_line() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = BackgroundOutput::new(Closed).unwrap();
        out.offer(b"lost").unwrap();
        let error = out.flush().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(out.offer(b"more").is_err());
    }
}
