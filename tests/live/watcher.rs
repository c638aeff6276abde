//! A running `h2sniff live`, and what it says.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::network::{INTERFACE, Network};

pub(crate) const H2SNIFF: &str = env!("CARGO_BIN_EXE_h2sniff");

/// How long anything may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event, and when its line was read, in nanoseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) value: Value,
    pub(crate) read: i64,
}

impl Event {
    pub(crate) fn kind(&self) -> &str {
        self.value["event"].as_str().unwrap()
    }
}

/// A running watch with `--format json`.
pub(crate) struct Watcher {
    child: Child,
    events: Receiver<Event>,
    errors: thread::JoinHandle<String>,
    pub(crate) seen: Vec<Event>,
}

impl Watcher {
    /// Watches the client's end of the cable, and waits until it does.
    pub(crate) fn start(network: &Network, options: &[&str]) -> Self {
        let mut child = network
            .on_client(H2SNIFF)
            .args(["live", "-i", INTERFACE, "--format", "json"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, events) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap();
                let read = now();
                if tell.send(Event { value, read }).is_err() {
                    return;
                }
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut watcher = Self {
            child,
            events,
            errors,
            seen: Vec::new(),
        };
        watcher.wait_for(|event| event.kind() == "status");
        watcher
    }

    /// Reads until an event is the one waited for.
    pub(crate) fn wait_for(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                let seen = self.seen.iter().map(|event| event.value.to_string());
                panic!("it does not come after {:#?}", seen.collect::<Vec<_>>());
            };
            self.seen.push(event.clone());
            if wanted(&event) {
                return event;
            }
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Waits for the end; gives what was said on the way, how it ended, and on standard error.
    pub(crate) fn end(mut self) -> (Vec<Event>, ExitStatus, String) {
        let status = wait(&mut self.child);
        self.seen.extend(self.events.iter());
        (self.seen, status, self.errors.join().unwrap())
    }

    pub(crate) fn stop(self) -> (Vec<Event>, ExitStatus, String) {
        self.signal(Signal::SIGINT);
        self.end()
    }
}

/// Waits for a process to end, but not for ever.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    panic!("it does not end");
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

/// An RFC 3339 time as nanoseconds since 1970.
pub(crate) fn nanos(time: &Value) -> i64 {
    let moment: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
    i64::try_from(moment.as_nanosecond()).unwrap()
}

/// `analyze` on a file.
pub(crate) fn analyze(path: &std::path::Path) -> Value {
    analyze_with(path, &[])
}

/// The same with options.
pub(crate) fn analyze_with(path: &std::path::Path, options: &[&str]) -> Value {
    let output = std::process::Command::new(H2SNIFF)
        .args(["analyze", "--format", "json"])
        .args(options)
        .arg(path)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", path.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A directory of its own for a test; it goes with it.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::TempDir::new().unwrap()
}
