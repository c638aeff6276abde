//! The connections of one part of a capture, while they are followed.
//!
//! In: what the decoder emits of each, with the [`Connection`] made for it, which the decoder keeps beside the
//! flow. Out, when the [`Inspector`](super::Inspector) takes it: what is for all parts together: connections
//! that are over, attempts that may be retries, how long calls take. Parts know nothing of each other, and
//! may be followed at the same time.

use std::net::SocketAddr;

use super::connection::Connection;
use super::connection::grace_end;
use super::connection::load::Load;
use super::connection::record::Finished;
use super::live::{LiveTracker, News};
use super::options::passed_over::PassedOver;
use super::options::{Options, UnlistedCalls};
use super::stream::attempt::AttemptNews;
use super::stream::rpc::{Rpc, Verdict};
use super::stream::seen_call::SeenCall;
use super::usual_times::UsualTime;
use crate::capture::Timestamp;
use crate::decode::{Event, Listener, NetworkPath, Place, Recognition};

/// Follows the connections of one part.
#[derive(Debug, Default)]
pub struct Follower {
    options: Options,
    /// How many connections were recognised and have not finished.
    open: usize,
    first_moment: Option<Timestamp>,
    last_moment: Option<Timestamp>,
    /// What became certain on the way, for an analysis that goes on.
    pub(super) watch: Option<Box<LiveTracker>>,
    /// What its connections keep, those that are over included until they are taken.
    load: Load,
    /// The same when the inspector last looked.
    pub(super) known_load: Load,
    /// How many more calls may be listed than then.
    room: usize,
    /// What is for all parts together.
    pub(super) gathered: Gathered,
}

/// What a part has for all parts together.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Connections that are over.
    pub(super) finished: Vec<Finished>,
    pub(super) attempts: Vec<AttemptNews>,
    /// How long calls took, by server.
    pub(super) usual: Vec<(SocketAddr, Vec<UsualTime>)>,
    /// What is not asked for.
    pub(super) passed_over: PassedOver,
    /// How many calls were left out of the list.
    pub(super) unlisted_rpcs: u64,
    /// Calls that are told instead of listed.
    pub(super) let_go: Vec<Rpc>,
    /// Calls that another capture is compared with.
    pub(super) seen: Vec<SeenCall>,
}

impl Gathered {
    /// Whether there is nothing of it, as after most packets.
    pub(super) fn is_empty(&self) -> bool {
        self.attempts.is_empty()
            && self.finished.is_empty()
            && self.usual.is_empty()
            && self.passed_over.is_empty()
            && self.unlisted_rpcs == 0
            && self.let_go.is_empty()
            && self.seen.is_empty()
    }
}

impl Follower {
    /// A follower that has seen nothing yet.
    pub(super) fn new(options: Options) -> Self {
        let room = options.limits.rpcs;
        Self {
            options,
            room,
            ..Self::default()
        }
    }

    /// One that tells what becomes certain on the way, and stays small however long it goes on.
    pub(super) fn watching(options: Options) -> Self {
        Self {
            watch: Some(Box::new(LiveTracker::new(options.filter.clone()))),
            ..Self::new(Options {
                methods: true,
                ..options
            })
        }
    }

    /// The capture began at this moment, and its parts go on from `now`.
    pub(super) fn set_moment(&mut self, first: Timestamp, now: Timestamp) {
        self.first_moment.get_or_insert(first);
        self.moment(now);
    }

    /// How many connections are open.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    /// What its connections keep.
    pub(super) const fn load(&self) -> Load {
        self.load
    }

    /// One of its connections keeps something else by now.
    pub(super) const fn change_load(&mut self, before: Load, after: Load) {
        self.load.change(before, after);
    }

    /// Whether texts of calls are to be kept short from here on.
    pub(super) const fn set_short_texts(&mut self, short: bool) {
        self.options.short_texts = short;
    }

    /// From here on it may list `room` more calls than it does.
    pub(super) const fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    /// A connection to look at by `now`, though nothing happened on it.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Place> {
        self.watch.as_mut()?.take_due(now)
    }

    /// Looks at a connection that is due.
    pub(super) fn look(&mut self, open: &mut Connection, now: Timestamp) {
        if let Some(watch) = &mut self.watch {
            watch.report_lost(open, now);
            open.give_attempts(&mut self.gathered.attempts);
        }
    }

    /// What became certain since the last time; nothing unless watching.
    pub(super) fn take_news(&mut self) -> Vec<News> {
        let watch = self.watch.as_mut();
        watch.map(|watch| watch.take_news()).unwrap_or_default()
    }

    /// Lists fewer calls of a connection, should there be too many.
    #[inline]
    fn keep_in_room(&mut self, open: &mut Connection) {
        let listed = self.load.listed.saturating_sub(self.known_load.listed);
        if listed > self.room && self.watch.is_none() {
            self.unlist(open, listed - self.room);
        }
    }

    /// What calls that are over left for all parts together.
    fn gather_settled(&mut self, connection: &mut Connection) {
        connection.give_attempts(&mut self.gathered.attempts);
        connection.give_unlisted(&mut self.gathered.let_go, &mut self.gathered.seen);
    }

    #[cold]
    #[inline(never)]
    fn unlist(&mut self, open: &mut Connection, surplus: usize) {
        let before = open.load();
        open.unlist(surplus, self.options.unlisted);
        self.load.change(before, open.load());
        if self.options.unlisted == UnlistedCalls::Counted {
            self.gathered.unlisted_rpcs += (before.listed - open.load().listed) as u64;
        }
    }
}

impl Listener for Follower {
    type Connection = Box<Connection>;

    fn moment(&mut self, now: Timestamp) {
        self.last_moment = self.last_moment.max(Some(now));
    }

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
        // Most events change nothing of this.
        let after = open.load();
        if after != before {
            self.load.change(before, after);
        }
        self.keep_in_room(open);
        if open.has_settled() {
            self.gather_settled(open);
        }
    }

    fn finished(&mut self, mut connection: Box<Connection>, network: NetworkPath) {
        self.open = self.open.saturating_sub(1);
        connection.learn_network(network);
        let before = connection.load();
        connection.conclude(self.last_moment, &self.options);
        let usual = connection.take_usual();
        if !usual.is_empty() {
            let server = connection.ends().server;
            self.gathered.usual.push((server, usual));
        }
        connection.give_attempts(&mut self.gathered.attempts);
        self.gathered
            .passed_over
            .merge(&connection.take_passed_over());
        let number = connection.number();
        if let Some(watch) = &mut self.watch {
            self.load.change(before, Load::default());
            watch.finish(*connection, self.last_moment);
            return;
        }
        if !self.options.filter.wants_connection(number) {
            self.load.change(before, Load::default());
            let record = connection.take_finished().record;
            let calls = record.verdicts.total();
            self.gathered.passed_over.add_connection(calls);
            return;
        }
        self.load.change(before, connection.load());
        self.keep_in_room(&mut connection);
        self.gather_settled(&mut connection);
        let load = connection.load();
        let listed = Load {
            // Its calls keep them.
            texts: if load.listed > 0 { load.texts } else { 0 },
            ..Load::of_listed(load.listed)
        };
        self.load.change(connection.load(), listed);
        let mut finished = connection.take_finished();
        grace_end::mark(&mut finished);
        for rpc in &mut finished.rpcs {
            let unknown = rpc.verdict == Verdict::Unknown;
            rpc.doubt = unknown.then(|| finished.record.doubt(rpc));
        }
        self.gathered.finished.push(finished);
    }
}
