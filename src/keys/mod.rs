//! `keys`: TLS secrets of processes that run, without their help.
//!
//! In: processes that were named. Out: lines of a key log as handshakes happen, for a file (`keys`) or for the decoder
//! (`live --tls-keys`). What is read of a process is what its registers point to when it calls the function that would
//! write the line: label, client random, secret. A handshake from before stays closed.

mod elf;
mod error;
mod function;
mod go_table;
mod key_line;
mod label_calls;
mod list;
mod probes;
mod processes;

#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use error::KeysError;
pub(crate) use list::list;
pub(crate) use probes::KeyProbes;

use h2sniff::report::printable;

/// How long to wait for more.
const PAUSE: Duration = Duration::from_millis(10);

/// Writes the secrets of processes, until the time is over or none is left to wait for.
///
/// # Errors
/// Those of attaching and of the output.
pub(crate) fn follow(
    targets: &[String],
    output: Option<&Path>,
    duration: Option<Duration>,
) -> anyhow::Result<()> {
    let begun = now();
    // First the probes: no file is made where there are none.
    let mut probes = KeyProbes::open(targets, say)?;
    let mut out: Box<dyn Write> = match output {
        Some(path) => Box::new(create(path)?),
        None => Box::new(io::stdout()),
    };
    let mut failed = None;
    while duration.is_none_or(|most| begun.elapsed() < most) {
        let mut lines = String::new();
        let mut sources = Vec::new();
        let sink = |line: &key_line::KeyLine| {
            lines.push_str(&line.text);
            let label = line.text.split(' ').next().unwrap_or_default().to_owned();
            sources.push((line.process, label));
        };
        probes.read(now(), sink, say);
        if !lines.is_empty() {
            // At once, whole lines: somebody may follow the file.
            failed = out
                .write_all(lines.as_bytes())
                .and_then(|()| out.flush())
                .err();
        }
        for (process, label) in sources {
            let name = processes::name(process);
            say(&format!("{label} of process {process} ({name})"));
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        if !probes.is_waiting() {
            say("no process is left");
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// A file that its owner alone may read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // One that was there may have been open to more.
    let mut rights = file.metadata()?.permissions();
    if file.metadata()?.is_file() {
        std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o600);
        file.set_permissions(rights)?;
    }
    Ok(file)
}

/// A line on standard error.
pub(crate) fn say(text: &str) {
    // There is nowhere left to say that standard error is gone.
    let _ = writeln!(io::stderr(), "{}", printable(text));
}

#[expect(
    clippy::disallowed_methods,
    reason = "what runs beside us knows only this clock"
)]
fn now() -> Instant {
    Instant::now()
}
