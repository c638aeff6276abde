//! Requests that wait for a collector, which may be away for long.
//!
//! In: requests, from whoever must not wait. Out: a thread of its own sends them in order, each until it is taken or refused.
//! Where more comes than the bound lets wait, the newest is left out, and counted.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use h2sniff::inspect::report::{OtlpCounts, SentCount};
use h2sniff::report::otlp::{OtlpRequest, OtlpSignal, PartialSuccess};

use super::client::{FailureKind, OtlpClient, SendFailure};
use super::clock::clock;
use crate::backoff::Backoff;

/// Bytes that may wait: some ten thousand spans.
const MAX_WAITING: usize = 32 << 20;

/// How many notes wait to be said, should nobody ask for them.
const MAX_NOTES: usize = 16;

/// At the end a collector that is away is asked again this soon.
const AT_THE_END: Duration = Duration::from_millis(200);

/// How much may wait, and how often a collector that is away is asked.
#[derive(Clone, Debug)]
pub(crate) struct OutboxLimits {
    pub(crate) bytes: usize,
    pub(crate) backoff: Backoff,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            bytes: MAX_WAITING,
            backoff: Backoff::default(),
        }
    }
}

/// The end that gives requests.
pub(crate) struct Outbox {
    shared: Arc<OutboxShared>,
    max_bytes: usize,
}

#[derive(Default)]
struct OutboxShared {
    state: Mutex<OutboxState>,
    changed: Condvar,
}

#[derive(Default)]
struct OutboxState {
    waiting: VecDeque<OtlpRequest>,
    /// Of those.
    bytes: usize,
    /// What is on its way now.
    under_way: Option<(OtlpSignal, u64)>,
    counts: OtlpCounts,
    notes: VecDeque<String>,
    /// Whether the collector did not answer when it was last asked.
    is_away: bool,
    /// Whether it refused something, which is said once.
    has_refused: bool,
    /// When what is not sent by then is lost.
    ends: Option<Instant>,
    /// Whether the thread has ended.
    is_over: bool,
}

impl Outbox {
    /// Begins the thread.
    ///
    /// # Errors
    /// If there can be none.
    pub(crate) fn new(client: OtlpClient, limits: OutboxLimits) -> io::Result<Self> {
        let shared: Arc<OutboxShared> = Arc::default();
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("otlp".to_owned())
            .spawn(move || theirs.send_all(&client, &limits.backoff))?;
        Ok(Self {
            shared,
            max_bytes: limits.bytes,
        })
    }

    /// Has a request sent, or leaves it out where too much waits already. Never waits.
    pub(crate) fn offer(&self, request: OtlpRequest) {
        let mut state = self.shared.lock();
        let bytes = state.bytes + request.json.len();
        if bytes > self.max_bytes || state.is_over {
            state.count(request.signal).lost += request.records;
            return;
        }
        state.bytes = bytes;
        state.waiting.push_back(request);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// What was sent so far, what was lost and what waits.
    pub(crate) fn counts(&self) -> OtlpCounts {
        self.shared.lock().counted()
    }

    /// What is to be said since this was last asked.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        self.shared.lock().notes.drain(..).collect()
    }

    /// Nothing more will come: sends what waits, for no longer than `within`, nor once there is a hurry. What is left then
    /// is lost.
    pub(crate) fn close(
        self,
        within: Duration,
        is_hurried: impl Fn() -> bool,
    ) -> (OtlpCounts, Vec<String>) {
        let end = clock() + within;
        let mut state = self.shared.lock();
        state.ends = Some(end);
        self.shared.changed.notify_all();
        while !state.is_over {
            let left = end.saturating_duration_since(clock());
            if left.is_zero() || is_hurried() {
                break;
            }
            let look_again = left.min(AT_THE_END);
            let waited = self.shared.changed.wait_timeout(state, look_again);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.give_up();
        (state.counts, state.notes.drain(..).collect())
    }
}

impl OutboxState {
    /// The counts, with what waits.
    fn counted(&self) -> OtlpCounts {
        let waiting: u64 = self.waiting.iter().map(|request| request.records).sum();
        let under_way = self.under_way.map_or(0, |(_, records)| records);
        OtlpCounts {
            waiting: waiting + under_way,
            ..self.counts
        }
    }

    const fn count(&mut self, signal: OtlpSignal) -> &mut SentCount {
        match signal {
            OtlpSignal::Traces => &mut self.counts.spans,
            OtlpSignal::Logs => &mut self.counts.logs,
        }
    }

    /// What is not sent by now is lost.
    fn give_up(&mut self) {
        for request in std::mem::take(&mut self.waiting) {
            self.count(request.signal).lost += request.records;
        }
        // It may have come; nobody said so.
        if let Some((signal, records)) = self.under_way.take() {
            self.count(signal).lost += records;
        }
        self.bytes = 0;
        self.is_over = true;
    }

    fn note(&mut self, text: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push_back(text);
        }
    }

    fn taken(&mut self, request: &OtlpRequest, taken: &PartialSuccess, target: &str) {
        let rejected = taken.rejected.min(request.records);
        self.count(request.signal).sent += request.records - rejected;
        if std::mem::take(&mut self.is_away) {
            self.note(format!("the collector at {target} answers again"));
        }
        if rejected > 0 {
            self.count(request.signal).lost += rejected;
            self.refused(target, &taken.message);
        }
    }

    fn refused(&mut self, target: &str, why: &str) {
        if !std::mem::replace(&mut self.has_refused, true) {
            self.note(format!(
                "warning: the collector at {target} does not take everything: {why}"
            ));
        }
    }

    fn away(&mut self, target: &str, why: &str) {
        if !std::mem::replace(&mut self.is_away, true) {
            self.note(format!(
                "warning: the collector at {target} is away: {why}; what is found waits for it"
            ));
        }
    }
}

impl OutboxShared {
    fn lock(&self) -> MutexGuard<'_, OutboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request; `None` at the end.
    fn next(&self) -> Option<OtlpRequest> {
        let mut state = self.lock();
        loop {
            if state.is_over || state.ends.is_some_and(|end| clock() >= end) {
                state.give_up();
                return None;
            }
            if let Some(request) = state.waiting.pop_front() {
                state.bytes -= request.json.len();
                state.under_way = Some((request.signal, request.records));
                return Some(request);
            }
            if state.ends.is_some() {
                return None;
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn send_all(&self, client: &OtlpClient, afresh: &Backoff) {
        let mut backoff = afresh.clone();
        while let Some(request) = self.next() {
            let result = client.send(&request);
            let mut state = self.lock();
            // Given up meanwhile: it is counted as lost, and stays so.
            if state.under_way.take().is_none() {
                break;
            }
            match result {
                Ok(taken) => {
                    backoff = afresh.clone();
                    state.taken(&request, &taken, client.shown());
                }
                Err(SendFailure {
                    kind: FailureKind::Refused,
                    text,
                }) => {
                    state.count(request.signal).lost += request.records;
                    state.refused(client.shown(), &text);
                }
                Err(SendFailure { kind, text }) => {
                    state.away(client.shown(), &text);
                    state.bytes += request.json.len();
                    state.waiting.push_front(request);
                    let wait = match kind {
                        FailureKind::Away(asked) => backoff.wait(asked),
                        _ => backoff.wait(None),
                    };
                    self.pause(state, wait);
                }
            }
        }
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Waits until it is time to ask again.
    fn pause(&self, mut state: MutexGuard<'_, OutboxState>, wait: Duration) {
        let begun = clock();
        loop {
            let wait = match state.ends {
                Some(_) => wait.min(AT_THE_END),
                None => wait,
            };
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() || state.is_over {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
