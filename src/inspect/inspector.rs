//! All connections of a capture, and what follows from them together.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::connection::record::{ConnectionRecord, Finished, VerdictCounts};
use super::connection::{Connection, Load};
use super::diagnosis::{self, Finding, ServerView};
use super::live::methods::Methods;
use super::live::{GivenUp, News, Watch};
use super::options::Interest;
use super::options::limits::{MAX_FOLLOWED_STREAMS, MAX_LISTED_CONNECTIONS};
use super::peer::app_error;
use super::retry::Attempts;
use super::server::{Inferred, Server};
use super::stream::rpc::{CallId, Rpc, Verdict};
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
    /// What is not listed, to stay within bounds.
    pub given_up: GivenUp,
}

/// How long an analysis that goes on can link a call to its retry: a call may be known for dead only
/// when its connection ends.
const LINKABLE: Duration = Duration::from_secs(300);

/// Follows all connections.
#[derive(Debug, Default)]
pub struct Inspector {
    interest: Interest,
    /// Each in its own place: the map's nodes are half empty.
    open: BTreeMap<u32, Box<Connection>>,
    finished: Vec<Finished>,
    attempts: Attempts,
    last_moment: Option<Timestamp>,
    watch: Option<Box<Watch>>,
    /// What all connections together keep.
    load: Load,
    given_up: GivenUp,
    /// Calls of connections that are not listed.
    unlisted: VerdictCounts,
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
        let open = self.open.values_mut().map(Box::as_mut);
        let mut finished = watch.finished(open);
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
        watch.map_or(self.given_up, |watch| watch.given_up())
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.open.len()
    }

    /// Takes the next event of a connection.
    pub fn push(&mut self, connection: u32, event: &Event<'_>) {
        if let Event::Recognised(recognition) = event {
            let begun = Connection::new(connection, recognition);
            self.open.insert(connection, Box::new(begun));
            if let Some(watch) = &mut self.watch {
                watch.recognised(connection, recognition);
            }
            return;
        }
        let Some(open) = self.open.get_mut(&connection) else {
            return;
        };
        let before = open.load();
        open.push(event, &self.interest);
        if let Some(watch) = &mut self.watch {
            watch.after(open, event, self.last_moment.unwrap_or_default());
        }
        for attempt in open.take_attempts() {
            self.attempts.push(attempt);
        }
        self.load.change(before, open.load());
        self.relieve(connection);
        if matches!(event, Event::Finished { .. })
            && let Some(open) = self.open.remove(&connection)
        {
            self.conclude_one(*open);
        }
    }

    /// Comes back within the limits after `latest` took an event.
    fn relieve(&mut self, latest: u32) {
        if self.load.streams > MAX_FOLLOWED_STREAMS {
            self.give_up_streams();
        }
        let surplus = self.load.listed.saturating_sub(self.interest.limits.rpcs);
        if surplus > 0
            && self.watch.is_none()
            && let Some(open) = self.open.get_mut(&latest)
        {
            let before = open.load();
            open.unlist(surplus);
            self.load.change(before, open.load());
            self.given_up.rpcs += (before.listed - open.load().listed) as u64;
        }
    }

    /// Of the connections that follow at least half as many streams as all do on average, those with the
    /// most follow only so many, until three quarters are left. What that costs is in their records.
    fn give_up_streams(&mut self) {
        let share = self.load.streams / self.open.len().max(1) / 2;
        let mut crowded: Vec<_> = self
            .open
            .iter()
            .map(|(number, open)| (open.load().streams, *number))
            .filter(|(streams, _)| *streams >= share.max(1))
            .collect();
        crowded.sort_unstable_by_key(|(streams, number)| (Reverse(*streams), *number));
        let now = Stamp {
            time: self.last_moment.unwrap_or_default(),
            ..Stamp::default()
        };
        for (streams, number) in crowded {
            if self.load.streams <= MAX_FOLLOWED_STREAMS / 4 * 3 {
                return;
            }
            let Some(open) = self.open.get_mut(&number) else {
                continue;
            };
            let before = open.load();
            open.give_up_streams(share.min(streams / 2), now, &self.interest);
            self.load.change(before, open.load());
        }
    }

    /// Judges what is still open: nothing more will come of it.
    pub fn conclude(&mut self) {
        for open in std::mem::take(&mut self.open).into_values() {
            self.conclude_one(*open);
        }
    }

    fn conclude_one(&mut self, mut connection: Connection) {
        let before = connection.load();
        connection.conclude(self.last_moment, &self.interest);
        for attempt in connection.take_attempts() {
            self.attempts.push(attempt);
        }
        if let Some(watch) = &mut self.watch {
            self.load.change(before, Load::default());
            watch.finish(connection, self.last_moment);
            return;
        }
        if !self.interest.filter.wants_connection(connection.number()) {
            self.load.change(before, Load::default());
            return;
        }
        // What is listed stays, whether or not its connection is open.
        let others = self.load.listed - before.listed;
        let room = self.interest.limits.rpcs.saturating_sub(others);
        let surplus = connection.load().listed.saturating_sub(room);
        connection.unlist(surplus);
        self.given_up.rpcs += surplus as u64;
        let after = Load {
            streams: 0,
            ..connection.load()
        };
        let mut finished = connection.into_finished();
        for rpc in &mut finished.rpcs {
            let unknown = rpc.verdict == Verdict::Unknown;
            rpc.doubt = unknown.then(|| finished.record.doubt(rpc));
        }
        if self.finished.len() < MAX_LISTED_CONNECTIONS {
            self.load.change(before, after);
            self.finished.push(finished);
            return;
        }
        self.load.change(before, Load::default());
        self.unlisted.merge(&finished.record.verdicts);
        self.given_up.connections += 1;
        self.given_up.rpcs += finished.rpcs.len() as u64;
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
        analysis.verdicts.merge(&self.unlisted);
        analysis.given_up = self.given_up();
        self.finished.sort_by_key(|finished| finished.record.number);
        (analysis.findings, analysis.servers) =
            understand(&mut self.finished, &self.attempts, self.last_moment);
        // Collected where they lie: a second list would double the peak.
        let records = self.finished.into_iter().map(|Finished { record, rpcs }| {
            analysis.verdicts.merge(&record.verdicts);
            analysis.rpcs.extend(rpcs);
            record
        });
        analysis.connections = records.collect();
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
        .map(|(server, connections)| ServerView::new(server, connections, last_moment))
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
    let calls: FxHashMap<CallId, _> = calls.collect();
    let mut last: FxHashMap<CallId, CallId> = FxHashMap::default();
    for first in calls.keys() {
        // Each chain of attempts is walked once, for it may be as long as the capture.
        let (mut walked, mut attempt) = (Vec::new(), *first);
        while let Some((rpc, _)) = calls.get(&attempt)
            && let Some(link) = &rpc.retried_as
        {
            if let Some(known) = last.get(&attempt) {
                attempt = *known;
                break;
            }
            walked.push(attempt);
            attempt = link.call;
        }
        last.extend(walked.into_iter().map(|call| (call, attempt)));
    }
    let errors: FxHashMap<CallId, String> = calls
        .keys()
        .filter_map(|call| {
            let (attempt, record) = calls.get(last.get(call).unwrap_or(call))?;
            Some((*call, app_error::predict(attempt, record)?))
        })
        .collect();
    for rpc in connections
        .iter_mut()
        .flat_map(|connection| &mut connection.rpcs)
    {
        rpc.app_error = errors.get(&rpc.id).cloned();
    }
}
