//! `export`: all calls of a capture, for engines that query many.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use h2sniff::inspect;
use h2sniff::report::columnar::Tables;
use h2sniff::report::otlp::Otlp;
use h2sniff::report::{ReportFormat as _, SecretDisplay};

use super::{CommandError, CommandOutcome, analysis, guard_path, lower_case};
use crate::cli::{Export, ExportFormat};

pub(crate) fn export(options: &Export) -> anyhow::Result<CommandOutcome> {
    guard_path(&options.output, &options.input)?;
    let inspect = inspect::Options {
        all: options.format == ExportFormat::Parquet,
        // Names the application's own span.
        headers: vec![lower_case("traceparent")],
        filter: options.selection.filter(),
        limits: options.limits.inspect(),
        ..inspect::Options::default()
    };
    let report = analysis::report_on(
        &options.input,
        &options.selection,
        inspect,
        options.limits.threads(),
    )?;
    let secrets = match options.show_secrets {
        true => SecretDisplay::Shown,
        false => SecretDisplay::Redacted,
    };
    let shard = options.shard.unwrap_or_default();
    let labels = options.labels.clone();
    let mut written = Vec::new();
    match options.format {
        ExportFormat::Parquet => {
            let tables = Tables {
                labels,
                secrets,
                shard,
            };
            tables.write(&report, &mut |path| {
                let file = UnfinishedFile::create(options.output.join(path))?;
                written.push((file.path.clone(), file.unfinished.clone()));
                Ok(Box::new(BufWriter::with_capacity(1 << 16, file.out)) as Box<dyn Write + Send>)
            })
        }
        ExportFormat::Otlp => {
            let format = Otlp {
                labels,
                secrets,
                shard,
            };
            open_file(&options.output).and_then(|mut out| {
                format.write(&report, &mut out)?;
                out.flush()
            })
        }
    }
    .map_err(|source| CommandError::Output {
        path: options.output.clone(),
        source,
    })?;
    // Engines that read meanwhile see a file whole or not at all.
    for (path, unfinished) in written {
        fs::rename(&unfinished, &path).map_err(|source| CommandError::Output { path, source })?;
    }
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
