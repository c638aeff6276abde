//! Why the API server gives no names, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why the API server gives no names.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubernetesError {
    #[error("--names kubernetes: this is no pod of a cluster: KUBERNETES_SERVICE_HOST is not set")]
    NotInCluster,
    #[error("--names kubernetes: cannot read {}", path.display())]
    Credentials { path: PathBuf, source: io::Error },
    #[error("--names kubernetes: {} holds no certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("cannot ask the API server for {resource}")]
    Request {
        resource: &'static str,
        source: Box<ureq::Error>,
    },
    #[error("the API server refuses {verb} {resource}: {status}")]
    Refused {
        verb: &'static str,
        resource: &'static str,
        status: u16,
    },
    #[error("what the API server says of {resource} cannot be read")]
    Answer {
        resource: &'static str,
        source: io::Error,
    },
}

impl KubernetesError {
    /// Whether the server has forgotten where a watch was, or what comes after a page.
    #[cfg(feature = "live")]
    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self, Self::Refused { status: 410, .. })
    }

    /// What to try instead.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotInCluster => Some(
                "elsewhere kubectl proxy serves it: --names kubernetes=http://127.0.0.1:8001; or give a file: \
                 kubectl get pods,services,endpointslices -A -o json",
            ),
            Self::Credentials { .. } => Some("the pod needs automountServiceAccountToken: true"),
            Self::Refused {
                status: 401 | 403, ..
            } => Some(
                "its service account needs list and watch of pods, services and endpointslices in all namespaces",
            ),
            _ => None,
        }
    }
}
