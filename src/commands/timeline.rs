//! `timeline`: what happened in a capture and when, in the format asked for.

use h2sniff::capture::TimeDelta;
use h2sniff::inspect;
use h2sniff::report::ReportFormat;
use h2sniff::report::timeline::{self, Around, Spans};

use super::output::{open, open_text};
use super::progress::ProgressDisplay;
use super::{
    CommandError, CommandOutcome, analysis, chosen, colours, columns, guard_inputs, leave,
    lower_case, messages, secrets,
};
use crate::cli::{self, Timeline, TimelineFormat};

pub(crate) fn timeline(options: &Timeline) -> anyhow::Result<CommandOutcome> {
    guard_inputs(&options.output, &options.input)?;
    let filter = options.selection.filter();
    chosen::guard_stream(&filter)?;
    chosen::guard_range(&filter, None)?;
    let secrets = secrets(&options.output);
    let around = options.around.as_deref().map(around).transpose()?;
    let window = TimeDelta::from(options.window);
    let inspect = inspect::Options {
        headers: options
            .headers
            .iter()
            .map(|name| lower_case(name))
            .collect(),
        all: true,
        filter,
        limits: options.limits.inspect(),
        messages: messages(&options.output),
        ..inspect::Options::default()
    };
    let report = analysis::report_on(
        &options.input,
        &options.selection,
        inspect,
        options.limits.threads(),
        |_| {},
    )?;
    chosen::guard_range(&report.filter, report.first_packet)?;
    chosen::warn_of_nothing(&report, secrets)?;
    let spans = match (&around, &options.around) {
        (Some(around), Some(asked)) => Some(found(around.spans(&report, window), asked)?),
        _ => None,
    };
    let format: Box<dyn ReportFormat> = match options.format {
        TimelineFormat::Html => Box::new(timeline::Html { spans, secrets }),
        TimelineFormat::Mermaid => Box::new(timeline::Mermaid {
            around,
            spans,
            secrets,
        }),
        TimelineFormat::Text => Box::new(timeline::TimelineText {
            limit: options.limit,
            secrets,
            columns: columns(&options.output),
            colours: colours(&options.output),
            merged: options.merged,
            spans,
        }),
    };
    let bar = ProgressDisplay::new(options.input.quiet);
    let mut out = match options.format {
        TimelineFormat::Text => open_text(&options.output, bar)?,
        TimelineFormat::Html | TimelineFormat::Mermaid => open(&options.output, bar)?,
    };
    format.write(&report, &mut out)?;
    out.flush()?;
    leave(report);
    Ok(CommandOutcome::Success)
}

fn around(text: &str) -> Result<Around, CommandError> {
    cli::around(text).ok_or_else(|| CommandError::NoSuchPlace(text.to_owned()))
}

fn found(spans: Option<Spans>, asked: &str) -> Result<Spans, CommandError> {
    spans.ok_or_else(|| CommandError::NotInCapture(asked.to_owned()))
}
