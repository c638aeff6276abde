//! The option that says who has which address.

use std::path::{Path, PathBuf};

use clap::Args;

/// Where names come from.
#[derive(Args, Clone, Debug)]
pub(crate) struct NamesArgs {
    /// Name addresses by this hosts file, or by `kubectl get pods,services,endpointslices -A -o json` (repeatable);
    /// `kubernetes` asks the API server
    #[arg(long = "names", value_name = "FILE|kubernetes")]
    sources: Vec<PathBuf>,
}

impl NamesArgs {
    /// The files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let sources = self.sources.iter();
        sources.filter(|source| server(source).is_none())
    }

    /// Which API servers are asked: by their URL, or, where that is empty, the one whose cluster this runs in.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().filter_map(|source| server(source))
    }
}

/// `kubernetes`, or `kubernetes=http://127.0.0.1:8001` as `kubectl proxy` serves it.
fn server(source: &Path) -> Option<&str> {
    let rest = source.to_str()?.strip_prefix("kubernetes")?;
    match rest {
        "" => Some(rest),
        _ => rest.strip_prefix('='),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_is_no_file() {
        let of = |source| server(Path::new(source));
        assert_eq!(of("kubernetes"), Some(""));
        assert_eq!(
            of("kubernetes=http://127.0.0.1:8001"),
            Some("http://127.0.0.1:8001")
        );
        assert_eq!(of("./kubernetes"), None);
        assert_eq!(of("kubernetes.json"), None);
    }
}
