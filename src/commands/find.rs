//! `analyze --find`: the calls that a pasted line is about.

use std::io::Write as _;
use std::sync::Arc;

use h2sniff::report::found::{self, FoundBy, FoundCalls, ID_HEADERS};
use h2sniff::report::{self, Report};

use super::output::{open, open_text};
use super::progress::ProgressDisplay;
use super::{lower_case, secrets, text_format};
use crate::cli::{Analyze, AnalyzeFormat};

/// The request headers to keep: those that were asked for, and those that may have what is looked for.
pub(super) fn headers(options: &Analyze) -> Vec<Arc<[u8]>> {
    let asked_for = options.headers.iter().map(String::as_str);
    let ids = ID_HEADERS.into_iter().filter(|_| options.find.is_some());
    let mut names: Vec<_> = asked_for.chain(ids).map(lower_case).collect();
    if options.find.is_some() {
        names.sort_unstable();
        names.dedup();
    }
    names
}

/// Prints what is found of a line in the format asked for.
pub(super) fn print(line: &str, report: Report, options: &Analyze) -> anyhow::Result<()> {
    let found = found::find(&report, line);
    match options.format {
        AnalyzeFormat::Json => json(&found, report, options),
        AnalyzeFormat::Text | AnalyzeFormat::Markdown => {
            let text = text_format(options).render_found(&report, &found);
            let (text, mut out) = match options.format {
                AnalyzeFormat::Text => (
                    text,
                    open_text(&options.output, ProgressDisplay::default())?,
                ),
                _ => (
                    format!("````text\n{text}````\n"),
                    open(&options.output, ProgressDisplay::default())?,
                ),
            };
            out.write_all(text.as_bytes())?;
            Ok(out.flush()?)
        }
    }
}

fn json(found: &[FoundCalls], mut report: Report, options: &Analyze) -> anyhow::Result<()> {
    let calls = found.iter().flat_map(|group| group.calls.iter().copied());
    let calls: std::collections::BTreeSet<_> = calls.collect();
    report.analysis.rpcs.retain(|rpc| calls.contains(&rpc.id));
    let by = found.iter().filter_map(|group| match &group.by {
        FoundBy::Header { name, .. } => Some(lower_case(name)),
        FoundBy::AppError(_) => None,
    });
    let asked_for = options.headers.iter().map(|name| lower_case(name));
    let kept: Vec<_> = by.chain(asked_for).collect();
    for rpc in &mut report.analysis.rpcs {
        rpc.headers.retain(|header| kept.contains(&header.name));
    }
    let mut out = open(&options.output, ProgressDisplay::default())?;
    let json = report::json::Json {
        secrets: secrets(&options.output),
    };
    json.write_found(&report, found, &mut out)?;
    Ok(out.flush()?)
}
