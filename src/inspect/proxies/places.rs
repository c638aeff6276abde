//! Where connections lead, and which of them may be the two sides of one proxy.

use std::net::{IpAddr, SocketAddr};

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::connection::record::Finished;
use super::super::stream::attempt::Attempt;

/// A connection's ends, and the capture that holds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) client: IpAddr,
    pub(super) server: SocketAddr,
    pub(super) file: u32,
}

/// The places of all connections, by their numbers.
#[derive(Debug)]
pub(super) struct Places {
    by_connection: FxHashMap<u32, Ends>,
    /// Of each capture, the one address that is no loopback's and that clients connect to, if there is but one.
    only_server: FxHashMap<u32, Option<IpAddr>>,
}

impl Places {
    pub(super) fn of(finished: &[Finished]) -> Self {
        let mut by_connection = FxHashMap::default();
        let mut only_server: FxHashMap<u32, Option<IpAddr>> = FxHashMap::default();
        for Finished { record, .. } in finished {
            let place = Ends {
                client: record.client.ip(),
                server: record.server,
                file: record.recognised.file,
            };
            by_connection.insert(record.number, place);
            let address = record.server.ip();
            if !address.is_loopback() {
                let known = only_server.entry(place.file).or_insert(Some(address));
                *known = known.filter(|known| *known == address);
            }
        }
        Self {
            by_connection,
            only_server,
        }
    }

    /// Whether there are connections that may be two sides of a proxy at all.
    pub(super) fn may_hold_hops(&self) -> bool {
        let mut servers = FxHashSet::default();
        let mut hosts = FxHashSet::default();
        let mut files = FxHashSet::default();
        for place in self.by_connection.values() {
            servers.insert(place.server);
            hosts.insert(place.server.ip());
            files.insert(place.file);
        }
        let mut places = self.by_connection.values();
        servers.len() > 1
            && (files.len() > 1
                || places.any(|place| place.client.is_loopback() || hosts.contains(&place.client)))
    }

    pub(super) fn of_connection(&self, number: u32) -> Option<Ends> {
        self.by_connection.get(&number).copied()
    }

    pub(super) fn of_call(&self, attempt: &Attempt) -> Option<Ends> {
        self.of_connection(attempt.call.connection)
    }

    /// The host that makes calls on a connection, as connections to it name it: an address, and where it connects to
    /// itself the capture's only one that others connect to.
    pub(super) fn host_of_client(&self, place: Ends) -> Option<IpAddr> {
        if !place.client.is_loopback() {
            return Some(place.client);
        }
        match self.only_server.get(&place.file) {
            Some(only) => *only,
            None => Some(place.client),
        }
    }
}

/// Whether the host that accepts the first may be the one that opens the second. A client that calls two servers is none;
/// across captures and address translation addresses prove nothing.
pub(super) fn may_lead_on(before: Ends, behind: Ends) -> bool {
    let same_host = before.server.ip() == behind.client;
    let one_client = before.client == behind.client;
    before.server != behind.server && (same_host || !one_client)
}
