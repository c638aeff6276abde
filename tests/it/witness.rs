//! Runs of the program, watched from outside: how each ended, how long it took, how much it held.
//!
//! In: command lines. Out: a [`Deed`] each, and [`Figures`] over all of them. Time and memory are the
//! kernel's own account of each process (`wait4(2)`).
//!
//! Each run is started by a [`Launcher`], so that no figure is of this test itself; what the launcher
//! holds is shown as the floor.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use wait4::Wait4 as _;

use crate::launcher::{DEADLINE, Launcher};

/// What a run may take of a processor. A hundred times what an unharmed fixture takes.
const MAX_BUSY: Duration = Duration::from_secs(2);

/// What a run may hold at once, in bytes: the bar for captures of a gigabyte, far above what these
/// small ones need.
const MAX_PEAK: u64 = 64 << 20;

/// How many runs go on at once: as many as small machines have processors.
const AT_ONCE: usize = 2;

/// How much of standard error is told of a run that failed, in characters.
const MAX_TOLD: usize = 600;

/// Watches one run at a time; each has files of its own for what the program prints.
pub(crate) struct Witness {
    launcher: RefCell<Launcher>,
    output: PathBuf,
    complaints: PathBuf,
}

impl Witness {
    /// One whose files nobody else uses.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            launcher: RefCell::new(Launcher::start()),
            output: file(&format!("{number}.out")),
            complaints: file(&format!("{number}.err")),
        }
    }

    /// Runs the program under test to its end, or to [`DEADLINE`].
    pub(crate) fn watch<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Deed {
        let program: OsString =
            env::var_os("H2SNIFF_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_h2sniff").into());
        let mut command = vec![program];
        command.extend(
            arguments
                .iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        let run = self
            .launcher
            .borrow_mut()
            .run(&command, &self.output, &self.complaints);
        Deed {
            command: run.command,
            status: run.status,
            signal: run.signal,
            overdue: run.overdue,
            elapsed: run.elapsed,
            busy: run.busy,
            peak: run.peak,
            printed: fs::metadata(&self.output).expect("it was created").len(),
            output: self.output.clone(),
            complaints: String::from_utf8_lossy(
                &fs::read(&self.complaints).expect("it was created"),
            )
            .into_owned(),
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        for path in [&self.output, &self.complaints] {
            // It is not there if nothing was watched.
            let _ = fs::remove_file(path);
        }
    }
}

/// Lets a few workers share `cases`, each with a witness of its own.
pub(crate) fn each<C: Sync>(
    cases: &[C],
    work: impl Fn(&Witness, &C, &Mutex<Figures>) + Sync,
) -> Figures {
    let (next, figures) = (AtomicUsize::new(0), Mutex::new(Figures::default()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let witness = Witness::new();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(&witness, case, &figures);
                }
            });
        }
    });
    figures.into_inner().expect("no worker failed")
}

/// A file of this name in the folder that cargo keeps for tests, which no other process of this test
/// uses at the same time.
pub(crate) fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    fs::create_dir_all(&folder).expect("the folder for tests can be written");
    folder.join(format!("{}-{name}", process::id()))
}

/// One run of the program, after it.
pub(crate) struct Deed {
    /// The command line, to be run again.
    pub(crate) command: String,
    /// The exit status; `None` if a signal ended it.
    pub(crate) status: Option<i32>,
    signal: Option<i32>,
    overdue: bool,
    elapsed: Duration,
    busy: Duration,
    peak: u64,
    printed: u64,
    output: PathBuf,
    complaints: String,
}

impl Deed {
    /// What it printed, until its witness watches another.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.output).expect("the program prints UTF-8")
    }

    /// How long it took and how much it held.
    pub(crate) fn account(&self) -> String {
        format!(
            "{:?} in {:?}, {} KiB, {} KiB printed",
            self.status,
            self.busy,
            self.peak >> 10,
            self.printed >> 10
        )
    }

    /// What no capture may make the program do, if it did; `None` if all is well.
    pub(crate) fn fault(&self) -> Option<String> {
        let Self { busy, peak, .. } = self;
        let what = match (self.status, self.signal) {
            _ if self.overdue => format!("hangs: killed after {DEADLINE:?}"),
            (_, Some(signal)) => format!("ended by signal {signal}"),
            (Some(0 | 2), _) if self.complaints.contains("panicked at") => "panicked".to_owned(),
            // The same status, but it is we who did wrong: no capture was looked at.
            (Some(2), _) if self.complaints.contains("Usage:") => "wrong options".to_owned(),
            (Some(2), _) if !self.complaints.contains("error: ") => {
                "failed without a reason".to_owned()
            }
            (Some(0 | 2), _) if *busy > MAX_BUSY => format!("took {busy:?}"),
            (Some(0 | 2), _) if *peak > MAX_PEAK => format!("held {} KiB", peak >> 10),
            (Some(0 | 2), _) => return None,
            (status, _) => format!("exit status {status:?}"),
        };
        let complaints: String = self.complaints.chars().take(MAX_TOLD).collect();
        Some(format!("{what}: {}\n{complaints}", self.command))
    }
}

/// The largest of something, and whose it is.
struct Largest<T> {
    amount: T,
    whose: String,
}

impl<T: PartialOrd> Largest<T> {
    fn offer(&mut self, amount: T, whose: &str) {
        if amount > self.amount {
            *self = Self {
                amount,
                whose: whose.to_owned(),
            };
        }
    }
}

impl<T: Default> Default for Largest<T> {
    fn default() -> Self {
        Self {
            amount: T::default(),
            whose: String::new(),
        }
    }
}

/// What all runs of a test came to.
#[derive(Default)]
pub(crate) struct Figures {
    statuses: BTreeMap<Option<i32>, u64>,
    elapsed: Largest<Duration>,
    busy: Largest<Duration>,
    peak: Largest<u64>,
    printed: Largest<u64>,
    faults: Vec<String>,
}

impl Figures {
    /// Adds a run; `case` says what the program was given and how that can be had again.
    pub(crate) fn add(&mut self, deed: &Deed, case: &str) {
        *self.statuses.entry(deed.status).or_default() += 1;
        self.elapsed.offer(deed.elapsed, case);
        self.busy.offer(deed.busy, case);
        self.peak.offer(deed.peak, case);
        self.printed.offer(deed.printed, case);
        if let Some(fault) = deed.fault() {
            self.fault(&format!("{case}: {fault}"));
        }
    }

    /// Adds what is wrong with a run beside that.
    pub(crate) fn fault(&mut self, fault: &str) {
        // Told at once: a long run is watched for them.
        eprintln!("{fault}");
        self.faults.push(fault.to_owned());
    }

    /// Says what the runs came to.
    ///
    /// # Panics
    /// If one did what no capture may make the program do.
    pub(crate) fn settle(self, test: &str) {
        let runs: u64 = self.statuses.values().sum();
        let floor = Witness::new().watch(&["--version"]);
        eprintln!(
            "{test}: {runs} runs, by status {:?}\n  \
             busiest {:?} ({})\n  slowest {:?} by the clock ({})\n  \
             largest {} KiB ({}), {} KiB of them the floor\n  most printed {} KiB ({})",
            self.statuses,
            self.busy.amount,
            self.busy.whose,
            self.elapsed.amount,
            self.elapsed.whose,
            self.peak.amount >> 10,
            self.peak.whose,
            floor.peak >> 10,
            self.printed.amount >> 10,
            self.printed.whose,
        );
        assert!(
            floor.peak < MAX_PEAK,
            "this test itself holds too much to tell what others hold"
        );
        assert!(
            self.faults.is_empty(),
            "{test}: {} of {runs} runs failed:\n{}",
            self.faults.len(),
            self.faults.join("\n")
        );
    }
}

#[test]
fn memory_is_measured() {
    // A process that holds what it reads without a line's end, until it is there whole.
    let held: u64 = 48 << 20;
    let mut child = Command::new("head")
        .args(["-c", &held.to_string(), "/dev/zero"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("head is everywhere");
    let zeros = child.stdout.take().expect("it was asked for");
    let mut tail = Command::new("tail")
        .args(["-n", "1"])
        .stdin(zeros)
        .stdout(Stdio::null())
        .spawn()
        .expect("tail is everywhere");
    let used = tail.wait4().expect("an own process can be waited for");
    child.wait().expect("an own process can be waited for");
    assert!(used.rusage.maxrss >= held, "{} bytes", used.rusage.maxrss);
}
