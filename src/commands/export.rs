//! `export`: all calls of a capture, for engines that query many.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use h2sniff::inspect::{self, UnlistedCalls};
use h2sniff::report::columnar::{Tables, ToldCalls};
use h2sniff::report::otlp::{self, Otlp, SpansOf};
use h2sniff::report::{Report, ReportFormat as _, SecretDisplay};

use super::{CommandError, CommandOutcome, analysis, guard_path, lower_case};
use crate::backoff::Backoff;
use crate::cli::{Export, ExportFormat};
use crate::otlp::{OtlpClient, OtlpError, OtlpTarget, deliver};

/// How long a collector that is away is asked again.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn export(options: &Export) -> anyhow::Result<CommandOutcome> {
    if let Some(output) = &options.output {
        guard_path(output, &options.input)?;
    }
    let target = OtlpTarget::of(&options.otlp, |name| env::var(name).ok())?;
    if options.format == ExportFormat::Parquet && (target.is_some() || options.all) {
        return Err(CommandError::TablesAreNotSent.into());
    }
    let inspect = inspect::Options {
        all: options.all,
        unlisted: match options.format {
            ExportFormat::Parquet => UnlistedCalls::Told,
            ExportFormat::Otlp => UnlistedCalls::Counted,
        },
        headers: match options.format {
            // Nothing in the tables is made of them.
            ExportFormat::Parquet => Vec::new(),
            ExportFormat::Otlp => otlp::HEADERS.map(lower_case).to_vec(),
        },
        filter: options.selection.filter(),
        limits: options.limits.inspect(),
        ..inspect::Options::default()
    };
    let output = options.output.as_deref().unwrap_or(Path::new("-"));
    let cannot_write = |source| CommandError::Output {
        path: output.to_owned(),
        source,
    };
    let mut told = match options.format {
        ExportFormat::Parquet => Some(scratch(output).map_err(cannot_write)?),
        ExportFormat::Otlp => None,
    };
    let report = analysis::report_on(
        &options.input,
        &options.selection,
        inspect,
        options.limits.threads(),
        |rpc| {
            if let Some(told) = &mut told {
                told.push(rpc);
            }
        },
    )?;
    match (options.format, target) {
        (ExportFormat::Parquet, _) => write_tables(options, &report, told, output),
        (ExportFormat::Otlp, None) => open_file(output).and_then(|mut out| {
            spans(options).write(&report, &mut out)?;
            out.flush()
        }),
        (ExportFormat::Otlp, Some(target)) => {
            send(&spans(options), &report, target)?;
            Ok(())
        }
    }
    .map_err(cannot_write)?;
    let unlisted = report.analysis.unlisted;
    if unlisted.rpcs > 0 || unlisted.connections > 0 {
        writeln!(
            io::stderr(),
            "warning: {} calls and {} connections are not exported, to stay within the limits: rates over \
             the rest would be wrong (--max-rpcs)",
            unlisted.rpcs,
            unlisted.connections
        )?;
    }
    Ok(CommandOutcome::Success)
}

const fn secrets(options: &Export) -> SecretDisplay {
    match options.show_secrets {
        true => SecretDisplay::Shown,
        false => SecretDisplay::Redacted,
    }
}

fn write_tables(
    options: &Export,
    report: &Report,
    told: Option<ToldCalls<'_>>,
    output: &Path,
) -> io::Result<()> {
    let tables = Tables {
        labels: options.labels.clone(),
        secrets: secrets(options),
        shard: options.shard.unwrap_or_default(),
    };
    let mut written = Vec::new();
    tables.write(report, told, &mut |path| {
        let file = UnfinishedFile::create(output.join(path))?;
        written.push((file.path.clone(), file.unfinished.clone()));
        Ok(Box::new(BufWriter::with_capacity(1 << 16, file.out)) as Box<dyn Write + Send>)
    })?;
    // Engines that read meanwhile see a file whole or not at all.
    written
        .into_iter()
        .try_for_each(|(path, unfinished)| fs::rename(unfinished, path))
}

fn spans(options: &Export) -> Otlp {
    Otlp {
        labels: options.labels.clone(),
        secrets: secrets(options),
        shard: options.shard.unwrap_or_default(),
        spans: match options.all {
            true => SpansOf::All,
            false => SpansOf::Died,
        },
    }
}

/// Sends everything to a collector, and says what came of it.
fn send(spans: &Otlp, report: &Report, target: OtlpTarget) -> anyhow::Result<()> {
    let client = OtlpClient::new(target);
    let (mut sent, mut rejected) = (0, 0);
    let mut why = String::new();
    let result = spans.requests(report, |request| {
        let taken = deliver(&client, &request, Backoff::default(), PATIENCE)?;
        rejected += taken.rejected;
        sent += request.records.saturating_sub(taken.rejected);
        why = taken.message;
        Ok(())
    });
    let to = client.shown();
    writeln!(io::stderr(), "sent {sent} spans and log records to {to}")?;
    result.map_err(|error: OtlpError| anyhow::Error::from(error))?;
    if rejected > 0 {
        return Err(CommandError::NotTaken { rejected, why }.into());
    }
    Ok(())
}

/// Where calls are put aside while captures are read: a file in the folder of the tables that has no name any more, so that
/// nobody finds it, and it is gone however this ends.
fn scratch(folder: &Path) -> io::Result<ToldCalls<'static>> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!(".calls-{}.unfinished", std::process::id()));
    let mut open = File::options();
    let file = open.read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(ToldCalls::new(Box::new(file)))
}

fn open_file(path: &Path) -> io::Result<BufWriter<Box<dyn Write>>> {
    let out: Box<dyn Write> = match path == Path::new("-") {
        true => Box::new(io::stdout()),
        false => Box::new(File::create(path)?),
    };
    Ok(BufWriter::with_capacity(1 << 16, out))
}

/// A file that gets its name when all of them are complete; until then engines pass over it.
struct UnfinishedFile {
    path: PathBuf,
    unfinished: PathBuf,
    out: File,
}

impl UnfinishedFile {
    fn create(path: PathBuf) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let unfinished = path.with_extension("unfinished");
        let out = File::create(&unfinished)?;
        Ok(Self {
            path,
            unfinished,
            out,
        })
    }
}
