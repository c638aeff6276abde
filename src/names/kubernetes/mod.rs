//! Kubernetes' objects to who has which address.
//!
//! In: pods, services, endpoint slices and nodes as JSON: lists, single objects, the events of a watch. Out: a
//! [`Cluster`], which is asked for the name of an address at a moment.

mod cluster;
mod objects;
mod stream;
#[cfg(test)]
mod tests;

pub use cluster::{Cluster, ClusterChange};
pub use objects::{NamedObject, ObjectKind};
pub use stream::{ObjectStream, StreamedPart};
