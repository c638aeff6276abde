//! Why nothing can be sent to a collector.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub(crate) enum OtlpError {
    #[error("--otlp env: OTEL_EXPORTER_OTLP_ENDPOINT is not set")]
    NoEndpoint,
    /// Without the address: a password may stand in it.
    #[error("the collector's address is not http:// or https:// with a host")]
    NoUrl,
    #[error("a name and a password in the collector's address are not taken")]
    UserInUrl,
    #[error("header {name} for the collector has a name or a value that HTTP does not take")]
    Header { name: String },
    #[error("OTEL_EXPORTER_OTLP_HEADERS is not NAME=VALUE,NAME=VALUE")]
    HeaderList,
    #[error("{variable}={value}: not so many milliseconds")]
    Timeout {
        variable: &'static str,
        value: String,
    },
    #[error("cannot read the certificates in {}", path.display())]
    Certificates { path: PathBuf, source: io::Error },
    #[error("there is no certificate in {}", path.display())]
    NoCertificate { path: PathBuf },
    #[cfg(feature = "export")]
    #[error("the collector at {target} did not take all spans and log records: {why}")]
    NotTaken { target: String, why: String },
}

impl OtlpError {
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoEndpoint => {
                Some("for example OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318")
            }
            Self::NoUrl => {
                Some("for example http://127.0.0.1:4318; paths such as /v1/traces are added")
            }
            Self::UserInUrl => {
                Some("give them as a header: --otlp-header, or OTEL_EXPORTER_OTLP_HEADERS")
            }
            #[cfg(feature = "export")]
            Self::NotTaken { .. } => Some(
                "run it again: ids are derived, so nothing is doubled for whoever goes by them",
            ),
            _ => None,
        }
    }
}
