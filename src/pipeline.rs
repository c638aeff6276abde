//! The whole program on one screen: packets through all stages.

mod anomalies;
mod background;
mod embedded;
mod ending;
mod reading;
mod two_ends;

use std::collections::BTreeMap;

use crate::capture::{Packet, Timestamp};
use crate::decode::link::Segment;
use crate::decode::{self, DividedDecoder, Incoming, Limits};
use crate::inspect::diagnosis::{Finding, drops};
use crate::inspect::naming::{name_analysis, name_news};
use crate::inspect::report::{Drops, Progress, Report};
use crate::inspect::{self, CallId, Connections, Finished, Inspector, News, Rpc, Threads};
use crate::names::Directory;
use anomalies::{forgotten, losses};
use background::Background;

pub use anomalies::notes;
pub use reading::{analyze, analyze_telling, analyze_watched, decode, decode_watched};
pub use two_ends::vantages;

/// How many packets are decoded until the parts of a capture hear of each other, at most: some milliseconds
/// of work.
const MAX_BATCH: usize = 4_096;

/// How many bytes of payload, at most.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// Packets that are longer than this on average carry bulk data.
const BULK: usize = 1_000;

/// A batch brings no more than one in so many of what the limits allow.
const BATCHES_PER_LIMIT: usize = 16;

/// What to do with packets.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to decode.
    pub decode: decode::Options,
    /// What to keep of calls.
    pub inspect: inspect::Options,
    /// Who has which address.
    pub names: Directory,
    /// How many threads may work, the caller's included; that alone where there are fewer than two. The report
    /// is the same.
    pub threads: usize,
    /// With how many packets connections are followed in lockstep before those of different addresses run
    /// ahead of each other for a few milliseconds. A capture of no more is not worth a thread.
    pub lockstep_packets: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            decode: decode::Options::default(),
            inspect: inspect::Options::default(),
            names: Directory::default(),
            threads: 1,
            lockstep_packets: 10_000,
        }
    }
}

/// Packets in, a report out. No I/O and no clock inside: push packets from wherever they come.
#[derive(Debug)]
pub struct Pipeline {
    decoder: Connections,
    inspector: Inspector,
    report: Report,
    names: Directory,
    /// Packets that the capture lacks, as the caller [knows](Pipeline::note_drops).
    drops: Drops,
    watches: bool,
    limits: Limits,
    lockstep_packets: u64,
    threads: usize,
    /// Packets, and bytes, since the parts heard of each other.
    unsettled: (usize, usize),
    /// Packets, and bytes, that are counted and no more.
    left_out: (u64, u64),
    /// Whether packets are so large that to copy them for others takes longer than to decode them.
    is_bulk: bool,
    /// Whether nothing more will come.
    is_concluded: bool,
    /// What works beside the caller, once there is enough to do.
    background: Option<Background>,
}

/// What to keep of calls, where connections may hold so much: their texts take a quarter of that at most.
fn within(mut inspect: inspect::Options, limits: decode::Limits) -> inspect::Options {
    inspect.limits.texts = inspect.limits.texts.min(limits.held_bytes / 4);
    inspect
}

impl Pipeline {
    /// A pipeline that has seen nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let decode = options.decode;
        let limits = decode.limits;
        let inspector = Inspector::new(within(options.inspect, limits));
        // Where one connection is asked for, its number is to be known while it goes on.
        let decoder = match inspector.is_for_one_connection() {
            true => DividedDecoder::undivided(decode, inspector.follower()),
            false => DividedDecoder::divided(decode, || inspector.follower()),
        };
        Self {
            decoder,
            inspector,
            report: Report::default(),
            names: options.names,
            drops: Drops::default(),
            watches: false,
            limits,
            lockstep_packets: options.lockstep_packets,
            threads: options.threads,
            unsettled: (0, 0),
            left_out: (0, 0),
            is_bulk: false,
            is_concluded: false,
            background: None,
        }
    }

    /// Secrets of TLS connections that came to light, as the text of a key log.
    pub fn read_keys(&mut self, key_log: &[u8]) {
        self.catch_up();
        self.decoder.read_keys(key_log);
    }

    /// A pipeline that tells [news](Self::take_news) on the way, and whose memory follows what is open
    /// rather than what has passed. It wants a [tick](Self::tick) now and then. It works in the caller's
    /// thread alone: what it tells is to be told at once, and in order.
    #[must_use]
    pub fn watching(options: Options) -> Self {
        let limits = options.decode.limits;
        let inspector = Inspector::new(within(options.inspect, limits));
        Self {
            decoder: DividedDecoder::undivided(options.decode, inspector.watching_follower()),
            inspector,
            report: Report::default(),
            names: options.names,
            drops: Drops::default(),
            watches: true,
            limits,
            lockstep_packets: u64::MAX,
            threads: 1,
            unsettled: (0, 0),
            left_out: (0, 0),
            is_bulk: false,
            is_concluded: false,
            background: None,
        }
    }

    /// Time has passed without a packet: it is `now`, by the clock that stamps packets.
    pub fn tick(&mut self, now: Timestamp) {
        self.catch_up();
        self.decoder.tick(now);
        self.inspector.tick(now);
        self.inspector.tell_moment(self.decoder.parts());
        self.inspector.look(self.decoder.parts());
        self.settle();
    }

    /// Calls that ended since the last time and that the report will not list, where the options ask for them.
    pub fn take_let_go(&mut self) -> impl Iterator<Item = Rpc> {
        self.inspector.take_let_go()
    }

    /// What became certain since the last time.
    pub fn take_news(&mut self) -> Vec<News> {
        let mut news = Inspector::take_news(self.decoder.parts());
        name_news(&self.names, &mut news);
        news
    }

    /// Who has which address: what is learnt on the way names what is told from then on, and all of the report.
    pub const fn names(&mut self) -> &mut Directory {
        &mut self.names
    }

    /// A call that did not succeed, with what is known of it by now; `None` unless watching, where it is not one of the
    /// latest, and where it turned out to have ended well.
    #[must_use]
    pub fn lost_call(&mut self, call: &CallId) -> Option<&Rpc> {
        Inspector::lost_call(self.decoder.parts(), call)
    }

    /// Whether calls that did not succeed were too many to keep all of them.
    #[must_use]
    pub fn has_forgotten_calls(&mut self) -> bool {
        self.inspector.unlisted(self.decoder.parts()).rpcs > 0
    }

    /// How many packets were dropped while capturing, from the beginning until now. As soon as there is
    /// one, no finding is more than likely: what is missing may have been there. The report says where they were
    /// lost.
    pub const fn note_drops(&mut self, drops: Drops) {
        self.drops = drops;
    }

    /// What follows from all that is certain so far.
    #[must_use]
    pub fn findings_so_far(&mut self) -> Vec<Finding> {
        let mut findings = self
            .inspector
            .findings_so_far(self.decoder.parts(), &self.names);
        drops::weaken(&mut findings, self.drops.total());
        findings
    }

    /// The numbers of an analysis that goes on.
    #[must_use]
    pub fn progress(&mut self) -> Progress {
        let parts = self.decoder.parts();
        Progress {
            packets: self.report.packets,
            bytes: self.report.bytes,
            open_connections: Inspector::open_connections(parts),
            calls_in_flight: Inspector::calls_in_flight(parts),
            methods: Inspector::methods(parts).cloned().unwrap_or_default(),
            unlisted: self.inspector.unlisted(parts),
            evicted_connections: self.decoder.evicted(),
        }
    }

    /// Nothing more will come: judges what is open. What that makes certain is [news](Self::take_news).
    pub fn conclude(&mut self) {
        if std::mem::replace(&mut self.is_concluded, true) {
            return;
        }
        self.catch_up();
        self.inspector.tell_moment(self.decoder.parts());
        self.finish_connections();
    }

    /// Takes the next packet.
    pub fn push(&mut self, packet: &Packet<'_>) {
        self.push_showing(packet, &mut |_| {});
    }

    /// The same; `seen` is shown the segment in it, if it has one.
    fn push_showing(&mut self, packet: &Packet<'_>, seen: &mut dyn FnMut(&Segment<'_>)) {
        self.take(Incoming::Packet(packet), packet.data.len(), seen);
    }

    /// Takes the segment of a packet of so many bytes that was read elsewhere.
    fn push_segment(&mut self, segment: Segment<'_>, bytes: usize) {
        self.take(Incoming::Segment(segment), bytes, &mut |_| {});
    }

    fn take(
        &mut self,
        incoming: Incoming<'_, '_>,
        bytes: usize,
        seen: &mut dyn FnMut(&Segment<'_>),
    ) {
        let time = incoming.stamp().time;
        let report = &mut self.report;
        report.packets += 1;
        report.bytes += bytes as u64;
        report.first_packet.get_or_insert(time);
        report.last_packet = report.last_packet.max(Some(time));
        self.inspector.tick(time);
        if self.report.packets == 1 {
            self.inspector.tell_moment(self.decoder.parts());
        }
        if self.watches {
            self.inspector.look(self.decoder.parts());
        }
        if self.report.packets <= self.lockstep_packets {
            self.decoder.push(incoming, seen);
            self.settle();
            return;
        }
        self.unsettled.0 += 1;
        self.unsettled.1 += bytes;
        if self.threads < 2 || self.is_bulk {
            self.decoder.push(incoming, seen);
        } else {
            let background = self
                .background
                .get_or_insert_with(|| Background::new(self.threads));
            self.decoder.collect(incoming, background.batch(), seen);
        }
        if self.unsettled.0 >= MAX_BATCH.min(self.limits.connections / BATCHES_PER_LIMIT + 1)
            || self.unsettled.1
                >= MAX_BATCH_BYTES.min(self.limits.held_bytes / BATCHES_PER_LIMIT + 1)
        {
            self.settle_batch();
        }
    }

    /// A batch is complete. With threads it is decoded while the next one is collected.
    fn settle_batch(&mut self) {
        let (packets, bytes) = std::mem::take(&mut self.unsettled);
        let was_bulk = std::mem::replace(&mut self.is_bulk, bytes > packets * BULK);
        if was_bulk {
            self.settle();
            return;
        }
        if let Some(background) = &mut self.background {
            if let Some(lent) = background.wait() {
                self.decoder.give_back(lent);
                self.gather();
            }
            let lent = self.decoder.lend();
            if let Some(background) = &mut self.background {
                background.start(lent);
            }
            // Meanwhile.
            self.inspector.learn();
            if self.is_bulk {
                self.take_back();
            }
        } else {
            self.settle();
        }
    }

    /// Has all that was collected decoded.
    fn catch_up(&mut self) {
        if self.unsettled.0 > 0 {
            self.settle_batch();
        }
        self.take_back();
    }

    /// What is decoded in the background is done, and its parts hear of each other.
    fn take_back(&mut self) {
        if let Some(background) = &mut self.background
            && let Some(lent) = background.wait()
        {
            self.decoder.give_back(lent);
            self.settle();
        }
    }

    /// The parts hear of each other.
    fn settle(&mut self) {
        self.gather();
        self.inspector.learn();
    }

    /// The same, without what can wait until the parts have gone on.
    fn gather(&mut self) {
        let touched = self.decoder.settle();
        self.inspector.gather(self.decoder.parts(), touched);
    }

    /// Counts a packet that is of no account to the analysis, since another capture has it.
    const fn leave_out(&mut self, packet: &Packet<'_>) {
        self.left_out.0 += 1;
        self.left_out.1 += packet.data.len() as u64;
    }

    /// Nothing more will come.
    #[must_use]
    pub fn finish(self) -> Report {
        self.finish_with(|_| {})
    }

    /// The same, with what else is known of the connections before conclusions are drawn.
    fn finish_with(mut self, add: impl FnOnce(&mut [Finished])) -> Report {
        self.conclude();
        let numbers = self.number();
        let number = |before: u32| match &numbers {
            Some(numbers) => numbers.get(&before).copied(),
            None => Some(before),
        };
        self.report.filter = self.inspector.filter().clone();
        let threads = Threads::of(self.threads);
        let parts = self.decoder.parts();
        self.report.analysis = self.inspector.finish(parts, threads, add);
        self.report.packets += self.left_out.0;
        self.report.bytes += self.left_out.1;
        drops::weaken(&mut self.report.analysis.findings, self.drops.total());
        name_analysis(&self.names, &mut self.report.analysis);
        self.report.anomalies = losses(self.drops);
        if self.watches {
            let forgotten = forgotten(self.report.analysis.unlisted, self.decoder.evicted());
            self.report.anomalies.extend(forgotten);
        }
        let decoded = self.decoder.take_anomalies(number);
        self.report.anomalies.extend(decoded);
        self.report.given_up = self.decoder.given_up();
        self.report.tally = self.decoder.tally().clone();
        self.report
    }

    /// Numbers the connections of several parts: their numbers now, by those that they had so far.
    fn number(&mut self) -> Option<BTreeMap<u32, u32>> {
        let divided = self.decoder.parts().len() > 1;
        divided.then(|| self.inspector.number(&self.decoder.tcp_streams()))
    }
}

// A pipeline may run on any thread: the state of a flow, of its connection, and what spans them.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Pipeline>();
};

#[cfg(test)]
mod tests;
