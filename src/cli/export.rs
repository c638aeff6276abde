//! The options of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use h2sniff::report::Shard;

use super::{CaptureArgs, ReportLimitArgs, Selection};

/// What to export of which captures, and where to.
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) input: CaptureArgs,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ExportFormat,
    /// The folder of the tables, in which files of other captures stay; the file (or `-`), where OTLP is written
    #[arg(short = 'o', long = "output", value_name = "DIR|FILE")]
    pub(crate) output: PathBuf,
    /// A column that is the same in every row, or an attribute of the resource, such as `deployment=checkout` (repeatable)
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
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

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = key.starts_with(|first: char| first.is_ascii_lowercase());
    if !begins || !key.bytes().all(is_word) {
        return Err("a key is a lower case letter, then letters, digits and _".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
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
    fn keys_are_names_that_any_engine_takes() {
        let parsed = ("deployment".to_owned(), "a=b".to_owned());
        assert_eq!(label("deployment=a=b"), Ok(parsed));
        for refused in ["deployment", "=x", "1a=x", "a-b=x", "A=x", "a b=x"] {
            assert!(label(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_shard_is_one_of_those_there_are() {
        assert_eq!(shard("2/8").ok(), Shard::new(2, 8));
        for refused in ["0/8", "9/8", "8", "1/0", "a/b", "-1/2"] {
            assert!(shard(refused).is_err(), "{refused}");
        }
    }
}
