//! Why a command could not do its work, beside what the library says, and what to try instead.

use std::io;
use std::path::PathBuf;

use h2sniff::capture::CaptureError;
use h2sniff::inspect::Moment;
use h2sniff::names::NamesFileError;
#[cfg(feature = "export")]
use h2sniff::report::printable;

use crate::cli::hints;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("no HTTP/2 found in {captures}: {instead}")]
    NoHttp2 {
        captures: String,
        instead: String,
        hint: Option<String>,
    },
    #[error("--fail-on {0}: no such rule or severity")]
    NoSuchRule(String),
    #[error("no rule is called {0}")]
    UnknownRule(String),
    #[error("--around {0}: neither a rule, nor a time, nor CONN:STREAM")]
    NoSuchPlace(String),
    #[error("--around {0}: the capture has no such thing")]
    NotInCapture(String),
    #[cfg(feature = "tls")]
    #[error("cannot read the key log {}", path.display())]
    KeyLog { path: PathBuf, source: io::Error },
    #[error("cannot take names from {}", path.display())]
    Names {
        path: PathBuf,
        source: NamesFileError,
    },
    #[cfg(not(feature = "names"))]
    #[error("--names kubernetes: this program cannot ask an API server")]
    NoKubernetes,
    #[cfg(feature = "live")]
    #[error("--record-on {0}: no such rule")]
    NoSuchRuleToRecord(String),
    #[error("no moment is both after {since} and before {until}")]
    ImpossibleRange { since: Moment, until: Moment },
    #[error("--stream 0: no RPC is on it, for it is the connection's own")]
    StreamWithoutCalls,
    #[error("{captures} has no HTTP/2 connection {number}")]
    NoSuchConnection { number: u32, captures: String },
    #[error("{} is what is read from: {} is the same file", output.display(), input.display())]
    OutputIsInput { output: PathBuf, input: PathBuf },
    #[error("cannot write {}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[cfg(feature = "export")]
    #[error("--otlp and --all are for --format otlp: tables have all calls, and are not sent")]
    TablesAreNotSent,
    #[cfg(feature = "export")]
    #[error(
        "the collector did not take {rejected} spans and log records: {}",
        printable(why)
    )]
    NotTaken { rejected: u64, why: String },
}

impl CommandError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoHttp2 { hint, .. } => hint.clone(),
            Self::NoSuchPlace(_) => Some(
                "for example goaway-race, +31.5s, 12:30:05, 2026-11-22T07:00:31Z or 0:2121"
                    .to_owned(),
            ),
            Self::NotInCapture(_) => Some("h2sniff analyze lists findings and RPCs".to_owned()),
            Self::UnknownRule(_) => Some("h2sniff explain lists the rules".to_owned()),
            #[cfg(feature = "tls")]
            Self::KeyLog { .. } => None,
            Self::Names { source, .. } => match source {
                NamesFileError::Yaml => Some("write it with kubectl's -o json".to_owned()),
                _ => Some(
                    "a hosts file, or kubectl get pods,services,endpointslices -A -o json".to_owned(),
                ),
            },
            #[cfg(not(feature = "names"))]
            Self::NoKubernetes => Some(
                "build it with --features names, or give a file: kubectl get pods,services,endpointslices -A -o json"
                    .to_owned(),
            ),
            Self::NoSuchRule(_) => Some(format!(
                "severities: error, warning, info; {}",
                hints::rules()
            )),
            #[cfg(feature = "live")]
            Self::NoSuchRuleToRecord(_) => Some(hints::rules()),
            Self::NoSuchConnection { captures, .. } => {
                Some(format!("h2sniff timeline {captures} lists those there are"))
            }
            Self::ImpossibleRange { .. } => Some("--since comes before --until".to_owned()),
            Self::StreamWithoutCalls => {
                Some("h2sniff frames --stream 0 prints the connection's own frames".to_owned())
            }
            Self::OutputIsInput { .. } => Some("-o takes another file".to_owned()),
            Self::Output { .. } => None,
            #[cfg(feature = "export")]
            Self::TablesAreNotSent | Self::NotTaken { .. } => None,
        }
    }
}

/// What to try instead.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(error) = error.downcast_ref::<CaptureError>() {
        return hints::capture(error);
    }
    #[cfg(feature = "live")]
    if let Some(error) = error.downcast_ref::<crate::live::LiveError>() {
        return error.hint().map(str::to_owned);
    }
    #[cfg(feature = "names")]
    if let Some(error) = error.downcast_ref::<crate::kubernetes::KubernetesError>() {
        return error.hint().map(str::to_owned);
    }
    #[cfg(all(feature = "keys", target_os = "linux"))]
    if let Some(error) = error.downcast_ref::<crate::keys::KeysError>() {
        return error.hint().map(str::to_owned);
    }
    #[cfg(all(feature = "otlp", any(feature = "live", feature = "export")))]
    if let Some(error) = error.downcast_ref::<crate::otlp::OtlpError>() {
        return error.hint().map(str::to_owned);
    }
    error.downcast_ref::<CommandError>()?.hint()
}
