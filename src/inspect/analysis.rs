//! All connections of a capture, and what follows from them together.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::connection::{Connection, Interest};
use super::diagnosis::{self, Case, Finding};
use super::record::{ConnectionRecord, Finished, VerdictCounts};
use super::rpc::Rpc;
use super::server::{Inferred, Server};
use crate::capture::{Stamp, Timestamp};
use crate::decode::Event;

/// What a capture shows.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    /// Connections by their number.
    pub connections: Vec<ConnectionRecord>,
    /// Calls that did not simply succeed (all of them if asked for), by connection and stream.
    pub rpcs: Vec<Rpc>,
    /// Servers by address.
    pub servers: Vec<Server>,
    /// What went wrong and why, most severe first.
    pub findings: Vec<Finding>,
    /// All calls by verdict.
    pub verdicts: VerdictCounts,
}

/// Follows all connections.
#[derive(Debug, Default)]
pub struct Inspector {
    interest: Interest,
    open: BTreeMap<u32, Connection>,
    finished: Vec<Finished>,
    last_moment: Option<Timestamp>,
}

impl Inspector {
    /// An inspector that has seen nothing yet.
    #[must_use]
    pub fn new(interest: Interest) -> Self {
        Self {
            interest,
            ..Self::default()
        }
    }

    /// The capture has come to this moment.
    pub fn tick(&mut self, stamp: Stamp) {
        self.last_moment = self.last_moment.max(Some(stamp.time));
    }

    /// Takes the next event of a connection.
    pub fn push(&mut self, connection: u32, event: &Event<'_>) {
        if let Event::Recognised(recognition) = event {
            self.open
                .insert(connection, Connection::new(connection, recognition));
            return;
        }
        let Some(open) = self.open.get_mut(&connection) else {
            return;
        };
        open.push(event, &self.interest);
        if matches!(event, Event::Finished { .. })
            && let Some(open) = self.open.remove(&connection)
        {
            self.finished
                .push(open.finish(self.last_moment, &self.interest));
        }
    }

    /// The capture is over.
    #[must_use]
    pub fn finish(mut self) -> Analysis {
        let left = std::mem::take(&mut self.open).into_values();
        let left = left.map(|open| open.finish(self.last_moment, &self.interest));
        self.finished.extend(left);
        self.finished.sort_by_key(|finished| finished.record.number);
        let mut servers: BTreeMap<SocketAddr, Vec<&Finished>> = BTreeMap::new();
        for finished in &self.finished {
            servers.entry(finished.record.server).or_default().push(finished);
        }
        let known = servers.iter().map(|(address, connections)| Server {
            address: *address,
            connections: connections.len() as u64,
            inferred: Inferred::of(connections),
        });
        let known: Vec<_> = known.collect();
        let cases: Vec<_> = known
            .iter()
            .zip(servers.into_values())
            .map(|(server, connections)| Case::new(server, connections, self.last_moment))
            .collect();
        let mut analysis = Analysis {
            findings: diagnosis::diagnose(&cases),
            ..Analysis::default()
        };
        drop(cases);
        analysis.servers = known;
        for Finished { record, rpcs } in self.finished {
            analysis.verdicts.merge(&record.verdicts);
            analysis.connections.push(record);
            analysis.rpcs.extend(rpcs);
        }
        analysis
    }
}
