//! Where the recorded truth lies, and how the program is asked for its own account of it.
//!
//! In: the folder `../shared` beside the repository (or the one that `H2SNIFF_SHARED` names) and the
//! binary under test. Out: files read whole, plain or gzipped, and what one run of the program
//! printed. Nothing here judges; the tests do.
//!
//! Where the folder is absent a test says that it was not run and passes, unless
//! `H2SNIFF_REQUIRE_SHARED=1` is set: then absence is a failure, so that no machine that should have
//! the recordings skips them unseen.

#![allow(
    dead_code,
    reason = "each test binary that includes this module uses its own part of it"
)]

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// How many disagreements a failing test prints: enough to see the pattern, few enough to read.
const SHOWN_DISAGREEMENTS: usize = 60;

/// The folder of recordings, or `None` (and a line on standard error) where it is absent.
///
/// # Panics
/// Where it is absent although `H2SNIFF_REQUIRE_SHARED=1` demands it.
#[allow(clippy::print_stderr, reason = "a test that was not run must say so")]
pub(crate) fn folder(test: &str) -> Option<PathBuf> {
    let folder = env::var_os("H2SNIFF_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    let required = env::var_os("H2SNIFF_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(!required, "{test}: no recordings at {}", folder.display());
    eprintln!("{test}: not run, no recordings at {}", folder.display());
    None
}

/// What one run of the program left behind.
pub(crate) struct Run {
    /// The command line, for messages.
    pub(crate) command: String,
    /// The exit status; `None` if a signal ended it.
    pub(crate) status: Option<i32>,
    /// Standard output.
    pub(crate) output: String,
    /// Standard error.
    pub(crate) complaints: String,
}

impl Run {
    /// Runs the program under test: the one that cargo built, or the one `H2SNIFF_BIN` names (a
    /// release build, say).
    pub(crate) fn of<A: AsRef<OsStr>>(arguments: &[A]) -> Self {
        Self::within(Path::new("."), arguments)
    }

    /// The same, from a folder.
    pub(crate) fn within<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Self {
        let program =
            env::var_os("H2SNIFF_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_h2sniff").into());
        let mut command = Command::new(program);
        command.current_dir(folder).args(arguments);
        let output = command.output().expect("the program can be started");
        Self {
            command: format!("{command:?}"),
            status: output.status.code(),
            output: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            complaints: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The standard output of a run that did its work.
    ///
    /// # Panics
    /// If it exited with anything but 0.
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(
            self.status,
            Some(0),
            "{} failed:\n{}",
            self.command,
            self.complaints
        );
        self.output
    }
}

/// The text of `path`, or of `path` + `.gz`, whichever is there.
pub(crate) fn text(path: &Path) -> String {
    let zipped = PathBuf::from(format!("{}.gz", path.display()));
    if !zipped.is_file() {
        return fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
    let file = File::open(&zipped).unwrap_or_else(|e| panic!("{}: {e}", zipped.display()));
    let mut text = String::new();
    MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap_or_else(|e| panic!("{}: {e}", zipped.display()));
    text
}

/// The JSON document at `path`, plain or gzipped.
pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The rows of a table of tab-separated values, each cell under its column's name.
///
/// The tables were printed by TShark, which doubles every backslash; that is undone here.
pub(crate) fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = text(path);
    let mut lines = text.split('\n');
    let names: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(
                cells.len(),
                names.len(),
                "{}: a torn row: {line}",
                path.display()
            );
            let named = names.iter().zip(cells);
            named
                .map(|(name, cell)| ((*name).to_owned(), cell.replace(r"\\", r"\")))
                .collect()
        })
        .collect()
}

/// Disagreements between the program and the truth, gathered so that one run shows them all.
pub(crate) struct Disagreements {
    subject: String,
    lines: Vec<String>,
}

impl Disagreements {
    /// An empty list about `subject`.
    pub(crate) fn about(subject: impl Display) -> Self {
        Self {
            subject: subject.to_string(),
            lines: Vec::new(),
        }
    }

    /// Adds one line.
    pub(crate) fn add(&mut self, line: impl Display) {
        self.lines.push(line.to_string());
    }

    /// Adds a line if the two values differ.
    pub(crate) fn compare<T: PartialEq + Display>(
        &mut self,
        what: impl Display,
        truth: T,
        ours: T,
    ) {
        if truth != ours {
            self.add(format!("{what}: expected {truth}, got {ours}"));
        }
    }

    /// Fails with every line, if there is one.
    ///
    /// # Panics
    /// If anything was added.
    pub(crate) fn settle(self) {
        let Self { subject, lines } = self;
        let shown = lines
            .iter()
            .take(SHOWN_DISAGREEMENTS)
            .map(|line| format!("\n  {line}"));
        let shown: String = shown.collect();
        let more = lines.len().saturating_sub(SHOWN_DISAGREEMENTS);
        assert!(
            lines.is_empty(),
            "{subject}: {} disagreements (and {more} not shown){shown}",
            lines.len()
        );
    }
}
