//! All connections of a capture, and what follows from them together.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::app_error;
use super::connection::{Connection, Interest};
use super::diagnosis::{self, Finding};
use super::record::{ConnectionRecord, Finished, VerdictCounts};
use super::retry::Attempts;
use super::rpc::{CallId, Rpc};
use crate::capture::{Stamp, Timestamp};
use crate::decode::Event;

/// What is known of one server address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The address.
    pub address: SocketAddr,
    /// How many connections to it counted.
    pub connections: u64,
}

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
    attempts: Attempts,
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
        if self.last_moment.is_none() {
            self.interest.epoch = stamp.time;
        }
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
        for attempt in open.take_attempts() {
            self.attempts.push(attempt);
        }
        if matches!(event, Event::Finished { .. })
            && let Some(open) = self.open.remove(&connection)
        {
            self.conclude(open);
        }
    }

    fn conclude(&mut self, mut connection: Connection) {
        connection.conclude(self.last_moment, &self.interest);
        for attempt in connection.take_attempts() {
            self.attempts.push(attempt);
        }
        let finished = connection.into_finished();
        if self
            .interest
            .filter
            .wants_connection(finished.record.number)
        {
            self.finished.push(finished);
        }
    }

    /// The capture is over.
    #[must_use]
    pub fn finish(mut self) -> Analysis {
        for open in std::mem::take(&mut self.open).into_values() {
            self.conclude(open);
        }
        self.finished.sort_by_key(|finished| finished.record.number);
        self.attempts.link(&mut self.finished, self.last_moment);
        tell_application_errors(&mut self.finished);
        let findings = diagnosis::diagnose(&self.finished);
        let mut analysis = Analysis {
            findings,
            ..Analysis::default()
        };
        let mut servers: BTreeMap<SocketAddr, u64> = BTreeMap::new();
        for Finished { record, rpcs } in self.finished {
            *servers.entry(record.server).or_default() += 1;
            analysis.verdicts.merge(&record.verdicts);
            analysis.connections.push(record);
            analysis.rpcs.extend(rpcs);
        }
        analysis.servers = servers
            .into_iter()
            .map(|(address, connections)| Server {
                address,
                connections,
            })
            .collect();
        analysis
    }
}

/// Says of each call what the application was told: what became of its last attempt.
fn tell_application_errors(connections: &mut [Finished]) {
    let calls = connections.iter().flat_map(|connection| {
        connection
            .rpcs
            .iter()
            .map(|rpc| (rpc.id, (rpc, &connection.record)))
    });
    let calls: BTreeMap<CallId, _> = calls.collect();
    let errors: BTreeMap<CallId, String> = calls
        .values()
        .filter_map(|(rpc, _)| {
            let mut last = rpc.id;
            while let Some(link) = calls
                .get(&last)
                .and_then(|(rpc, _)| rpc.retried_as.as_ref())
            {
                last = link.call;
            }
            let (attempt, record) = calls.get(&last)?;
            Some((rpc.id, app_error::predict(attempt, record)?))
        })
        .collect();
    for rpc in connections
        .iter_mut()
        .flat_map(|connection| &mut connection.rpcs)
    {
        rpc.app_error = errors.get(&rpc.id).cloned();
    }
}
