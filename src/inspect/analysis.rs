//! All connections of a capture, and what follows from them together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::app_error;
use super::connection::Connection;
use super::diagnosis::{self, Case, Finding};
use super::interest::Interest;
use super::methods::Methods;
use super::record::{ConnectionRecord, Finished, VerdictCounts};
use super::retry::Attempts;
use super::rpc::{CallId, Rpc};
use super::server::{Inferred, Server};
use super::watch::{GivenUp, News, Watch};
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

/// How long an analysis that goes on can link a call to its retry: a call may be known for dead only
/// when its connection ends.
const LINKABLE: Duration = Duration::from_secs(300);

/// Follows all connections.
#[derive(Debug, Default)]
pub struct Inspector {
    interest: Interest,
    open: BTreeMap<u32, Connection>,
    finished: Vec<Finished>,
    attempts: Attempts,
    last_moment: Option<Timestamp>,
    watch: Option<Box<Watch>>,
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

    /// An inspector that tells news on the way and stays small however long it goes on.
    #[must_use]
    pub fn watching(interest: Interest) -> Self {
        Self {
            watch: Some(Box::default()),
            ..Self::new(Interest {
                methods: true,
                ..interest
            })
        }
    }

    /// The capture has come to this moment.
    pub fn tick(&mut self, stamp: Stamp) {
        if self.last_moment.is_none() {
            self.interest.epoch = stamp.time;
        }
        self.last_moment = self.last_moment.max(Some(stamp.time));
        let Some(watch) = &mut self.watch else {
            return;
        };
        while let Some(connection) = watch.take_due(stamp.time) {
            let Some(open) = self.open.get_mut(&connection) else {
                continue;
            };
            watch.tell_lost(open, stamp.time);
            for attempt in open.take_attempts() {
                self.attempts.push(attempt);
            }
        }
    }

    /// What became certain since the last time; nothing unless [watching](Self::watching).
    pub fn take_news(&mut self) -> Vec<News> {
        self.watch
            .as_mut()
            .map(|watch| watch.take_news())
            .unwrap_or_default()
    }

    /// What follows from all that is certain so far; nothing unless [watching](Self::watching).
    #[must_use]
    pub fn findings_so_far(&mut self) -> Vec<Finding> {
        let Some(watch) = &mut self.watch else {
            return Vec::new();
        };
        let mut finished = watch.finished(self.open.values_mut());
        let (findings, _) = understand(&mut finished, &self.attempts, self.last_moment);
        watch.keep_links(&finished);
        if let Some(now) = self.last_moment {
            let horizon = i64::try_from(LINKABLE.as_nanos()).unwrap_or(i64::MAX);
            self.attempts
                .forget_before(now.nanos().saturating_sub(horizon));
        }
        findings
    }

    /// Calls by method; `None` unless [watching](Self::watching).
    #[must_use]
    pub fn methods(&self) -> Option<&Methods> {
        self.watch.as_ref().map(|watch| &watch.methods)
    }

    /// What was given up to stay small.
    #[must_use]
    pub fn given_up(&self) -> GivenUp {
        let watch = self.watch.as_ref();
        watch.map(|watch| watch.given_up()).unwrap_or_default()
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.open.len()
    }

    /// Takes the next event of a connection.
    pub fn push(&mut self, connection: u32, event: &Event<'_>) {
        if let Event::Recognised(recognition) = event {
            self.open
                .insert(connection, Connection::new(connection, recognition));
            if let Some(watch) = &mut self.watch {
                watch.recognised(connection, recognition);
            }
            return;
        }
        let Some(open) = self.open.get_mut(&connection) else {
            return;
        };
        open.push(event, &self.interest);
        if let Some(watch) = &mut self.watch {
            watch.after(open, event, self.last_moment.unwrap_or_default());
        }
        for attempt in open.take_attempts() {
            self.attempts.push(attempt);
        }
        if matches!(event, Event::Finished { .. })
            && let Some(open) = self.open.remove(&connection)
        {
            self.conclude_one(open);
        }
    }

    /// Judges what is still open: nothing more will come of it.
    pub fn conclude(&mut self) {
        for open in std::mem::take(&mut self.open).into_values() {
            self.conclude_one(open);
        }
    }

    fn conclude_one(&mut self, mut connection: Connection) {
        connection.conclude(self.last_moment, &self.interest);
        for attempt in connection.take_attempts() {
            self.attempts.push(attempt);
        }
        if let Some(watch) = &mut self.watch {
            watch.finish(connection, self.last_moment);
            return;
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
        self.conclude();
        let mut analysis = Analysis::default();
        if let Some(watch) = &self.watch {
            self.finished = watch.finished(std::iter::empty());
            analysis.verdicts.merge(watch.forgotten_verdicts());
        }
        self.finished.sort_by_key(|finished| finished.record.number);
        (analysis.findings, analysis.servers) =
            understand(&mut self.finished, &self.attempts, self.last_moment);
        for Finished { record, rpcs } in self.finished {
            analysis.verdicts.merge(&record.verdicts);
            analysis.connections.push(record);
            analysis.rpcs.extend(rpcs);
        }
        analysis
    }
}

/// What follows from all connections together: links between calls are added to them.
fn understand(
    finished: &mut [Finished],
    attempts: &Attempts,
    last_moment: Option<Timestamp>,
) -> (Vec<Finding>, Vec<Server>) {
    attempts.link(finished, last_moment);
    tell_application_errors(finished);
    let mut servers: BTreeMap<SocketAddr, Vec<&Finished>> = BTreeMap::new();
    for finished in &*finished {
        servers
            .entry(finished.record.server)
            .or_default()
            .push(finished);
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
        .map(|(server, connections)| Case::new(server, connections, last_moment))
        .collect();
    let findings = diagnosis::diagnose(&cases);
    drop(cases);
    (findings, known)
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
