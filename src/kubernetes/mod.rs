//! Names from Kubernetes' API server: what there is now, and what changes.
//!
//! In: the pod's own token and certificate authority, or the URL of `kubectl proxy`. Out: [`ClusterChange`]s. Pods, services
//! and endpoint slices are listed in pages, then watched; no more than one of them is in memory at a time. A watch goes on
//! where it ended; where the server has forgotten that place (410 Gone), all are listed again. Each kind has a thread of its
//! own, which waits for the server and for whoever takes the changes, and for which nobody waits.
//!
//! [`ClusterChange`]: h2sniff::names::ClusterChange

mod api;
mod error;
#[cfg(test)]
#[cfg(feature = "live")]
mod tests;
#[cfg(feature = "live")]
mod watch;

use h2sniff::names::Cluster;

use api::{ApiServer, KINDS};
pub(crate) use error::KubernetesError;
#[cfg(feature = "live")]
pub(crate) use watch::{ClusterWatch, WatchedChange};

/// Asks for all that there is.
pub(crate) fn snapshot(server: &str, cluster: &mut Cluster) -> Result<(), KubernetesError> {
    let server = ApiServer::open(server)?;
    for kind in KINDS {
        server.list(kind, &mut |change| {
            cluster.apply(change);
            true
        })?;
    }
    Ok(())
}
