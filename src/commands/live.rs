//! `live`: what its options mean for a watch.

use std::path::Path;

use h2sniff::capture::LiveOptions;
use h2sniff::decode;
use h2sniff::inspect::Interest;
use h2sniff::inspect::diagnosis;
use h2sniff::{pipeline, report};

use super::{Done, Refusal, colour, fails, lower_case, open, secrets, watched};
use crate::cli::{Live, LiveFormat};
use crate::live::{self, RecorderOptions, Teller};

pub(crate) fn live(options: &Live) -> anyhow::Result<Done> {
    let watched = watched(&options.fail_on)?;
    let on = options
        .record_on
        .iter()
        .map(|name| rule(name))
        .collect::<Result<_, _>>()?;
    let secrets = secrets(&options.output);
    colour(&options.output);
    let filter = (!options.filter.is_empty()).then(|| options.filter.join(" "));
    let interfaces = options.interfaces.iter().map(|interface| LiveOptions {
        interface: interface.clone(),
        filter: filter.clone(),
        promiscuous: options.promiscuous,
        snap_length: options.snaplen,
        ring: options.ring,
    });
    let format: Box<dyn report::live::EventFormat + Send> = match options.format {
        LiveFormat::Json => Box::new(report::json::Json { secrets }),
        LiveFormat::Text => Box::new(report::text::Text {
            limit: options.limit,
            secrets,
        }),
    };
    let watch = live::Options {
        interfaces: interfaces.collect(),
        pipeline: pipeline::Options {
            decode: decode::Options {
                ports: options.ports.clone(),
                keep_data: 0,
                limits: options.limits.decode(),
                ..decode::Options::default()
            },
            interest: Interest {
                headers: options
                    .headers
                    .iter()
                    .map(|name| lower_case(name))
                    .collect(),
                ..Interest::default()
            },
        },
        duration: options.duration,
        count: options.count,
        status_every: options.interval,
        record: options.record.as_ref().map(|directory| RecorderOptions {
            directory: directory.clone(),
            window: options.record_window,
            size: options.record_size,
            after: options.record_after,
            on,
            keep: options.record_keep,
        }),
        write: options.write.clone(),
        metrics: options.metrics,
        user: options.user.clone(),
        to_stdout: options
            .output
            .path
            .as_deref()
            .is_none_or(|path| path == Path::new("-")),
    };
    let outcome = live::run(watch, Teller::new(format, open(&options.output)?))?;
    Ok(fails(&watched, &outcome.report))
}

fn rule(name: &str) -> Result<&'static str, Refusal> {
    let mut rules = diagnosis::RULES.iter().map(|rule| rule.name);
    rules
        .find(|rule| *rule == name)
        .ok_or_else(|| Refusal::NoSuchRuleToRecord(name.to_owned()))
}
