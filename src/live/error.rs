//! Why a live analysis could not begin, or go on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    #[error("cannot serve metrics on {address}")]
    Metrics {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("there is no user {0}")]
    NoSuchUser(String),
    #[error("cannot become user {user}")]
    User { user: String, source: io::Error },
    #[error("cannot record to {}", path.display())]
    Recorder { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    PacketFile { path: PathBuf, source: io::Error },
    #[error("the analysis ended unexpectedly")]
    Died,
    #[error("the end took too long; the report was not finished")]
    Overdue,
}

impl LiveError {
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Metrics { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("another program listens there: choose another port")
            }
            Self::User { .. } => Some("only root can become someone else"),
            Self::Recorder { .. } => Some(
                "it must be a directory, no link, that only root or the user given with --user owns and may write",
            ),
            Self::PacketFile { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("what was written before is complete; make room, or use --record for a ring")
            }
            _ => None,
        }
    }
}
