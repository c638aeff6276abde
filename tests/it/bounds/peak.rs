//! What a run of the real binary took of memory at most.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::launcher::Launcher;

/// What a run said and took.
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) output: String,
    pub(crate) complaints: String,
    /// Resident bytes at most.
    pub(crate) peak: u64,
}

/// Runs `h2sniff` and says on standard error what it took.
pub(crate) fn run(what: &str, arguments: &[&str], capture: &Path) -> Run {
    let [output, complaints] = ["output", "complaints"].map(|kind| {
        let mut path = capture.as_os_str().to_owned();
        path.push(format!(".{}.{kind}", arguments.concat().replace('/', "_")));
        PathBuf::from(path)
    });
    let mut command: Vec<OsString> = vec![env!("CARGO_BIN_EXE_h2sniff").into()];
    command.extend(arguments.iter().map(OsString::from));
    command.push(capture.into());
    let used = Launcher::start().run(&command, &output, &complaints);
    let read = |path: &Path| std::fs::read_to_string(path).expect("what was just written");
    let run = Run {
        status: used.status,
        output: read(&output),
        complaints: read(&complaints),
        peak: used.peak,
    };
    for path in [output, complaints] {
        std::fs::remove_file(path).expect("it was just written");
    }
    let seconds = used.busy.as_secs_f64();
    let size = capture.metadata().map_or(0, |of| of.len()) >> 20;
    let peak = run.peak >> 20;
    let told = format!("{what:<44} {peak:>4} MiB, {seconds:>4.1} s, capture {size} MiB");
    writeln!(std::io::stderr(), "{told}").expect("somebody listens");
    run
}
