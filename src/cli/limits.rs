//! How much the user lets an analysis keep.

use std::num::NonZero;
use std::thread;

use clap::Args;
use h2sniff::{decode, inspect};

use super::quantity::size;

/// What an untrusted or very large capture may take.
#[derive(Args, Debug)]
pub(crate) struct LimitArgs {
    /// Connections followed at a time; beyond it the most silent ones are let go
    #[arg(long, help_heading = "Limits", value_name = "N", value_parser = count, default_value_t = decode::MAX_CONNECTIONS)]
    max_connections: usize,
    /// Memory for what connections hold until more comes; beyond it holes are given up early
    #[arg(long, help_heading = "Limits", value_name = "SIZE", value_parser = held, default_value = "128MiB")]
    max_held: usize,
}

/// The same for a capture in a file.
#[derive(Args, Debug)]
pub(crate) struct FileLimitArgs {
    #[command(flatten)]
    limits: LimitArgs,
    /// How much of a compressed capture is unpacked [default: 100 times its size, 1GiB at least]
    #[arg(long, help_heading = "Limits", value_name = "SIZE", value_parser = unpacked)]
    pub(crate) max_unpacked: Option<u64>,
}

/// How much a report lists, and how many work on it.
#[derive(Args, Debug)]
pub(crate) struct ReportLimitArgs {
    /// RPCs that are listed; the others are counted
    #[arg(long, help_heading = "Limits", value_name = "N", value_parser = count, default_value_t = inspect::MAX_LISTED_RPCS)]
    max_rpcs: usize,
    /// Threads that decode, each whole connections [default: one for each core]
    #[arg(long, help_heading = "Limits", value_name = "N", value_parser = count)]
    threads: Option<usize>,
}

impl LimitArgs {
    pub(crate) const fn decode(&self) -> decode::Limits {
        decode::Limits {
            connections: self.max_connections,
            held_bytes: self.max_held,
        }
    }
}

impl FileLimitArgs {
    pub(crate) const fn decode(&self) -> decode::Limits {
        self.limits.decode()
    }
}

impl ReportLimitArgs {
    pub(crate) fn inspect(&self) -> inspect::ListLimits {
        inspect::ListLimits {
            rpcs: self.max_rpcs,
            ..inspect::ListLimits::default()
        }
    }

    pub(crate) fn threads(&self) -> usize {
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        self.threads.unwrap_or_else(cores)
    }
}

/// A number of things, of which there is at least one.
fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "expected a number, at least 1".to_owned())
}

/// Memory for what is held. Less would give up segments that merely overtook each other.
fn held(text: &str) -> Result<usize, String> {
    let held = size(text)?;
    if held < 1 << 20 {
        return Err("at least 1MiB is needed".to_owned());
    }
    Ok(held)
}

fn unpacked(text: &str) -> Result<u64, String> {
    size(text)?
        .try_into()
        .map_err(|_| "that is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_leave_nothing_are_refused() {
        assert_eq!(count("1"), Ok(1));
        assert!(count("0").is_err() && count("-1").is_err() && count("many").is_err());
        assert_eq!(held("1MiB"), Ok(1 << 20));
        assert!(held("100K").is_err());
    }

    #[test]
    fn the_default_in_the_help_is_the_librarys() {
        assert_eq!(held("128MiB"), Ok(decode::MAX_HELD_IN_ALL));
    }
}
