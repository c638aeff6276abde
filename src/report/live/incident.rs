//! What goes wrong at one server for one reason, as it stands.

use std::net::IpAddr;
use std::sync::Arc;

use crate::capture::Timestamp;
use crate::inspect::diagnosis::Finding;
use crate::names::Name;

/// A finding of a capture that goes on, with what is known of its calls so far.
#[derive(Clone, Copy, Debug)]
pub struct Incident<'a> {
    /// As of when.
    pub time: Timestamp,
    /// When it was first found.
    pub since: Timestamp,
    /// The finding: of a long incident only the latest calls and connections.
    pub finding: &'a Finding,
    /// How many calls it happened to since then, those included that the finding has forgotten.
    pub calls: u64,
    /// What most of its calls have in common.
    pub common: &'a CommonTraits,
}

/// What most of an incident's calls have in common, each with how many others there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommonTraits {
    /// The method, `:path` as sent.
    pub method: Option<(Vec<u8>, u64)>,
    /// The client.
    pub client: Option<(IpAddr, u64)>,
    /// Who that is, as far as known.
    pub client_name: Option<Arc<Name>>,
    /// The message that the answers had, `grpc-message` as a rule.
    pub message: Option<(Vec<u8>, u64)>,
}
