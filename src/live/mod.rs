//! `live`: the same analysis on packets as they pass.
//!
//! ```text
//! interface ── listener thread ──► queue ──► worker thread ──► output: lines, status
//! interface ── listener thread ──┘                        ├──► recorder ── writer thread
//!                                                         └──► numbers ◄── metrics thread
//! ```
//!
//! What is said is written by threads of its own: no reader, however slow, keeps the analysis waiting.
//! The main thread waits for signals and timers; it does no work of its own.
//! No listener ever waits: where the queue is full it drops, and counts what it dropped.

mod background_output;
mod board;
mod capture_summary;
mod clock;
mod cluster_names;
mod control;
mod error;
mod failed_calls;
mod file;
mod incidents;
mod key_logs;
mod metrics;
mod output;
mod outputs;
mod privileges;
mod queue;
mod recorder;
mod recording_directory;
mod recording_secrets;
mod recording_writer;
mod service_manager;
#[cfg(feature = "otlp")]
mod span_feed;
mod worker;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use h2sniff::capture::{LiveCapture, LiveOptions};
use h2sniff::inspect::report::LiveStatus;
use h2sniff::inspect::report::Report;
use h2sniff::pipeline;
#[cfg(feature = "otlp")]
use h2sniff::report::otlp::Otlp;
use rustix::net::listen as listen_with;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::cli::LiveArgs;
#[cfg(feature = "otlp")]
use crate::otlp::{OtlpClient, Outbox, OutboxLimits};
use cluster_names::ClusterNames;
use control::Control;
pub(crate) use error::LiveError;
use file::PacketFile;
use key_logs::KeyLogs;
pub(crate) use output::EventOutput;
use output::EventWriter;
use outputs::Outputs;
use queue::Queue;
use recorder::Recorder;
pub(crate) use recording_secrets::KEYS_KEPT;
use service_manager::ServiceManager;
#[cfg(feature = "otlp")]
use span_feed::SpanFeed;
use worker::Worker;

/// How often the kernel is asked for its counts, which takes waking the listeners.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether anybody still reads the output.
const LOOK_FOR_READER_EVERY: Duration = Duration::from_millis(100);

/// How many may wait to be let in to the metrics, so that those who only connect keep nobody out.
const BACKLOG: i32 = 4_096;

/// How long an end may take where nobody reads it any more, or where it was asked for twice: whoever did waits at a
/// terminal.
const HURRIED: Duration = Duration::from_millis(900);

/// Captures and analyses until it is asked to stop, and gives the report of the whole.
///
/// # Errors
/// If an interface, a file or a port cannot be opened, or an output cannot be written.
pub(crate) fn run(
    args: &LiveArgs,
    pipeline: pipeline::Options,
    output: EventOutput,
    #[cfg(feature = "otlp")] spans: Option<(Otlp, OtlpClient)>,
) -> anyhow::Result<Report> {
    // Whatever takes rights is opened first; then they are given up.
    let captures = interfaces(args)
        .map(LiveCapture::open)
        .collect::<Result<Vec<_>, _>>()?;
    let listener = args.metrics.map(listen_at).transpose()?;
    #[cfg_attr(
        not(all(feature = "keys", feature = "tls", target_os = "linux")),
        expect(unused_mut, reason = "nothing more is added")
    )]
    let mut key_logs = KeyLogs::open(args.key_logs());
    #[cfg(all(feature = "keys", feature = "tls", target_os = "linux"))]
    key_logs.probe(&args.tls_keys, crate::keys::say)?;
    if let Some(user) = &args.user {
        privileges::become_user(user)?;
    }
    let interfaces: Vec<_> = captures.iter().map(LiveCapture::interface).collect();
    let names: Vec<_> = interfaces.iter().filter_map(|of| of.name.clone()).collect();
    let outputs = Outputs {
        // Threads begin after the rights are given up: some of those are each thread's own.
        events: EventWriter::new(output)?,
        recorder: match &args.record.directory {
            Some(directory) => Some(Recorder::new(directory, &args.record, interfaces.clone())?),
            None => None,
        },
        packet_file: match &args.write {
            Some(path) => Some(PacketFile::create(path.clone(), &interfaces)?),
            None => None,
        },
        #[cfg(feature = "otlp")]
        spans: match spans {
            Some((otlp, client)) => {
                let outbox = Outbox::new(client, OutboxLimits::default())?;
                Some(SpanFeed::new(otlp, outbox))
            }
            None => None,
        },
        #[cfg(feature = "otlp")]
        headers: asked_headers(args),
    };

    let queue = Arc::new(Queue::new(captures.len()));
    let control = Arc::new(Control::new(
        captures.iter().map(LiveCapture::waker).collect(),
    ));
    let status: Arc<Mutex<LiveStatus>> = Arc::default();
    if let Some(listener) = listener {
        metrics::serve(listener, Arc::clone(&status))?;
    }
    let worker = Worker::new(
        args,
        pipeline,
        interfaces,
        Arc::clone(&control),
        Arc::clone(&status),
        key_logs,
        ClusterNames::watch(&args.names)?,
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // The signals must be caught before anything says that it is ready.
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
    let service_manager = ServiceManager::of_environment();
    service_manager.ready(&format!("listening on {}", names.join(", ")));
    let (done, result) = oneshot::channel();
    thread::Builder::new()
        .name("worker".to_owned())
        .spawn(move || {
            // Nobody waits for it only if the end was overdue.
            let _ = done.send(worker.run(&queue, outputs));
        })?;
    runtime.block_on(attend(
        MainThread {
            control,
            status,
            service_manager,
            signals,
            duration: args.duration,
            end_within: args.end_within,
            to_stdout: args.output.file().is_none(),
        },
        result,
    ))
}

/// The request headers that were asked for, in lower case.
#[cfg(feature = "otlp")]
fn asked_headers(args: &LiveArgs) -> Vec<Arc<[u8]>> {
    let names = args.headers.iter();
    let names = names.map(|name| name.to_ascii_lowercase().into_bytes());
    names.map(Arc::from).collect()
}

/// What to capture on each interface.
fn interfaces(args: &LiveArgs) -> impl Iterator<Item = LiveOptions> {
    let filter = (!args.filter.is_empty()).then(|| args.filter.join(" "));
    args.interfaces.iter().map(move |interface| LiveOptions {
        interface: interface.clone(),
        filter: filter.clone(),
        promiscuous: args.promiscuous,
        snap_length: args.snaplen,
        ring: args.ring,
    })
}

fn listen(mut capture: LiveCapture, number: usize, queue: &Queue) {
    capture.listen(&mut |event| queue.push(number, event));
    queue.close();
}

fn listen_at(address: SocketAddr) -> Result<TcpListener, LiveError> {
    let failed = |source| LiveError::Metrics { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listen_with(&listener, BACKLOG).map_err(|error| failed(error.into()))?;
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

/// What the main thread waits for, and what it acts on.
struct MainThread {
    control: Arc<Control>,
    status: Arc<Mutex<LiveStatus>>,
    service_manager: ServiceManager,
    signals: Signals,
    duration: Option<Duration>,
    /// How long the end may take.
    end_within: Duration,
    to_stdout: bool,
}

async fn attend(
    main_thread: MainThread,
    mut result: oneshot::Receiver<anyhow::Result<Report>>,
) -> anyhow::Result<Report> {
    let MainThread {
        control,
        status,
        mut service_manager,
        mut signals,
        duration,
        end_within,
        to_stdout,
    } = main_thread;
    let mut count = interval(COUNT_EVERY);
    let mut reader = interval(LOOK_FOR_READER_EVERY);
    for timer in [&mut count, &mut reader] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
    }
    let begun = Instant::now();
    let end = duration.map(|duration| begun + duration);
    let mut overdue: Option<Instant> = None;
    let mut said = false;
    loop {
        if overdue.is_some() && !std::mem::replace(&mut said, true) {
            service_manager.stopping(end_within);
        }
        tokio::select! {
            finished = &mut result => {
                return finished.unwrap_or_else(|_| Err(LiveError::Died.into()));
            }
            _ = signals.interrupt.recv() => overdue = Some(end_now(&control, overdue, end_within)),
            _ = signals.terminate.recv() => overdue = Some(end_now(&control, overdue, end_within)),
            _ = signals.hang_up.recv() => overdue = Some(end_now(&control, overdue, end_within)),
            _ = signals.write_now.recv() => control.write_now(),
            () = until(end.filter(|_| overdue.is_none())) => {
                overdue = Some(end_now(&control, None, end_within));
            }
            () = until(overdue) => return Err(LiveError::Overdue.into()),
            _ = count.tick() => control.wake(),
            now = reader.tick() => {
                if to_stdout && output::is_abandoned() {
                    overdue = Some(end_now(&control, overdue, HURRIED));
                }
                if overdue.is_some() {
                    // Listeners look whether there is more: nothing else wakes them on a quiet interface.
                    control.wake();
                }
                // While it ends, the end has a bound of its own.
                if overdue.is_some() || !metrics::is_stalled(&status) {
                    service_manager.works(now.into_std());
                }
            }
        }
    }
}

/// Asks for the end; gives the moment at which it is overdue. Asked twice, it no longer waits for what
/// is still in the queue, nor for long.
fn end_now(control: &Control, overdue: Option<Instant>, within: Duration) -> Instant {
    if overdue.is_some() {
        control.hurry();
    }
    control.stop();
    let now = Instant::now();
    overdue.map_or(now + within, |overdue| overdue.min(now + HURRIED))
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
