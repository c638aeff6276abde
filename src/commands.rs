//! What each command does with its options.

#[cfg(feature = "live")]
mod live;
mod timeline;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "live")]
use anyhow::Context as _;
#[cfg(feature = "live")]
use h2sniff::capture;
use h2sniff::capture::{Capture, CaptureError};
use h2sniff::decode::anomaly::{Anomaly, Layer};
use h2sniff::decode::tls::KeyLog;
use h2sniff::decode::{self, Tally, Transport};
use h2sniff::inspect::Interest;
use h2sniff::inspect::diagnosis::{Finding, RULES, Severity};
use h2sniff::inspect::report::{Files, Report};
use h2sniff::pipeline;
use h2sniff::report::frames::{self, FrameFormat, FramePrinter, LoggedSide};
use h2sniff::report::{self, ReportFormat, SecretDisplay};

#[cfg(feature = "live")]
pub(crate) use live::live;
pub(crate) use timeline::timeline;

use crate::cli::{Analyze, AnalyzeFormat, Color, Frames, FramesFormat, Input, Output, SideOption};

/// How a command ended that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Well.
    Well,
    /// A finding matched `--fail-on`.
    Matched,
}

/// Why a command could not do its work, beside what the library says.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("no HTTP/2 found in {captures}: {instead}")]
    NoHttp2 {
        captures: String,
        instead: String,
        hint: String,
    },
    #[error("--fail-on {0}: no such rule or severity")]
    NoSuchRule(String),
    #[error("no rule is called {0}")]
    UnknownRule(String),
    #[error("--around {0}: neither a rule, nor a time, nor CONN:STREAM")]
    NoSuchPlace(String),
    #[error("--around {0}: the capture has no such thing")]
    NotInCapture(String),
    #[error("--window {0}: not a duration")]
    NoSuchWindow(String),
    #[cfg(feature = "tls")]
    #[error("cannot read the key log {}", path.display())]
    KeyLog { path: PathBuf, source: io::Error },
    #[cfg(feature = "live")]
    #[error("--record-on {0}: no such rule")]
    NoSuchRuleToRecord(String),
    #[error("cannot write {}", path.display())]
    Output { path: PathBuf, source: io::Error },
}

pub(crate) fn analyze(options: &Analyze) -> anyhow::Result<Done> {
    let watched = watched(&options.fail_on)?;
    let secrets = secrets(&options.output);
    let mut capture = open_captures(&options.input)?;
    let interest = Interest {
        headers: options
            .headers
            .iter()
            .map(|name| lower_case(name))
            .collect(),
        all: options.all,
        filter: options.selection.filter(),
        limits: options.limits.inspect(),
        ..Interest::default()
    };
    let decode = decode_options(&options.input, 0)?;
    let report = pipeline::analyze(&mut capture, pipeline::Options { decode, interest })?;
    warn(&report.anomalies)?;
    let readable = report.analysis.connections.iter().any(|connection| {
        matches!(
            connection.transport,
            Transport::H2c | Transport::H2 | Transport::NotHttp2
        )
    });
    if !readable {
        let tls = report.analysis.connections.len();
        return Err(no_http2(&options.input.captures, &report.tally, tls).into());
    }
    let mut out = open(&options.output)?;
    colour(&options.output);
    let limit = options.limit;
    let format: Box<dyn ReportFormat> = match options.format {
        AnalyzeFormat::Text => Box::new(report::text::Text { limit, secrets }),
        AnalyzeFormat::Json => Box::new(report::json::Json { secrets }),
        AnalyzeFormat::Markdown => Box::new(report::markdown::Markdown { limit, secrets }),
    };
    format.write(&report, &mut out)?;
    out.flush()?;
    Ok(fails(&watched, &report))
}

pub(crate) fn frames(options: &Frames) -> anyhow::Result<Done> {
    let secrets = secrets(&options.output);
    let mut capture = open_captures(&options.input)?;
    let files = Files::of(&options.input.captures);
    let side = match options.side {
        SideOption::Client => LoggedSide::Client,
        SideOption::Server => LoggedSide::Server,
    };
    let format: Box<dyn FrameFormat> = match options.format {
        FramesFormat::Text => Box::new(frames::FrameText { files, secrets }),
        FramesFormat::Json => Box::new(frames::FrameJson { files, secrets }),
        FramesFormat::Http2Debug => Box::new(frames::Http2Debug { side, secrets }),
    };
    let mut out = open(&options.output)?;
    let mut printer = FramePrinter::new(&*format, options.selection.filter(), &mut out);
    let decode = decode_options(&options.input, format.data_bytes())?;
    let each = |printer: &mut FramePrinter<'_>, stamp| {
        printer.next_packet(stamp).map_err(anyhow::Error::from)
    };
    let mut decoder = pipeline::decode(&mut capture, decode, &mut printer, each)?;
    let (readable, recognised) = (printer.is_readable(), printer.recognised());
    out.flush()?;
    warn(&pipeline::notes(&mut capture))?;
    warn(&decoder.take_anomalies())?;
    if !readable {
        return Err(no_http2(&options.input.captures, decoder.tally(), recognised).into());
    }
    Ok(Done::Well)
}

pub(crate) fn explain(rule: Option<&str>) -> anyhow::Result<Done> {
    let text = match rule {
        None => report::explain::table(),
        Some(name) => {
            let rule = RULES.iter().find(|rule| rule.name == name);
            let rule = rule.ok_or_else(|| Refusal::UnknownRule(name.to_owned()))?;
            report::explain::manual(rule)
        }
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(Done::Well)
}

#[cfg(feature = "live")]
pub(crate) fn interfaces() -> anyhow::Result<Done> {
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
    Ok(Done::Well)
}

/// Whether an error is only that nobody reads the output any more.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// What to try instead.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(error) = error.downcast_ref::<CaptureError>() {
        return error.hint();
    }
    #[cfg(feature = "live")]
    if let Some(refusal) = error.downcast_ref::<crate::live::Refusal>() {
        return refusal.hint().map(str::to_owned);
    }
    match error.downcast_ref::<Refusal>()? {
        Refusal::NoHttp2 { hint, .. } => Some(hint.clone()),
        Refusal::NoSuchPlace(_) => {
            Some("for example goaway-race, +31.5s, 2026-11-22T07:00:31Z or 0:2121".to_owned())
        }
        Refusal::NotInCapture(_) => Some("h2sniff analyze lists findings and RPCs".to_owned()),
        Refusal::NoSuchWindow(_) => Some("for example 200ms, 1.5s or 2m".to_owned()),
        Refusal::UnknownRule(_) => Some("h2sniff explain lists the rules".to_owned()),
        #[cfg(feature = "tls")]
        Refusal::KeyLog { .. } => None,
        Refusal::NoSuchRule(_) => Some(format!("severities: error, warning, info; {}", rules())),
        #[cfg(feature = "live")]
        Refusal::NoSuchRuleToRecord(_) => Some(rules()),
        Refusal::Output { .. } => None,
    }
}

fn rules() -> String {
    let rules: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    format!("rules: {}", rules.join(", "))
}

fn open_captures(input: &Input) -> Result<Capture, CaptureError> {
    let mut capture = Capture::open(&input.captures)?;
    if let Some(bytes) = input.limits.max_unpacked {
        capture.limit_unpacked(bytes);
    }
    Ok(capture)
}

fn decode_options(input: &Input, keep_data: usize) -> anyhow::Result<decode::Options> {
    Ok(decode::Options {
        ports: input.ports.clone(),
        keep_data,
        keys: keys(input)?,
        limits: input.limits.decode(),
    })
}

#[cfg(feature = "tls")]
fn keys(input: &Input) -> Result<KeyLog, Refusal> {
    let mut keys = KeyLog::default();
    for path in &input.key_logs {
        let text = std::fs::read(path).map_err(|source| Refusal::KeyLog {
            path: path.clone(),
            source,
        })?;
        keys.read(&text);
    }
    Ok(keys)
}

#[cfg(not(feature = "tls"))]
fn keys(_: &Input) -> Result<KeyLog, Refusal> {
    Ok(KeyLog::default())
}

const fn secrets(output: &Output) -> SecretDisplay {
    if output.show_secrets {
        SecretDisplay::Shown
    } else {
        SecretDisplay::Redacted
    }
}

fn lower_case(name: &str) -> Arc<[u8]> {
    name.to_ascii_lowercase().into_bytes().into()
}

/// The output: a file, or standard output in large pieces.
fn open(output: &Output) -> anyhow::Result<Box<dyn Write + Send>> {
    let Some(path) = output.path.as_ref().filter(|path| *path != Path::new("-")) else {
        return Ok(Box::new(BufWriter::with_capacity(1 << 16, io::stdout())));
    };
    let file = File::create(path).map_err(|source| Refusal::Output {
        path: path.clone(),
        source,
    })?;
    Ok(Box::new(BufWriter::with_capacity(1 << 16, file)))
}

fn colour(output: &Output) {
    match output.color {
        Color::Always => colored::control::set_override(true),
        Color::Never => colored::control::set_override(false),
        Color::Auto if output.path.is_some() || !io::stdout().is_terminal() => {
            colored::control::set_override(false);
        }
        // `colored` itself heeds NO_COLOR and CLICOLOR.
        Color::Auto => {}
    }
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
        writeln!(io::stderr(), "warning: {of}{}", anomaly.text)?;
    }
    Ok(())
}

fn no_http2(captures: &[PathBuf], tally: &Tally, tls_with_h2: usize) -> Refusal {
    let names: Vec<_> = captures
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    Refusal::NoHttp2 {
        captures: names.join(", "),
        instead: report::instead(tally, tls_with_h2),
        hint: report::instead_hint(tally, tls_with_h2),
    }
}

/// What `--fail-on` watches for.
enum Watched {
    Severity(Severity),
    Rule(&'static str),
}

fn watched(names: &[String]) -> Result<Vec<Watched>, Refusal> {
    let watch = |name: &String| match name.as_str() {
        "error" => Ok(Watched::Severity(Severity::Error)),
        "warning" => Ok(Watched::Severity(Severity::Warning)),
        "info" => Ok(Watched::Severity(Severity::Info)),
        name => RULES
            .iter()
            .find(|rule| rule.name == name)
            .map(|rule| Watched::Rule(rule.name))
            .ok_or_else(|| Refusal::NoSuchRule(name.to_owned())),
    };
    names.iter().map(watch).collect()
}

fn fails(watched: &[Watched], report: &Report) -> Done {
    let matches = |finding: &Finding| {
        watched.iter().any(|watched| match watched {
            Watched::Severity(severity) => finding.severity <= *severity,
            Watched::Rule(rule) => finding.rule == *rule,
        })
    };
    if report.analysis.findings.iter().any(matches) {
        Done::Matched
    } else {
        Done::Well
    }
}
