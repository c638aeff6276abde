//! `live`: what its options mean for the live program.

#[cfg(feature = "otlp")]
use std::env;
use std::io::{self, Write};

use h2sniff::capture::Timestamp;
use h2sniff::decode;
use h2sniff::decode::tls::KeyLog;
use h2sniff::inspect::diagnosis;
use h2sniff::inspect::report::{LiveStatus, Report};
use h2sniff::inspect::{self, Filter, News};
#[cfg(feature = "otlp")]
use h2sniff::report::Shard;
use h2sniff::report::live::{EventFormat, Incident};
#[cfg(feature = "otlp")]
use h2sniff::report::otlp::{self, Otlp, SpansOf};
use h2sniff::report::text::Text;
use h2sniff::{pipeline, report};

use super::directory;
use super::marks::{self, AsciiMarks};
use super::output;
use super::surroundings;
use super::{
    CommandError, CommandOutcome, colours, columns, fail_on, fails, lower_case, messages, secrets,
};
use crate::cli::{LiveArgs, LiveEvents, LiveFormat, live_prompts};
use crate::live::{self, EventOutput, KEYS_KEPT};
#[cfg(feature = "otlp")]
use crate::otlp::{OtlpClient, OtlpTarget};

pub(crate) fn live(options: &LiveArgs) -> anyhow::Result<CommandOutcome> {
    let fail_on = fail_on(&options.fail_on)?;
    options.record.on.iter().try_for_each(|name| rule(name))?;
    let secrets = secrets(&options.output);
    let format: Box<dyn report::live::EventFormat + Send> = match options.format {
        LiveFormat::Json => Box::new(report::json::Json { secrets }),
        LiveFormat::Text => {
            let text = Text {
                limit: options.limit,
                secrets,
                columns: columns(&options.output),
                colours: colours(&options.output),
                prompts: live_prompts(options.write.as_deref()),
            };
            match options.output.file().is_some() || surroundings::has_unicode() {
                true => Box::new(text),
                false => Box::new(AsciiText(text)),
            }
        }
    };
    let pipeline = pipeline::Options {
        decode: decode::Options {
            ports: options.ports.clone(),
            limits: options.limits.decode(),
            // A watch goes on for longer than all of its connections.
            keys: KeyLog::of_latest(KEYS_KEPT),
            ..decode::Options::default()
        },
        inspect: inspect::Options {
            headers: options
                .headers
                .iter()
                .map(|name| lower_case(name))
                .collect(),
            filter: Filter {
                method: options.method.clone().map(String::into_bytes),
                ..Filter::default()
            },
            messages: messages(&options.output),
            tell_all: options.format == LiveFormat::Json && options.events == LiveEvents::All,
            ..inspect::Options::default()
        },
        names: directory::without_servers(&options.names)?,
        ..pipeline::Options::default()
    };
    #[cfg(feature = "otlp")]
    let (pipeline, spans) = spans(options, pipeline)?;
    let output = EventOutput {
        format,
        file: output::create(&options.output)?,
        calls: options.events,
    };
    let report = live::run(
        options,
        pipeline,
        output,
        #[cfg(feature = "otlp")]
        spans,
    )?;
    Ok(fails(&fail_on, &report))
}

/// Spans and who takes them, where `--otlp` is given, and what the analysis is to keep for them.
#[cfg(feature = "otlp")]
fn spans(
    options: &LiveArgs,
    mut pipeline: pipeline::Options,
) -> anyhow::Result<(pipeline::Options, Option<(Otlp, OtlpClient)>)> {
    let target = OtlpTarget::of(&options.otlp, |name| env::var(name).ok())?;
    let Some(target) = target else {
        return Ok((pipeline, None));
    };
    let headers = &mut pipeline.inspect.headers;
    for name in otlp::HEADERS.map(lower_case) {
        if !headers.contains(&name) {
            headers.push(name);
        }
    }
    pipeline.inspect.tell_all |= options.all;
    let spans = Otlp {
        secrets: secrets(&options.output),
        labels: options.labels.clone(),
        shard: Shard::default(),
        spans: match options.all {
            true => SpansOf::All,
            false => SpansOf::Died,
        },
    };
    Ok((pipeline, Some((spans, OtlpClient::new(target)))))
}

fn rule(name: &str) -> Result<(), CommandError> {
    match diagnosis::RULES.iter().any(|rule| rule.name == name) {
        true => Ok(()),
        false => Err(CommandError::NoSuchRuleToRecord(name.to_owned())),
    }
}

/// Text for a reader that knows ASCII alone.
struct AsciiText(Text);

impl EventFormat for AsciiText {
    fn news(&self, news: &News, out: &mut dyn Write) -> io::Result<()> {
        self.0.news(news, &mut AsciiMarks::new(out))
    }

    fn incident_line(&self, incident: &Incident<'_>, columns: Option<usize>) -> Option<String> {
        let line = self.0.incident_line(incident, columns)?;
        Some(marks::ascii(&line))
    }

    fn report(&self, time: Timestamp, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        self.0.report(time, report, &mut AsciiMarks::new(out))
    }

    fn status_line(&self, status: &LiveStatus) -> Option<String> {
        Some(marks::ascii(&self.0.status_line(status)?))
    }
}
