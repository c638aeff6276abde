//! Processes of this host, and the files that they run.
//!
//! In: `/proc`, containers included: each process is asked through its own entry. Out: who was named, and the files that
//! a process has mapped as code, by names under which this process may open them.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Which processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Process(u32),
    /// All that run a program: by its path, or by its file's name where there is no slash.
    Program(PathBuf),
}

/// A file, whatever it is called: device and inode.
pub(super) type FileId = (u64, u64);

/// A file that a process has mapped as code.
#[derive(Debug)]
pub(super) struct MappedFile {
    pub(super) id: FileId,
    /// Under which name we can open it.
    pub(super) open_as: PathBuf,
    /// What the process calls it.
    pub(super) name: PathBuf,
    pub(super) is_program: bool,
}

impl Target {
    pub(super) fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Self::Process(number),
            Err(_) => Self::Program(text.into()),
        }
    }

    /// Those that there are now.
    pub(super) fn processes(&self) -> Vec<u32> {
        match self {
            Self::Process(number) if is_there(*number) => vec![*number],
            Self::Process(_) => Vec::new(),
            Self::Program(path) => {
                let runs = |number: &u32| runs(*number, path);
                all().into_iter().filter(runs).collect()
            }
        }
    }
}

/// All processes.
pub(super) fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// Whether there is such a process, and it runs: a zombie does not.
pub(super) fn is_there(process: u32) -> bool {
    /// `ESRCH`: it ended between opening and reading.
    const ENDED: i32 = 3;

    match fs::read(format!("/proc/{process}/stat")) {
        Ok(status) => {
            // The name before it may hold anything.
            let status = String::from_utf8_lossy(&status);
            let after_name = status.rsplit_once(") ").map(|(_, rest)| rest);
            after_name.is_some_and(|state| !state.starts_with(['Z', 'X']))
        }
        // One that cannot be looked at is there all the same.
        Err(error) => error.kind() != ErrorKind::NotFound && error.raw_os_error() != Some(ENDED),
    }
}

/// What a process calls itself.
pub(super) fn name(process: u32) -> String {
    let name = fs::read(format!("/proc/{process}/comm")).unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
}

/// The program that a process runs, as it calls it.
pub(super) fn program(process: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/exe")).ok()
}

/// Whether this process may not see what another runs (proc(5), ptrace(2)).
pub(super) fn is_hidden(process: u32) -> bool {
    let seen = fs::read_link(format!("/proc/{process}/exe"));
    seen.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// Which file a name means now.
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    let status = fs::metadata(path).ok()?;
    status.is_file().then(|| (status.dev(), status.ino()))
}

fn runs(process: u32, path: &Path) -> bool {
    match path.components().count() {
        1 if !path.has_root() => {
            program(process).is_some_and(|own| own.file_name() == path.file_name())
        }
        _ => {
            let own = file_id(Path::new(&format!("/proc/{process}/exe")));
            own.is_some() && own == file_id(path)
        }
    }
}

/// The files that a process has mapped as code.
///
/// # Errors
/// Those of reading `/proc/PID/maps`: the process has ended, or is not ours to look at.
pub(super) fn mapped_files(process: u32) -> std::io::Result<Vec<MappedFile>> {
    let maps = fs::read(format!("/proc/{process}/maps"))?;
    let maps = String::from_utf8_lossy(&maps);
    let program = PathBuf::from(format!("/proc/{process}/exe"));
    let program_id = file_id(&program);
    let mut files = BTreeMap::new();
    for line in maps.lines() {
        let mut words = line.splitn(6, ' ');
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let name = words.nth(3).map(str::trim_start).unwrap_or_default();
        if !rights.contains('x') || !name.starts_with('/') {
            continue;
        }
        // The mapping itself is right even where the file has been replaced since, and in other mount namespaces.
        let mapping = PathBuf::from(format!("/proc/{process}/map_files/{range}"));
        let in_its_root = PathBuf::from(format!("/proc/{process}/root{name}"));
        let found = [mapping, in_its_root]
            .into_iter()
            .find_map(|path| Some((file_id(&path)?, path)));
        let Some((id, path)) = found else { continue };
        let is_program = Some(id) == program_id;
        files.entry(id).or_insert_with(|| MappedFile {
            id,
            open_as: if is_program { program.clone() } else { path },
            name: name.into(),
            is_program,
        });
    }
    Ok(files.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_number_its_path_and_its_name() {
        let own = std::process::id();
        let path = program(own).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        for text in [&own.to_string(), path.to_str().unwrap(), name] {
            let found = Target::parse(text).processes();
            assert!(found.contains(&own), "{text}: {found:?}");
        }
        assert!(Target::parse("/nowhere/at all").processes().is_empty());
        assert!(Target::parse("4194999").processes().is_empty());
        let files = mapped_files(own).unwrap();
        let programs = files.iter().filter(|file| file.is_program);
        assert_eq!(programs.count(), 1);
        assert!(mapped_files(4_194_999).is_err());
    }
}
