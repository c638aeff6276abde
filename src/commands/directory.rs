//! Who has which address, from the files and servers that were named.

use std::fs::File;
use std::io::{self, BufReader, Write as _};

use h2sniff::names::Directory;
use h2sniff::report::printable;

use super::CommandError;
use crate::cli::NamesArgs;

/// Reads the files, and asks the API servers for what there is now.
pub(super) fn directory(names: &NamesArgs) -> anyhow::Result<Directory> {
    #[cfg(feature = "names")]
    {
        let mut directory = of_files(names)?;
        for server in names.servers() {
            crate::kubernetes::snapshot(server, &mut directory.cluster)?;
        }
        Ok(directory)
    }
    #[cfg(not(feature = "names"))]
    match names.servers().next() {
        Some(_) => Err(CommandError::NoKubernetes.into()),
        None => of_files(names),
    }
}

/// Reads the files; the servers are watched meanwhile, where this program can.
#[cfg(feature = "live")]
pub(super) fn without_servers(names: &NamesArgs) -> anyhow::Result<Directory> {
    #[cfg(not(feature = "names"))]
    if names.servers().next().is_some() {
        return Err(CommandError::NoKubernetes.into());
    }
    of_files(names)
}

fn of_files(names: &NamesArgs) -> anyhow::Result<Directory> {
    let mut directory = Directory::default();
    for path in names.files() {
        let cannot = |source| CommandError::Names {
            path: path.clone(),
            source,
        };
        let file = File::open(path).map_err(|error| cannot(error.into()))?;
        let read = directory
            .read(BufReader::with_capacity(1 << 16, file))
            .map_err(cannot)?;
        if read.is_cut {
            let path = printable(&path.display().to_string());
            writeln!(
                io::stderr(),
                "warning: {path} ends in the middle of an object; used up to there"
            )?;
        }
    }
    let left_out = directory.cluster.left_out();
    if left_out > 0 {
        writeln!(
            io::stderr(),
            "warning: {left_out} objects name no address: there are too many"
        )?;
    }
    Ok(directory)
}
