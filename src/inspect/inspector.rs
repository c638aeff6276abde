//! All connections of a capture, and what follows from them together.
//!
//! In: what the decoder emits of each connection, with the [`Connection`] made for it, which the decoder
//! keeps beside the flow. Out: an [`Analysis`]. Here stands only what spans connections: limits, attempts
//! that may be retries, what became certain on the way.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::connection::load::Load;
use super::connection::record::{Finished, VerdictCounts};
use super::connection::{Connection, grace_end};
use super::diagnosis::{self, Finding, ServerView};
use super::live::methods::Methods;
use super::live::{LiveTracker, News, Unlisted};
use super::options::Options;
use super::options::limits::{MAX_FOLLOWED_STREAMS, MAX_LISTED_CONNECTIONS};
use super::peer::app_error;
use super::report::Analysis;
use super::retry::Attempts;
use super::server::{Inferred, Server};
use super::stream::rpc::Verdict;
use super::usual_times::UsualTimes;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::{Decoder, Event, Listener, NetworkPath, Recognition};

/// How long an analysis that goes on can link a call to its retry: a call may be known for dead only
/// when its connection ends.
const LINKABLE: Duration = Duration::from_secs(300);

/// The connections that are followed, where the decoder keeps them.
pub type Connections = Decoder<Box<Connection>>;

/// Follows all connections.
#[derive(Debug, Default)]
pub struct Inspector {
    options: Options,
    /// How many connections were recognised and have not finished.
    open: usize,
    finished: Vec<Finished>,
    attempts: Attempts,
    /// How long calls take that are answered well.
    usual_times: UsualTimes,
    first_moment: Option<Timestamp>,
    last_moment: Option<Timestamp>,
    watch: Option<Box<LiveTracker>>,
    /// What all connections together keep.
    load: Load,
    unlisted: Unlisted,
    /// Calls of connections that are not listed.
    unlisted_verdicts: VerdictCounts,
}

impl Inspector {
    /// An inspector that has seen nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// An inspector that emits news on the way and stays small however long it goes on.
    #[must_use]
    pub fn watching(options: Options) -> Self {
        Self {
            watch: Some(Box::default()),
            ..Self::new(Options {
                methods: true,
                ..options
            })
        }
    }

    /// The capture has come to this moment. What is due by now is looked at where the decoder keeps it.
    pub fn tick(&mut self, stamp: Stamp, connections: &mut Connections) {
        self.first_moment.get_or_insert(stamp.time);
        self.last_moment = self.last_moment.max(Some(stamp.time));
        let Some(watch) = &mut self.watch else {
            return;
        };
        while let Some(place) = watch.take_due(stamp.time) {
            let Some(open) = connections.connection(place) else {
                continue;
            };
            watch.report_lost(open, stamp.time);
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
    pub fn findings_so_far(&mut self, connections: &mut Connections) -> Vec<Finding> {
        let Some(watch) = &mut self.watch else {
            return Vec::new();
        };
        let open = connections.connections().map(|open| &**open);
        let mut finished = watch.finished(open);
        let (findings, _) = understand(&mut finished, &self.attempts, self.last_moment);
        watch.keep_links(&finished);
        if let Some(now) = self.last_moment {
            self.attempts.forget_before(now - TimeDelta::from(LINKABLE));
        }
        findings
    }

    /// Calls by method; `None` unless [watching](Self::watching).
    #[must_use]
    pub fn methods(&self) -> Option<&Methods> {
        self.watch.as_ref().map(|watch| &watch.methods)
    }

    /// What is not listed, to stay within bounds.
    #[must_use]
    pub fn unlisted(&self) -> Unlisted {
        let watch = self.watch.as_ref();
        watch.map_or(self.unlisted, |watch| watch.unlisted())
    }

    /// How many connections are open.
    #[must_use]
    pub const fn open_connections(&self) -> usize {
        self.open
    }

    /// Comes back within the limit on streams, should all connections together follow too many: of those
    /// that follow at least half as many as all do on average, those with the most follow only so many,
    /// until three quarters are left. What that costs is in their records.
    pub fn relieve(&mut self, connections: &mut Connections) {
        if self.load.streams <= MAX_FOLLOWED_STREAMS {
            return;
        }
        let share = self.load.streams / self.open.max(1) / 2;
        let mut crowded: Vec<_> = connections
            .connections()
            .filter(|open| open.load().streams >= share.max(1))
            .collect();
        crowded.sort_unstable_by_key(|open| (Reverse(open.load().streams), open.number()));
        let now = Stamp {
            time: self.last_moment.unwrap_or_default(),
            ..Stamp::default()
        };
        for open in crowded {
            if self.load.streams <= MAX_FOLLOWED_STREAMS / 4 * 3 {
                return;
            }
            let before = open.load();
            open.evict_streams(share.min(before.streams / 2), now, &self.options);
            self.load.change(before, open.load());
        }
    }

    /// Lists fewer calls of a connection, should all together list too many.
    fn unlist(&mut self, open: &mut Connection) {
        let surplus = self.load.listed.saturating_sub(self.options.limits.rpcs);
        if surplus == 0 || self.watch.is_some() {
            return;
        }
        let before = open.load();
        open.unlist(surplus);
        self.load.change(before, open.load());
        self.unlisted.rpcs += (before.listed - open.load().listed) as u64;
    }

    fn conclude_one(&mut self, mut connection: Connection) {
        let before = connection.load();
        connection.conclude(self.last_moment, &self.options);
        self.usual_times
            .add(connection.ends().server, connection.take_usual());
        for attempt in connection.take_attempts() {
            self.attempts.push(attempt);
        }
        if let Some(watch) = &mut self.watch {
            self.load.change(before, Load::default());
            watch.finish(connection, self.last_moment);
            return;
        }
        if !self.options.filter.wants_connection(connection.number()) {
            self.load.change(before, Load::default());
            return;
        }
        // What is listed stays, whether or not its connection is open.
        let others = self.load.listed - before.listed;
        let room = self.options.limits.rpcs.saturating_sub(others);
        let surplus = connection.load().listed.saturating_sub(room);
        connection.unlist(surplus);
        self.unlisted.rpcs += surplus as u64;
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
        self.unlisted_verdicts.merge(&finished.record.verdicts);
        self.unlisted.connections += 1;
        self.unlisted.rpcs += finished.rpcs.len() as u64;
    }

    /// The capture is over.
    #[must_use]
    pub fn finish(mut self) -> Analysis {
        let mut analysis = Analysis::default();
        if let Some(watch) = &self.watch {
            self.finished = watch.finished(std::iter::empty());
            analysis.verdicts.merge(watch.evicted_verdicts());
        }
        analysis.verdicts.merge(&self.unlisted_verdicts);
        analysis.unlisted = self.unlisted();
        analysis.usual_times = std::mem::take(&mut self.usual_times);
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

impl Listener for Inspector {
    type Connection = Box<Connection>;

    fn recognised(&mut self, recognition: Recognition) -> Box<Connection> {
        self.open += 1;
        if let Some(watch) = &mut self.watch {
            watch.recognised(&recognition);
        }
        let capture_begin = self.first_moment.unwrap_or_default();
        Box::new(Connection::new(&recognition, capture_begin))
    }

    fn event(&mut self, open: &mut Box<Connection>, event: &Event<'_>) {
        let before = open.load();
        open.push(event, &self.options);
        if let Some(watch) = &mut self.watch {
            watch.after(open, event, self.last_moment.unwrap_or_default());
        }
        for attempt in open.take_attempts() {
            self.attempts.push(attempt);
        }
        self.load.change(before, open.load());
        self.unlist(open);
    }

    fn finished(&mut self, mut connection: Box<Connection>, network: NetworkPath) {
        self.open = self.open.saturating_sub(1);
        connection.learn_network(network);
        self.conclude_one(*connection);
    }
}

/// What follows from all connections together: links between calls are added to them.
fn understand(
    finished: &mut [Finished],
    attempts: &Attempts,
    last_moment: Option<Timestamp>,
) -> (Vec<Finding>, Vec<Server>) {
    finished.iter_mut().for_each(grace_end::mark);
    attempts.link(finished, last_moment);
    for Finished { record, rpcs } in &mut *finished {
        let lost = rpcs.iter().filter(|rpc| rpc.hedge_lost);
        record.verdicts.lose_to_hedges(lost.count() as u64);
    }
    app_error::tell(finished);
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
