//! `keys --list`: what could be probed on this host.

use std::collections::BTreeMap;
use std::io::{self, Write};

use h2sniff::report::printable;

use super::function::{LogFunction, Unknown};
use super::probes::{examine, why_not};
use super::processes::{self, FileId};

/// Writes a line for each process: its number and name, and what could be probed or why not. Nothing is attached.
///
/// # Errors
/// Those of the output.
pub(crate) fn list(out: &mut dyn Write) -> io::Result<()> {
    let mut known: BTreeMap<FileId, Result<LogFunction, Unknown>> = BTreeMap::new();
    for process in processes::all() {
        // Threads of the kernel run no program.
        let Some(program) = processes::program(process) else {
            continue;
        };
        let text = match processes::mapped_files(process) {
            Err(error) => format!("cannot be looked at: {error}"),
            Ok(files) => {
                for file in &files {
                    let examined = || examine(&file.open_as);
                    known.entry(file.id).or_insert_with(examined);
                }
                let found = files.iter().filter_map(|file| {
                    let function = known.get(&file.id)?.ok()?;
                    Some(format!("{} in {}", function.arguments, file.name.display()))
                });
                let found: Vec<_> = found.collect();
                match found.is_empty() {
                    true => {
                        let unknown = |file: &processes::MappedFile| known.get(&file.id)?.err();
                        format!("no: {}", why_not(process, &files, unknown))
                    }
                    false => format!("yes: {}", found.join(", ")),
                }
            }
        };
        let line = format!("{process} {}: {text}", program.display());
        writeln!(out, "{}", printable(&line))?;
    }
    Ok(())
}
