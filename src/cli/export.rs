//! The options of `export`.

use std::path::PathBuf;

use clap::builder::ArgPredicate;
use clap::{Args, ValueEnum};
use h2sniff::report::Shard;

use super::{CaptureArgs, OtlpArgs, ReportLimitArgs, Selection};

/// What to export of which captures, and where to.
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) input: CaptureArgs,
    /// How to write it; `otlp` where it is sent
    #[arg(
        long,
        value_enum,
        default_value = "parquet",
        default_value_if("otlp", ArgPredicate::IsPresent, "otlp")
    )]
    pub(crate) format: ExportFormat,
    /// The folder of the tables, in which files of other captures stay; the file (or `-`), where OTLP is written
    #[arg(
        short = 'o',
        long = "output",
        value_name = "DIR|FILE",
        required_unless_present = "otlp",
        conflicts_with = "otlp"
    )]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) otlp: OtlpArgs,
    /// With OTLP: spans of all calls, not only of those that died
    #[arg(long)]
    pub(crate) all: bool,
    /// A column that is the same in every row, or an attribute of the resource, such as `deployment=checkout` (repeatable)
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = super::otlp::label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Only connections of this shard of several, from `1/N` to `N/N`: all together are the whole
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub(crate) shard: Option<Shard>,
    /// Print credentials and queries instead of their length
    #[arg(long)]
    pub(crate) show_secrets: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) limits: ReportLimitArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Tables for query engines: calls, connections and findings, by date and hour
    #[default]
    Parquet,
    /// OTLP/JSON, a request a line: spans of the calls that died, log records of the findings
    Otlp,
}

fn shard(text: &str) -> Result<Shard, String> {
    let parsed = text.split_once('/').and_then(|(number, of)| {
        let (number, of) = (number.parse().ok()?, of.parse().ok()?);
        Shard::new(number, of)
    });
    parsed.ok_or_else(|| "expected I/N, from 1/N to N/N".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_those_there_are() {
        assert_eq!(shard("2/8").ok(), Shard::new(2, 8));
        for refused in ["0/8", "9/8", "8", "1/0", "a/b", "-1/2"] {
            assert!(shard(refused).is_err(), "{refused}");
        }
    }
}
