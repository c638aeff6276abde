//! Who is at an address: `client_name` and `server_name`.

use serde::Serialize;

use crate::inspect::EndNames;
use crate::names::Name;

/// The twin of [`Name`].
#[derive(Serialize, Debug)]
pub(super) struct NameJson<'a> {
    /// As text has it before the address.
    name: String,
    namespace: Option<&'a str>,
    pod: Option<&'a str>,
    service: Option<&'a str>,
    node: Option<&'a str>,
    process: Option<&'a str>,
    workload: Option<&'a str>,
    container: Option<&'a str>,
    host: Option<&'a str>,
    source: &'static str,
}

impl<'a> From<&'a Name> for NameJson<'a> {
    fn from(name: &'a Name) -> Self {
        Self {
            name: name.label(),
            namespace: name.namespace.as_deref(),
            pod: name.pod.as_deref(),
            service: name.service.as_deref(),
            node: name.node.as_deref(),
            process: name.process.as_deref(),
            workload: name.workload.as_deref(),
            container: name.container.as_deref(),
            host: name.host.as_deref(),
            source: name.source.name(),
        }
    }
}

/// The names of both ends; null where nobody is known.
#[derive(Serialize, Debug)]
pub(super) struct EndNamesJson<'a> {
    client_name: Option<NameJson<'a>>,
    server_name: Option<NameJson<'a>>,
}

impl<'a> From<&'a EndNames> for EndNamesJson<'a> {
    fn from(names: &'a EndNames) -> Self {
        Self {
            client_name: names.client.as_deref().map(NameJson::from),
            server_name: names.server.as_deref().map(NameJson::from),
        }
    }
}
