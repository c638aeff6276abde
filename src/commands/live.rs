//! `live`: what its options mean for the live program.

use h2sniff::decode;
use h2sniff::decode::tls::KeyLog;
use h2sniff::inspect::diagnosis;
use h2sniff::inspect::{self, Filter};
use h2sniff::{pipeline, report};

use super::{
    CommandError, CommandOutcome, colours, columns, create, fail_on, fails, lower_case, messages,
    secrets,
};
use crate::cli::{LiveArgs, LiveEvents, LiveFormat, PROMPTS};
use crate::live::{self, EventOutput};

/// Of how many connections the secrets are kept: those that are needed are the latest.
const KEYS_KEPT: usize = 1 << 16;

pub(crate) fn live(options: &LiveArgs) -> anyhow::Result<CommandOutcome> {
    let fail_on = fail_on(&options.fail_on)?;
    options.record.on.iter().try_for_each(|name| rule(name))?;
    let secrets = secrets(&options.output);
    let format: Box<dyn report::live::EventFormat + Send> = match options.format {
        LiveFormat::Json => Box::new(report::json::Json { secrets }),
        LiveFormat::Text => Box::new(report::text::Text {
            limit: options.limit,
            secrets,
            columns: columns(&options.output),
            colours: colours(&options.output),
            prompts: PROMPTS,
        }),
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
        ..pipeline::Options::default()
    };
    let output = EventOutput {
        format,
        file: create(&options.output)?,
        calls: options.events,
    };
    let report = live::run(options, pipeline, output)?;
    Ok(fails(&fail_on, &report))
}

fn rule(name: &str) -> Result<(), CommandError> {
    match diagnosis::RULES.iter().any(|rule| rule.name == name) {
        true => Ok(()),
        false => Err(CommandError::NoSuchRuleToRecord(name.to_owned())),
    }
}
