//! Who has which address, from when until when.
//!
//! In: what names addresses: hosts files, Kubernetes' objects, the names and packet comments that a capture carries.
//! Out: a [`Directory`], which is asked for the [`Name`] of an address at a moment. Names are text that somebody else
//! chose: they are cut, and what could not be printed as it is becomes an escape, as they come in.
//!
//! An address is given to one after the other. A name is used from the moment from which its holder had the address until
//! the holder was gone, and never outside: no name is better than a wrong one.

mod comment;
mod directory;
mod hosts;
mod kubernetes;
mod lifetime;
mod name;

pub use comment::CommentedSocket;
pub use directory::{Directory, NamesFileError, NamesRead};
pub use kubernetes::{Cluster, ClusterChange, NamedObject, ObjectKind, ObjectStream, StreamedPart};
pub(crate) use name::IsServer;
pub use name::{Name, NameSource};
