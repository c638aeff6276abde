//! `live`: the same analysis on packets as they pass.
//!
//! ```text
//! interface ── listener thread ──► queue ──► analyst thread ──► teller: lines, status
//! interface ── listener thread ──┘                         ├──► recorder ── writer thread
//!                                                          └──► numbers ◄── metrics (main thread)
//! ```
//!
//! The main thread waits for signals, timers and those who ask for metrics; it does no work of its own.
//! No listener ever waits: where the queue is full it drops, and counts what it dropped.

mod clock;
mod control;
mod drops;
mod error;
mod file;
mod metrics;
mod output;
mod privileges;
mod queue;
mod recorder;
mod worker;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use h2sniff::capture::{LiveCapture, LiveOptions};
use h2sniff::inspect::report::LiveStatus;
use h2sniff::pipeline;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use control::Orders;
pub(crate) use error::Refusal;
use file::Recording;
pub(crate) use output::Teller;
use queue::Queue;
use recorder::Recorder;
pub(crate) use recorder::RecorderOptions;
use worker::Analyst;
pub(crate) use worker::Outcome;

/// How often the kernel is asked for its counts, which takes waking the listeners.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether anybody still reads the output.
const LOOK_FOR_READER_EVERY: Duration = Duration::from_millis(100);

/// How long an end may take before it is made an end: whoever asked for it waits at a terminal.
const END_WITHIN: Duration = Duration::from_millis(900);

/// What to watch, and what to do with it.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) interfaces: Vec<LiveOptions>,
    pub(crate) pipeline: pipeline::Options,
    pub(crate) duration: Option<Duration>,
    pub(crate) count: Option<u64>,
    pub(crate) status_every: Duration,
    pub(crate) record: Option<RecorderOptions>,
    pub(crate) write: Option<PathBuf>,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) user: Option<String>,
    /// Whether standard output is where it is told; its reader may leave.
    pub(crate) to_stdout: bool,
}

/// Watches until it is told to stop.
///
/// # Errors
/// If an interface, a file or a port cannot be opened, or an output cannot be written.
pub(crate) fn run(options: Options, teller: Teller) -> anyhow::Result<Outcome> {
    // Whatever takes rights is opened first; then they are given up.
    let captures = options
        .interfaces
        .into_iter()
        .map(LiveCapture::open)
        .collect::<Result<Vec<_>, _>>()?;
    let listener = options.metrics.map(listen_at).transpose()?;
    if let Some(user) = &options.user {
        privileges::become_user(user)?;
    }
    let interfaces: Vec<_> = captures.iter().map(LiveCapture::interface).collect();
    let recorder = options
        .record
        .map(|record| Recorder::new(record, interfaces.clone()))
        .transpose()?;
    let recording = options
        .write
        .map(|path| Recording::create(path, &interfaces))
        .transpose()?;

    let queue = Arc::new(Queue::new(captures.len()));
    let orders = Arc::new(Orders::new(
        captures.iter().map(LiveCapture::waker).collect(),
    ));
    let status: Arc<Mutex<LiveStatus>> = Arc::default();
    let analyst = Analyst::new(
        options.pipeline,
        interfaces,
        options.count,
        options.status_every,
        Arc::clone(&orders),
        Arc::clone(&status),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // The signals must be caught before anything is told to be ready.
    let signals = {
        let _inside = runtime.enter();
        Signals::catch()?
    };
    for (number, capture) in captures.into_iter().enumerate() {
        let queue = Arc::clone(&queue);
        thread::Builder::new()
            .name("listener".to_owned())
            .spawn(move || listen(capture, number, &queue))?;
    }
    let (done, outcome) = oneshot::channel();
    thread::Builder::new()
        .name("analyst".to_owned())
        .spawn(move || {
            // Nobody waits for it only if the end was overdue.
            let _ = done.send(analyst.run(&queue, teller, recorder, recording));
        })?;
    runtime.block_on(attend(
        Attendance {
            orders,
            status,
            signals,
            listener,
            duration: options.duration,
            to_stdout: options.to_stdout,
        },
        outcome,
    ))
}

fn listen(mut capture: LiveCapture, number: usize, queue: &Queue) {
    capture.listen(&mut |heard| queue.push(number, heard));
    queue.close();
}

fn listen_at(address: SocketAddr) -> Result<TcpListener, Refusal> {
    let failed = |source| Refusal::Metrics { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// The signals that mean something here.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    write_now: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            write_now: signal(SignalKind::user_defined1())?,
        })
    }
}

/// What the main thread attends to.
struct Attendance {
    orders: Arc<Orders>,
    status: Arc<Mutex<LiveStatus>>,
    signals: Signals,
    listener: Option<TcpListener>,
    duration: Option<Duration>,
    to_stdout: bool,
}

async fn attend(
    attendance: Attendance,
    mut outcome: oneshot::Receiver<anyhow::Result<Outcome>>,
) -> anyhow::Result<Outcome> {
    let Attendance {
        orders,
        status,
        mut signals,
        listener,
        duration,
        to_stdout,
    } = attendance;
    if let Some(listener) = listener {
        tokio::spawn(metrics::serve(
            tokio::net::TcpListener::from_std(listener)?,
            status,
        ));
    }
    let mut count = interval(COUNT_EVERY);
    let mut reader = interval(LOOK_FOR_READER_EVERY);
    for timer in [&mut count, &mut reader] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
    }
    let begun = Instant::now();
    let end = duration.map(|duration| begun + duration);
    let mut overdue: Option<Instant> = None;
    loop {
        tokio::select! {
            outcome = &mut outcome => {
                return outcome.unwrap_or_else(|_| Err(Refusal::Died.into()));
            }
            _ = signals.interrupt.recv() => overdue = Some(end_now(&orders, overdue)),
            _ = signals.terminate.recv() => overdue = Some(end_now(&orders, overdue)),
            _ = signals.hang_up.recv() => overdue = Some(end_now(&orders, overdue)),
            _ = signals.write_now.recv() => orders.write_now(),
            () = until(end.filter(|_| overdue.is_none())) => {
                overdue = Some(end_now(&orders, None));
            }
            () = until(overdue) => return Err(Refusal::Overdue.into()),
            _ = count.tick() => orders.wake(),
            _ = reader.tick() => if to_stdout && output::is_abandoned() {
                overdue = Some(end_now(&orders, overdue));
            }
        }
    }
}

/// Orders the end; gives the moment at which it is overdue. Asked twice, it no longer waits for what
/// is still in the queue.
fn end_now(orders: &Orders, overdue: Option<Instant>) -> Instant {
    if overdue.is_some() {
        orders.hurry();
    }
    orders.stop();
    overdue.unwrap_or_else(|| Instant::now() + END_WITHIN)
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
