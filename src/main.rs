//! The command line: parse, run, exit status.

#[cfg(any(
    feature = "names",
    all(feature = "otlp", any(feature = "live", feature = "export"))
))]
mod backoff;
#[cfg(all(feature = "keys", target_os = "linux"))]
mod keys;
#[cfg(feature = "names")]
mod kubernetes;
#[cfg(feature = "live")]
mod live;
#[cfg(all(feature = "otlp", any(feature = "live", feature = "export")))]
mod otlp;

mod cli;
mod commands;

use std::io::Write as _;
use std::process::ExitCode;

use cli::{Cli, Command};
use commands::{CommandOutcome, hint};
use h2sniff::report::printable;

fn main() -> ExitCode {
    let cli = Cli::of_process();
    let result = match cli.command {
        Command::Analyze(options) => commands::analyze(&options),
        Command::Frames(options) => commands::frames(&options),
        Command::Timeline(options) => commands::timeline(&options),
        #[cfg(feature = "export")]
        Command::Export(options) => commands::export(&options),
        Command::Explain { rule } => commands::explain(rule.as_deref()),
        #[cfg(feature = "live")]
        Command::Live(options) => commands::live(&options),
        #[cfg(feature = "live")]
        Command::Interfaces => commands::interfaces(),
        #[cfg(all(feature = "keys", target_os = "linux"))]
        Command::Keys(options) => commands::take_keys(&options),
        Command::Completions { shell } => commands::completions(shell),
        Command::Man { directory } => commands::man(directory.as_deref()),
    };
    match result {
        Ok(CommandOutcome::Success) => ExitCode::SUCCESS,
        Ok(CommandOutcome::FindingMatched) => ExitCode::from(1),
        Err(error) if commands::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

/// Says what went wrong, its causes, and what to try.
fn complain(error: &anyhow::Error) {
    let mut text = format!("error: {}\n", printable(&error.to_string()));
    let mut last = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !last.contains(&cause) {
            text.push_str(&format!("  caused by: {}\n", printable(&cause)));
        }
        last = cause;
    }
    if let Some(hint) = hint(error) {
        text.push_str(&format!("\nhint: {}\n", printable(&hint)));
    }
    // There is nowhere left to say that standard error is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
