//! Where what a command tells goes: a file, or standard output.
//!
//! In: the options, and the line that says how far writing has come. Out: something to write to, in large pieces.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::error::CommandError;
use super::marks::AsciiMarks;
use super::progress::ProgressDisplay;
use super::surroundings;
use crate::cli::OutputArgs;

/// How much is written at once, in bytes.
const PIECE: usize = 1 << 16;

/// The output, for text that people read: in ASCII where their locale has nothing else.
pub(super) fn open_text(
    output: &OutputArgs,
    bar: ProgressDisplay,
) -> anyhow::Result<Box<dyn Write + Send>> {
    let out = open(output, bar)?;
    Ok(
        match output.file().is_some() || surroundings::has_unicode() {
            true => out,
            false => Box::new(AsciiMarks::new(out)),
        },
    )
}

/// The output: a file, of which the bar shows how much is written, or standard output.
pub(super) fn open(
    output: &OutputArgs,
    bar: ProgressDisplay,
) -> anyhow::Result<Box<dyn Write + Send>> {
    Ok(match create(output)? {
        Some(file) => {
            let file = ShownFile {
                file,
                bar,
                written: 0,
            };
            Box::new(BufWriter::with_capacity(PIECE, file))
        }
        None => Box::new(BufWriter::with_capacity(PIECE, io::stdout())),
    })
}

/// A file that shows how much of it is written.
struct ShownFile {
    file: File,
    bar: ProgressDisplay,
    written: u64,
}

impl Write for ShownFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        self.bar.show_written(self.written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for ShownFile {
    fn drop(&mut self) {
        self.bar.clear();
    }
}

/// The file to write to, made or emptied; `None` for standard output.
pub(super) fn create(output: &OutputArgs) -> Result<Option<File>, CommandError> {
    let created = output.file().map(|path| {
        emptied(path).map_err(|source| CommandError::Output {
            path: path.to_owned(),
            source,
        })
    });
    created.transpose()
}

/// A file that is written at its end, wherever that is: cut meanwhile, as logrotate's `copytruncate` does, it has no hole.
fn emptied(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).append(true).open(path)?;
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_emptied_and_one_that_is_cut_meanwhile_has_no_hole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        std::fs::write(&path, "of another run").unwrap();
        let mut file = emptied(&path).unwrap();
        file.write_all(b"before").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(0)
            .unwrap();
        file.write_all(b"after").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"after");
        assert!(emptied(Path::new("/dev/null")).is_ok());
    }
}
