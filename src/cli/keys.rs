//! What the user typed after `keys`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::quantity::duration;

#[derive(Args, Debug)]
pub(crate) struct KeysArgs {
    /// Processes by number, or all that run a program, by its path or its file's name; those that start later too
    #[arg(value_name = "PID|EXE", required_unless_present = "list")]
    pub(crate) targets: Vec<String>,
    /// Write to this file, which only its owner may read, instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    path: Option<PathBuf>,
    /// Say of each process of this host what could be probed, or why nothing
    #[arg(long, conflicts_with = "targets")]
    pub(crate) list: bool,
    /// Stop after this time
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
}

impl KeysArgs {
    /// The file to write to; `None` for standard output, which `-` is too.
    pub(crate) fn file(&self) -> Option<&Path> {
        let path = self.path.as_deref();
        path.filter(|path| *path != Path::new("-"))
    }
}
