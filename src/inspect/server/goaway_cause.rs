//! Why a server sent GOAWAY: an age, an idleness, a number of requests, or because it stopped.
//!
//! In: the records of one server's connections. Out: a [`Cause`] for each graceful GOAWAY whose
//! debug data says it, or whose timing fits no other. A single connection's
//! timing never gives a cause; it may be a coincidence.

use super::super::connection::record::{ConnectionRecord, Finished};
use super::super::peer::confidence::Confidence;
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::Direction;

/// How far an age may be from its setting, as a share of it (gRFC A9).
const JITTER: f64 = 0.1;

/// GOAWAYs on several connections within this time are one act of the server.
const SAME_MOMENT: TimeDelta = TimeDelta::from_millis(250);

/// Ages that differ by more than this ratio are not one setting with its jitter, which makes 1.22 at
/// most.
const AGES_DIFFER: f64 = 1.25;

/// Idle times this close to each other are one setting: in seconds, and as a share.
const SAME_IDLE: (f64, f64) = (0.02, 0.02);

/// The fewest requests that are taken for a limit: a few calls a connection are a habit of clients.
const MIN_REQUESTS: u32 = 10;

/// Why a server sent a graceful GOAWAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The connection had reached its greatest age, as the server is set to.
    Age,
    /// Nothing had been open for a while.
    Idle,
    /// As many requests as it allows on a connection.
    Requests,
    /// The server stopped, or was asked to drain.
    Stop,
}

/// Why the server sent GOAWAY on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoAwayCause {
    /// The number of the connection in this analysis.
    pub connection: u32,
    /// What made the server end it.
    pub cause: Cause,
    /// How sure the cause is, as far as the wire shows it.
    pub confidence: Confidence,
}

/// A graceful GOAWAY that is to be explained.
#[derive(Clone, Copy, Debug)]
struct Unexplained<'a> {
    record: &'a ConnectionRecord,
    /// When it was sent.
    at: Timestamp,
    /// The connection's age then, as far as known: from and to, in seconds.
    age: Option<(f64, f64)>,
    /// For how long none had been open, in seconds.
    idle: Option<f64>,
}

/// Explains the graceful GOAWAYs of a server.
pub(crate) fn explain(connections: &[&Finished]) -> Vec<GoAwayCause> {
    let records = connections.iter().map(|finished| &finished.record);
    let mut explained = Vec::new();
    let mut left: Vec<_> = records.filter_map(Unexplained::of).collect();
    left.retain(|goaway| match said(goaway.record) {
        Some(cause) => {
            explained.push(goaway.because(cause, Confidence::Certain));
            false
        }
        None => true,
    });
    for step in [by_requests, by_idleness, by_moment, by_age] {
        let found = step(&left);
        let known = |number: u32| found.iter().any(|goaway| goaway.connection == number);
        left.retain(|goaway| !known(goaway.record.number));
        explained.extend(found);
    }
    explained.sort_by_key(|goaway| goaway.connection);
    explained
}

impl<'a> Unexplained<'a> {
    fn of(record: &'a ConnectionRecord) -> Option<Self> {
        let first_goaway = record.first_goaway?;
        let mut ending = record.ending_goaways(Direction::ServerToClient);
        if ending.any(|goaway| !record.is_graceful(goaway)) {
            return None;
        }
        // A connection that begins before the capture, or has holes, hides streams that were open.
        let whole = record.preface_seen && record.missing.losses == 0;
        let used = record.streams_opened > 0;
        let idle = first_goaway.idle.filter(|_| whole && used);
        Some(Self {
            record,
            at: first_goaway.stamp.time,
            age: age(record),
            idle: idle.map(TimeDelta::as_secs_f64),
        })
    }

    const fn because(&self, cause: Cause, confidence: Confidence) -> GoAwayCause {
        GoAwayCause {
            connection: self.record.number,
            cause,
            confidence,
        }
    }

    /// The last stream id, where it was named at once.
    fn unannounced(&self) -> Option<u32> {
        let mut goaways = self.record.server_goaways();
        let announced = self
            .record
            .server_goaways()
            .any(|goaway| goaway.is_announcement());
        goaways
            .next()
            .filter(|_| !announced)
            .map(|goaway| goaway.last_stream_id.0)
    }
}

/// Between which ages, in seconds, a connection's first GOAWAY came. The server's clock begins when
/// the handshake and the preface are through, up to a round trip and a half after the SYN was sent,
/// and the GOAWAY is seen up to half a round trip after it was sent.
pub(crate) fn age(record: &ConnectionRecord) -> Option<(f64, f64)> {
    let seen = record.first_goaway?.stamp.time - record.opened?.time;
    let hidden = record.round_trip().unwrap_or_default().max(TimeDelta::ZERO) * 2;
    let least = (seen - hidden).max(TimeDelta::ZERO);
    Some((least.as_secs_f64(), seen.as_secs_f64()))
}

/// What the debug data says.
fn said(record: &ConnectionRecord) -> Option<Cause> {
    let mut data = record.server_goaways().map(|goaway| &*goaway.debug_data);
    data.find_map(|data| match data {
        b"max_age" => Some(Cause::Age),
        b"max_idle" => Some(Cause::Idle),
        b"graceful_stop" | b"app_requested" => Some(Cause::Stop),
        _ => None,
    })
}

/// A server that counts requests names the same last stream id each time, in the midst of work.
fn by_requests(left: &[Unexplained<'_>]) -> Vec<GoAwayCause> {
    let counted: Vec<_> = left
        .iter()
        .filter_map(|goaway| Some((goaway, goaway.unannounced()?)))
        .filter(|(_, last)| last % 2 == 1 && *last >= 2 * MIN_REQUESTS - 1)
        .collect();
    let count = |last: u32| counted.iter().filter(|(_, other)| *other == last).count();
    let Some((most, often)) = counted
        .iter()
        .map(|(_, last)| (*last, count(*last)))
        .max_by_key(|(_, often)| *often)
    else {
        return Vec::new();
    };
    let busy = counted.iter().any(|(goaway, last)| {
        *last == most
            && goaway
                .record
                .first_goaway
                .is_some_and(|first_goaway| first_goaway.open > 0)
    });
    if often < 2 || often * 2 <= counted.len() || !busy {
        return Vec::new();
    }
    let of_limit = counted.iter().filter(|(_, last)| *last == most);
    of_limit
        .map(|(goaway, _)| goaway.because(Cause::Requests, Confidence::Likely))
        .collect()
}

/// A server that waits for idleness has been idle for the same time each time.
fn by_idleness(left: &[Unexplained<'_>]) -> Vec<GoAwayCause> {
    let idle = || {
        left.iter()
            .filter_map(|goaway| Some((goaway, goaway.idle?)))
    };
    let around = |middle: f64| {
        let reach = SAME_IDLE.0.max(middle * SAME_IDLE.1);
        idle()
            .filter(move |(_, other)| (other - middle).abs() <= reach)
            .map(|(goaway, _)| goaway)
    };
    let best = idle().max_by_key(|(_, middle)| around(*middle).count());
    let Some((_, middle)) = best.filter(|(_, middle)| *middle > SAME_IDLE.0 * 2.0) else {
        return Vec::new();
    };
    let same: Vec<_> = around(middle).collect();
    if moments(same.iter().copied()) < 2 || same.len() * 2 <= idle().count() {
        return Vec::new();
    }
    same.iter()
        .map(|goaway| goaway.because(Cause::Idle, Confidence::Likely))
        .collect()
}

/// A server that stops sends GOAWAY to connections of any age at the same moment.
fn by_moment(left: &[Unexplained<'_>]) -> Vec<GoAwayCause> {
    let mut stopped = Vec::new();
    for goaway in left {
        let together = left
            .iter()
            .filter(|other| (goaway.at - other.at).abs() <= SAME_MOMENT);
        let ages = together.filter_map(|other| Some(other.age?.1));
        let (youngest, oldest) = ages.fold((f64::MAX, 0.0_f64), |(low, high), age| {
            (low.min(age), high.max(age))
        });
        if oldest > youngest * AGES_DIFFER {
            stopped.push(goaway.because(Cause::Stop, Confidence::Likely));
        }
    }
    stopped
}

/// A server that limits ages lets every connection live as long, give or take the jitter.
fn by_age(left: &[Unexplained<'_>]) -> Vec<GoAwayCause> {
    let aged = || {
        left.iter()
            .filter_map(|goaway| Some((goaway, setting(goaway.age?))))
    };
    // The point that most intervals share is the beginning of one of them.
    let sharing = |point: f64| {
        aged()
            .filter(move |(_, (low, high))| (*low..=*high).contains(&point))
            .map(|(goaway, _)| goaway)
    };
    let best = aged()
        .map(|(_, (low, _))| low)
        .max_by_key(|low| sharing(*low).count());
    let Some(point) = best else {
        return Vec::new();
    };
    let same: Vec<_> = sharing(point).collect();
    let distinct = moments(same.iter().copied());
    if distinct < 2 || same.len() * 2 <= aged().count() {
        return Vec::new();
    }
    let confidence = match distinct {
        2 => Confidence::Possible,
        _ => Confidence::Likely,
    };
    same.iter()
        .map(|goaway| goaway.because(Cause::Age, confidence))
        .collect()
}

/// Between which settings, in seconds, an age with its jitter can have been.
pub(crate) fn setting((from, to): (f64, f64)) -> (f64, f64) {
    (from / (1.0 + JITTER), to / (1.0 - JITTER))
}

/// How many different moments these are.
fn moments<'a>(goaways: impl Iterator<Item = &'a Unexplained<'a>>) -> usize {
    let mut moments: Vec<_> = goaways.map(|goaway| goaway.at).collect();
    moments.sort_unstable();
    moments.dedup_by(|later, earlier| (*later - *earlier).abs() <= SAME_MOMENT);
    moments.len()
}
