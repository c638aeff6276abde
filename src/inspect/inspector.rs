//! All connections of a capture, and what follows from them together.
//!
//! In: what each [`Follower`] has gathered of its connections. Out: an [`Analysis`]. Here stands only what spans
//! connections: limits, numbers, attempts that may be retries, what became certain on the way.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::connection::load::Load;
use super::connection::record::{Finished, VerdictCounts};
use super::connection::{Connection, grace_end};
use super::diagnosis::{self, Finding, ServerView};
use super::follower::{Follower, Gathered};
use super::live::methods::Methods;
use super::live::{News, Unlisted};
use super::naming::name_findings;
use super::options::filter::Filter;
use super::options::limits::{ListLimits, MAX_FOLLOWED_STREAMS, MAX_LISTED_CONNECTIONS};
use super::options::passed_over::PassedOver;
use super::options::{Options, StatusMessages, UnlistedCalls};
use super::peer::app_error;
use super::proxies::{self, Upstream};
use super::report::Analysis;
use super::retry::Attempts;
use super::server::{Inferred, Server};
use super::stream::attempt::AttemptNews;
use super::stream::rpc::{CallId, Rpc, TakenBack};
use super::stream::seen_call::SeenCalls;
use super::threads::Threads;
use super::usual_times::UsualTimes;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::{ConnectionPart, DividedDecoder, PartSet, TcpStreams};
use crate::names::Directory;

/// How long an analysis that goes on can link a call to its retry: a call may be known for dead only
/// when its connection ends.
const LINKABLE: Duration = Duration::from_secs(300);

/// The connections that are followed, where the decoder keeps them, each part with its follower.
pub type Connections = DividedDecoder<Follower, Box<Connection>>;

/// A part of the connections that are followed.
type FollowedPart = ConnectionPart<Follower, Box<Connection>>;

/// Follows all connections.
#[derive(Debug, Default)]
pub struct Inspector {
    options: Options,
    finished: Vec<Finished>,
    /// What all connections together keep, those that are over included.
    load: Load,
    attempts: Attempts,
    /// Those that were taken and not [learnt](Self::learn) yet, in order, and room for more.
    unlearnt: Vec<Vec<AttemptNews>>,
    room_for_attempts: Vec<Vec<AttemptNews>>,
    /// How long calls take that are answered well.
    usual_times: UsualTimes,
    first_moment: Option<Timestamp>,
    last_moment: Option<Timestamp>,
    unlisted: Unlisted,
    /// What is not asked for.
    passed_over: PassedOver,
    /// Calls of connections that are not listed.
    unlisted_verdicts: VerdictCounts,
    /// Calls that are told instead of listed, until they are taken.
    let_go: Vec<Rpc>,
    /// Calls that another capture is compared with.
    seen: SeenCalls,
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

    /// Whether one connection is asked for, by its number.
    #[must_use]
    pub const fn is_for_one_connection(&self) -> bool {
        self.options.filter.connection.is_some()
    }

    /// Which calls are counted and reported.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.options.filter
    }

    /// What follows a part of the connections, for [`Self::gather`].
    #[must_use]
    pub fn follower(&self) -> Follower {
        Follower::new(self.options.clone())
    }

    /// What follows all connections, emits news on the way and stays small however long it goes on.
    #[must_use]
    pub fn watching_follower(&self) -> Follower {
        Follower::watching(self.options.clone())
    }

    /// The capture has come to this moment.
    pub fn tick(&mut self, now: Timestamp) {
        self.first_moment.get_or_insert(now);
        self.last_moment = self.last_moment.max(Some(now));
    }

    /// Tells the followers which moment it is.
    pub fn tell_moment(&self, parts: &mut [FollowedPart]) {
        if let Some((first, now)) = self.first_moment.zip(self.last_moment) {
            for part in parts {
                part.listener.set_moment(first, now);
            }
        }
    }

    /// Looks at what is due by now, where the followers are watching.
    pub fn look(&self, parts: &mut [FollowedPart]) {
        let Some(now) = self.last_moment else { return };
        for part in parts {
            while let Some(place) = part.listener.take_due(now) {
                if let Some((follower, open)) = part.connection(place) {
                    follower.look(open, now);
                }
            }
        }
    }

    /// Takes what those followers have gathered that something was done to, and comes back within the limits. What that
    /// leaves to be [learnt](Self::learn) has time until the followers have gone on.
    pub fn gather(&mut self, parts: &mut [FollowedPart], touched: PartSet) {
        let listed = self.load.listed;
        for number in touched.numbers() {
            let Some(ConnectionPart { listener, .. }) = parts.get_mut(number) else {
                break;
            };
            let before = listener.known_load;
            // As after most packets.
            if listener.gathered.is_empty() && before == listener.load() {
                continue;
            }
            let kept = Load::of_listed(self.take(&mut listener.gathered));
            listener.change_load(kept, Load::default());
            listener.known_load = listener.load();
            self.load.change(before, listener.load());
            self.load.change(Load::default(), kept);
        }
        if self.load.listed != listed {
            let limit = self.options.limits.rpcs;
            for ConnectionPart { listener, .. } in &mut *parts {
                listener.set_room(limit.saturating_sub(self.load.listed));
            }
        }
        let short = self.load.texts > self.options.limits.texts;
        if std::mem::replace(&mut self.options.short_texts, short) != short {
            for ConnectionPart { listener, .. } in &mut *parts {
                listener.set_short_texts(short);
            }
        }
        if self.load.streams > MAX_FOLLOWED_STREAMS {
            self.relieve(parts);
        }
    }

    /// Learns of the attempts that were taken; what asks for attempts does so itself.
    pub fn learn(&mut self) {
        for mut attempts in self.unlearnt.drain(..) {
            for news in attempts.drain(..) {
                self.attempts.learn(news);
            }
            self.room_for_attempts.push(attempts);
        }
    }

    /// How many calls of those gathered are kept.
    fn take(&mut self, gathered: &mut Gathered) -> usize {
        let mut kept = 0;
        if !gathered.attempts.is_empty() {
            let room = self.room_for_attempts.pop().unwrap_or_default();
            let attempts = std::mem::replace(&mut gathered.attempts, room);
            self.unlearnt.push(attempts);
        }
        for (server, times) in gathered.usual.drain(..) {
            self.usual_times.add(server, times);
        }
        self.unlisted.rpcs += std::mem::take(&mut gathered.unlisted_rpcs);
        self.let_go.append(&mut gathered.let_go);
        self.seen.add(&mut gathered.seen);
        if !gathered.passed_over.is_empty() {
            self.passed_over
                .merge(&std::mem::take(&mut gathered.passed_over));
        }
        for finished in gathered.finished.drain(..) {
            if self.finished.len() < MAX_LISTED_CONNECTIONS {
                kept += finished.rpcs.len();
                self.finished.push(finished);
                continue;
            }
            self.unlisted_verdicts.merge(&finished.record.verdicts);
            self.unlisted.connections += 1;
            self.unlisted.rpcs += finished.rpcs.len() as u64;
        }
        kept
    }

    /// Comes back within the limit on streams, should all connections together follow too many: of those
    /// that follow at least half as many as all do on average, those with the most follow only so many,
    /// until three quarters are left. What that costs is in their records.
    fn relieve(&mut self, parts: &mut [FollowedPart]) {
        let mut streams = self.load.streams;
        let open: usize = parts.iter().map(|part| part.listener.open()).sum();
        let share = streams / open.max(1) / 2;
        let mut crowded: Vec<_> = parts
            .iter_mut()
            .enumerate()
            .flat_map(|(number, part)| part.connections().map(move |open| (number, open)))
            .filter(|(_, open)| open.load().streams >= share.max(1))
            .collect();
        crowded.sort_unstable_by_key(|(_, open)| (Reverse(open.load().streams), open.order()));
        let now = Stamp {
            time: self.last_moment.unwrap_or_default(),
            ..Stamp::default()
        };
        let mut changes = Vec::new();
        for (number, open) in crowded {
            if streams <= MAX_FOLLOWED_STREAMS / 4 * 3 {
                break;
            }
            let before = open.load();
            open.evict_streams(share.min(before.streams / 2), now, &self.options);
            let after = open.load();
            streams = (streams + after.streams).saturating_sub(before.streams);
            changes.push((number, before, after));
        }
        for (number, before, after) in changes {
            if let Some(part) = parts.get_mut(number) {
                part.listener.change_load(before, after);
                part.listener.known_load = part.listener.load();
                self.load.change(before, after);
            }
        }
    }

    /// Calls that ended and are not listed, since the last time; none unless they are to be told. Their connections have the
    /// numbers that they have meanwhile.
    pub fn take_let_go(&mut self) -> impl Iterator<Item = Rpc> {
        self.let_go.drain(..)
    }

    /// What became certain since the last time; nothing unless watching.
    pub fn take_news(parts: &mut [FollowedPart]) -> Vec<News> {
        let news = parts.iter_mut().map(|part| part.listener.take_news());
        news.flatten().collect()
    }

    /// A call that did not succeed, as far as one is kept; none unless watching.
    #[must_use]
    pub fn lost_call<'a>(parts: &'a [FollowedPart], call: &CallId) -> Option<&'a Rpc> {
        let watches = parts.iter().filter_map(|part| part.listener.watch.as_ref());
        watches.filter_map(|watch| watch.lost_call(call)).next()
    }

    /// What follows from all that is certain so far; nothing unless watching.
    #[must_use]
    pub fn findings_so_far(
        &mut self,
        parts: &mut [FollowedPart],
        names: &Directory,
    ) -> Vec<Finding> {
        self.learn();
        let mut findings = Vec::new();
        for part in parts {
            let Some(mut watch) = part.listener.watch.take() else {
                continue;
            };
            let open = part.connections().map(|open| &**open);
            let mut finished = watch.finished(open);
            finished.iter_mut().for_each(grace_end::mark);
            let mut understood = understand(
                &mut finished,
                &self.attempts,
                (self.last_moment, self.options.messages),
                Threads::ALONE,
            );
            let records = finished.iter_mut().map(|finished| &mut finished.record);
            name_findings(names, &mut understood.findings, records);
            findings.extend(understood.findings);
            watch.keep_links(&finished);
            part.listener.watch = Some(watch);
        }
        if let Some(now) = self.last_moment {
            self.attempts.forget_before(now - TimeDelta::from(LINKABLE));
        }
        findings
    }

    /// Calls by method; `None` unless watching.
    #[must_use]
    pub fn methods(parts: &[FollowedPart]) -> Option<&Methods> {
        let mut watches = parts.iter().filter_map(|part| part.listener.watch.as_ref());
        watches.next().map(|watch| &watch.methods)
    }

    /// What is not listed, to stay within bounds.
    #[must_use]
    pub fn unlisted(&self, parts: &[FollowedPart]) -> Unlisted {
        let mut watches = parts.iter().filter_map(|part| part.listener.watch.as_ref());
        watches
            .next()
            .map_or(self.unlisted, |watch| watch.unlisted())
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(parts: &[FollowedPart]) -> usize {
        parts.iter().map(|part| part.listener.open()).sum()
    }

    /// How many calls are in flight: opened, and neither answered nor given up.
    #[must_use]
    pub fn calls_in_flight(parts: &mut [FollowedPart]) -> u64 {
        let open = parts.iter_mut().flat_map(ConnectionPart::connections);
        open.map(|connection| connection.calls_in_flight()).sum()
    }

    /// Gives connections of several parts the numbers that they have in the whole capture; by those that they
    /// had before.
    pub fn number(&mut self, tcp_streams: &TcpStreams) -> BTreeMap<u32, u32> {
        self.learn();
        // A record is more than a kilobyte: the keys are sorted, and each record is moved once.
        self.finished
            .sort_by_cached_key(|finished| (finished.record.order, finished.record.number));
        let mut numbers = BTreeMap::new();
        for (number, Finished { record, rpcs }) in (0..).zip(&mut self.finished) {
            numbers.insert(record.number, number);
            record.told_as = record.number;
            record.tcp_stream = tcp_streams.place(record.number, record.tcp_stream);
            record.number = number;
            for rpc in rpcs {
                rpc.id.connection = number;
            }
        }
        for seen in &mut self.seen.calls {
            let number = &mut seen.call.connection;
            *number = numbers.get(number).copied().unwrap_or(u32::MAX);
        }
        self.attempts.renumber(&numbers);
        numbers
    }

    /// The capture is over; `add` adds what else is known of the connections before conclusions are drawn. So many
    /// threads may work on these, and the analysis is the same.
    #[must_use]
    pub fn finish(
        mut self,
        parts: &mut [FollowedPart],
        threads: Threads,
        add: impl FnOnce(&mut [Finished]),
    ) -> Analysis {
        self.learn();
        let mut analysis = Analysis {
            unlisted: self.unlisted(parts),
            passed_over: std::mem::take(&mut self.passed_over),
            ..Analysis::default()
        };
        for watch in parts.iter().filter_map(|part| part.listener.watch.as_ref()) {
            self.finished = watch.finished(std::iter::empty());
            self.finished.iter_mut().for_each(grace_end::mark);
            analysis.verdicts.merge(watch.evicted_verdicts());
        }
        analysis.verdicts.merge(&self.unlisted_verdicts);
        self.seen.calls.sort_unstable_by_key(|seen| seen.call);
        analysis.seen = std::mem::take(&mut self.seen);
        analysis.usual_times = std::mem::take(&mut self.usual_times);
        self.finished
            .sort_unstable_by_key(|finished| finished.record.number);
        if self.options.unlisted == UnlistedCalls::Counted {
            analysis.unlisted.rpcs += unlist(&mut self.finished, self.options.limits);
        }
        add(&mut self.finished);
        let understood = understand(
            &mut self.finished,
            &self.attempts,
            (self.last_moment, self.options.messages),
            threads,
        );
        analysis.findings = understood.findings;
        analysis.servers = understood.servers;
        analysis.upstreams = understood.upstreams;
        // Each list stays where it lies: to copy all of them would double the peak.
        let records = self.finished.into_iter().map(|Finished { record, rpcs }| {
            analysis.verdicts.merge(&record.verdicts);
            analysis.rpcs.push_list(rpcs);
            record
        });
        analysis.connections = records.collect();
        analysis
    }
}

/// Lists no more calls than are asked for, should parts that did not know of each other have listed too many.
/// How many are left out.
fn unlist(finished: &mut [Finished], limits: ListLimits) -> u64 {
    let listed: usize = finished.iter().map(|finished| finished.rpcs.len()).sum();
    let mut surplus = listed.saturating_sub(limits.rpcs);
    let unlisted = surplus as u64;
    for Finished { rpcs, .. } in finished.iter_mut().rev() {
        let left = rpcs.len().saturating_sub(surplus);
        surplus -= rpcs.len() - left;
        rpcs.truncate(left);
    }
    unlisted
}

/// What follows from all connections together.
struct Understood {
    findings: Vec<Finding>,
    servers: Vec<Server>,
    upstreams: Vec<Upstream>,
}

/// What follows from all connections together: links between calls are added to them.
fn understand(
    finished: &mut [Finished],
    attempts: &Attempts,
    (last_moment, messages): (Option<Timestamp>, StatusMessages),
    threads: Threads,
) -> Understood {
    let remembered = || attempts.remembered().copied().collect();
    let upstreams = proxies::tell(finished, remembered, attempts.are_all());
    attempts.link(finished, last_moment, threads);
    for Finished { record, rpcs } in &mut *finished {
        let lost = rpcs
            .iter()
            .filter(|rpc| rpc.taken_back == Some(TakenBack::TwinAnswered));
        let lost = lost.count() as u64;
        record.verdicts.take_back(TakenBack::TwinAnswered, lost);
    }
    app_error::tell(finished, threads);
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
        names: Vec::new(),
    });
    let known: Vec<_> = known.collect();
    let cases: Vec<_> = known
        .iter()
        .zip(servers.into_values())
        .map(|(server, connections)| {
            ServerView::new(server, connections, last_moment).telling(messages)
        })
        .collect();
    let findings = diagnosis::diagnose(&cases, threads);
    drop(cases);
    Understood {
        findings,
        servers: known,
        upstreams,
    }
}
