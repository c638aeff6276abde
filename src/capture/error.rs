//! Why a capture could not be read.

use std::io;

use super::file_kind::FileKind;

/// The capture could not be read at all, or not to its end.
///
/// A capture that is merely cut off, or damaged after its first packet, is no error: it is read up
/// to there, and a [`CaptureNote`](super::CaptureNote) says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// There is no such file.
    #[error("{path} does not exist")]
    NotFound {
        /// The file as it was named.
        path: String,
    },
    /// The path names a directory.
    #[error("{path} is a directory")]
    Directory {
        /// The file as it was named.
        path: String,
    },
    /// The file exists but cannot be opened.
    #[error("{path} cannot be opened")]
    Unreadable {
        /// The file as it was named.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Standard input is a keyboard.
    #[error("standard input is a terminal, not a capture")]
    Terminal,
    /// Standard input was named more than once.
    #[error("standard input can be read only once")]
    StandardInputTwice,
    /// The file holds no bytes.
    #[error("{path} is empty")]
    Empty {
        /// The file as it was named.
        path: String,
    },
    /// The bytes are those of something else.
    #[error("{path} is not a capture but {kind}")]
    NotACapture {
        /// The file as it was named.
        path: String,
        /// What it seems to be.
        kind: FileKind,
    },
    /// The file begins as a capture, but not one packet could be read.
    #[error("{path} is damaged: {detail}")]
    Damaged {
        /// The file as it was named.
        path: String,
        /// What is wrong, and where, as a clause.
        detail: String,
    },
    /// This process may not capture on the interface.
    #[error("no permission to capture on {interface}")]
    NoRights {
        /// The interface as it was named.
        interface: String,
        /// What libpcap said.
        detail: String,
    },
    /// There is no such interface.
    #[error("there is no interface {interface}")]
    NoSuchInterface {
        /// The interface as it was named.
        interface: String,
        /// The names of the interfaces there are.
        known: Vec<String>,
    },
    /// The filter is not valid, in the syntax of pcap-filter(7).
    #[error("the filter `{filter}` cannot be used: {detail}")]
    Filter {
        /// The filter as it was typed.
        filter: String,
        /// What libpcap said.
        detail: String,
    },
    /// The interface cannot be opened.
    #[error("cannot capture on {interface}: {detail}")]
    Interface {
        /// The interface as it was named.
        interface: String,
        /// What libpcap said.
        detail: String,
    },
    /// Reading failed after the file was opened.
    #[error("{path} cannot be read on")]
    Io {
        /// The file as it was named.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
}

impl CaptureError {
    /// Whether it is about what is in one file, of which nothing can be read: others of a ring can.
    pub(super) fn concerns_one_file(&self) -> bool {
        match self {
            Self::Empty { .. } | Self::Damaged { .. } => true,
            Self::NotACapture { kind, .. } => kind.may_be_damage(),
            _ => false,
        }
    }
}
