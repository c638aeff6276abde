//! What each command does with its options.

mod analysis;
mod chosen;
mod directory;
mod error;
#[cfg(feature = "export")]
mod export;
mod find;
#[cfg(all(feature = "keys", target_os = "linux"))]
mod keys;
#[cfg(feature = "live")]
mod live;
mod marks;
mod output;
mod progress;
mod shell;
mod surroundings;
mod timeline;

use std::fs::Metadata;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
#[cfg(not(unix))]
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "live")]
use anyhow::Context as _;
#[cfg(feature = "live")]
use h2sniff::capture;
use h2sniff::capture::{Capture, CaptureError};
use h2sniff::decode::anomaly::{Anomaly, Layer};
use h2sniff::decode::tls::KeyLog;
use h2sniff::decode::{self, Tally};
use h2sniff::inspect::diagnosis::{Finding, RULES, Severity};
use h2sniff::inspect::report::{Files, Report};
use h2sniff::inspect::{self, StatusMessages};
use h2sniff::pipeline;
use h2sniff::report::frames::{self, FrameFormat, FramePrinter, LoggedSide};
use h2sniff::report::{self, Colours, LineWidth, ReportFormat, SecretDisplay};

#[cfg(feature = "export")]
pub(crate) use export::export;
#[cfg(all(feature = "keys", target_os = "linux"))]
pub(crate) use keys::take_keys;
#[cfg(feature = "live")]
pub(crate) use live::live;
pub(crate) use shell::{completions, man};
pub(crate) use timeline::timeline;

use error::CommandError;
pub(crate) use error::hint;
use output::{open, open_text};
use progress::ProgressDisplay;

use crate::cli::{
    Analyze, AnalyzeFormat, CaptureArgs, Color, Frames, FramesFormat, OutputArgs, PROMPTS,
    Selection, SideOption, hints,
};

/// How a command ended that did its work: its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandOutcome {
    Success,
    /// A finding matched `--fail-on`.
    FindingMatched,
}

pub(crate) fn analyze(options: &Analyze) -> anyhow::Result<CommandOutcome> {
    guard_inputs(&options.output, &options.input)?;
    let filter = options.selection.filter();
    chosen::guard_stream(&filter)?;
    chosen::guard_range(&filter, None)?;
    let fail_on = fail_on(&options.fail_on)?;
    let secrets = secrets(&options.output);
    let inspect = inspect::Options {
        headers: find::headers(options),
        all: options.all || options.find.is_some(),
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
    if let Some(line) = &options.find {
        find::print(line, report, options)?;
        return Ok(CommandOutcome::Success);
    }
    let bar = ProgressDisplay::new(options.input.quiet);
    let mut out = match options.format {
        AnalyzeFormat::Text => open_text(&options.output, bar)?,
        AnalyzeFormat::Json | AnalyzeFormat::Markdown => open(&options.output, bar)?,
    };
    let limit = options.limit;
    let format: Box<dyn ReportFormat> = match options.format {
        AnalyzeFormat::Text => Box::new(text_format(options)),
        AnalyzeFormat::Json => Box::new(report::json::Json { secrets }),
        AnalyzeFormat::Markdown => Box::new(report::markdown::Markdown {
            limit,
            secrets,
            prompts: PROMPTS,
        }),
    };
    format.write(&report, &mut out)?;
    out.flush()?;
    let outcome = fails(&fail_on, &report);
    leave(report);
    Ok(outcome)
}

/// The process ends soon: to release every call by itself would take longer than it took to look at them.
fn leave(report: Report) {
    std::mem::forget(report);
}

fn text_format(options: &Analyze) -> report::text::Text {
    report::text::Text {
        limit: options.limit,
        secrets: secrets(&options.output),
        columns: columns(&options.output),
        colours: match options.format {
            AnalyzeFormat::Text => colours(&options.output),
            AnalyzeFormat::Json | AnalyzeFormat::Markdown => Colours::None,
        },
        prompts: PROMPTS,
    }
}

pub(crate) fn frames(options: &Frames) -> anyhow::Result<CommandOutcome> {
    guard_inputs(&options.output, &options.input)?;
    let filter = options.selection.filter();
    chosen::guard_range(&filter, None)?;
    let secrets = secrets(&options.output);
    let mut capture = open_captures(&options.input)?;
    let files = Files::of(&options.input.captures);
    let side = match options.side {
        SideOption::Client => LoggedSide::Client,
        SideOption::Server => LoggedSide::Server,
    };
    let format: Box<dyn FrameFormat> = match options.format {
        FramesFormat::Text => Box::new(frames::FrameText {
            files,
            secrets,
            columns: terminal_columns(&options.output),
        }),
        FramesFormat::Json => Box::new(report::json::FrameJson { files, secrets }),
        FramesFormat::Http2Debug => Box::new(frames::Http2Debug { side, secrets }),
    };
    // What has been read says how far it has come.
    let unseen = ProgressDisplay::default();
    let mut out = match options.format {
        FramesFormat::Text => open_text(&options.output, unseen)?,
        FramesFormat::Json | FramesFormat::Http2Debug => open(&options.output, unseen)?,
    };
    let names = directory::directory(&options.input.names)?;
    let mut printer = FramePrinter::new(&*format, filter.clone(), &mut out).naming(names);
    let decode = decode_options(&options.input, format.data_bytes())?;
    let each = |printer: &mut FramePrinter<'_>, stamp| {
        printer.next_packet(stamp).map_err(anyhow::Error::from)
    };
    // Frames that go to a terminal, or to a program that shows them on one, say so themselves.
    let mut bar = ProgressDisplay::new(options.input.quiet || options.output.file().is_none());
    let watch = |capture: &Capture, packets| bar.show(capture.bytes_read(), packets);
    let decoded = pipeline::decode_watched(&mut capture, decode, &mut printer, each, watch);
    bar.clear();
    let mut decoder = decoded?;
    let (readable, recognised) = (printer.is_readable(), printer.recognised());
    let (printed, times) = (printer.printed(), printer.times());
    let passed_over = printer.take_passed_over();
    out.flush()?;
    for mut anomalies in [pipeline::notes(&mut capture), decoder.take_anomalies()] {
        hints::name_flags_in_anomalies(&mut anomalies);
        warn(&anomalies)?;
    }
    if !readable {
        return Err(match filter.connection {
            Some(_) if recognised > 0 => {
                nothing_found(&options.input, &options.selection, decoder.tally()).into()
            }
            _ => no_http2(&options.input, decoder.tally(), recognised).into(),
        });
    }
    chosen::guard_range(&filter, times.map(|(first, _)| first))?;
    if printed == 0 && filter.is_set() {
        chosen::say_what_there_is("frame", &filter, (&passed_over, times), secrets)?;
    }
    Ok(CommandOutcome::Success)
}

pub(crate) fn explain(rule: Option<&str>) -> anyhow::Result<CommandOutcome> {
    let text = match rule {
        None => report::explain::table(),
        Some(name) => {
            let rule = RULES.iter().find(|rule| rule.name == name);
            let rule = rule.ok_or_else(|| CommandError::UnknownRule(name.to_owned()))?;
            report::explain::manual(rule, columns_of_terminal())
        }
    };
    let text = match surroundings::has_unicode() {
        true => text,
        false => marks::ascii(&text),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(CommandOutcome::Success)
}

#[cfg(feature = "live")]
pub(crate) fn interfaces() -> anyhow::Result<CommandOutcome> {
    let interfaces = capture::interfaces().context("cannot list the interfaces")?;
    let mut out = io::stdout().lock();
    for interface in interfaces {
        let state = if interface.is_up { "up" } else { "down" };
        let addresses: Vec<_> = interface
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        let line = format!(
            "{:<16} {state:<5} {:<32} {}",
            interface.name,
            addresses.join(" "),
            interface.description
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(CommandOutcome::Success)
}

/// Whether an error is only that nobody reads the output any more.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn open_captures(input: &CaptureArgs) -> Result<Capture, CaptureError> {
    let mut capture = Capture::open(&input.captures)?;
    if let Some(bytes) = input.limits.max_unpacked {
        capture.limit_unpacked(bytes);
    }
    Ok(capture)
}

fn decode_options(input: &CaptureArgs, keep_data: usize) -> anyhow::Result<decode::Options> {
    Ok(decode::Options {
        ports: input.ports.clone(),
        keep_data,
        keys: keys(input)?,
        limits: input.limits.decode(),
    })
}

#[cfg(feature = "tls")]
fn keys(input: &CaptureArgs) -> Result<KeyLog, CommandError> {
    let mut keys = KeyLog::default();
    for path in &input.key_logs {
        let read =
            std::fs::File::open(path).and_then(|file| keys.read_from(io::BufReader::new(file)));
        read.map_err(|source| CommandError::KeyLog {
            path: path.clone(),
            source,
        })?;
    }
    Ok(keys)
}

#[cfg(not(feature = "tls"))]
fn keys(_: &CaptureArgs) -> Result<KeyLog, CommandError> {
    Ok(KeyLog::default())
}

const fn secrets(output: &OutputArgs) -> SecretDisplay {
    match (output.show_secrets, output.redact_messages) {
        (true, _) => SecretDisplay::Shown,
        (false, true) => SecretDisplay::MessagesRedacted,
        (false, false) => SecretDisplay::Redacted,
    }
}

/// Whether findings repeat what answers say.
const fn messages(output: &OutputArgs) -> StatusMessages {
    match output.redact_messages {
        true => StatusMessages::Hidden,
        false => StatusMessages::Told,
    }
}

fn lower_case(name: &str) -> Arc<[u8]> {
    name.to_ascii_lowercase().into_bytes().into()
}

/// Sees to it that the output is none of the inputs, by whatever name: it would be emptied before it is read.
fn guard_inputs(output: &OutputArgs, input: &CaptureArgs) -> anyhow::Result<()> {
    match output.file() {
        Some(path) => guard_path(path, input),
        None => Ok(()),
    }
}

fn guard_path(path: &Path, input: &CaptureArgs) -> anyhow::Result<()> {
    let Some(written) = identity(path) else {
        return Ok(());
    };
    let read = input.captures.iter().chain(input.key_logs());
    let mut read = read.chain(input.names.files());
    match read.find(|read| identity(read) == Some(written)) {
        Some(input) => Err(CommandError::OutputIsInput {
            output: path.to_owned(),
            input: input.clone(),
        }
        .into()),
        None => Ok(()),
    }
}

/// What a file is known by, whatever it is called; `None` where there is none, or it is no plain file.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
    Some((metadata.dev(), metadata.ino()))
}

/// What a file is known by, links resolved; `None` where there is none, or it is no plain file.
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<PathBuf> {
    std::fs::metadata(path).ok().filter(Metadata::is_file)?;
    path.canonicalize().ok()
}

/// How wide text is set: as wide as the terminal that shows it.
fn columns(output: &OutputArgs) -> LineWidth {
    match output.file() {
        Some(_) => LineWidth::default(),
        None => columns_of_terminal(),
    }
}

/// How wide the terminal is that shows it; `None` where none does.
fn terminal_columns(output: &OutputArgs) -> Option<LineWidth> {
    let size = console::Term::stdout().size_checked();
    let (_, columns) = size.filter(|_| output.file().is_none())?;
    Some(LineWidth::of_terminal(columns.into()))
}

fn columns_of_terminal() -> LineWidth {
    let size = console::Term::stdout().size_checked();
    size.map_or_else(LineWidth::default, |(_, columns)| {
        LineWidth::of_terminal(columns.into())
    })
}

fn colours(output: &OutputArgs) -> Colours {
    let wanted = match output.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            output.file().is_none() && surroundings::has_colours(io::stdout().is_terminal())
        }
    };
    if wanted { Colours::Ansi } else { Colours::None }
}

/// Says on standard error what was wrong with the capture files themselves, and what of their TLS
/// could not be decrypted.
fn warn(anomalies: &[Anomaly]) -> anyhow::Result<()> {
    for anomaly in anomalies
        .iter()
        .filter(|anomaly| matches!(anomaly.layer, Layer::Capture | Layer::Tls))
    {
        let of = anomaly
            .connection
            .map_or_else(String::new, |number| format!("connection {number}: "));
        let text = report::printable(&anomaly.text);
        writeln!(io::stderr(), "warning: {of}{text}")?;
    }
    Ok(())
}

/// Why a report has no connection: the one that was asked for is none of HTTP/2, or there is none at all.
fn nothing_found(input: &CaptureArgs, selection: &Selection, tally: &Tally) -> CommandError {
    match selection.filter().connection {
        Some(number) => CommandError::NoSuchConnection {
            number,
            captures: names(input),
        },
        None => no_http2(input, tally, 0),
    }
}

fn names(input: &CaptureArgs) -> String {
    let names = input.captures.iter();
    let names: Vec<_> = names.map(|path| path.display().to_string()).collect();
    names.join(", ")
}

fn no_http2(input: &CaptureArgs, tally: &Tally, tls_with_h2: usize) -> CommandError {
    CommandError::NoHttp2 {
        captures: names(input),
        instead: report::instead(tally, tls_with_h2),
        hint: hints::no_http2(input, tally, tls_with_h2),
    }
}

/// What `--fail-on` asks for.
enum FailOn {
    Severity(Severity),
    Rule(&'static str),
}

fn fail_on(names: &[String]) -> Result<Vec<FailOn>, CommandError> {
    let parse = |name: &String| match name.as_str() {
        "error" => Ok(FailOn::Severity(Severity::Error)),
        "warning" => Ok(FailOn::Severity(Severity::Warning)),
        "info" => Ok(FailOn::Severity(Severity::Info)),
        name => RULES
            .iter()
            .find(|rule| rule.name == name)
            .map(|rule| FailOn::Rule(rule.name))
            .ok_or_else(|| CommandError::NoSuchRule(name.to_owned())),
    };
    names.iter().map(parse).collect()
}

fn fails(fail_on: &[FailOn], report: &Report) -> CommandOutcome {
    let matches = |finding: &Finding| {
        fail_on.iter().any(|fail_on| match fail_on {
            FailOn::Severity(severity) => finding.severity <= *severity,
            FailOn::Rule(rule) => finding.rule == *rule,
        })
    };
    if report.analysis.findings.iter().any(matches) {
        CommandOutcome::FindingMatched
    } else {
        CommandOutcome::Success
    }
}
