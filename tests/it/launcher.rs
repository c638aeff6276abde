//! A small process between a test and the program whose memory it measures.
//!
//! Linux lets a process begin with the peak of the one that started it: a child that shares its
//! parent's memory until `exec` inherits that peak. The process of these tests holds much, so all its
//! children would be found large. A launcher is the same binary, started anew to run one test alone,
//! which is [`serve`]: it holds little, starts the program and says what the kernel's account of it is
//! (`wait4(2)`).
//!
//! Orders go to its standard input and answers come from its standard output, a JSON document a line.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use serde_json::{Value, json};
use wait4::Wait4 as _;

/// After this time by the clock a run hangs, however busy the machine is with others.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How often a run is asked whether it has ended.
const PATIENCE: Duration = Duration::from_micros(500);

/// Set for a launcher, and for no other process of these tests.
const MARK: &str = "H2SNIFF_LAUNCHER";

/// A run of the program, after it.
pub(crate) struct Run {
    /// The command line, to be run again.
    pub(crate) command: String,
    /// The exit status; `None` if a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// Whether it was killed because it had not ended at [`DEADLINE`].
    pub(crate) overdue: bool,
    pub(crate) elapsed: Duration,
    /// Time of a processor.
    pub(crate) busy: Duration,
    /// Resident bytes at most.
    pub(crate) peak: u64,
}

/// A launcher that waits for orders; it ends with this value.
pub(crate) struct Launcher {
    process: Child,
    /// `None` once it is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Launcher {
    pub(crate) fn start() -> Self {
        let binary = env::current_exe().expect("this binary has a path");
        let mut process = Command::new(binary)
            .args(["--exact", "launcher::serve", "--ignored", "--nocapture"])
            .env(MARK, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary can be run");
        let orders = process.stdin.take();
        let answers = process.stdout.take().expect("it was asked for");
        Self {
            process,
            orders,
            answers: BufReader::new(answers),
        }
    }

    /// Runs a command, its program first, to its end or to [`DEADLINE`].
    pub(crate) fn run(&mut self, command: &[OsString], output: &Path, complaints: &Path) -> Run {
        let command: Vec<_> = command
            .iter()
            .map(|word| word.to_str().expect("a plain word"))
            .collect();
        let order = json!({ "command": command, "output": output, "complaints": complaints });
        let orders = self.orders.as_mut().expect("it waits for orders");
        writeln!(orders, "{order}").expect("the launcher listens");
        let answer = self.answer();
        let duration = |key: &str| Duration::from_nanos(answer[key].as_u64().expect("a number"));
        let number = |key: &str| answer[key].as_i64().and_then(|all| i32::try_from(all).ok());
        Run {
            command: answer["command"].as_str().expect("a text").to_owned(),
            status: number("status"),
            signal: number("signal"),
            overdue: answer["overdue"] == true,
            elapsed: duration("elapsed"),
            busy: duration("busy"),
            peak: answer["peak"].as_u64().expect("a number"),
        }
    }

    /// The next line that is one: others, and what stands before it, are the test harness's.
    fn answer(&mut self) -> Value {
        loop {
            let mut line = String::new();
            let read = self.answers.read_line(&mut line);
            assert!(read.expect("UTF-8") > 0, "the launcher has failed");
            if let Some(at) = line.find('{') {
                return serde_json::from_str(&line[at..]).expect("an answer");
            }
        }
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        drop(self.orders.take());
        // Whether it ended well shows in its last answer.
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "the launcher that other tests start"]
fn serve() {
    if env::var_os(MARK).is_none() {
        return;
    }
    for order in io::stdin().lines() {
        let order: Value = serde_json::from_str(&order.expect("UTF-8")).expect("an order");
        let answer = launch(&order);
        writeln!(io::stdout(), "{answer}").expect("somebody listens");
    }
}

fn launch(order: &Value) -> Value {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let create = |key: &str| File::create(text(&order[key])).expect("the folder can be written");
    let words = order["command"].as_array().expect("a list");
    let mut words = words.iter().map(text);
    let mut command = Command::new(words.next().expect("a program"));
    command
        .args(words)
        .env_remove(MARK)
        // A backtrace takes ten times what led to it.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(create("output"))
        .stderr(create("complaints"));
    #[allow(
        clippy::disallowed_methods,
        reason = "how long a run takes is the question"
    )]
    let begun = Instant::now();
    let mut child = command.spawn().expect("the program can be started");
    let mut overdue = false;
    while !has_ended(child.id()) {
        if begun.elapsed() > DEADLINE {
            overdue = true;
            child.kill().expect("an own process can be killed");
            break;
        }
        thread::sleep(PATIENCE);
    }
    let used = child.wait4().expect("an own process can be waited for");
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).expect("less than a century");
    json!({
        "command": format!("{command:?}"),
        "status": used.status.code(),
        "signal": used.status.signal(),
        "overdue": overdue,
        "elapsed": nanos(begun.elapsed()),
        "busy": nanos(used.rusage.utime + used.rusage.stime),
        "peak": used.rusage.maxrss,
    })
}

/// Whether the process has ended; it is left to be waited for, so that its number stays its own.
fn has_ended(process: u32) -> bool {
    let process = Pid::from_raw(process.cast_signed());
    let asked = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let status = waitid(Id::Pid(process), asked).expect("an own process can be asked about");
    status != WaitStatus::StillAlive
}

#[test]
fn a_run_is_not_found_as_large_as_the_test_that_has_it_run() {
    let held: Vec<u8> = vec![1; 96 << 20];
    let path = crate::witness::file("small");
    let mut launcher = Launcher::start();
    let run = launcher.run(&["true".into()], &path, &path);
    assert_eq!(run.status, Some(0));
    assert!(run.peak < held.len() as u64 / 2, "{} bytes", run.peak);
    std::fs::remove_file(path).expect("it was created");
}
