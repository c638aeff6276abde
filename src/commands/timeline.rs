//! `timeline`: what happened in a capture and when, in the format asked for.

use h2sniff::capture::{Capture, TimeDelta};
use h2sniff::inspect;
use h2sniff::pipeline;
use h2sniff::report::ReportFormat;
use h2sniff::report::timeline::{self, Around, Spans};

use super::progress::ProgressDisplay;
use super::{
    CommandError, CommandOutcome, chosen, colours, columns, decode_options, guard_inputs,
    lower_case, messages, nothing_found, open, open_captures, open_text, secrets, warn,
};
use crate::cli::{self, Timeline, TimelineFormat, hints};

pub(crate) fn timeline(options: &Timeline) -> anyhow::Result<CommandOutcome> {
    guard_inputs(&options.output, &options.input)?;
    let filter = options.selection.filter();
    chosen::guard_stream(&filter)?;
    chosen::guard_range(&filter, None)?;
    let secrets = secrets(&options.output);
    let around = options.around.as_deref().map(around).transpose()?;
    let window = TimeDelta::from(options.window);
    let mut capture = open_captures(&options.input)?;
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
    let decode = decode_options(&options.input, 0)?;
    let pipeline = pipeline::Options {
        decode,
        inspect,
        threads: options.limits.threads(),
        ..pipeline::Options::default()
    };
    let mut bar = ProgressDisplay::new(options.input.quiet);
    let watch = |capture: &Capture, packets| bar.show(capture.bytes_read(), packets);
    let analyzed = pipeline::analyze_watched(&mut capture, pipeline, watch);
    bar.clear();
    let mut report = analyzed?;
    hints::name_flags(&mut report);
    warn(&report.anomalies)?;
    if report.analysis.connections.is_empty() {
        return Err(nothing_found(&options.input, &options.selection, &report.tally).into());
    }
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
    let mut out = match options.format {
        TimelineFormat::Text => open_text(&options.output)?,
        TimelineFormat::Html | TimelineFormat::Mermaid => open(&options.output)?,
    };
    format.write(&report, &mut out)?;
    out.flush()?;
    Ok(CommandOutcome::Success)
}

fn around(text: &str) -> Result<Around, CommandError> {
    cli::around(text).ok_or_else(|| CommandError::NoSuchPlace(text.to_owned()))
}

fn found(spans: Option<Spans>, asked: &str) -> Result<Spans, CommandError> {
    spans.ok_or_else(|| CommandError::NotInCapture(asked.to_owned()))
}
